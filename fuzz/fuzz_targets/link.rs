//! Any fragment of an address; and any text, packed and opened again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pgscope_scenario::limits::MAX_TEXT;
use pgscope_scenario::link::{self, Link};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(opened) = link::decode(&text) {
        assert!(opened.text.len() <= MAX_TEXT);
        assert_eq!(link::decode(&link::encode(&opened)), Ok(opened));
    }
    // Packing takes the most time, and the fuzzer learns nothing from it: one input of eight.
    let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    if sum.is_multiple_of(8) {
        comes_back(text.into_owned(), bytes);
    }
});

/// A scenario in a link comes back. With a character of the link changed, it is refused or the same.
fn comes_back(text: String, bytes: &[u8]) {
    let op = u64::from(bytes.first().copied().unwrap_or_default());
    let whole = Link { text, op, event: 3, panels: 1 };
    let packed = link::encode(&whole);
    assert_eq!(link::decode(&packed), Ok(whole));
    let mut changed = packed.clone().into_bytes();
    let at = bytes.len() * 31 % changed.len();
    changed[at] = b'0' + bytes.get(1).copied().unwrap_or_default() % 75;
    if let Ok(opened) = link::decode(&String::from_utf8_lossy(&changed)) {
        assert_eq!(link::encode(&opened), packed);
    }
}
