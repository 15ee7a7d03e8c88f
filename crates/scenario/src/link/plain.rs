//! Links that people write by hand: the scenario as it is, percent-encoded, and the name of a lesson.
//!
//! ```text
//! scenario=backend%20a%0Aa:%20palloc%20100
//! lesson=size-classes
//! ```

use std::fmt::Write as _;

use super::{Link, LinkError};
use crate::limits::MAX_TEXT;

const SCENARIO: &str = "scenario=";
const LESSON: &str = "lesson=";

/// The readable fragment for a scenario, without the `#`. It stands at the scenario's begin.
pub fn encode_plain(text: &str) -> String {
    let mut fragment = SCENARIO.to_owned();
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => fragment.push(char::from(byte)),
            // What a fragment may have as it is, and no program takes for the end of a link.
            b'-' | b'.' | b'_' | b'~' | b':' | b'/' | b'=' | b',' | b'@' => {
                fragment.push(char::from(byte));
            }
            _ => {
                // Writing to a string never fails.
                let _ = write!(fragment, "%{byte:02X}");
            }
        }
    }
    fragment
}

/// The name in a link to a lesson, if it is one.
pub fn lesson(fragment: &str) -> Option<String> {
    let fragment = fragment.trim().trim_start_matches('#');
    let name = fragment.strip_prefix(LESSON).or_else(|| fragment.strip_prefix("lesson%3D"))?;
    let name = String::from_utf8(unescape(name)).ok()?;
    Some(name.trim_end_matches(|c: char| !c.is_alphanumeric()).to_owned())
}

/// What a readable fragment says; nothing if it is no such fragment.
pub(super) fn decode(fragment: &str) -> Option<Result<Link, LinkError>> {
    if lesson(fragment).is_some() {
        return Some(Err(LinkError::NoLesson));
    }
    let text = fragment.strip_prefix(SCENARIO);
    let text = text.or_else(|| fragment.strip_prefix("scenario%3D"))?;
    Some(read(text))
}

fn read(text: &str) -> Result<Link, LinkError> {
    let mut bytes = unescape(text);
    // Somebody escaped the escapes: a scenario of one word only says nothing.
    let once = String::from_utf8_lossy(&bytes);
    if once.contains('%') && !once.contains([' ', '\n', '\t']) {
        bytes = unescape(&once);
    }
    if bytes.len() > MAX_TEXT {
        return Err(LinkError::TooLarge);
    }
    let text = String::from_utf8(bytes).map_err(|_| LinkError::NotText)?;
    match text.trim().is_empty() {
        true => Err(LinkError::Empty),
        false => Ok(Link { text: text.replace("\r\n", "\n"), ..Link::default() }),
    }
}

/// Bytes for their escapes; what is no escape stays.
fn unescape(text: &str) -> Vec<u8> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let code = piece.get(..2).filter(|code| code.bytes().all(|it| it.is_ascii_hexdigit()));
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend(piece.bytes().skip(2));
            }
            None => {
                bytes.push(b'%');
                bytes.extend(piece.bytes());
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::decode;

    const TEXT: &str = "table t pages=9\nbackend é\né: read t 0..3, 5 -- 100 %\n";

    #[test]
    fn a_readable_link_comes_back() {
        let fragment = encode_plain(TEXT);
        assert!(fragment.starts_with("scenario=table%20t%20pages=9%0Abackend%20%C3%A9%0A"));
        let wanted = Ok(Link { text: TEXT.into(), ..Link::default() });
        assert_eq!(decode(&fragment), wanted);
        assert_eq!(decode(&format!("#{fragment}")), wanted);
        assert_eq!(decode(&fragment.replace('%', "%25")), wanted);
        assert_eq!(decode("scenario=backend a").map(|link| link.text), Ok("backend a".into()));
        let windows = decode("scenario=backend%20a%0D%0Abackend%20b");
        assert_eq!(windows.map(|link| link.text), Ok("backend a\nbackend b".into()));
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert_eq!(decode("scenario="), Err(LinkError::Empty));
        assert_eq!(decode("scenario=%0A%20"), Err(LinkError::Empty));
        assert_eq!(decode("scenario=a%20%FF"), Err(LinkError::NotText));
        assert_eq!(decode("scenario=%2G").map(|link| link.text), Ok("%2G".into()));
        assert_eq!(decode("scenarios=x"), Err(LinkError::Foreign));
    }

    #[test]
    fn a_lesson_has_a_name() {
        assert_eq!(lesson("#lesson=size-classes").as_deref(), Some("size-classes"));
        assert_eq!(lesson("lesson%3Dbump.").as_deref(), Some("bump"));
        assert_eq!(lesson("s1=abc"), None);
        assert_eq!(decode("lesson=none"), Err(LinkError::NoLesson));
    }
}
