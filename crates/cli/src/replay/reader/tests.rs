//! Traces of both formats, whole and broken.

use std::io;

use super::*;
use crate::replay::chunk::MOST;

fn chunks(trace: &[u8]) -> Result<Vec<Chunk>, TraceError> {
    let mut reader = Reader::new(trace, None)?;
    std::iter::from_fn(|| reader.chunk().transpose()).collect()
}

fn failure(trace: &[u8]) -> String {
    chunks(trace).unwrap_err().to_string()
}

fn record(object: u64) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    record[4..12].copy_from_slice(&object.to_le_bytes());
    record
}

#[test]
fn a_text_is_csv_with_or_without_a_head() {
    for trace in ["relation,block\na,9\r\n\nb,9\na,9,w", "a,9\nb,9,r\na,9,w\n"] {
        let chunks = chunks(trace.as_bytes()).unwrap();
        assert_eq!(chunks.len(), 1);
        assert_eq!(chunks[0].blocks, [0, 1, 0]);
        assert_eq!(chunks[0].runs.iter().map(|run| run.write).collect::<Vec<_>>(), [false, true]);
        assert_eq!(chunks[0].relations, 1);
    }
}

#[test]
fn records_are_read_across_buffers_and_chunks() {
    let objects = || (0..100_000_u64).map(|number| u64::MAX - number % 70_000);
    let trace: Vec<u8> = objects().flat_map(record).collect();
    assert!(trace.len() > 2 * BUFFER && objects().count() < MOST);
    let found = chunks(&trace).unwrap();
    let expected: Vec<u32> = (0..100_000).map(|number| number % 70_000).collect();
    assert_eq!(found[0].blocks, expected);
    let twice = [trace.as_slice(), &trace].concat();
    let lengths: Vec<usize> = chunks(&twice).unwrap().iter().map(|it| it.blocks.len()).collect();
    assert_eq!(lengths, [MOST, 200_000 - MOST]);
}

#[test]
fn errors_say_where() {
    assert_eq!(failure(b"a,1\na,x\n"), "line 2: a block is a number from 0 to 4294967294");
    let long = format!("a,1\n\n{},1\n", "x".repeat(300));
    assert_eq!(failure(long.as_bytes()), "line 3: this line has more than 256 bytes");
    let cut = [record(1).as_slice(), &record(2)[..23]].concat();
    assert_eq!(failure(&cut), "byte 24: the last record is cut off: each has 24 bytes");
    let endless = Reader::new(io::repeat(b'x'), None).unwrap().chunk().unwrap_err();
    assert_eq!(endless.place, Place::Line(1));
}

#[test]
fn any_bytes_are_a_trace_or_an_error() {
    let mut random = 1_u64;
    let mut noise = |length: usize| -> Vec<u8> {
        let mut byte = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            // Commas, digits and line ends more often than chance has them.
            match random % 4 {
                0 => b",\n0rw9"[(random >> 32) as usize % 6],
                1 => b'0' + (random >> 32) as u8 % 10,
                _ => (random >> 40) as u8,
            }
        };
        (0..length).map(|_| byte()).collect()
    };
    for length in (0..4_000).map(|length| length % 400) {
        let trace = noise(length);
        for format in [None, Some(Format::Csv), Some(Format::OracleGeneral)] {
            let mut reader = Reader::new(trace.as_slice(), format).unwrap();
            while let Ok(Some(_)) = reader.chunk() {}
        }
    }
}
