//! Links: what is packed comes back, what is damaged is told apart, and links stay short.

use super::*;

fn link(text: &str) -> Link {
    Link { text: text.to_owned(), op: 1_000_000, event: 7, panels: 5 }
}

#[test]
fn a_link_comes_back() {
    for text in ["", "server 18\n", "-- größer ≥ 你好\n", &"x".repeat(MAX_TEXT)] {
        assert_eq!(decode(&encode(&link(text))).as_ref(), Ok(&link(text)));
    }
    let far = Link { text: String::new(), op: u64::MAX, event: u32::MAX, panels: u32::MAX };
    assert_eq!(decode(&encode(&far)), Ok(far));
}

#[test]
fn golden_links_open_for_ever() {
    let golden = include_str!("../../../../tests/links/v1.txt").replace("\r\n", "\n");
    let mut count = 0;
    for entry in golden.split("\n====\n").filter(|entry| !entry.trim().is_empty()) {
        let (head, text) = entry.split_once('\n').unwrap();
        let mut head = head.split(' ');
        let fragment = head.next().unwrap();
        let mut number = || head.next().unwrap().parse::<u64>().unwrap();
        let (op, event, panels) = (number(), number() as u32, number() as u32);
        let wanted = Link { text: text.to_owned(), op, event, panels };
        assert_eq!(decode(fragment), Ok(wanted));
        count += 1;
    }
    assert_eq!(count, 3);
}

#[test]
fn decorated_links_open() {
    let wanted = link("table t pages=3\n");
    let plain = encode(&wanted);
    let escaped = plain.replace('=', "%3D").replace('_', "%5F").replace('-', "%2d");
    let twice = escaped.replace('%', "%25");
    let quoted = format!("#{plain}).");
    for fragment in [&plain, &escaped, &twice, &quoted, &format!("  {plain}\n")] {
        assert_eq!(decode(fragment).as_ref(), Ok(&wanted), "{fragment}");
    }
}

#[test]
fn cut_links_are_told_from_foreign_ones() {
    let whole = encode(&link("table t pages=3\nbackend alice\nalice: read t 0..2\n"));
    for length in 3..whole.len() {
        assert_eq!(decode(&whole[..length]), Err(LinkError::CutOff), "{length}");
    }
    assert_eq!(decode(""), Err(LinkError::Empty));
    assert_eq!(decode("#"), Err(LinkError::Empty));
    for foreign in ["s1", "s=abc", "pako:abc", "section-2", "sx1=abc", "%", "s%zz=1"] {
        assert_eq!(decode(foreign), Err(LinkError::Foreign), "{foreign}");
    }
    assert_eq!(decode("s2=whatever"), Err(LinkError::Newer));
    assert_eq!(decode(&"s".repeat(MAX_LINK + 1)), Err(LinkError::TooLong));
}

#[test]
fn changed_links_are_damaged() {
    let whole = encode(&link("table t pages=3\n"));
    assert_eq!(decode(&whole.replacen('=', "=é", 1)), Err(LinkError::Damaged));
    for at in 3..whole.len() {
        let mut changed = whole.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(decode(&String::from_utf8(changed).unwrap()).is_err(), "{at}");
    }
}

#[test]
fn bombs_end_early() {
    let body = deflate(&vec![b' '; 5_000_000]);
    let fragment =
        format!("s1={}", Base64UrlUnpadded::encode_string(&[&[0; 4], &body[..]].concat()));
    assert!(fragment.len() < MAX_LINK);
    assert_eq!(decode(&fragment), Err(LinkError::TooLarge));
}

#[test]
fn checksum_is_crc32() {
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
}

#[test]
fn what_is_no_text_is_said_to_be_none() {
    for payload in [&[][..], &[0, 0, 0, 0xff], &[0, 0x80], &[0xff; 12]] {
        let packed = [&crc32(payload).to_be_bytes()[..], &deflate(payload)].concat();
        let fragment = format!("s1={}", Base64UrlUnpadded::encode_string(&packed));
        assert_eq!(decode(&fragment), Err(LinkError::NotText));
    }
}

/// A hundred steps, no two alike, under 500 characters; five hundred under 2,000.
#[test]
fn links_are_short() {
    for (steps, limit) in [(20, 200), (100, 500), (500, 2_000)] {
        let text = varied(steps);
        let length = encode(&Link { text: text.clone(), op: 57, ..Link::default() }).len();
        println!("{steps} steps: {} bytes of text, {length} characters", text.len());
        assert!(length < limit, "{steps} steps: {length} characters");
    }
}

/// A scenario of `steps` statements as a reader might type it: few tables, backends and
/// contexts, handles used again, sizes and blocks all over the place.
fn varied(steps: u32) -> String {
    const HEAD: [&str; 6] = [
        "server 18 shared_buffers=128kB seed=7",
        "table orders pages=200",
        "backend alice",
        "backend bob",
        "alice: create context Work in TopMemoryContext",
        "alice: switch to Work",
    ];
    const SIZES: [u32; 8] = [24, 64, 100, 200, 400, 1000, 2000, 9000];
    let mut text = HEAD.join("\n") + "\n";
    let mut state = 12345_u32;
    let mut random = |below: u32| {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        (state >> 16) % below
    };
    for _ in HEAD.len() as u32..steps {
        let who = ["alice", "bob"][random(2) as usize];
        let handle = char::from(b'a' + random(6) as u8);
        let size = SIZES[random(8) as usize];
        let block = random(60);
        let statement = match random(12) {
            0..3 => format!("{who}: read orders {block}"),
            3 => format!("{who}: read orders {block}..{}", block + 8),
            4 => format!("{who}: update orders {block}"),
            5 => format!("alice: read orders {block} hold as p"),
            6 => "alice: unpin p".to_owned(),
            7..9 => format!("alice: palloc {size} as {handle}"),
            9 => format!("alice: pfree {handle}"),
            10 => format!("alice: repalloc {handle} {size}"),
            _ => ["checkpoint", "bgwriter", "alice: reset Work"][random(3) as usize].to_owned(),
        };
        text += &(statement + "\n");
    }
    text
}
