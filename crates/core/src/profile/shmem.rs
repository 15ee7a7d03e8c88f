//! How a version lays out the buffer manager's shared structures (`buf_internals.h`,
//! `freelist.c`, `buf_init.c`).

/// The buffer manager's part of the shared segment.
#[derive(Debug)]
pub struct ShmemProfile {
    /// What the buffers' pages are aligned to: `PG_IO_ALIGN_SIZE`, or a cache line where there is
    /// no such thing.
    pub block_align: u64,
    /// What stands for no process (`INVALID_PROC_NUMBER`, once `INVALID_PGPROCNO`).
    pub no_process: u32,
    /// A descriptor has `io_wref`, which says what asynchronous I/O is under way.
    pub io_wref: bool,
    /// Where the lock on a page's content is.
    pub content_lock: ContentLock,
}

/// The lock that protects the bytes of a page, in its buffer's descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentLock {
    /// An `LWLock` behind the other fields.
    LwLock {
        /// `LWTRANCHE_BUFFER_CONTENT`.
        tranche: u16,
        /// Its state while nobody holds it: `LW_FLAG_RELEASE_OK`.
        released: u32,
    },
    /// Bits of the state word, which has 64 for it; only the list of those who wait stands apart.
    InState,
}

impl ShmemProfile {
    /// Before pages were aligned for direct I/O, as 15 has it.
    pub(super) const BEFORE_IO_ALIGNMENT: Self = Self {
        block_align: 128,
        no_process: i32::MAX as u32,
        io_wref: false,
        content_lock: ContentLock::LwLock { tranche: 56, released: 1 << 29 },
    };
    /// As 17 has it.
    pub(super) const ALIGNED: Self = Self {
        block_align: 4096,
        no_process: u32::MAX,
        io_wref: false,
        content_lock: ContentLock::LwLock { tranche: 61, released: 1 << 29 },
    };
    /// With asynchronous I/O, as 18 has it.
    pub(super) const ASYNCHRONOUS: Self = Self {
        io_wref: true,
        content_lock: ContentLock::LwLock { tranche: 62, released: 1 << 30 },
        ..Self::ALIGNED
    };
    /// With the content lock in the state word, as 19 has it.
    pub(super) const WIDE_STATE: Self =
        Self { content_lock: ContentLock::InState, ..Self::ASYNCHRONOUS };
}
