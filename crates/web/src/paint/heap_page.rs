//! A heap page taken apart: which bytes are which field, read from the page's own pointers
//! (`storage/bufpage.h`, `storage/itemid.h`, `access/htup_details.h`).

use std::fmt::Write;

/// A page's size.
pub const SIZE: usize = 8192;
const PAGE_HEADER: usize = 24;
const ITEM_ID: usize = 4;
const TUPLE_HEADER: usize = 23;

/// What a part of a page is, for its colour and for the strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `PageHeaderData`.
    Header,
    /// `ItemIdData`.
    Pointer,
    /// Between `pd_lower` and `pd_upper`.
    Free,
    /// `HeapTupleHeaderData`.
    TupleHeader,
    /// A row's columns.
    Data,
}

impl Kind {
    /// The class that colours it.
    pub fn class(self) -> &'static str {
        match self {
            Self::Header => "head",
            Self::Pointer => "link",
            Self::Free => "rest",
            Self::TupleHeader => "tuple",
            Self::Data => "data",
        }
    }
}

/// A field and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its first byte, from the page's start.
    pub at: usize,
    /// Bytes.
    pub size: usize,
    /// What it is part of.
    pub kind: Kind,
    /// `pd_lower`, `line pointer 3`, `tuple 3 t_xmin`.
    pub name: String,
    /// What its bytes say.
    pub words: String,
}

fn number(page: &[u8], at: usize, size: usize) -> u64 {
    let bytes = page.get(at..at + size).unwrap_or_default();
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// Every field of a page in the order of its bytes; none of a page that was never initialised
/// (`PageIsNew`).
pub fn fields(page: &[u8]) -> Vec<Field> {
    let mut fields = Vec::new();
    let [lower, upper] = [12, 14].map(|at| number(page, at, 2) as usize);
    if page.len() != SIZE || !(PAGE_HEADER <= lower && lower <= upper && upper <= SIZE) {
        return fields;
    }
    header(page, &mut fields);
    let mut tuples = Vec::new();
    for (index, at) in (PAGE_HEADER..lower).step_by(ITEM_ID).enumerate() {
        let item = number(page, at, ITEM_ID);
        let (offset, flags, length) = (item & 0x7fff, item >> 15 & 3, item >> 17);
        let state = ["LP_UNUSED", "LP_NORMAL", "LP_REDIRECT", "LP_DEAD"][flags as usize];
        fields.push(Field {
            at,
            size: ITEM_ID,
            kind: Kind::Pointer,
            name: format!("line pointer {}", index + 1),
            words: format!("lp_off {offset}, lp_flags {state}, lp_len {length}"),
        });
        tuples.push((offset as usize, length as usize, index + 1));
    }
    if upper > lower {
        let words = format!("{} bytes between pd_lower and pd_upper", upper - lower);
        let (size, name) = (upper - lower, "free space".to_owned());
        fields.push(Field { at: lower, size, kind: Kind::Free, name, words });
    }
    // The last row put in lies first.
    tuples.sort_unstable_by_key(|(at, ..)| *at);
    for (at, length, number) in tuples {
        if at >= upper && length > TUPLE_HEADER && at + length <= SIZE {
            tuple(page, at, length, number, &mut fields);
        }
    }
    fields
}

fn header(page: &[u8], fields: &mut Vec<Field>) {
    let lsn = format!("{:X}/{:08X}", number(page, 0, 4), number(page, 4, 4));
    let version = number(page, 18, 2);
    let plain = |at, size| number(page, at, size).to_string();
    let all = [
        (0, 8, "pd_lsn", format!("{lsn}, the WAL's end when the page was last changed")),
        (8, 2, "pd_checksum", format!("{}: set when the page is written", plain(8, 2))),
        (10, 2, "pd_flags", plain(10, 2)),
        (12, 2, "pd_lower", format!("{}: where the line pointers end", plain(12, 2))),
        (14, 2, "pd_upper", format!("{}: where the tuples begin", plain(14, 2))),
        (16, 2, "pd_special", format!("{}: a heap page has no special space", plain(16, 2))),
        (
            18,
            2,
            "pd_pagesize_version",
            format!("{} bytes, layout version {}", version & 0xff00, version & 0xff),
        ),
        (20, 4, "pd_prune_xid", format!("{}: nothing to prune", plain(20, 4))),
    ];
    for (at, size, name, words) in all {
        fields.push(Field { at, size, kind: Kind::Header, name: name.into(), words });
    }
}

fn tuple(page: &[u8], at: usize, length: usize, row: usize, fields: &mut Vec<Field>) {
    let plain = |from, size| number(page, at + from, size).to_string();
    let block = number(page, at + 12, 2) << 16 | number(page, at + 14, 2);
    let hoff = number(page, at + 22, 1) as usize;
    let all = [
        (0, 4, "t_xmin", plain(0, 4)),
        (4, 4, "t_xmax", plain(4, 4)),
        (8, 4, "t_cid", plain(8, 4)),
        (12, 6, "t_ctid", format!("({block},{})", number(page, at + 16, 2))),
        (18, 2, "t_infomask2", format!("{} columns", number(page, at + 18, 2) & 0x7ff)),
        (20, 2, "t_infomask", infomask(number(page, at + 20, 2))),
        (22, 1, "t_hoff", format!("{hoff}: where the columns begin")),
    ];
    let mut push = |from: usize, size, kind, name: &str, words| {
        let name = format!("tuple {row} {name}");
        fields.push(Field { at: at + from, size, kind, name, words });
    };
    for (from, size, name, words) in all {
        push(from, size, Kind::TupleHeader, name, words);
    }
    if hoff > length {
        return;
    }
    if hoff > TUPLE_HEADER {
        let words = "to the next multiple of eight".into();
        push(TUPLE_HEADER, hoff - TUPLE_HEADER, Kind::TupleHeader, "padding", words);
    }
    // Every table here has the same two columns: an integer and a text.
    if length >= hoff + 5 {
        push(hoff, 4, Kind::Data, "key", format!("{} (integer)", plain(hoff, 4)));
        let text = hoff + 5;
        let letters = page.get(at + text..at + length).unwrap_or_default();
        let size = number(page, at + hoff + 4, 1) >> 1;
        let words = format!("a varlena of {size} bytes with this one");
        push(hoff + 4, 1, Kind::Data, "length of text", words);
        let words = format!("'{}' (text)", String::from_utf8_lossy(letters));
        push(text, length - text, Kind::Data, "text", words);
    }
}

/// The names of the bits.
fn infomask(mask: u64) -> String {
    let mut text = format!("{mask:#06x}");
    for (bit, name) in [
        (0x0001, "HEAP_HASNULL"),
        (0x0002, "HEAP_HASVARWIDTH"),
        (0x0100, "HEAP_XMIN_COMMITTED"),
        (0x0200, "HEAP_XMIN_INVALID"),
        (0x0400, "HEAP_XMAX_COMMITTED"),
        (0x0800, "HEAP_XMAX_INVALID"),
        (0x2000, "HEAP_UPDATED"),
    ] {
        if mask & bit != 0 {
            // Writing to a String can't fail.
            let _ = write!(text, " {name}");
        }
    }
    text
}

/// The field that a byte is part of.
pub fn field_at(fields: &[Field], at: usize) -> Option<&Field> {
    let behind = fields.partition_point(|field| field.at <= at);
    let field = fields.get(behind.checked_sub(1)?)?;
    (at < field.at + field.size).then_some(field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pgscope_core::bufmgr::desc::BufferDesc;
    use pgscope_core::ids::BufferId;
    use pgscope_scenario::{History, Position, compile};
    use std::rc::Rc;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn page() -> Vec<u8> {
        let text = "server 18\ntable orders pages=9\nbackend alice\nalice: read orders 7";
        let program = Rc::new(compile(text).expect("it can run"));
        let mut history = History::new(program).expect("it starts");
        history.seek(Position { op: history.len(), event: 0 });
        let server = history.server();
        let holds = |desc: &BufferDesc| desc.tag().is_some_and(|tag| tag.block == 7);
        let mut descs = server.pool().descs();
        let buffer: BufferId = descs.find(|(_, desc)| holds(desc)).expect("it is there").0;
        let mut bytes = vec![0; SIZE];
        server.peek(server.layout().block(buffer), &mut bytes);
        bytes
    }

    #[wasm_bindgen_test]
    fn fields_follow_one_another_and_never_overlap() {
        let fields = fields(&page());
        assert!(fields.len() > 100);
        for pair in fields.windows(2) {
            assert!(pair[0].at + pair[0].size <= pair[1].at, "{:?} {:?}", pair[0], pair[1]);
        }
        assert!(fields.iter().all(|field| field.at + field.size <= SIZE));
    }

    #[wasm_bindgen_test]
    fn bytes_are_decoded() {
        let fields = fields(&page());
        let words = |name: &str| {
            let field = fields.iter().find(|field| field.name == name).expect("a field");
            field.words.clone()
        };
        assert_eq!(words("pd_pagesize_version"), "8192 bytes, layout version 4");
        assert!(words("line pointer 1").contains("LP_NORMAL"));
        assert_eq!(words("tuple 1 t_ctid"), "(7,1)");
        assert_eq!(words("tuple 2 key"), "701 (integer)");
        assert!(words("tuple 1 t_infomask").ends_with("HEAP_XMAX_INVALID"));
        assert_eq!(field_at(&fields, 13).map(|field| &*field.name), Some("pd_lower"));
    }

    #[wasm_bindgen_test]
    fn a_page_of_zeros_or_of_anything_is_no_reason_to_panic() {
        assert!(fields(&[0; SIZE]).is_empty());
        for seed in 0..64u32 {
            let mut random = seed;
            let mut page = vec![0; SIZE];
            for byte in &mut page {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = (random >> 24) as u8;
            }
            page[12..16].copy_from_slice(&[200, 0, 0, 1]);
            let fields = fields(&page);
            assert!(fields.iter().all(|field| field.at + field.size <= SIZE));
        }
    }
}
