//! The shared segment, whatever the settings: what must hold of any layout.

use pgscope_core::ids::BufferId;
use pgscope_core::memory::Addr;
use pgscope_core::profile::Version;
use pgscope_core::profile::parameters::{Parameter, Setting};
use pgscope_core::profile::segment::Allocator;
use pgscope_core::server::Settings;
use pgscope_core::server::segment::{Counts, Segment};
use pgscope_core::server::settings::SettingError;
use pgscope_core::server::shmem::ShmemLayout;
use pgscope_core::views::pg_shmem_allocations;
use proptest::prelude::*;
use proptest::sample::{Index, select};

fn parameters(version: Version) -> Vec<&'static Parameter> {
    version.segment().parameters.iter().flat_map(|group| group.iter()).collect()
}

/// A value of a setting as text.
fn text(parameter: &Parameter, value: i32) -> String {
    let word = usize::try_from(value).ok().and_then(|place| parameter.words.get(place));
    word.map_or_else(|| value.to_string(), |word| (*word).to_owned())
}

/// A value that the setting allows by itself: an end of its range, or any, small ones more often.
fn allowed(parameter: &Parameter, kind: u8, random: u32) -> i32 {
    let Parameter { min, max, multiple_of, .. } = *parameter;
    let range = (i64::from(max) - i64::from(min) + 1) as u64;
    let value = match kind {
        0 => min,
        1 => max,
        2..6 => (i64::from(min) + (u64::from(random) % range.min(1000)) as i64) as i32,
        _ => (i64::from(min) + (u64::from(random) % range) as i64) as i32,
    };
    value - value % multiple_of
}

/// Settings that were given, each checked by itself.
fn given() -> impl Strategy<Value = (Version, Settings)> {
    let choice = (any::<Index>(), 0..10_u8, any::<u32>());
    (select(&Version::ALL[..]), prop::collection::vec(choice, 0..8)).prop_map(
        |(version, choices)| {
            let mut settings = Settings::default();
            for (which, kind, random) in choices {
                let parameter = *which.get(&parameters(version));
                let value = text(parameter, allowed(parameter, kind, random));
                // A check hook may refuse what is in its range; the rest is given all the same.
                let _ = settings.set(version, parameter.name, &value);
            }
            (version, settings)
        },
    )
}

proptest! {
    #[test]
    fn rows_lie_behind_each_other_and_make_up_the_segment((version, settings) in given()) {
        if let Ok(segment) = Segment::new(version, &settings) {
            let estimated = matches!(version.segment().allocator, Allocator::Estimated { .. });
            let mut end = 0;
            for row in &segment.allocations {
                prop_assert_eq!(row.off % 128, 0, "{:?}", row);
                prop_assert!(row.off >= end, "{:?} begins before {}", row, end);
                prop_assert!(row.allocated_size >= row.size);
                if estimated {
                    prop_assert_eq!(row.allocated_size, row.size.next_multiple_of(128));
                    end = row.off + row.allocated_size;
                } else {
                    end = row.off + row.size;
                }
            }
            prop_assert!(end <= segment.free_offset && segment.free_offset < segment.total);
            prop_assert_eq!(segment.total % 8192, 0);
            let rows = pg_shmem_allocations(&segment);
            let sum: u64 = rows.iter().map(|row| row.allocated_size).sum();
            prop_assert_eq!(sum, segment.total);
        }
    }

    #[test]
    fn more_of_anything_never_makes_the_segment_smaller(
        (version, settings) in given(),
        which in any::<Index>(),
        kind in 0..10_u8,
        random in any::<u32>(),
    ) {
        let parameter = *which.get(&parameters(version));
        let Ok(before) = Segment::new(version, &settings) else { return Ok(()) };
        let counts = Counts::new(version.segment(), &settings).unwrap();
        let (now, more) = (counts.in_force(parameter.setting), allowed(parameter, kind, random));
        // Words are no amounts; a zero or less may stand for a value that is chosen.
        if !parameter.words.is_empty() || more <= now.max(0) {
            return Ok(());
        }
        // More processes leave each a smaller share of the pool to do I/O with.
        let mut raised = settings.clone();
        if counts.in_force(Setting::IoMaxConcurrency) > 0 {
            let chosen = counts.in_force(Setting::IoMaxConcurrency).to_string();
            raised.set(version, "io_max_concurrency", &chosen).unwrap();
        }
        if raised.set(version, parameter.name, &more.to_string()).is_ok()
            && let Ok(after) = Segment::new(version, &raised)
        {
            prop_assert!(after.total >= before.total, "{} = {more}", parameter.name);
        }
    }
}

#[test]
fn every_setting_at_either_end_of_its_range_is_laid_out_or_refused() {
    for version in Version::ALL {
        for parameter in parameters(version) {
            for value in [parameter.min, parameter.max] {
                let mut settings = Settings::default();
                let value = text(parameter, value);
                if settings.set(version, parameter.name, &value).is_ok() {
                    match Segment::new(version, &settings) {
                        Ok(segment) => assert!(segment.free() > 0, "{version:?} {parameter:?}"),
                        Err(refused) => assert!(!refused.to_string().is_empty()),
                    }
                }
            }
        }
    }
}

#[test]
fn the_pool_lies_where_the_segment_has_it() {
    for version in Version::ALL {
        for buffers in [16, 1000, 16_384, 131_072] {
            let settings = Settings::with_shared_buffers(buffers);
            let segment = Segment::new(version, &settings).unwrap();
            let row = |name| segment.allocations.iter().find(|row| row.name == name).unwrap();
            let [blocks, descriptors] = ["Buffer Blocks", "Buffer Descriptors"].map(row);
            let layout = ShmemLayout::new(version.profile(), segment.clone(), buffers).unwrap();
            for region in layout.regions() {
                assert_eq!(region.addr.since(Addr::SHARED), row(region.name).off);
            }
            let (first, last) = (BufferId(0), BufferId(buffers - 1));
            assert_eq!(layout.descriptor(first).since(Addr::SHARED), descriptors.off);
            let [begin, end] = [layout.block(first), layout.block(last).offset(8192)];
            assert_eq!(begin.0 % version.profile().shmem.block_align, 0);
            assert!(begin.since(Addr::SHARED) >= blocks.off);
            assert!(end.since(Addr::SHARED) <= blocks.off + blocks.size, "{version:?} {buffers}");
        }
    }
}

#[test]
fn what_a_setting_costs_can_be_told() {
    let total = |version, given: &[(&str, &str)]| {
        let mut settings = Settings::default();
        for (name, value) in given {
            settings.set(version, name, value).unwrap();
        }
        Segment::new(version, &settings).unwrap().total
    };
    let page = 8192;
    for version in Version::ALL {
        let mapped = total(version, &[("min_dynamic_shared_memory", "100MB")]);
        assert_eq!(mapped - total(version, &[]), 100 << 20, "{version:?}");
        // A connection costs more than a page of shared memory.
        let one = total(version, &[("max_connections", "101")]);
        assert!(one - total(version, &[]) >= page, "{version:?}");
    }
    // From 18 on the fast path has room for as many locks as a transaction may have.
    let locks = [("max_locks_per_transaction", "1024")];
    let row = |version, given: &[(&str, &str)], name: &str| {
        let mut settings = Settings::default();
        for (name, value) in given {
            settings.set(version, name, value).unwrap();
        }
        let segment = Segment::new(version, &settings).unwrap();
        segment.allocations.iter().find(|row| row.name == name).map(|row| row.size)
    };
    let name = "Fast-Path Lock Array";
    assert_eq!(row(Version::V17, &locks, name), None);
    let default = row(Version::V18, &[], name).unwrap();
    assert_eq!(row(Version::V18, &locks, name), Some(default * 64 / 4));
}

#[test]
fn what_the_kernel_decides_is_not_guessed() {
    let mut settings = Settings::default();
    settings.set(Version::V18, "io_method", "io_uring").unwrap();
    assert_eq!(Segment::new(Version::V18, &settings), Err(SettingError::IoUring));
}
