//! `pg_shmem_allocations`: who has how much of shared memory (`pg_get_shmem_allocations`).

use crate::server::segment::Segment;

/// A row of `pg_shmem_allocations`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShmemAllocation {
    /// `name`; `None` for memory that is not handed out.
    pub name: Option<&'static str>,
    /// `off`; `None` for all that has no name together.
    pub off: Option<u64>,
    /// `size`.
    pub size: u64,
    /// `allocated_size`.
    pub allocated_size: u64,
}

/// `pg_shmem_allocations`, by address: what has a name, the free rest, and last what has no name.
///
/// A real server gives the named rows in the order of a hash table; their set is the same.
pub fn pg_shmem_allocations(segment: &Segment) -> Vec<ShmemAllocation> {
    let named = segment.allocations.iter().map(|it| ShmemAllocation {
        name: Some(it.name),
        off: Some(it.off),
        size: it.size,
        allocated_size: it.allocated_size,
    });
    let whole = |name, off, size| ShmemAllocation { name, off, size, allocated_size: size };
    let rest = whole(None, Some(segment.free_offset), segment.free());
    let anonymous = whole(Some("<anonymous>"), None, segment.anonymous());
    named.chain([rest, anonymous]).collect()
}
