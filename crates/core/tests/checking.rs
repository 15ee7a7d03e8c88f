//! MEMORY_CONTEXT_CHECKING: what stands in front of a chunk and behind it, and what is said when
//! somebody wrote there.

#![cfg(feature = "memory-context-checking")]
#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

mod process;

use pgscope_core::memory::Addr;
use pgscope_core::mmgr::memdebug::SENTINEL;
use pgscope_core::op::{AllocFlags, Allocator};
use pgscope_core::profile::{ChunkHeaders, Version};
use process::{Machine, allocators};

const ALLOC_SET: Allocator = Allocator::AllocSet { min: 0, init: 1024, max: 8192 };
const GENERATION: Allocator = Allocator::Generation { min: 0, init: 1024, max: 8192 };
const SLAB: Allocator = Allocator::Slab { block: 1024, chunk: 60 };
const BUMP: Allocator = Allocator::Bump { min: 0, init: 1024, max: 8192 };

fn is_packed(version: Version) -> bool {
    version.profile().mmgr.chunk_headers == ChunkHeaders::Packed
}

/// Bytes from a chunk's header to its pointer.
fn header(version: Version, allocator: Allocator) -> u64 {
    match (allocator, is_packed(version)) {
        (_, true) => 16,
        (Allocator::AllocSet { .. }, false) => 24,
        (Allocator::Generation { .. }, false) => 32,
        (_, false) => 16,
    }
}

/// How a walk through the blocks names a kind.
fn called(allocator: Allocator) -> &'static str {
    match allocator {
        Allocator::AllocSet { .. } => "alloc set",
        Allocator::Generation { .. } => "Generation",
        Allocator::Slab { .. } => "slab",
        Allocator::Bump { .. } => "Bump",
    }
}

#[test]
fn chunks_grow_by_what_checking_needs() {
    let space = |version, allocator, size| {
        let (mut machine, context) = Machine::with(version, allocator);
        let pointer = machine.palloc(context, size);
        let blocks =
            pgscope_core::mmgr::inspect::blocks(&machine.arena, version.profile(), context);
        let chunk = blocks.iter().flat_map(|block| &block.chunks).find(|c| c.pointer == pointer);
        chunk.unwrap().size + header(version, allocator)
    };
    // A power of two gets no sentinel in AllocSet; a block of its own has room for one since 16.
    assert_eq!(space(Version::V18, ALLOC_SET, 13), 16 + 16);
    assert_eq!(space(Version::V18, ALLOC_SET, 16), 16 + 16);
    assert_eq!(space(Version::V18, ALLOC_SET, 9000), 16 + 9008);
    assert_eq!(space(Version::V15, ALLOC_SET, 13), 24 + 16);
    assert_eq!(space(Version::V15, ALLOC_SET, 9000), 24 + 9000);
    assert_eq!(space(Version::V18, GENERATION, 16), 16 + 24);
    assert_eq!(space(Version::V15, GENERATION, 16), 32 + 16);
    assert_eq!(space(Version::V18, BUMP, 16), 16 + 24);
    let slab = Allocator::Slab { block: 1024, chunk: 64 };
    assert_eq!(space(Version::V18, slab, 64), 16 + 72);
    assert_eq!(space(Version::V15, slab, 64), 16 + 64);
}

#[test]
fn the_size_asked_for_and_the_sentinel_are_noted() {
    for version in Version::ALL {
        for allocator in allocators(version) {
            let (mut machine, context) = Machine::with(version, allocator);
            let pointer = machine.palloc(context, 60);
            assert_eq!(machine.arena.read_u8(pointer.offset(60)), SENTINEL, "{allocator:?}");
            let at = match (allocator, is_packed(version)) {
                // Older slabs have one size, noted in the context alone.
                (Allocator::Slab { .. }, false) => continue,
                (Allocator::Generation { .. }, false) => 24,
                _ => 16,
            };
            assert_eq!(machine.arena.read_u64(pointer.back(at)), 60, "{version:?} {allocator:?}");
        }
    }
}

#[test]
fn a_write_past_the_end_is_noticed_by_a_check_and_by_pfree() {
    for version in Version::ALL {
        for allocator in allocators(version) {
            let (mut machine, context) = Machine::with(version, allocator);
            machine.palloc(context, 60);
            let pointer = machine.palloc(context, 60);
            machine.process().memory_context_check(context).unwrap();
            assert_eq!(machine.warnings(), [""; 0], "{version:?} {allocator:?}");

            machine.arena.write(pointer, &[b'x'; 61]);
            let chunk = pointer.back(header(version, allocator));
            machine.process().memory_context_check(context).unwrap();
            let said = machine.warnings();
            if matches!(allocator, Allocator::Bump { .. }) {
                // It has sentinels, but nothing ever looks at them.
                assert_eq!(said, [""; 0]);
                continue;
            }
            let [ref said] = said[..] else { panic!("{said:?}") };
            let begin = format!("problem in {} Work: detected write past", called(allocator));
            assert!(said.starts_with(&begin), "{said}");
            assert!(said.ends_with(&format!(", chunk {chunk}")), "{said}");

            machine.process().pfree(pointer).unwrap();
            let expected = format!("detected write past chunk end in Work {chunk}");
            assert_eq!(machine.warnings(), [expected], "{version:?}");
            machine.process().memory_context_check(context).unwrap();
            assert_eq!(machine.warnings(), [""; 0]);
        }
    }
}

#[test]
fn a_write_past_the_end_is_noticed_by_repalloc_reset_and_delete() {
    for version in Version::ALL {
        for allocator in [ALLOC_SET, GENERATION] {
            for size in [60, 20_001] {
                let (mut machine, context) = Machine::with(version, allocator);
                let flags = AllocFlags::default();
                let overrun = |machine: &mut Machine, pointer: Addr| {
                    machine.arena.write_u8(pointer.offset(size), 1);
                };
                let pointer = machine.palloc(context, size);
                overrun(&mut machine, pointer);
                let to = machine.process().repalloc_extended(pointer, size - 2, flags).unwrap();
                assert_eq!(machine.warnings().len(), 1, "{version:?} {allocator:?} {size}");
                assert_eq!(machine.arena.read_u8(to.offset(size - 2)), SENTINEL);

                let pointer = machine.palloc(context, size);
                overrun(&mut machine, pointer);
                machine.process().memory_context_reset(context).unwrap();
                assert_eq!(machine.warnings().len(), 1, "{version:?} {allocator:?} {size}");

                let pointer = machine.palloc(context, size);
                overrun(&mut machine, pointer);
                machine.process().memory_context_delete(context).unwrap();
                // AllocSetDelete looks first and then resets what it keeps, which looks again.
                let kept = matches!(allocator, Allocator::AllocSet { .. });
                assert_eq!(machine.warnings().len(), 1 + usize::from(kept), "{version:?}");
            }
        }
    }
}

#[test]
fn a_chunk_is_freed_only_once_since_16() {
    for version in Version::ALL.into_iter().filter(|version| is_packed(*version)) {
        for allocator in [ALLOC_SET, GENERATION, SLAB] {
            let (mut machine, context) = Machine::with(version, allocator);
            machine.palloc(context, 60);
            let pointer = machine.palloc(context, 60);
            machine.process().pfree(pointer).unwrap();
            let chunk = pointer.back(16);
            let error = machine.process().pfree(pointer).unwrap_err().to_string();
            assert_eq!(error, format!("detected double pfree in Work {chunk}"));
            if !matches!(allocator, Allocator::Slab { .. }) {
                let flags = AllocFlags::default();
                let error = machine.process().repalloc_extended(pointer, 100, flags).unwrap_err();
                let expected = format!("detected realloc of freed chunk in Work {chunk}");
                assert_eq!(error.to_string(), expected);
            }
        }
    }
}

#[test]
fn an_aligned_chunk_has_a_sentinel_of_its_own() {
    for version in Version::ALL.into_iter().filter(|version| version.profile().mmgr.aligned) {
        let (mut machine, context) = Machine::with(version, ALLOC_SET);
        let flags = AllocFlags::default();
        let mut process = machine.process();
        let pointer = process.memory_context_alloc_aligned(context, 100, 256, flags).unwrap();
        assert_eq!(pointer.0 % 256, 0);
        machine.arena.write_u8(pointer.offset(100), 1);
        machine.process().pfree(pointer).unwrap();
        let chunk = pointer.back(16);
        let expected = format!("detected write past chunk end in Work {chunk}");
        assert_eq!(machine.warnings(), [expected]);
    }
}

#[test]
fn bump_chunks_have_headers_that_say_what_is_not_supported() {
    let (mut machine, context) = Machine::with(Version::V18, BUMP);
    let pointer = machine.palloc(context, 10);
    let error = machine.process().pfree(pointer).unwrap_err().to_string();
    assert_eq!(error, "pfree is not supported by the bump memory allocator");
    let flags = AllocFlags::default();
    let error = machine.process().repalloc_extended(pointer, 20, flags).unwrap_err().to_string();
    assert_eq!(error, "realloc is not supported by the bump memory allocator");
}

#[test]
fn overwritten_headers_are_named_and_end_the_walk() {
    for version in Version::ALL {
        for allocator in allocators(version) {
            let (mut machine, context) = Machine::with(version, allocator);
            machine.palloc(context, 60);
            let pointer = machine.palloc(context, 60);
            machine.palloc(context, 60);
            machine.arena.fill(pointer.back(header(version, allocator)), 60, 0xff);
            machine.process().memory_context_check(context).unwrap();
            let said = machine.warnings();
            let about = format!("problem in {} Work: ", called(allocator));
            assert!(!said.is_empty(), "{version:?} {allocator:?}");
            assert!(said.iter().all(|text| text.starts_with(&about)), "{said:?}");
        }
    }
}
