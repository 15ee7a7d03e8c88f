//! Allocating and freeing: what callers use every day.
//!
//! `palloc` hands the request to the allocator of the context. `pfree` and `repalloc` get a
//! pointer and nothing else: what stands in front of the chunk tells them whose it is.

use super::{Context, IDENT, IS_RESET, METHODS};
use crate::error::Error;
use crate::event::MemoryEvent;
use crate::memory::{Addr, Arena};
use crate::mmgr::Process;
use crate::mmgr::chunk::ChunkHeader;
use crate::mmgr::methods::{ChunkMethods, chunk_methods, methods_at};
use crate::op::AllocFlags;
use crate::profile::{ChunkHeaders, Profile};

/// `MaxAllocSize` (`memutils.h`): 1 GB - 1.
pub const MAX_ALLOC_SIZE: u64 = 0x3fff_ffff;
/// `MaxAllocHugeSize`: half of all addresses.
pub const MAX_ALLOC_HUGE_SIZE: u64 = u64::MAX / 2;

impl Process<'_> {
    /// What every allocator's realloc ends with when the chunk had no room: the bytes go to
    /// the new chunk, and the old one is freed.
    pub(in crate::mmgr) fn move_chunk(
        &mut self,
        context: Addr,
        from: Addr,
        to: Addr,
        copied: u64,
    ) -> Result<Addr, Error> {
        self.arena.copy(from, to, copied);
        self.emit(MemoryEvent::RepallocMoved { context, from, to, copied })?;
        self.pfree(from)?;
        Ok(to)
    }

    /// `MemoryContextAlloc`; with `zero`, `MemoryContextAllocZero`.
    ///
    /// # Errors
    /// A size that the allocator refuses; no more memory.
    #[inline]
    pub fn memory_context_alloc(
        &mut self,
        context: Addr,
        size: u64,
        zero: bool,
    ) -> Result<Addr, Error> {
        let flags = AllocFlags { zero, ..AllocFlags::default() };
        if self.profile.mmgr.check_size_first {
            self.memory_context_check_size(size, flags)?;
        }
        self.alloc_in(context, size, flags)
    }

    /// `MemoryContextAllocExtended`: NULL if there is no memory and the flags allow it.
    ///
    /// # Errors
    /// A size over the limit; one that the allocator refuses; no more memory.
    pub fn memory_context_alloc_extended(
        &mut self,
        context: Addr,
        size: u64,
        flags: AllocFlags,
    ) -> Result<Addr, Error> {
        self.memory_context_check_size(size, flags)?;
        self.alloc_in(context, size, flags)
    }

    #[inline]
    fn alloc_in(&mut self, context: Addr, size: u64, flags: AllocFlags) -> Result<Addr, Error> {
        self.arena.write_u8(context.offset(IS_RESET), 0);
        let pointer = self.methods_of(context)?.alloc(self, context, size, flags)?;
        if flags.zero && !pointer.is_null() {
            // A size that wrapped around when it was rounded up has no memory behind it.
            if size > MAX_ALLOC_HUGE_SIZE {
                return Err(Error::SegmentationFault);
            }
            self.arena.fill(pointer, size, 0);
        }
        Ok(pointer)
    }

    /// `MemoryContextStrdup`.
    ///
    /// # Errors
    /// As [`Process::memory_context_alloc`].
    pub fn memory_context_strdup(&mut self, context: Addr, text: &str) -> Result<Addr, Error> {
        let length = text.len() as u64;
        let copy = self.memory_context_alloc(context, length + 1, false)?;
        self.arena.write(copy, text.as_bytes());
        self.arena.write_u8(copy.offset(length), 0);
        Ok(copy)
    }

    /// `MemoryContextCopyAndSetIdentifier`: the identifier is in the context's own memory, and
    /// a reset leaves a pointer to what was there.
    ///
    /// # Errors
    /// As [`Process::memory_context_alloc`].
    pub fn memory_context_copy_and_set_identifier(
        &mut self,
        context: Addr,
        text: &str,
    ) -> Result<Addr, Error> {
        let ident = self.memory_context_strdup(context, text)?;
        self.arena.write_ptr(context.offset(IDENT), ident);
        self.emit(MemoryEvent::IdentifierSet { context, ident })?;
        Ok(ident)
    }

    /// `pfree`.
    ///
    /// # Errors
    /// A pointer whose header names no allocator.
    #[inline]
    pub fn pfree(&mut self, pointer: Addr) -> Result<(), Error> {
        self.methods_of_chunk(pointer, "pfree")?.free_p(self, pointer)
    }

    /// `repalloc_extended`; without flags, `repalloc`. NULL, and the old chunk stays, if there
    /// is no memory and the flags allow it.
    ///
    /// # Errors
    /// As [`Process::pfree`] and [`Process::memory_context_alloc`].
    pub fn repalloc_extended(
        &mut self,
        pointer: Addr,
        size: u64,
        flags: AllocFlags,
    ) -> Result<Addr, Error> {
        let methods = self.methods_of_chunk(pointer, "repalloc")?;
        if self.profile.mmgr.check_size_first {
            self.memory_context_check_size(size, flags)?;
        }
        methods.realloc(self, pointer, size, flags)
    }

    /// `MemoryContextCheckSize`.
    pub(in crate::mmgr) fn memory_context_check_size(
        &self,
        size: u64,
        flags: AllocFlags,
    ) -> Result<(), Error> {
        let limit = if flags.huge { MAX_ALLOC_HUGE_SIZE } else { MAX_ALLOC_SIZE };
        if size > limit { Err(Error::InvalidAllocSize(size)) } else { Ok(()) }
    }

    /// `MemoryContextAllocationFailure`: an error, or NULL if the flags allow it.
    pub(in crate::mmgr) fn memory_context_allocation_failure(
        &self,
        context: Addr,
        size: u64,
        flags: AllocFlags,
    ) -> Result<Addr, Error> {
        if flags.no_oom {
            return Ok(Addr::NULL);
        }
        let name = Context::at(self.arena, context).name();
        Err(Error::OutOfMemory { size, context: self.program.text(name).to_owned() })
    }

    /// Whether a context's chunks have no header, so that nothing finds the context from them.
    #[inline]
    pub fn is_headerless(&self, context: Addr) -> bool {
        methods_at(self.arena.read_ptr(context.offset(METHODS)))
            .is_some_and(|methods| methods.chunk_header(self.profile) == 0)
    }

    /// `MCXT_METHOD`, or what is called instead for a wild pointer (`BogusFree`).
    #[inline]
    fn methods_of_chunk(
        &self,
        pointer: Addr,
        function: &'static str,
    ) -> Result<&'static dyn ChunkMethods, Error> {
        methods_of_chunk(self.arena, self.profile, pointer).ok_or_else(|| Error::InvalidPointer {
            function,
            pointer,
            header: ChunkHeader::of(self.arena, pointer).0,
        })
    }
}

/// The allocator that a chunk belongs to, by what stands before it.
#[inline]
pub(in crate::mmgr) fn methods_of_chunk(
    arena: &Arena,
    profile: &Profile,
    pointer: Addr,
) -> Option<&'static dyn ChunkMethods> {
    let header = ChunkHeader::of(arena, pointer);
    match profile.mmgr.chunk_headers {
        ChunkHeaders::Packed => chunk_methods(header.method()),
        ChunkHeaders::Owner => {
            Context::at(arena, Addr(header.0)).methods().map(|methods| methods as _)
        }
    }
}
