//! Replays of small traces, held against a plain clock.

use super::*;
use std::collections::HashMap;

/// The clock as anybody would write it down: the misses and writes of a pool, first one that starts
/// with its buffers free.
fn plain_clock(trace: &[(u64, bool)], buffers: usize) -> (u64, u64) {
    let mut place_of: HashMap<u64, usize> = HashMap::new();
    let mut pages: Vec<(u64, u8, bool)> = Vec::new();
    let (mut hand, mut misses, mut writes) = (0, 0, 0);
    for &(page, write) in trace {
        let place = match place_of.get(&page) {
            Some(&place) => {
                pages[place].1 = (pages[place].1 + 1).min(5);
                place
            }
            None => {
                misses += 1;
                let place = if pages.len() < buffers {
                    pages.push((page, 1, false));
                    pages.len() - 1
                } else {
                    loop {
                        let place = hand;
                        hand = (hand + 1) % buffers;
                        match &mut pages[place].1 {
                            0 => break place,
                            count => *count -= 1,
                        }
                    }
                };
                let (old, _, dirty) = std::mem::replace(&mut pages[place], (page, 1, false));
                if old != page {
                    place_of.remove(&old);
                    writes += u64::from(dirty);
                }
                place_of.insert(page, place);
                place
            }
        };
        pages[place].2 |= write;
    }
    (misses, writes)
}

fn noise() -> impl Iterator<Item = u64> {
    std::iter::successors(Some(88_172_645_463_325_252_u64), |random| {
        let random = random ^ (random << 13);
        let random = random ^ (random >> 7);
        Some(random ^ (random << 17))
    })
}

fn replay(version: Version, csv: &str, sizes: &[u32], threads: usize) -> Vec<Count> {
    let reader = Reader::new(csv.as_bytes(), None).unwrap();
    Pools::new(version, sizes, threads).replay(reader).unwrap()
}

#[test]
fn every_pool_misses_what_a_plain_clock_misses() {
    let trace: Vec<(u64, bool)> = noise()
        .take(60_000)
        .map(|random| ((random >> 20) % (1 + (random >> 40) % 400), random % 16 == 0))
        .collect();
    let line = |&(page, write): &(u64, bool)| {
        format!("t{},{}{}\n", page % 3, page / 3, if write { ",w" } else { "" })
    };
    let csv: String = trace.iter().map(line).collect();
    let sizes = [64, 16, 300, 17, 128];
    let expected: Vec<(u64, u64)> =
        sizes.iter().map(|&buffers| plain_clock(&trace, buffers as usize)).collect();
    for version in Version::OFFERED {
        for threads in [1, 2, 9] {
            let counts = replay(version, &csv, &sizes, threads);
            let found: Vec<(u64, u64)> = counts.iter().map(|it| (it.misses, it.writes)).collect();
            assert_eq!(found, expected, "{version:?}, {threads} threads");
            assert!(counts.iter().all(|count| count.reads == 60_000));
            assert_eq!(counts.iter().map(|it| it.buffers).collect::<Vec<_>>(), sizes);
        }
    }
}

#[test]
fn pages_of_several_relations_of_the_servers_are_kept_apart() {
    let blocks = 2 * PAGES_OF_RELATION + 5;
    let csv: String = (0..blocks).chain([0, 1, blocks - 1]).map(|b| format!("t,{b}\n")).collect();
    let [count] = replay(Version::V18, &csv, &[16], 1)[..] else { panic!("one pool") };
    // The last one is there still.
    assert_eq!((count.reads, count.misses), (u64::from(blocks) + 3, u64::from(blocks) + 2));
}

#[test]
fn a_trace_without_reads_and_a_broken_one_are_errors() {
    let fail = |csv: &str| {
        let reader = Reader::new(csv.as_bytes(), None).unwrap();
        Pools::new(Version::V18, &[16, 32], 2).replay(reader).unwrap_err().to_string()
    };
    assert_eq!(fail("relation,block\n\n"), "there are no reads in it");
    assert_eq!(fail("t,1\nt\n"), "line 2: expected relation,block or relation,block,r|w");
}

#[test]
fn a_machine_that_refuses_ends_the_replay() {
    let csv: String = (0..600_000).map(|block| format!("t,{block},w\n")).collect();
    let reader = Reader::new(csv.as_bytes(), None).unwrap();
    let failure = Pools::new(Version::V18, &[16, 32], 2).replay(reader).unwrap_err();
    let Failure::Machine { error, .. } = failure else { panic!("{failure}") };
    assert!(error.contains("different pages written"), "{error}");
}
