//! The sizes of shared hash tables (`dynahash.c`) and of SLRU areas (`slru.c`).

use crate::bufmgr::BLCKSZ;
use crate::profile::segment::{CACHE_LINE, SlruProfile};

/// `sizeof(HASHHDR)`.
pub(super) const HASHHDR: u64 = 848;
/// `sizeof(HASHELEMENT)`.
const HASHELEMENT: u64 = 16;
/// `DEF_SEGSIZE`: buckets of a segment.
pub(super) const DEF_SEGSIZE: u64 = 256;
/// `DEF_DIRSIZE`: segments that a directory has room for at least.
const DEF_DIRSIZE: u64 = 256;
/// `NUM_FREELISTS`.
pub(super) const NUM_FREELISTS: u64 = 32;
pub(super) const POINTER: u64 = 8;
/// `sizeof(LWLockPadded)`.
const LWLOCK: u64 = 128;
/// `ALIGNOF_BUFFER`.
const ALIGNOF_BUFFER: u64 = 32;

/// `MAXALIGN`.
fn maxalign(size: u64) -> u64 {
    size.next_multiple_of(8)
}

/// Bytes of an entry with its header (`element_alloc`).
pub(super) fn element_size(entry: u64) -> u64 {
    HASHELEMENT + maxalign(entry)
}

/// Segments for so many buckets.
pub(super) fn segments(buckets: u64) -> u64 {
    buckets.div_ceil(DEF_SEGSIZE).next_power_of_two()
}

/// `hash_select_dirsize`.
pub(super) fn hash_select_dirsize(entries: u64) -> u64 {
    segments(entries.next_power_of_two()).max(DEF_DIRSIZE)
}

/// `choose_nelem_alloc`: elements allocated at once.
pub(super) fn choose_nelem_alloc(entry: u64) -> u64 {
    let mut alloc = 256;
    while alloc / element_size(entry) < 32 {
        alloc *= 2;
    }
    alloc / element_size(entry)
}

/// `hash_estimate_size`: all that a table of so many entries takes.
pub(super) fn hash_estimate_size(entries: u64, entry: u64) -> u64 {
    let segments = segments(entries.next_power_of_two());
    let group = choose_nelem_alloc(entry);
    let elements = entries.div_ceil(group) * group * element_size(entry);
    hash_get_shared_size(entries) + segments * DEF_SEGSIZE * POINTER + elements
}

/// `hash_get_shared_size`: header and directory, for so many entries at most.
pub(super) fn hash_get_shared_size(entries: u64) -> u64 {
    HASHHDR + hash_select_dirsize(entries) * POINTER
}

/// What `hash_create` allocates for the entries that it makes: segments, and for each free list
/// its share of elements, the first getting what is left over.
pub(super) fn hash_create_pieces(init: u64, entry: u64, partitions: u64) -> u64 {
    // next_pow2_int
    let buckets = init.min(i32::MAX as u64 / 2).next_power_of_two().max(partitions);
    let lists = if partitions > 0 { NUM_FREELISTS } else { 1 };
    let share = (init / lists).max(1);
    let first = share.max(init.saturating_sub(share * (lists - 1)));
    segments(buckets) * DEF_SEGSIZE * POINTER + lot(first, entry) + (lists - 1) * lot(share, entry)
}

/// So many elements at once (`element_alloc`).
pub(super) fn lot(elements: u64, entry: u64) -> u64 {
    (elements * element_size(entry)).next_multiple_of(CACHE_LINE)
}

/// `SimpleLruShmemSize`.
pub(super) fn simple_lru_shmem_size(profile: &SlruProfile, buffers: u64, lsns: u64) -> u64 {
    let banks = buffers.checked_div(profile.bank).unwrap_or(0);
    let size = maxalign(profile.header)
        + maxalign(buffers * POINTER) // page_buffer
        + maxalign(buffers * 4) // page_status
        + maxalign(buffers) // page_dirty
        + maxalign(buffers * profile.page_number)
        + maxalign(buffers * 4) // page_lru_count
        + buffers * LWLOCK // buffer_locks
        + banks * LWLOCK // bank_locks
        + maxalign(banks * 4) // bank_cur_lru_count
        + buffers * lsns * 8; // group_lsn
    size.next_multiple_of(ALIGNOF_BUFFER) + BLCKSZ * buffers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_as_large_as_19_says() {
        // LOCK, PROCLOCK and the lookup table of a server with its defaults.
        assert_eq!(hash_estimate_size(128 * 136, 152), 3_192_272);
        assert_eq!(hash_estimate_size(256 * 136, 64), 3_313_824);
        assert_eq!(hash_estimate_size(16_384 + 128, 24), 926_000);
    }

    #[test]
    fn a_directory_grows_with_more_than_65536_buckets() {
        let smallest = HASHHDR + DEF_DIRSIZE * POINTER;
        assert_eq!(hash_get_shared_size(1), smallest);
        assert_eq!(hash_get_shared_size(65_536), smallest);
        assert_eq!(hash_get_shared_size(65_537), smallest + DEF_DIRSIZE * POINTER);
    }

    #[test]
    fn the_first_free_list_takes_what_does_not_divide() {
        // 32 lots of one element of 88 bytes, the first of 33 with 31 left over; one segment.
        let even = hash_create_pieces(32, 72, 16);
        assert_eq!(even, 2048 + 32 * 128);
        assert_eq!(hash_create_pieces(63, 72, 16), even - 128 + lot(32, 72));
        // Fewer elements than free lists: one for each.
        assert_eq!(hash_create_pieces(5, 72, 16), even);
        // Not partitioned: one lot.
        assert_eq!(hash_create_pieces(5, 72, 0), 2048 + lot(5, 72));
    }

    #[test]
    fn an_slru_has_banks_from_17_on() {
        let old = SlruProfile { header: 88, page_number: 4, bank: 0 };
        assert_eq!(simple_lru_shmem_size(&old, 32, 1024), 529_152);
        let new = SlruProfile { header: 104, page_number: 8, bank: 16 };
        assert_eq!(simple_lru_shmem_size(&new, 32, 1024), 529_568);
        assert_eq!(simple_lru_shmem_size(&new, 16, 0), 133_760);
    }
}
