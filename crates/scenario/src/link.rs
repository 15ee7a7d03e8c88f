//! A scenario as the fragment of a web address, and back.
//!
//! ```text
//! s1=                          which format this is, readable before anything is unpacked
//! base64url, no padding of
//!     CRC-32 of the payload    4 bytes, most significant first
//!     deflate, raw, of the payload, as if the dictionary had gone before it
//! payload = panels, op, event as varints (LEB128), then the text in UTF-8
//! ```
//!
//! Deflate replaces what it has seen before; the dictionary holds what scenarios are made
//! of, so that even a short one has been "seen". A later format gets a new mark and a new
//! dictionary; this one stays readable for ever, and `tests/links/v1.txt` holds us to it.
//!
//! Who writes a link by hand takes the readable forms of `plain`: `scenario=` and `lesson=`.
//!
//! A link comes from a stranger, through programs that shorten, escape and decorate it. So
//! decoding is bounded, undoes what such programs do where that is cheap, and says in plain
//! words what happened to a link that can't be opened.

mod dictionary;
mod plain;

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, compress_to_output, create_comp_flags_from_zip_params,
};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use crate::limits::{MAX_LINK, MAX_TEXT};

pub use plain::{encode_plain, lesson};

const VERSION: &str = "1";
const MARK: char = 's';
const DICTIONARY: &[u8] = dictionary::VERSION_1.as_bytes();
/// The longest header: three varints of at most ten bytes.
const MAX_HEADER: usize = 30;

/// What a link carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// The scenario.
    pub text: String,
    /// Where to stand in it: how many steps are done.
    pub op: u64,
    /// How many events of the next step are done.
    pub event: u32,
    /// Which panels are shown, in bits that the page gives a meaning to; 0 is up to the page.
    pub panels: u32,
}

/// Why a link can't be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// There is nothing in it.
    Empty,
    /// It isn't one of ours.
    Foreign,
    /// Its format is newer than this program.
    Newer,
    /// The link is longer than any that we make.
    TooLong,
    /// Its end is missing.
    CutOff,
    /// Something in the middle of it changed.
    Damaged,
    /// The scenario in it is longer than scenarios may be.
    TooLarge,
    /// It names a lesson that is not there.
    NoLesson,
    /// What is in it arrived whole and isn't a scenario with its place.
    NotText,
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there is no scenario in this link"),
            Self::Foreign => f.write_str("this is not a link to a pgscope scenario"),
            Self::Newer => f.write_str(
                "this link was made by a newer pgscope: reload the page, or open it where it was \
                 made",
            ),
            Self::TooLong => write!(f, "this link is longer than {} kB", MAX_LINK / 1024),
            Self::CutOff => {
                f.write_str("this link is cut off: its end is missing. Copy it again, in one piece")
            }
            Self::Damaged => f.write_str(
                "this link is damaged: something in it was changed on the way. Copy it again",
            ),
            Self::NoLesson => f.write_str("there is no lesson of this name"),
            Self::NotText => f.write_str("what is in this link is not a text"),
            Self::TooLarge => {
                write!(f, "the scenario in this link is longer than {} kB", MAX_TEXT / 1000)
            }
        }
    }
}

impl std::error::Error for LinkError {}

/// The fragment for `link`, without the `#`.
///
/// It always can be made; whether it can be opened depends on the limits, so a page should
/// offer a file for a text that makes a long one.
pub fn encode(link: &Link) -> String {
    let mut payload = Vec::with_capacity(link.text.len() + MAX_HEADER);
    for number in [u64::from(link.panels), link.op, u64::from(link.event)] {
        write_varint(&mut payload, number);
    }
    payload.extend_from_slice(link.text.as_bytes());
    let mut packed = crc32(&payload).to_be_bytes().to_vec();
    packed.extend(deflate(&payload));
    format!("{MARK}{VERSION}={}", Base64UrlUnpadded::encode_string(&packed))
}

/// What the fragment of an address says, with or without its `#`.
///
/// # Errors
/// A sentence for the reader, if it can't be opened.
pub fn decode(fragment: &str) -> Result<Link, LinkError> {
    let fragment = fragment.trim().trim_start_matches('#');
    if fragment.is_empty() {
        return Err(LinkError::Empty);
    }
    if fragment.len() > MAX_LINK {
        return Err(LinkError::TooLong);
    }
    if let Some(plain) = plain::decode(fragment) {
        return plain;
    }
    let fragment = percent_decode(fragment);
    let (version, body) = fragment
        .strip_prefix(MARK)
        .and_then(|rest| rest.split_once('='))
        .filter(|(version, _)| !version.is_empty())
        .filter(|(version, _)| version.bytes().all(|byte| byte.is_ascii_digit()))
        .ok_or(LinkError::Foreign)?;
    if version != VERSION {
        return Err(LinkError::Newer);
    }
    // A full stop or a bracket behind the link in somebody's sentence.
    let body = body.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
    if body.is_empty() {
        return Err(LinkError::CutOff);
    }
    if !body.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        return Err(LinkError::Damaged);
    }
    let packed = Base64UrlUnpadded::decode_vec(body).map_err(|_| LinkError::CutOff)?;
    let (checksum, packed) = packed.split_first_chunk().ok_or(LinkError::CutOff)?;
    let payload = inflate(packed)?;
    if crc32(&payload) != u32::from_be_bytes(*checksum) {
        return Err(LinkError::Damaged);
    }
    read_payload(&payload).ok_or(LinkError::NotText)
}

fn read_payload(payload: &[u8]) -> Option<Link> {
    let (panels, payload) = read_varint(payload)?;
    let (op, payload) = read_varint(payload)?;
    let (event, payload) = read_varint(payload)?;
    let text = std::str::from_utf8(payload).ok()?.to_owned();
    Some(Link { text, op, event: event.try_into().ok()?, panels: panels.try_into().ok()? })
}

fn deflate(payload: &[u8]) -> Vec<u8> {
    // The best that there is, and no zlib header (that is what 0 window bits say).
    let flags = create_comp_flags_from_zip_params(10, 0, 0);
    let mut compressor = CompressorOxide::new(flags);
    // The dictionary's own output is thrown away; a sync flush ends it at a whole byte.
    compress_to_output(&mut compressor, DICTIONARY, TDEFLFlush::Sync, |_| true);
    let mut packed = Vec::new();
    compress_to_output(&mut compressor, payload, TDEFLFlush::Finish, |bytes| {
        packed.extend_from_slice(bytes);
        true
    });
    packed
}

fn inflate(packed: &[u8]) -> Result<Vec<u8>, LinkError> {
    let start = DICTIONARY.len();
    let mut unpacked = DICTIONARY.to_vec();
    // Most links unpack to little; a bomb ends where the room does.
    for room in [MAX_TEXT / 16, MAX_TEXT + MAX_HEADER] {
        unpacked.resize(start + room, 0);
        let mut state = DecompressorOxide::new();
        let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let (status, _, written) = decompress(&mut state, packed, &mut unpacked, start, flags);
        match status {
            TINFLStatus::Done => {
                unpacked.truncate(start + written);
                return Ok(unpacked.split_off(start));
            }
            TINFLStatus::HasMoreOutput => {}
            TINFLStatus::NeedsMoreInput | TINFLStatus::FailedCannotMakeProgress => {
                return Err(LinkError::CutOff);
            }
            _ => return Err(LinkError::Damaged),
        }
    }
    Err(LinkError::TooLarge)
}

/// Undo the escapes that a careful program put in; twice, if two were careful. No link of
/// ours has a percent sign of its own.
fn percent_decode(fragment: &str) -> String {
    let mut text = fragment.to_owned();
    for _ in 0..2 {
        let mut pieces = text.split('%');
        let mut decoded = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let byte = piece.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
            match byte.filter(u8::is_ascii) {
                Some(byte) => {
                    decoded.push(char::from(byte));
                    decoded.push_str(piece.get(2..).unwrap_or_default());
                }
                None => {
                    decoded.push('%');
                    decoded.push_str(piece);
                }
            }
        }
        text = decoded;
    }
    text
}

fn write_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (i, &byte) in bytes.iter().enumerate().take(10) {
        let shift = 7 * u32::try_from(i).ok()?;
        let part = u64::from(byte & 0x7f);
        let shifted = part << shift;
        if shifted >> shift != part {
            return None;
        }
        number |= shifted;
        if byte < 0x80 {
            return Some((number, bytes.get(i + 1..)?));
        }
    }
    None
}

/// The checksum of zip and Ethernet, bit by bit: a link is short.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests;
