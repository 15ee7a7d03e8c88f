//! PostgreSQL's words for an error: message, detail and severity; and a hint, which is PostgreSQL's own or
//! tells the reader of the page what to do.

use std::fmt;

use super::Error;
use crate::event::End;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Stopped => f.write_str("stopped between two events"),
            Error::NoUnpinnedBuffers => f.write_str("no unpinned buffers available"),
            Error::NoEmptyLocalBuffer => f.write_str("no empty local buffer available"),
            Error::PinnedInInvalidateBuffer => f.write_str("buffer is pinned in InvalidateBuffer"),
            Error::WaitsForPin(buffer) => {
                write!(f, "another backend has buffer {buffer} pinned")
            }
            Error::IncorrectLocalPinCount(pins) => write!(f, "incorrect local pin count: {pins}"),
            Error::MultipleWaiters => {
                f.write_str("multiple backends attempting to wait for pincount 1")
            }
            Error::BackendWaitsForPins(buffer) => {
                write!(f, "the backend waits for a cleanup lock on buffer {buffer}")
            }
            Error::StillReferenced { path, block, pins } => {
                write!(f, "block {block} of {path} is still referenced (local {pins})")
            }
            Error::OtherTempRelation => {
                f.write_str("cannot access temporary tables of other sessions")
            }
            Error::NotInVersion(what) => write!(f, "this version has no {what}"),
            Error::BadBufferId(id) => write!(f, "bad buffer ID: {id}"),
            Error::ShortRead { path, block, .. } => write!(
                f,
                "could not read blocks {block}..{block} in file \"{path}\": read only 0 of 8192 bytes"
            ),
            Error::InvalidAllocSize(size) => {
                write!(f, "invalid memory alloc request size {size}")
            }
            Error::OutOfMemory { .. } | Error::OutOfMemoryCreating { .. } => {
                f.write_str("out of memory")
            }
            Error::InvalidPointer { function, pointer, header } => write!(
                f,
                "{function} called with invalid pointer {pointer} (header 0x{header:016x})"
            ),
            Error::ChunkIsFree { function: "pfree", context, chunk } => {
                write!(f, "detected double pfree in {context} {chunk}")
            }
            Error::ChunkIsFree { function, context, chunk } => {
                write!(f, "detected {function} of freed chunk in {context} {chunk}")
            }
            Error::ChunkWithoutBlock(chunk) => {
                write!(f, "could not find block containing chunk {chunk}")
            }
            Error::UnexpectedChunkSize { size, expected } => {
                write!(f, "unexpected alloc chunk size {size} (expected {expected})")
            }
            Error::SlabBlockTooSmall { block, chunk, ending } => {
                write!(f, "block size {block} for slab is too small for {chunk}{ending}")
            }
            Error::SlabRealloc => f.write_str("slab allocator does not support realloc()"),
            Error::BumpUnsupported(function) => {
                write!(f, "{function} is not supported by the bump memory allocator")
            }
            Error::SegmentationFault => {
                f.write_str("server process was terminated by signal 11: Segmentation fault")
            }
            Error::EndlessLoop => {
                f.write_str("the links go in a circle: a server would follow them for ever")
            }
            Error::HeapCorrupted => {
                f.write_str("server process was terminated by signal 6: Aborted")
            }
            Error::InvalidAlignment(align) => {
                write!(f, "an alignment must be a power of two below 128 MB, not {align}")
            }
            Error::ContextLoop(name) => {
                write!(f, "memory context \"{name}\" can't be below itself")
            }
            Error::AllocatorLeftOut(feature) => {
                write!(f, "this build of pgscope was made without the allocator {feature}")
            }
            Error::NoSuchChunk => f.write_str("no chunk has this name now"),
            Error::NoSuchContext => f.write_str("no memory context has this name now"),
            Error::ContextInUse(name) => write!(f, "memory context \"{name}\" is in use"),
            Error::PermanentContext(name) => {
                write!(f, "memory context \"{name}\" lives as long as its backend")
            }
            Error::InFailedTransaction => f.write_str(
                "current transaction is aborted, commands ignored until end of transaction block",
            ),
            Error::NoTransactionBlock(statement) => {
                write!(f, "{statement} can only be used in transaction blocks")
            }
            Error::ActiveTransaction(statement, place) => write!(f, "{statement} cannot {place}"),
            Error::BackendWaits { tag, mode } => {
                write!(f, "the backend waits for {} on {tag}", mode.name())
            }
            Error::LockNotAvailable(name) => {
                write!(f, "could not obtain lock on relation \"{name}\"")
            }
            Error::DeadlockDetected(_) => f.write_str("deadlock detected"),
            Error::LockTimeout(_) => f.write_str("canceling statement due to lock timeout"),
            Error::QueryCanceled(_) => f.write_str("canceling statement due to user request"),
            Error::OutOfSharedMemory(_) => f.write_str("out of shared memory"),
            Error::NoSuchSavepoint(name) => write!(f, "savepoint \"{name}\" does not exist"),
            Error::Session(error) => error.fmt(f),
            Error::SettingOutOfRange { name, value, min, max } => write!(
                f,
                "{value} 8kB is outside the valid range for parameter \"{name}\" \
                 ({min} 8kB .. {max} 8kB)"
            ),
            Error::Setting(error) => write!(f, "{error}"),
            Error::TooManyClients => f.write_str("sorry, too many clients already"),
            Error::ReservedConnections(words) => f.write_str(words),
            Error::NotConnected(End::CrashOfAnother) => {
                f.write_str("terminating connection because of crash of another server process")
            }
            Error::NotConnected(End::Administrator) => {
                f.write_str("terminating connection due to administrator command")
            }
            Error::NotConnected(End::Killed(_)) => {
                f.write_str("server closed the connection unexpectedly")
            }
            Error::NotConnected(End::Disconnected | End::Refused) => {
                f.write_str("no connection to the server")
            }
            Error::NoCallRunning => f.write_str("no function call is running"),
            Error::NoSuchStrategy => f.write_str("no buffer ring has this name"),
            Error::PinInUse => f.write_str("this name already holds a pin"),
            Error::InvalidContextParameter(what) => write!(f, "invalid context size: {what}"),
            Error::Protocol(what) => f.write_str(what),
            Error::Limit { what, limit } => write!(f, "too many {what}: at most {limit}"),
        }
    }
}

impl Error {
    /// PostgreSQL's `DETAIL` line, where its message has one.
    pub fn detail(&self) -> Option<String> {
        match self {
            Error::OutOfMemory { size, context } => {
                Some(format!("Failed on request of size {size} in memory context \"{context}\"."))
            }
            Error::OutOfMemoryCreating { context } => {
                Some(format!("Failed while creating memory context \"{context}\"."))
            }
            Error::DeadlockDetected(lines) => Some(lines.to_string()),
            Error::LockTimeout(Some(context)) | Error::QueryCanceled(Some(context)) => {
                Some(format!("CONTEXT: {context}"))
            }
            Error::Setting(error) if !error.is_hint() => {
                Some(error.detail()).filter(|detail| !detail.is_empty())
            }
            Error::NotConnected(End::CrashOfAnother) => Some(
                "The postmaster has commanded this server process to roll back the current \
                 transaction and exit, because another server process exited abnormally and \
                 possibly corrupted shared memory."
                    .to_owned(),
            ),
            _ => None,
        }
    }

    /// How grave it is, as PostgreSQL logs it.
    pub fn severity(&self) -> &'static str {
        match self {
            Error::TooManyClients
            | Error::ReservedConnections(_)
            | Error::NotConnected(End::Administrator) => "FATAL",
            Error::NotConnected(End::CrashOfAnother) => "WARNING",
            Error::SegmentationFault | Error::HeapCorrupted => "LOG",
            _ => "ERROR",
        }
    }

    /// What to do about it, for the reader of the page.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::NoUnpinnedBuffers => {
                "Every buffer is pinned: unpin one, or start the server with more shared_buffers."
                    .into()
            }
            Error::NoEmptyLocalBuffer => {
                "Every local buffer of this backend is pinned: unpin one.".into()
            }
            Error::PinnedInInvalidateBuffer | Error::StillReferenced { .. } => {
                "Unpin the page first.".into()
            }
            Error::WaitsForPin(_) => "A real server would wait here until the other backend \
                unpins the page."
                .into(),
            Error::IncorrectLocalPinCount(_) => "The backend's own other pins would never go away \
                while it waits."
                .into(),
            Error::MultipleWaiters => {
                "The descriptor has room for one waiter: cancel it, or unpin the page.".into()
            }
            Error::BackendWaitsForPins(_) => {
                "It goes on when the other backends have unpinned the \
                page: until then it can only be cancelled."
                    .into()
            }
            Error::NotInVersion(_) => {
                "The number in the server statement is the version: choose a newer one.".into()
            }
            Error::BadBufferId(_) => "This variable holds no pin: it was never set, its read \
                failed, or it was unpinned already."
                .into(),
            Error::ShortRead { relation, nblocks: 0, .. } => {
                format!("{relation} has no blocks yet: extend it first.")
            }
            Error::ShortRead { relation, nblocks, .. } => {
                format!("{relation} has {nblocks} blocks: 0 to {}.", nblocks - 1)
            }
            Error::InvalidAllocSize(_) => {
                "palloc takes at most 1 GB - 1 byte (MaxAllocSize).".into()
            }
            Error::UnexpectedChunkSize { expected, .. } => {
                format!("Every chunk of this Slab context has {expected} bytes.")
            }
            Error::SlabRealloc => {
                "Every chunk of a Slab context has the same size: palloc a new one elsewhere."
                    .into()
            }
            Error::BumpUnsupported(_) => "Bump chunks have no header, so a build without \
                assertions would take whatever bytes lie before the chunk for one. Reset or \
                delete the context instead."
                .into(),
            Error::HeapCorrupted => "malloc's own header before the block was overwritten, and \
                free noticed."
                .into(),
            Error::AllocatorLeftOut(feature) => {
                format!("Build pgscope with its feature `{feature}`.")
            }
            Error::Setting(error) if error.is_hint() && !error.detail().is_empty() => {
                error.detail()
            }
            Error::NotConnected(End::CrashOfAnother) => "In a moment you should be able to \
                reconnect to the database and repeat your command."
                .into(),
            Error::NotConnected(_) => "Let the client connect again first.".into(),
            Error::NoSuchChunk => "palloc into this name first.".into(),
            Error::NoSuchContext => {
                "Create it first; a reset or delete of its parent takes it along.".into()
            }
            Error::ContextInUse(_) => {
                "It is current, or a running statement, call or transaction still needs it.".into()
            }
            Error::BackendWaits { .. } => {
                "It goes on when it is awakened: until then it can only be \
                cancelled, or time can pass."
                    .into()
            }
            Error::DeadlockDetected(_) => "See server log for query details.".into(),
            Error::OutOfSharedMemory(hint) => (*hint).into(),
            Error::InFailedTransaction => "Only a commit or a rollback gets out of it.".into(),
            _ => return None,
        })
    }
}
