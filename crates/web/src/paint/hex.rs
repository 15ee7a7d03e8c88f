//! Bytes of a chunk as hex, and its header in words.

use std::fmt::Write;

use pgscope_core::memory::Addr;
use pgscope_core::mmgr::chunk::{ChunkHeader, MCTX_ASET_ID, class_size};
use pgscope_core::mmgr::method_name;

use super::words;

/// Bytes in a group: one word of the machine.
pub const GROUP: usize = 8;

/// Eight bytes and where they lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The address of the first one.
    pub addr: Addr,
    /// "83 00 e4 …".
    pub hex: String,
    /// The same as characters, a dot for what can't be printed.
    pub text: String,
    /// How many groups with the same bytes follow it and are left out.
    pub again: usize,
}

/// Bytes in groups of eight. Behind the first `apart` and one more, equal ones are left out: the
/// words of the chunk's header and the first word of its data always stand for themselves.
pub fn groups(start: Addr, bytes: &[u8], apart: usize) -> Vec<Group> {
    let group = |(index, bytes): (usize, &[u8])| {
        let mut hex = String::with_capacity(GROUP * 3);
        for (place, byte) in bytes.iter().enumerate() {
            let _ = write!(hex, "{}{byte:02x}", if place == 0 { "" } else { " " });
        }
        let printable = |byte: &u8| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' };
        let text = bytes.iter().map(printable).collect();
        Group { addr: start.offset((index * GROUP) as u64), hex, text, again: 0 }
    };
    let mut groups: Vec<Group> = Vec::new();
    for item in bytes.chunks(GROUP).enumerate() {
        let index = item.0;
        let group = group(item);
        match groups.last_mut() {
            Some(last) if index > apart + 1 && last.hex == group.hex => last.again += 1,
            _ => groups.push(group),
        }
    }
    groups
}

/// An address within a backend's own memory, without the bits that say whose it is.
pub fn local(addr: Addr) -> String {
    format!("0x{:04x}", addr.0 & (Addr::SEGMENT_SIZE - 1))
}

/// What the words before a chunk say where they are fields of a structure: "size 128, aset 0x8".
pub fn fields(names: &[&str], bytes: &[u8]) -> String {
    let mut text = String::new();
    for (name, word) in names.iter().zip(bytes.chunks_exact(GROUP)) {
        let word = word.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
        let gap = if text.is_empty() { "" } else { ", " };
        let _ = match *name {
            "size" | "requested_size" => write!(text, "{gap}{name} {}", words::bytes(word)),
            name => write!(text, "{gap}{name} {}", local(Addr(word))),
        };
    }
    text
}

/// What the packed word before a chunk says.
pub fn header(header: ChunkHeader) -> String {
    let method = method_name(header.method()).unwrap_or("unknown allocator");
    if header.is_external() {
        let magic = if header.magic_ok() {
            "the magic number is right"
        } else {
            "the magic number is wrong"
        };
        return format!("{method}, external: alone in its block; {magic}");
    }
    let value = header.value();
    // An AllocSet notes the number of the size class, the others the size.
    let size = match header.method() {
        MCTX_ASET_ID if value < 16 => {
            format!("size class {value} ({})", words::bytes(class_size(value as usize)))
        }
        _ => format!("size {}", words::bytes(value)),
    };
    format!("{method}, {size}, block {} bytes back", words::thousands(header.block_offset()))
}

/// "palloc(100) → class 128, 28 bytes spare"; other allocators have no classes.
pub fn request(requested: u64, usable: u64, dedicated: bool, classes: bool) -> String {
    let spare = match usable.saturating_sub(requested) {
        0 => "no byte spare".into(),
        1 => "1 byte spare".into(),
        spare => format!("{} bytes spare", words::thousands(spare)),
    };
    if dedicated {
        return format!("palloc({requested}) → a block of its own, {spare}");
    }
    let class = if classes { "class " } else { "" };
    format!("palloc({requested}) → {class}{usable}, {spare}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn a_header_reads_as_words() {
        let inside = ChunkHeader::new(456, 4, MCTX_ASET_ID);
        assert_eq!(header(inside), "AllocSet, size class 4 (128 B), block 456 bytes back");
        assert!(header(ChunkHeader::external(MCTX_ASET_ID)).contains("magic number is right"));
        assert_eq!(request(100, 128, false, true), "palloc(100) → class 128, 28 bytes spare");
    }

    #[wasm_bindgen_test]
    fn the_fields_of_an_older_header_read_as_words() {
        let bytes = b"\x80\0\0\0\0\0\0\0\x10\x0a\0\0\0\0\0\0data";
        assert_eq!(fields(&["size", "aset"], bytes), "size 128 B, aset 0x0a10");
    }

    #[wasm_bindgen_test]
    fn equal_words_are_told_once() {
        let groups = groups(Addr(0), &[0; 80], 1);
        assert_eq!(groups.len(), 3);
        assert_eq!(groups[2].again, 7);
    }

    #[wasm_bindgen_test]
    fn bytes_come_in_words_of_eight() {
        let groups = groups(Addr(0x1c8), b"\x83\0\xe4\0\0\0\x40\0row", 1);
        assert_eq!(groups[0].hex, "83 00 e4 00 00 00 40 00");
        assert_eq!((groups[1].addr, groups[1].text.as_str()), (Addr(0x1d0), "row"));
    }
}
