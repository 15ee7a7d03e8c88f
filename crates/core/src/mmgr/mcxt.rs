//! The tree of contexts and the routines that callers use (`mcxt.c`).
//!
//! A context is known by its address. Its header begins with the part that all kinds have in
//! common, `MemoryContextData`, whose fields are the constants below.

use super::methods::{Counters, MemoryContextMethods, methods, methods_addr, methods_at};
use super::{Process, chunk};
use crate::error::Error;
use crate::event::MemoryEvent;
use crate::memory::{Addr, Arena};
use crate::profile::Profile;

/// `MaxAllocSize` (`memutils.h`): 1 GB - 1.
pub const MAX_ALLOC_SIZE: u64 = 0x3fff_ffff;

// struct MemoryContextData (nodes/memnodes.h): offsets of its fields.
const TYPE: u64 = 0;
const IS_RESET: u64 = 4;
const ALLOW_IN_CRIT_SECTION: u64 = 5;
const MEM_ALLOCATED: u64 = 8;
const METHODS: u64 = 16;
const PARENT: u64 = 24;
const FIRSTCHILD: u64 = 32;
const PREVCHILD: u64 = 40;
const NEXTCHILD: u64 = 48;
const NAME: u64 = 56;
const IDENT: u64 = 64;
const RESET_CBS: u64 = 72;
/// `sizeof(MemoryContextData)`.
pub(super) const MEMORY_CONTEXT_DATA: u64 = 80;

/// Reading a context's header.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    arena: &'a Arena,
    /// Where it is.
    pub addr: Addr,
}

impl<'a> Context<'a> {
    /// The context at `addr`.
    pub fn at(arena: &'a Arena, addr: Addr) -> Self {
        Self { arena, addr }
    }

    fn link(self, field: u64) -> Option<Self> {
        let addr = self.arena.read_ptr(self.addr.offset(field));
        (!addr.is_null()).then(|| Self::at(self.arena, addr))
    }

    /// Its parent; only `TopMemoryContext` has none.
    pub fn parent(self) -> Option<Self> {
        self.link(PARENT)
    }

    /// Its children, newest first: each new child becomes the first of the list.
    pub fn children(self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.link(FIRSTCHILD), |child| child.link(NEXTCHILD))
    }

    /// The address of its name in the program's text.
    pub fn name(self) -> Addr {
        self.arena.read_ptr(self.addr.offset(NAME))
    }

    /// Nothing was allocated in it since its creation or last reset.
    pub fn is_reset(self) -> bool {
        self.arena.read_u8(self.addr.offset(IS_RESET)) != 0
    }

    /// `MemoryContextMemAllocated`: bytes that malloc gave it; with `recurse`, also what its
    /// descendants have.
    pub fn mem_allocated(self, recurse: bool) -> u64 {
        let own = self.arena.read_u64(self.addr.offset(MEM_ALLOCATED));
        if !recurse {
            return own;
        }
        own + self.children().map(|child| child.mem_allocated(true)).sum::<u64>()
    }

    /// The kind's name, as `pg_backend_memory_contexts.type` has it.
    pub fn kind(self) -> &'static str {
        self.methods().map_or("???", MemoryContextMethods::name)
    }

    /// What its memory is used for.
    pub fn stats(self, profile: &Profile) -> Counters {
        self.methods().map_or_else(Counters::default, |m| m.stats(self.arena, profile, self.addr))
    }

    /// Whether it is `ancestor` or lies below it.
    pub fn is_within(self, ancestor: Addr) -> bool {
        std::iter::successors(Some(self), |c| c.parent()).any(|c| c.addr == ancestor)
    }

    fn methods(self) -> Option<&'static dyn MemoryContextMethods> {
        methods_at(self.arena.read_ptr(self.addr.offset(METHODS)))
    }
}

impl Process<'_> {
    /// `MemoryContextCreate`: fill in the common header and link the node into the tree.
    /// The caller has set up the rest and reports the event.
    pub(super) fn memory_context_create(
        &mut self,
        node: Addr,
        tag: u32,
        method_id: u8,
        parent: Addr,
        name: Addr,
    ) {
        let arena = &mut *self.arena;
        arena.write_u32(node.offset(TYPE), tag);
        arena.write_u32(node.offset(IS_RESET), 0);
        arena.write_u8(node.offset(IS_RESET), 1);
        arena.write_ptr(node.offset(METHODS), methods_addr(method_id));
        arena.write_ptr(node.offset(PARENT), parent);
        arena.write_u64(node.offset(MEM_ALLOCATED), 0);
        for field in [FIRSTCHILD, PREVCHILD, NEXTCHILD, IDENT, RESET_CBS] {
            arena.write_ptr(node.offset(field), Addr::NULL);
        }
        arena.write_ptr(node.offset(NAME), name);
        if !parent.is_null() {
            let first = arena.read_ptr(parent.offset(FIRSTCHILD));
            arena.write_ptr(node.offset(NEXTCHILD), first);
            if !first.is_null() {
                arena.write_ptr(first.offset(PREVCHILD), node);
            }
            arena.write_ptr(parent.offset(FIRSTCHILD), node);
            let inherited = arena.read_u8(parent.offset(ALLOW_IN_CRIT_SECTION));
            arena.write_u8(node.offset(ALLOW_IN_CRIT_SECTION), inherited);
        }
    }

    /// `MemoryContextAllowInCriticalSection`.
    pub fn memory_context_allow_in_critical_section(&mut self, context: Addr, allow: bool) {
        self.arena.write_u8(context.offset(ALLOW_IN_CRIT_SECTION), allow.into());
    }

    /// `MemoryContextSwitchTo`: set `CurrentMemoryContext`, return the old one.
    ///
    /// # Errors
    /// [`Error::Stopped`] only.
    pub fn memory_context_switch_to(&mut self, context: Addr) -> Result<Addr, Error> {
        let old = std::mem::replace(&mut self.local.current, context);
        let name = Context::at(self.arena, context).name();
        self.emit(MemoryEvent::Switched { context, name })?;
        Ok(old)
    }

    /// `MemoryContextAlloc`; with `zero`, `MemoryContextAllocZero`.
    ///
    /// # Errors
    /// A size over the limit; no more memory.
    #[inline]
    pub fn memory_context_alloc(
        &mut self,
        context: Addr,
        size: u64,
        zero: bool,
    ) -> Result<Addr, Error> {
        self.arena.write_u8(context.offset(IS_RESET), 0);
        let pointer = self.methods_of(context)?.alloc(self, context, size)?;
        if zero {
            self.arena.fill(pointer, size, 0);
        }
        Ok(pointer)
    }

    /// `pfree`.
    ///
    /// # Errors
    /// A pointer whose header names no allocator.
    #[inline]
    pub fn pfree(&mut self, pointer: Addr) -> Result<(), Error> {
        self.methods_of_chunk(pointer, "pfree")?.free_p(self, pointer)
    }

    /// `repalloc`.
    ///
    /// # Errors
    /// As [`Process::pfree`] and [`Process::memory_context_alloc`].
    pub fn repalloc(&mut self, pointer: Addr, size: u64) -> Result<Addr, Error> {
        self.methods_of_chunk(pointer, "repalloc")?.realloc(self, pointer, size)
    }

    /// `MemoryContextReset`: delete its children, then free all its chunks.
    ///
    /// # Errors
    /// [`Error::Stopped`] only.
    pub fn memory_context_reset(&mut self, context: Addr) -> Result<(), Error> {
        self.memory_context_delete_children(context)?;
        self.memory_context_reset_only(context)
    }

    /// `MemoryContextResetOnly`: free all its chunks; nothing to do if there were none.
    pub(super) fn memory_context_reset_only(&mut self, context: Addr) -> Result<(), Error> {
        if Context::at(self.arena, context).is_reset() {
            return Ok(());
        }
        self.methods_of(context)?.reset(self, context)?;
        self.arena.write_u8(context.offset(IS_RESET), 1);
        let name = Context::at(self.arena, context).name();
        self.emit(MemoryEvent::ContextReset { context, name })
    }

    /// `MemoryContextDelete`: leaves first, without recursion.
    ///
    /// # Errors
    /// [`Error::Stopped`] only.
    pub fn memory_context_delete(&mut self, context: Addr) -> Result<(), Error> {
        let mut node = context;
        loop {
            loop {
                let child = self.arena.read_ptr(node.offset(FIRSTCHILD));
                if child.is_null() {
                    break;
                }
                node = child;
            }
            let parent = self.arena.read_ptr(node.offset(PARENT));
            self.memory_context_delete_only(node)?;
            if node == context {
                return Ok(());
            }
            node = parent;
        }
    }

    /// `MemoryContextDeleteChildren`.
    fn memory_context_delete_children(&mut self, context: Addr) -> Result<(), Error> {
        loop {
            let child = self.arena.read_ptr(context.offset(FIRSTCHILD));
            if child.is_null() {
                return Ok(());
            }
            self.memory_context_delete(child)?;
        }
    }

    /// `MemoryContextDeleteOnly`: one context that has no children any more.
    fn memory_context_delete_only(&mut self, context: Addr) -> Result<(), Error> {
        let name = Context::at(self.arena, context).name();
        self.memory_context_unlink(context);
        self.arena.write_ptr(context.offset(IDENT), Addr::NULL);
        let kept = self.methods_of(context)?.delete_context(self, context)?;
        self.emit(MemoryEvent::ContextDeleted { context, name, kept })
    }

    /// `MemoryContextSetParent(context, NULL)`: take it out of the tree.
    fn memory_context_unlink(&mut self, context: Addr) {
        let arena = &mut *self.arena;
        let parent = arena.read_ptr(context.offset(PARENT));
        if parent.is_null() {
            return;
        }
        let prev = arena.read_ptr(context.offset(PREVCHILD));
        let next = arena.read_ptr(context.offset(NEXTCHILD));
        if prev.is_null() {
            arena.write_ptr(parent.offset(FIRSTCHILD), next);
        } else {
            arena.write_ptr(prev.offset(NEXTCHILD), next);
        }
        if !next.is_null() {
            arena.write_ptr(next.offset(PREVCHILD), prev);
        }
        arena.write_ptr(context.offset(PARENT), Addr::NULL);
        arena.write_ptr(context.offset(PREVCHILD), Addr::NULL);
        arena.write_ptr(context.offset(NEXTCHILD), Addr::NULL);
    }

    /// `MemoryContextCheckSize`.
    pub(super) fn memory_context_check_size(&self, size: u64) -> Result<(), Error> {
        if size > MAX_ALLOC_SIZE { Err(Error::InvalidAllocSize(size)) } else { Ok(()) }
    }

    /// `MemoryContextAllocationFailure`.
    pub(super) fn memory_context_allocation_failure(&self, context: Addr, size: u64) -> Error {
        let name = Context::at(self.arena, context).name();
        Error::OutOfMemory { size, context: self.program.text(name).to_owned() }
    }

    pub(super) fn mem_allocated_add(&mut self, context: Addr, change: i64) {
        let field = context.offset(MEM_ALLOCATED);
        let bytes = self.arena.read_u64(field).wrapping_add_signed(change);
        self.arena.write_u64(field, bytes);
    }

    /// The link that a deleted context in the store shares with the tree (`nextchild`).
    pub(super) fn nextchild(&self, context: Addr) -> Addr {
        self.arena.read_ptr(context.offset(NEXTCHILD))
    }

    pub(super) fn set_nextchild(&mut self, context: Addr, next: Addr) {
        self.arena.write_ptr(context.offset(NEXTCHILD), next);
    }

    #[inline]
    fn methods_of(&self, context: Addr) -> Result<&'static dyn MemoryContextMethods, Error> {
        methods_at(self.arena.read_ptr(context.offset(METHODS))).ok_or(Error::NoSuchContext)
    }

    /// `MCXT_METHOD`: the allocator that the chunk's header names.
    #[inline]
    fn methods_of_chunk(
        &self,
        pointer: Addr,
        function: &'static str,
    ) -> Result<&'static dyn MemoryContextMethods, Error> {
        let header = chunk::ChunkHeader::of(self.arena, pointer);
        methods(header.method()).ok_or(Error::InvalidPointer {
            function,
            pointer,
            header: header.0,
        })
    }
}

/// `GetMemoryChunkContext`: the context that a live chunk belongs to.
pub(crate) fn get_memory_chunk_context(
    arena: &Arena,
    profile: &Profile,
    pointer: Addr,
) -> Option<Addr> {
    methods(chunk::ChunkHeader::of(arena, pointer).method())
        .map(|m| m.get_chunk_context(arena, profile, pointer))
}

/// `GetMemoryChunkSpace`: bytes that a live chunk takes up, its header included.
pub(crate) fn get_memory_chunk_space(
    arena: &Arena,
    profile: &Profile,
    pointer: Addr,
) -> Option<u64> {
    methods(chunk::ChunkHeader::of(arena, pointer).method())
        .map(|m| m.get_chunk_space(arena, profile, pointer))
}
