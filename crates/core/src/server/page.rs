//! A heap page's bytes (`storage/bufpage.h`, `access/htup_details.h`).
//!
//! No page is stored: its rows follow from the seed, the relation and the block, and from how
//! often the page was changed. The layout is PostgreSQL's:
//!
//! ```text
//! ┌────────┬───────────────────┬──────── free ────────┬───────────────────┐
//! │ header │ line pointers  →  │                      │  ←  tuples        │
//! └────────┴───────────────────┴──────────────────────┴───────────────────┘
//! 0        24                  pd_lower               pd_upper        8192
//! ```
//!
//! Every row is the same small table's: an integer key and a text of 40 letters.

use crate::bufmgr::BLCKSZ;
use crate::bufmgr::desc::{BM_VALID, BufferDesc};
use crate::ids::BufferTag;

const PAGE_HEADER: usize = 24;
const ITEM_ID: usize = 4;
const TUPLE_HEADER: usize = 24;
const TEXT: usize = 40;
/// Key, one-byte length, text, up to the next multiple of eight.
const TUPLE: usize = (TUPLE_HEADER + 4 + 1 + TEXT).next_multiple_of(8);
/// `PD_PAGE_VERSION`: size and layout version 4.
const SIZE_AND_VERSION: u16 = BLCKSZ as u16 | 4;
/// `LP_NORMAL`.
const LP_NORMAL: u32 = 1;
/// `HEAP_HASVARWIDTH | HEAP_XMIN_COMMITTED | HEAP_XMAX_INVALID`.
const INFOMASK: u16 = 0x0002 | 0x0100 | 0x0800;
const FIRST_NORMAL_XID: u32 = 3;

/// The bytes of the page in a buffer; zeros if it holds none.
pub fn render_page(seed: u64, desc: &BufferDesc) -> Box<[u8; BLCKSZ as usize]> {
    let mut page = Box::new([0; BLCKSZ as usize]);
    let Some(tag) = desc.tag().filter(|_| desc.is(BM_VALID)) else { return page };
    let rows = rows(seed, tag);
    let lower = PAGE_HEADER + rows * ITEM_ID;
    let upper = BLCKSZ as usize - rows * TUPLE;

    let mut put = |at: usize, bytes: &[u8]| page[at..at + bytes.len()].copy_from_slice(bytes);
    // pd_lsn is stored as two 32-bit halves, the upper one first.
    put(0, &((desc.lsn >> 32) as u32).to_le_bytes());
    put(4, &(desc.lsn as u32).to_le_bytes());
    put(12, &(lower as u16).to_le_bytes());
    put(14, &(upper as u16).to_le_bytes());
    put(16, &(BLCKSZ as u16).to_le_bytes());
    put(18, &SIZE_AND_VERSION.to_le_bytes());
    for row in 0..rows {
        let at = BLCKSZ as usize - (row + 1) * TUPLE;
        let length = (TUPLE_HEADER + 4 + 1 + TEXT) as u32;
        let item = at as u32 | LP_NORMAL << 15 | length << 17;
        put(PAGE_HEADER + row * ITEM_ID, &item.to_le_bytes());
        put(at, &tuple(seed, tag, row, desc.changes));
    }
    page
}

/// Rows on a page: enough to fill most of it.
fn rows(seed: u64, tag: BufferTag) -> usize {
    let fits = (BLCKSZ as usize - PAGE_HEADER) / (TUPLE + ITEM_ID);
    fits - mix(seed, tag, 0) as usize % 12
}

fn tuple(seed: u64, tag: BufferTag, row: usize, changes: u32) -> [u8; TUPLE] {
    let mut tuple = [0; TUPLE];
    let mut put = |at: usize, bytes: &[u8]| tuple[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &FIRST_NORMAL_XID.to_le_bytes());
    // t_ctid: this very place; the block number is stored as two 16-bit halves.
    put(12, &((tag.block >> 16) as u16).to_le_bytes());
    put(14, &(tag.block as u16).to_le_bytes());
    put(16, &(row as u16 + 1).to_le_bytes());
    put(18, &2u16.to_le_bytes());
    put(20, &INFOMASK.to_le_bytes());
    put(22, &[TUPLE_HEADER as u8]);
    let key = tag.block.wrapping_mul(100).wrapping_add(row as u32);
    put(TUPLE_HEADER, &key.to_le_bytes());
    // A short varlena: its length with the lowest bit set, then the letters.
    put(TUPLE_HEADER + 4, &[((TEXT as u8 + 1) << 1) | 1]);
    // Each change rewrites one row's text, the first rows first.
    let version = changes / 16 + u32::from(changes as usize % 16 > row);
    let mut letters = mix(seed ^ u64::from(version), tag, row as u64 + 1);
    for place in 0..TEXT {
        if letters < 26 {
            letters = mix(seed, tag, (row * TEXT + place) as u64);
        }
        put(TUPLE_HEADER + 5 + place, &[b'a' + (letters % 26) as u8]);
        letters /= 26;
    }
    tuple
}

/// A random number from a place (splitmix64's finalizer).
fn mix(seed: u64, tag: BufferTag, salt: u64) -> u64 {
    let place = u64::from(tag.rel.0) << 32 | u64::from(tag.block);
    let mut z = seed
        .wrapping_add(place.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_add(salt.wrapping_mul(0xd1b5_4a32_d192_ed03));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
