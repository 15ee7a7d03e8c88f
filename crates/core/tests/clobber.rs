//! CLOBBER_FREED_MEMORY: which bytes are overwritten with 0x7F, and which are not.

#![cfg(feature = "clobber-freed-memory")]
#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

mod process;

use pgscope_core::mmgr::memdebug::WIPED;
use pgscope_core::op::Allocator;
use pgscope_core::profile::{ChunkHeaders, Version};
use process::{Machine, allocators};

const ALLOC_SET: Allocator = Allocator::AllocSet { min: 0, init: 1024, max: 8192 };
const GENERATION: Allocator = Allocator::Generation { min: 0, init: 1024, max: 8192 };
const SLAB: Allocator = Allocator::Slab { block: 1024, chunk: 60 };

fn is_packed(version: Version) -> bool {
    version.profile().mmgr.chunk_headers == ChunkHeaders::Packed
}

/// Where in so many bytes the wiped ones begin, and that all behind them are wiped.
fn wiped_from(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != WIPED).map_or(0, |last| last + 1)
}

#[test]
fn a_freed_chunk_is_wiped_except_for_its_link() {
    for version in Version::ALL {
        // A chunk of 40 bytes has 64; AllocSet's older links stand in the header.
        let (link, slab_link) = if is_packed(version) { (8, 8) } else { (0, 4) };
        for (allocator, size, wiped, link) in
            [(ALLOC_SET, 40, 64, link), (GENERATION, 40, 40, 0), (SLAB, 60, 60, slab_link)]
        {
            let (mut machine, context) = Machine::with(version, allocator);
            let keep = machine.palloc(context, size);
            let pointer = machine.palloc(context, size);
            machine.arena.fill(keep, size, 1);
            machine.arena.fill(pointer, size, 1);
            machine.process().pfree(pointer).unwrap();
            let bytes = machine.bytes(pointer, wiped);
            assert!(wiped_from(&bytes) <= link, "{version:?} {allocator:?}: {bytes:x?}");
            assert_eq!(machine.bytes(keep, size as usize), vec![1; size as usize]);
        }
    }
}

#[test]
fn a_freed_chunk_still_serves_the_next_request() {
    for version in Version::ALL {
        for allocator in [ALLOC_SET, SLAB] {
            let (mut machine, context) = Machine::with(version, allocator);
            let chunks: Vec<_> = (0..5).map(|_| machine.palloc(context, 60)).collect();
            for pointer in &chunks {
                machine.process().pfree(*pointer).unwrap();
            }
            let again: Vec<_> = (0..5).map(|_| machine.palloc(context, 60)).collect();
            assert!(again.iter().all(|pointer| chunks.contains(pointer)), "{version:?}");
        }
    }
}

#[test]
fn a_reset_wipes_what_was_used_of_the_first_block() {
    for version in Version::ALL {
        for allocator in allocators(version) {
            let (mut machine, context) = Machine::with(version, allocator);
            let pointer = machine.palloc(context, 60);
            machine.arena.fill(pointer, 60, 1);
            machine.process().memory_context_reset(context).unwrap();
            let bytes = machine.bytes(pointer, 60);
            assert_eq!(wiped_from(&bytes), 0, "{version:?} {allocator:?}");
        }
    }
}

#[test]
fn a_large_chunks_block_is_wiped_with_its_header() {
    for version in Version::ALL {
        let (mut machine, context) = Machine::with(version, ALLOC_SET);
        let pointer = machine.palloc(context, 20_000);
        machine.palloc(context, 20_000);
        let header = version.profile().mmgr.aset_block + version.profile().mmgr.chunk;
        machine.process().pfree(pointer).unwrap();
        let bytes = machine.bytes(pointer.back(header), 20_000 + header as usize);
        assert_eq!(wiped_from(&bytes), 0, "{version:?}");
    }
}

#[test]
fn what_pages_hold_that_are_unmapped_at_once_is_not_kept() {
    for allocator in [ALLOC_SET, GENERATION] {
        let (mut machine, context) = Machine::with(Version::V18, allocator);
        let flags = pgscope_core::op::AllocFlags { huge: true, ..Default::default() };
        let mut process = machine.process();
        let pointer = process.memory_context_alloc_extended(context, 8 << 30, flags).unwrap();
        process.pfree(pointer).unwrap();
        assert!(machine.arena.resident() < 4 << 20, "{allocator:?}");
    }
}

#[test]
fn a_pointer_read_from_wiped_memory_is_nobodys() {
    let (mut machine, context) = Machine::with(Version::V18, ALLOC_SET);
    let outer = machine.palloc(context, 64);
    machine.process().pfree(outer).unwrap();
    let error = machine.process().pfree(outer.offset(32)).unwrap_err().to_string();
    assert!(error.ends_with("(header 0x7f7f7f7f7f7f7f7f)"), "{error}");
}

#[test]
fn deleted_contexts_leave_wiped_blocks_behind() {
    for version in Version::ALL {
        for allocator in allocators(version) {
            let (mut machine, context) = Machine::with(version, allocator);
            let pointers: Vec<_> = (0..40).map(|_| machine.palloc(context, 60)).collect();
            pointers.iter().for_each(|pointer| machine.arena.fill(*pointer, 60, 1));
            machine.process().memory_context_delete(context).unwrap();
            for pointer in pointers {
                // What malloc notes for itself may stand in a block by now.
                let bytes = machine.bytes(pointer, 60);
                let left = bytes.iter().filter(|byte| **byte == 1).count();
                assert_eq!(left, 0, "{version:?} {allocator:?}");
            }
        }
    }
}
