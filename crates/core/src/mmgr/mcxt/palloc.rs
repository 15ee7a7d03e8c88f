//! Allocating and freeing: what callers use every day.
//!
//! `palloc` hands the request to the allocator of the context. `pfree` and `repalloc` get a
//! pointer and nothing else: what stands in front of the chunk tells them whose it is.

use super::{Context, IDENT, IS_RESET, METHODS};
use crate::error::{Error, Fallible};
use crate::event::MemoryEvent;
use crate::memory::{Addr, Arena, Words};
use crate::mmgr::Process;
use crate::mmgr::chunk::ChunkHeader;
use crate::mmgr::methods::{self, ChunkMethods, chunk_methods, method_id, methods_addr};
use crate::op::AllocFlags;
use crate::profile::{ChunkHeaders, Profile};

/// `MaxAllocSize` (`memutils.h`): 1 GB - 1.
pub const MAX_ALLOC_SIZE: u64 = 0x3fff_ffff;
/// `MaxAllocHugeSize`: half of all addresses.
pub const MAX_ALLOC_HUGE_SIZE: u64 = u64::MAX / 2;

impl Process<'_> {
    /// What every allocator's realloc ends with when the chunk had no room: the bytes go to
    /// the new chunk, and the old one is freed (or, for an aligned chunk, what it lies in).
    pub(in crate::mmgr) fn move_chunk(
        &mut self,
        context: Addr,
        from: Addr,
        to: Addr,
        copied: u64,
        freed: Addr,
    ) -> Fallible<Addr> {
        // A size that somebody wrote over leads behind all memory.
        let heap = &self.local.heap;
        if !heap.has(from, copied) || !heap.has(to, copied) {
            return Err(Error::SegmentationFault.into());
        }
        self.arena.copy(from, to, copied);
        self.emit(MemoryEvent::RepallocMoved { context, from, to, copied })?;
        self.pfree(freed)?;
        Ok(to)
    }

    /// `MemoryContextAlloc`; with `zero`, `MemoryContextAllocZero`.
    ///
    /// # Errors
    /// A size that the allocator refuses; no more memory.
    #[inline]
    pub fn memory_context_alloc(&mut self, context: Addr, size: u64, zero: bool) -> Fallible<Addr> {
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
    ) -> Fallible<Addr> {
        self.memory_context_check_size(size, flags)?;
        self.alloc_in(context, size, flags)
    }

    #[inline]
    fn alloc_in(&mut self, context: Addr, size: u64, flags: AllocFlags) -> Fallible<Addr> {
        if Context::at(self.arena, context).is_reset() {
            self.arena.write_u8(context.offset(IS_RESET), 0);
        }
        let pointer = self.alloc_by_method(context, size, flags)?;
        if flags.zero && !pointer.is_null() {
            // A size that wrapped around when it was rounded up has no memory behind it.
            if !self.local.heap.has(pointer, size) {
                return Err(Error::SegmentationFault.into());
            }
            self.arena.fill(pointer, size, 0);
        }
        Ok(pointer)
    }

    /// `MemoryContextStrdup`.
    ///
    /// # Errors
    /// As [`Process::memory_context_alloc`].
    pub fn memory_context_strdup(&mut self, context: Addr, text: &str) -> Fallible<Addr> {
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
    ) -> Fallible<Addr> {
        let ident = self.memory_context_strdup(context, text)?;
        self.arena.write_ptr(context.offset(IDENT), ident);
        self.emit(MemoryEvent::IdentifierSet { context, ident })?;
        Ok(ident)
    }

    /// `MemoryContextSetIdentifier`: the identifier is a constant of the program.
    ///
    /// # Errors
    /// Too many names.
    pub fn memory_context_set_identifier(&mut self, context: Addr, text: &str) -> Fallible<()> {
        let ident = self.program.intern(self.arena, text)?;
        self.arena.write_ptr(context.offset(IDENT), ident);
        self.emit(MemoryEvent::IdentifierSet { context, ident })
    }

    /// `pfree`.
    ///
    /// # Errors
    /// A pointer whose header names no allocator.
    #[inline]
    pub fn pfree(&mut self, pointer: Addr) -> Fallible<()> {
        let id = method_id(row_of_chunk(self.arena, self.profile, pointer));
        match self.free_by_method(id, pointer) {
            Some(result) => result,
            None => Err(self.invalid_pointer(pointer, "pfree")),
        }
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
    ) -> Fallible<Addr> {
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
    ) -> Fallible<()> {
        let limit = if flags.huge { MAX_ALLOC_HUGE_SIZE } else { MAX_ALLOC_SIZE };
        if size > limit { Err(Error::InvalidAllocSize(size).into()) } else { Ok(()) }
    }

    /// `MemoryContextAllocationFailure`: an error, or NULL if the flags allow it.
    pub(in crate::mmgr) fn memory_context_allocation_failure(
        &self,
        context: Addr,
        size: u64,
        flags: AllocFlags,
    ) -> Fallible<Addr> {
        if flags.no_oom {
            return Ok(Addr::NULL);
        }
        let name = Context::at(self.arena, context).name();
        Err(Error::OutOfMemory { size, context: self.program.text(name).to_owned() }.into())
    }

    /// `MCXT_METHOD`, or what is called instead for a wild pointer (`BogusRealloc`).
    fn methods_of_chunk(
        &self,
        pointer: Addr,
        function: &'static str,
    ) -> Fallible<&'static dyn ChunkMethods> {
        methods_of_chunk(self.arena, self.profile, pointer)
            .ok_or_else(|| self.invalid_pointer(pointer, function))
    }

    /// Versions whose chunks point to their context follow that pointer wherever it leads.
    #[cold]
    fn invalid_pointer(&self, pointer: Addr, function: &'static str) -> Box<Error> {
        if self.profile.mmgr.chunk_headers == ChunkHeaders::Owner {
            return Error::SegmentationFault.into();
        }
        let header = ChunkHeader::of(self.arena, pointer).0;
        Error::InvalidPointer { function, pointer, header }.into()
    }
}

/// The row of the allocator that a chunk belongs to, by what stands before it.
#[inline]
fn row_of_chunk(words: &impl Words, profile: &Profile, pointer: Addr) -> Addr {
    let header = ChunkHeader::of(words, pointer);
    match profile.mmgr.chunk_headers {
        ChunkHeaders::Packed => methods_addr(header.method()),
        ChunkHeaders::Owner => words.ptr(Addr(header.0).offset(METHODS)),
    }
}

/// Whether a context's chunks have no header, so that nothing finds the context from them.
#[inline]
pub(crate) fn is_headerless(arena: &Arena, profile: &Profile, context: Addr) -> bool {
    methods::is_headerless(Context::at(arena, context).methods_addr(), profile)
}

/// The allocator that a chunk belongs to, by what stands before it.
pub(in crate::mmgr) fn methods_of_chunk(
    arena: &Arena,
    profile: &Profile,
    pointer: Addr,
) -> Option<&'static dyn ChunkMethods> {
    chunk_methods(method_id(row_of_chunk(arena, profile, pointer)))
}
