//! A buffer's descriptor (`BufferDesc`, `buf_internals.h`).
//!
//! Pins, usage count and flags share one 32-bit word, so that the server can change them
//! together with one atomic operation:
//!
//! ```text
//!  31            22 21      18 17                     0
//! ┌────────────────┬──────────┬────────────────────────┐
//! │ flags (10)     │ usage (4)│ refcount (18)          │
//! └────────────────┴──────────┴────────────────────────┘
//! ```
//!
//! The refcount counts *backends*, not pins: how often one backend has pinned a buffer is its
//! own business ([`pin`](super::pin)).

use super::smgr::PageVersion;
use super::usage::{UsageCounts, Words};
use crate::ids::{BackendId, BlockNumber, BufferId, BufferTag, Lsn, RelId};
use crate::op::Persistence;
use crate::profile::BufmgrProfile;

/// `BM_MAX_USAGE_COUNT`.
pub const BM_MAX_USAGE_COUNT: u8 = 5;

/// What the bits of a usage count can hold.
pub(super) const USAGE_COUNT_BITS: u8 = 15;

const REFCOUNT_ONE: u32 = 1;
const REFCOUNT_MASK: u32 = (1 << 18) - 1;
const USAGECOUNT_SHIFT: u32 = 18;
const USAGECOUNT_ONE: u32 = 1 << USAGECOUNT_SHIFT;
const USAGECOUNT_MASK: u32 = 0xf << USAGECOUNT_SHIFT;

/// The page differs from the one on disk.
pub const BM_DIRTY: u32 = 1 << 23;
/// The bytes in the buffer are the page's.
pub const BM_VALID: u32 = 1 << 24;
/// The buffer belongs to the page that the tag names.
pub const BM_TAG_VALID: u32 = 1 << 25;
/// Dirtied since its writing started.
pub const BM_JUST_DIRTIED: u32 = 1 << 28;
/// A backend waits until it is the only one that has it pinned.
pub const BM_PIN_COUNT_WAITER: u32 = 1 << 29;
/// The checkpoint that is running must write it.
pub const BM_CHECKPOINT_NEEDED: u32 = 1 << 30;
/// The relation is WAL-logged.
pub const BM_PERMANENT: u32 = 1 << 31;

/// `freeNext` of a buffer that is not on the freelist (`FREENEXT_NOT_IN_LIST`).
pub const FREENEXT_NOT_IN_LIST: i32 = -2;
/// `freeNext` of the last buffer on the freelist (`FREENEXT_END_OF_LIST`).
pub const FREENEXT_END_OF_LIST: i32 = -1;

/// One buffer's descriptor, and of the page in it what the rules need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferDesc {
    tag: BufferTag,
    state: u32,
    /// The next buffer on the freelist.
    pub free_next: i32,
    /// The page's LSN (`pd_lsn` in the page's header).
    pub lsn: Lsn,
    /// How often the page was changed since it was created.
    pub changes: u32,
    /// `wait_backend_pgprocno`: who waited last until nobody else had it pinned, and 1 more; 0 if nobody
    /// ever did.
    waiter: u32,
}

impl Default for BufferDesc {
    fn default() -> Self {
        Self {
            tag: BufferTag { rel: RelId(0), block: 0 },
            state: 0,
            free_next: FREENEXT_NOT_IN_LIST,
            lsn: 0,
            changes: 0,
            waiter: 0,
        }
    }
}

impl BufferDesc {
    /// A buffer as a trace's header has it; `dirty` carries the version's way of being so.
    pub(super) fn found(
        tag: BufferTag,
        usage_count: u8,
        persistence: Persistence,
        dirty: Option<&BufmgrProfile>,
    ) -> Self {
        let mut desc = Self { tag, ..Self::default() };
        desc.state = u32::from(usage_count) << USAGECOUNT_SHIFT | BM_VALID | BM_TAG_VALID;
        if persistence == Persistence::Permanent {
            desc.state |= BM_PERMANENT;
        }
        if let Some(profile) = dirty {
            desc.set_dirty(profile);
        }
        desc
    }

    /// The page that the buffer belongs to.
    #[inline(always)]
    pub fn tag(&self) -> Option<BufferTag> {
        self.is(BM_TAG_VALID).then_some(self.tag)
    }

    /// The state word as it lies in shared memory.
    #[inline]
    pub fn state(&self) -> u32 {
        self.state
    }

    /// Backends that have it pinned.
    #[inline]
    pub fn refcount(&self) -> u32 {
        self.state & REFCOUNT_MASK
    }

    /// 0 to 5.
    #[inline]
    pub fn usage_count(&self) -> u8 {
        ((self.state & USAGECOUNT_MASK) >> USAGECOUNT_SHIFT) as u8
    }

    /// Who waited last until nobody else had it pinned.
    pub fn wait_backend(&self) -> Option<BackendId> {
        self.waiter.checked_sub(1).and_then(|id| u16::try_from(id).ok()).map(BackendId)
    }

    pub(super) fn set_wait_backend(&mut self, backend: BackendId) {
        self.waiter = u32::from(backend.0) + 1;
        self.set(BM_PIN_COUNT_WAITER);
    }

    /// Whether all of these flags are set.
    #[inline(always)]
    pub fn is(&self, flags: u32) -> bool {
        self.state & flags == flags
    }

    #[inline]
    pub(super) fn set(&mut self, flags: u32) {
        self.state |= flags;
    }

    #[inline]
    pub(super) fn clear(&mut self, flags: u32) {
        self.state &= !flags;
    }

    #[inline]
    pub(super) fn set_dirty(&mut self, profile: &BufmgrProfile) {
        self.set(BM_DIRTY);
        if profile.just_dirtied {
            self.set(BM_JUST_DIRTIED);
        }
    }

    #[inline]
    pub(super) fn add_pin(&mut self) {
        self.state += REFCOUNT_ONE;
    }

    #[inline]
    pub(super) fn drop_pin(&mut self) {
        self.state -= REFCOUNT_ONE;
    }

    #[inline]
    pub(super) fn raise_usage(&mut self) {
        self.state += USAGECOUNT_ONE;
    }

    #[inline]
    pub(super) fn lower_usage(&mut self) {
        self.state -= USAGECOUNT_ONE;
    }

    /// The buffer belongs to no page any more (`InvalidateVictimBuffer`).
    #[inline]
    pub(super) fn forget(&mut self) {
        self.state &= REFCOUNT_MASK;
        self.lsn = 0;
        self.changes = 0;
    }

    /// The buffer belongs to this page from now on; usage count 1.
    #[inline]
    pub(super) fn assign(&mut self, tag: BufferTag, persistence: Persistence) {
        self.tag = tag;
        self.state |= BM_TAG_VALID | USAGECOUNT_ONE;
        if persistence == Persistence::Permanent {
            self.state |= BM_PERMANENT;
        }
    }

    /// A buffer that nobody has pinned belongs to another page from now on, whose bytes are there;
    /// its usage count is not said here.
    #[inline(always)]
    pub(super) fn replace(
        &mut self,
        rel: RelId,
        block: BlockNumber,
        permanent: bool,
        page: PageVersion,
    ) {
        self.tag = BufferTag { rel, block };
        self.state = BM_TAG_VALID | BM_VALID | if permanent { BM_PERMANENT } else { 0 };
        self.lsn = page.lsn;
        self.changes = page.changes;
    }

    /// The page's bytes are there.
    #[inline]
    pub(super) fn fill(&mut self, page: PageVersion) {
        self.lsn = page.lsn;
        self.changes = page.changes;
        self.set(BM_VALID);
    }
}

/// The descriptors of a pool. Their usage counts lie apart ([`usage`](super::usage)).
#[derive(Clone, Debug)]
pub(crate) struct Descriptors {
    descs: Vec<BufferDesc>,
    usage: UsageCounts,
}

impl Descriptors {
    pub(super) fn new(nbuffers: u32) -> Self {
        let descs = vec![BufferDesc::default(); nbuffers as usize];
        Self { descs, usage: UsageCounts::new(nbuffers) }
    }

    pub(super) fn len(&self) -> u32 {
        self.descs.len() as u32
    }

    /// One descriptor as it lies in shared memory.
    #[inline]
    pub(super) fn get(&self, buffer: BufferId) -> Option<BufferDesc> {
        let mut desc = *self.descs.get(buffer.index())?;
        desc.state |= u32::from(self.usage.get(buffer.0)) << USAGECOUNT_SHIFT;
        Some(desc)
    }

    /// The same of a buffer that is there.
    #[inline]
    pub(super) fn at(&self, buffer: BufferId) -> BufferDesc {
        let mut desc = self.descs[buffer.index()];
        desc.state |= u32::from(self.usage.get(buffer.0)) << USAGECOUNT_SHIFT;
        desc
    }

    /// Change a descriptor.
    #[inline]
    pub(super) fn update<T>(
        &mut self,
        buffer: BufferId,
        change: impl FnOnce(&mut BufferDesc) -> T,
    ) -> T {
        let mut desc = self.at(buffer);
        let result = change(&mut desc);
        self.put(buffer, desc);
        result
    }

    pub(super) fn put(&mut self, buffer: BufferId, mut desc: BufferDesc) {
        let busy = desc.refcount() > 0 || desc.is(BM_TAG_VALID) && !desc.is(BM_VALID);
        self.usage.set(buffer.0, desc.usage_count(), busy);
        desc.state &= !USAGECOUNT_MASK;
        self.descs[buffer.index()] = desc;
    }

    /// The descriptors without their usage counts, and these.
    #[inline(always)]
    pub(super) fn parts(&mut self) -> (&mut [BufferDesc], Words<'_>) {
        (&mut self.descs, self.usage.words())
    }
}
