//! Routines that a version does not have: which one of its own does their work.
//!
//! The machine follows PostgreSQL 18's routines and is told of by their names. For the other
//! versions this says where a reader finds the same thing.

/// A routine as PostgreSQL 18 calls it, then the version's own and its file below `src/`.
pub type Renamed = (&'static str, &'static str, &'static str);

const BUFMGR: &str = "backend/storage/buffer/bufmgr.c";
const BUF_INIT: &str = "backend/storage/buffer/buf_init.c";
const LOCALBUF: &str = "backend/storage/buffer/localbuf.c";
const ASET: &str = "backend/utils/mmgr/aset.c";
const GENERATION: &str = "backend/utils/mmgr/generation.c";
const SLAB: &str = "backend/utils/mmgr/slab.c";
const PROC: &str = "backend/storage/lmgr/proc.c";

/// 15: what 16 took out of `BufferAlloc` and 17 out of each allocator's `alloc`.
pub(super) const OF_15: &[Renamed] = &[
    ("BufferManagerShmemInit", "InitBufferPool", BUF_INIT),
    ("InvalidateVictimBuffer", "BufferAlloc", BUFMGR),
    ("ExtendBufferedRelShared", "ReadBuffer_common", BUFMGR),
    ("GetLocalVictimBuffer", "LocalBufferAlloc", LOCALBUF),
    ("PinLocalBuffer", "LocalBufferAlloc", LOCALBUF),
    ("UnpinLocalBuffer", "ReleaseBuffer", BUFMGR),
    ("FlushLocalBuffer", "LocalBufferAlloc", LOCALBUF),
    ("InvalidateLocalBuffer", "DropRelFileNodeLocalBuffers", LOCALBUF),
    ("ExtendBufferedRelLocal", "ReadBuffer_common", BUFMGR),
    ("AllocSetAllocLarge", "AllocSetAlloc", ASET),
    ("AllocSetAllocFromNewBlock", "AllocSetAlloc", ASET),
    ("GenerationAllocLarge", "GenerationAlloc", GENERATION),
    ("GenerationAllocFromNewBlock", "GenerationAlloc", GENERATION),
    ("SlabAllocFromNewBlock", "SlabAlloc", SLAB),
    ("JoinWaitQueue", "ProcSleep", PROC),
    ("ExecSetVariableStmt", "ExecSetVariableStmt", "backend/utils/misc/guc.c"),
];

/// 17.
pub(super) const OF_17: &[Renamed] = &[
    ("BufferManagerShmemInit", "InitBufferPool", BUF_INIT),
    ("FlushLocalBuffer", "GetLocalVictimBuffer", LOCALBUF),
    ("InvalidateLocalBuffer", "DropRelationLocalBuffers", LOCALBUF),
    ("JoinWaitQueue", "ProcSleep", PROC),
];
