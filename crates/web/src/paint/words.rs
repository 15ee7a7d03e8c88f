//! Words and numbers: labels for those who hear the page, cards for those who see it.

use pgscope_core::Server;
use pgscope_core::ids::{BackendId, BufferId, BufferTag};

use super::cells::{self, Cell, FAR, NEAR};
use super::relations;

/// Bytes as PostgreSQL's settings write them: "8 kB", "5.1 kB", "96 bytes".
pub fn bytes(count: u64) -> String {
    match count {
        0..1024 => format!("{count} B"),
        1024..1_048_576 => scaled(count, 1024, "kB"),
        1_048_576..1_073_741_824 => scaled(count, 1_048_576, "MB"),
        _ => scaled(count, 1_073_741_824, "GB"),
    }
}

fn scaled(count: u64, unit: u64, name: &str) -> String {
    // Rounding at the edge of a unit must not invent a tenth that isn't there.
    if count.is_multiple_of(unit) || count / unit >= 100 {
        return format!("{} {name}", count / unit);
    }
    let tenths = (count * 10 + unit / 2) / unit;
    match tenths % 10 {
        0 => format!("{} {name}", tenths / 10),
        tenth => format!("{}.{tenth} {name}", tenths / 10),
    }
}

/// A size class, short: "8", "512", "1k".
pub fn class(size: u64) -> String {
    if size >= 1024 { format!("{}k", size / 1024) } else { size.to_string() }
}

/// A number with its thousands apart: "16,384".
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// "1 block", "2 blocks".
pub fn count(number: u64, thing: &str) -> String {
    format!("{} {thing}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// At most `limit` characters, the last one an ellipsis if something was cut.
pub fn short(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.into();
    }
    text.chars().take(limit.saturating_sub(1)).chain(['…']).collect()
}

/// "customers 2".
pub fn page(server: &Server, tag: BufferTag) -> String {
    format!("{} {}", relations::name(server, tag.rel), tag.block)
}

/// The same in at most `limit` characters: the name is cut, never the number.
pub fn short_page(server: &Server, tag: BufferTag, limit: usize) -> String {
    let block = tag.block.to_string();
    let room = limit.saturating_sub(block.len() + 1).max(3);
    format!("{} {block}", short(relations::name(server, tag.rel), room))
}

/// A backend's name.
pub fn backend(server: &Server, id: BackendId) -> &str {
    server.backend(id).map_or("?", |backend| &backend.name)
}

/// The names of the backends that pin a buffer, three at most.
pub fn pinned_by(server: &Server, buffer: BufferId) -> Option<String> {
    let mut holders = server
        .backends()
        .filter(|(_, backend)| backend.buffers.pins.get(buffer) > 0)
        .map(|(_, backend)| &*backend.name);
    let mut text = holders.next()?.to_owned();
    text.extend(holders.by_ref().take(2).flat_map(|name| [", ", name]));
    if let further @ 1.. = holders.count() {
        text.push_str(&format!(" and {further} more"));
    }
    Some(text)
}

/// A buffer in one line, and whether the hand is there; `None` beyond the pool.
pub fn of_buffer(server: &Server, at: BufferId) -> Option<String> {
    Some(with_hand(server, at, buffer(server, at, &cells::cell(server, at)?)))
}

/// What is said of a buffer, and whether the hand is there.
pub fn with_hand(server: &Server, at: BufferId, words: String) -> String {
    let is_next = server.pool().strategy().hand() == at.0;
    if is_next { words + ", the hand is here" } else { words }
}

/// The pool in one line, with its hand.
pub fn pool(server: &Server) -> String {
    let (pool, strategy) = (server.pool(), server.pool().strategy());
    format!(
        "Shared buffers, {}; hand at buffer {}, pass {}",
        thousands(pool.nbuffers().into()),
        BufferId(strategy.hand()),
        strategy.passes() + 1,
    )
}

/// A buffer in one line, as a screen reader says it.
pub fn buffer(server: &Server, buffer: BufferId, cell: &Cell) -> String {
    let Some(tag) = cell.tag else {
        let pins = if cell.pins > 0 { ", pinned" } else { "" };
        return match cell.free {
            Some(FAR) => {
                format!(
                    "buffer {buffer}: empty, number {} or later on the freelist{pins}",
                    NEAR + 1
                )
            }
            Some(place) => format!("buffer {buffer}: empty, number {place} on the freelist{pins}"),
            None => format!("buffer {buffer}: empty{pins}"),
        };
    };
    format!(
        "buffer {buffer}: {} block {}, usage count {}, {}, {}{}",
        relations::name(server, tag.rel),
        tag.block,
        cell.usage,
        match cell.pins {
            0 => "not pinned".into(),
            _ =>
                pinned_by(server, buffer).map_or("pinned".into(), |who| format!("pinned by {who}")),
        },
        if cell.dirty { "dirty" } else { "clean" },
        if cell.valid { "" } else { ", not read yet" },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn sizes_read_well() {
        assert_eq!(bytes(96), "96 B");
        assert_eq!(bytes(8192), "8 kB");
        assert_eq!(bytes(5222), "5.1 kB");
        assert_eq!(bytes(200 * 1024 + 1), "200 kB");
        assert_eq!(bytes(3 << 20), "3 MB");
        assert_eq!((class(512), class(8192)), ("512".into(), "8k".into()));
        assert_eq!((thousands(16_384), thousands(7)), ("16,384".into(), "7".into()));
        assert_eq!((count(1, "block"), count(2, "block")), ("1 block".into(), "2 blocks".into()));
    }

    #[wasm_bindgen_test]
    fn long_names_are_cut_by_characters() {
        assert_eq!(short("größe", 5), "größe");
        assert_eq!(short("größer", 5), "größ…");
    }
}
