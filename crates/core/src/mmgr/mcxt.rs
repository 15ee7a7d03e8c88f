//! The tree of contexts and the routines that callers use (`mcxt.c`).
//!
//! A context is known by its address. Its header begins with the part that all kinds have in
//! common, `MemoryContextData`, whose fields are the constants below. [`palloc`] has the
//! routines that allocate, [`callback`] what is called when a context goes.

mod callback;
mod palloc;

pub(crate) use palloc::is_headerless;
pub(super) use palloc::methods_of_chunk;
pub use palloc::{MAX_ALLOC_HUGE_SIZE, MAX_ALLOC_SIZE};

use super::Process;
use super::chain::chain;
use super::methods::{Counters, MemoryContextMethods, methods_addr, methods_at};
use crate::error::{Error, Fallible};
use crate::event::MemoryEvent;
use crate::memory::{Addr, Arena};
use crate::profile::{Profile, TreeOrder};

// struct MemoryContextData (nodes/memnodes.h): offsets of its fields.
const TYPE: u64 = 0;
pub(super) const IS_RESET: u64 = 4;
const ALLOW_IN_CRIT_SECTION: u64 = 5;
const MEM_ALLOCATED: u64 = 8;
pub(super) const METHODS: u64 = 16;
const PARENT: u64 = 24;
const FIRSTCHILD: u64 = 32;
const PREVCHILD: u64 = 40;
const NEXTCHILD: u64 = 48;
const NAME: u64 = 56;
const IDENT: u64 = 64;
const RESET_CBS: u64 = 72;
/// Bytes of an identifier that are read when nobody ended it with a zero byte.
const IDENT_LIMIT: u64 = 1 << 20;
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
    #[inline]
    pub fn at(arena: &'a Arena, addr: Addr) -> Self {
        Self { arena, addr }
    }

    /// Its allocator's row in the table of methods.
    #[inline]
    pub(super) fn methods_addr(self) -> Addr {
        self.arena.read_ptr(self.addr.offset(METHODS))
    }

    fn link(self, field: u64) -> Option<Self> {
        let addr = self.arena.read_ptr(self.addr.offset(field));
        (!addr.is_null()).then(|| Self::at(self.arena, addr))
    }

    /// The contexts that a field links, as far as they don't come round.
    fn along(self, first: Option<Addr>, field: u64) -> impl Iterator<Item = Self> {
        let next = move |at| Self::at(self.arena, at).link(field).map(|context| context.addr);
        chain(first, next).map(move |at| Self::at(self.arena, at))
    }

    /// Its parent; only `TopMemoryContext` has none.
    pub fn parent(self) -> Option<Self> {
        self.link(PARENT)
    }

    /// Its children, newest first: each new child becomes the first of the list.
    pub fn children(self) -> impl Iterator<Item = Self> {
        let first = self.link(FIRSTCHILD).map(|child| child.addr);
        self.along(first, NEXTCHILD)
    }

    /// More contexts than there can be: who has seen as many goes in a circle.
    fn most(self) -> usize {
        self.arena.resident() / MEMORY_CONTEXT_DATA as usize + 1
    }

    /// The address of its name in the program's text.
    pub fn name(self) -> Addr {
        self.arena.read_ptr(self.addr.offset(NAME))
    }

    /// Nothing was allocated in it since its creation or last reset.
    pub fn is_reset(self) -> bool {
        self.arena.read_u8(self.addr.offset(IS_RESET)) != 0
    }

    /// What it is for, if it was told: the bytes up to the next zero byte.
    pub fn ident(self) -> Option<Vec<u8>> {
        let start = self.arena.read_ptr(self.addr.offset(IDENT));
        if start.is_null() {
            return None;
        }
        let byte = |offset| self.arena.read_u8(start.offset(offset));
        Some((0..IDENT_LIMIT).map(byte).take_while(|byte| *byte != 0).collect())
    }

    /// Its name and what it is for, as views and statistics show them: hash tables all have one
    /// name, so that their identifier stands for it. Bytes that are no text end an identifier.
    pub(crate) fn label(self, name: &str) -> (String, Option<String>) {
        let mut ident = self.ident().map(|mut bytes| {
            let text = std::str::from_utf8(&bytes).map_or_else(|e| e.valid_up_to(), str::len);
            bytes.truncate(text);
            String::from_utf8(bytes).unwrap_or_default()
        });
        let name = if name == "dynahash" { ident.take() } else { None }.unwrap_or(name.to_owned());
        (name, ident)
    }

    /// `MemoryContextTraverseNext`: the context after this one in a walk through everything
    /// below `top`, parents before their children.
    fn traverse_next(self, top: Addr) -> Option<Self> {
        if let Some(child) = self.link(FIRSTCHILD) {
            return Some(child);
        }
        let up = self.along(Some(self.addr), PARENT);
        let mut inner = up.take_while(|context| context.addr != top);
        inner.find_map(|context| context.link(NEXTCHILD))
    }

    /// Everything below `top` from this context on, parents before their children.
    pub(super) fn walk(self, top: Addr) -> impl Iterator<Item = Self> {
        let all = std::iter::successors(Some(self), move |context| context.traverse_next(top));
        all.take(self.most())
    }

    /// Everything below it, parents before their children.
    pub fn descendants(self) -> impl Iterator<Item = Self> {
        self.walk(self.addr).skip(1)
    }

    /// `MemoryContextMemAllocated`: bytes that malloc gave it; with `recurse`, also what its
    /// descendants have.
    pub fn mem_allocated(self, recurse: bool) -> u64 {
        let own = |context: Self| context.arena.read_u64(context.addr.offset(MEM_ALLOCATED));
        let below = recurse.then(|| self.descendants().map(own).fold(0, u64::wrapping_add));
        own(self).wrapping_add(below.unwrap_or(0))
    }

    /// `MemoryContextIsEmpty`: no children and, as far as its allocator can tell, no chunks.
    pub fn is_empty(self, profile: &Profile) -> bool {
        let empty = |m: &dyn MemoryContextMethods| m.is_empty(self.arena, profile, self.addr);
        self.link(FIRSTCHILD).is_none() && self.methods().is_some_and(empty)
    }

    /// The kind's name, as `pg_backend_memory_contexts.type` has it.
    pub fn kind(self) -> &'static str {
        self.methods().map_or("???", MemoryContextMethods::name)
    }

    /// Bytes of the header before each of its chunks; 0 if they have none.
    pub fn chunk_header(self, profile: &Profile) -> u64 {
        self.methods().map_or(0, |methods| methods.chunk_header(profile))
    }

    /// What its memory is used for.
    pub fn stats(self, profile: &Profile) -> Counters {
        self.methods().map_or_else(Counters::default, |m| m.stats(self.arena, profile, self.addr))
    }

    /// The same in the words of its kind.
    pub(super) fn stats_text(self, profile: &Profile) -> String {
        let text = |m: &dyn MemoryContextMethods| m.stats_text(self.arena, profile, self.addr);
        self.methods().map_or_else(String::new, text)
    }

    /// Whether it is `ancestor` or lies below it.
    pub fn is_within(self, ancestor: Addr) -> bool {
        self.along(Some(self.addr), PARENT).any(|context| context.addr == ancestor)
    }

    pub(super) fn methods(self) -> Option<&'static dyn MemoryContextMethods> {
        methods_at(self.methods_addr())
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
            let inherited = arena.read_u8(parent.offset(ALLOW_IN_CRIT_SECTION));
            arena.write_u8(node.offset(ALLOW_IN_CRIT_SECTION), inherited);
            self.memory_context_link(node, parent);
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
    pub fn memory_context_switch_to(&mut self, context: Addr) -> Fallible<Addr> {
        let old = std::mem::replace(&mut self.local.current, context);
        let name = Context::at(self.arena, context).name();
        self.emit(MemoryEvent::Switched { context, name })?;
        Ok(old)
    }

    /// `MemoryContextReset`: delete its children, then free all its chunks.
    ///
    /// # Errors
    /// [`Error::Stopped`] only.
    pub fn memory_context_reset(&mut self, context: Addr) -> Fallible<()> {
        self.memory_context_delete_children(context)?;
        self.memory_context_reset_only(context)
    }

    /// `MemoryContextResetOnly`: free all its chunks; nothing to do if there were none.
    ///
    /// # Errors
    /// [`Error::Stopped`] only.
    pub fn memory_context_reset_only(&mut self, context: Addr) -> Fallible<()> {
        if Context::at(self.arena, context).is_reset() {
            return Ok(());
        }
        self.memory_context_call_reset_callbacks(context)?;
        self.methods_of(context)?.reset(self, context)?;
        self.arena.write_u8(context.offset(IS_RESET), 1);
        let name = Context::at(self.arena, context).name();
        self.emit(MemoryEvent::ContextReset { context, name })
    }

    /// `MemoryContextResetChildren`: everything below a context, but not the context itself.
    ///
    /// # Errors
    /// [`Error::Stopped`] only.
    pub fn memory_context_reset_children(&mut self, context: Addr) -> Fallible<()> {
        let top = Context::at(self.arena, context);
        let below: Vec<Addr> = match self.profile.mmgr.reset_children {
            TreeOrder::ParentsFirst => top.descendants().map(|c| c.addr).collect(),
            TreeOrder::ChildrenFirst => children_first(top),
        };
        below.into_iter().try_for_each(|context| self.memory_context_reset_only(context))
    }

    /// `MemoryContextDelete`: leaves first, without recursion.
    ///
    /// # Errors
    /// [`Error::Stopped`] only.
    pub fn memory_context_delete(&mut self, context: Addr) -> Fallible<()> {
        let mut node = context;
        loop {
            let below = |at: Addr| Some(self.arena.read_ptr(at.offset(FIRSTCHILD)));
            let below = |at: Addr| below(at).filter(|child| !child.is_null());
            node = chain(Some(node), below).last().unwrap_or(node);
            let parent = self.arena.read_ptr(node.offset(PARENT));
            self.memory_context_delete_only(node)?;
            if node == context {
                return Ok(());
            }
            node = parent;
        }
    }

    /// `MemoryContextDeleteChildren`.
    ///
    /// # Errors
    /// [`Error::Stopped`] only.
    pub fn memory_context_delete_children(&mut self, context: Addr) -> Fallible<()> {
        loop {
            let child = self.arena.read_ptr(context.offset(FIRSTCHILD));
            if child.is_null() {
                return Ok(());
            }
            self.memory_context_delete(child)?;
        }
    }

    /// `MemoryContextDeleteOnly`: one context that has no children any more.
    fn memory_context_delete_only(&mut self, context: Addr) -> Fallible<()> {
        let name = Context::at(self.arena, context).name();
        // While the context is still whole: a callback may look at what is in it.
        self.memory_context_call_reset_callbacks(context)?;
        self.memory_context_unlink(context);
        self.arena.write_ptr(context.offset(IDENT), Addr::NULL);
        let kept = self.methods_of(context)?.delete_context(self, context)?;
        self.emit(MemoryEvent::ContextDeleted { context, name, kept })
    }

    /// `MemoryContextSetParent`: a context and all below it go to another place in the tree.
    ///
    /// # Errors
    /// A parent that is the context itself or below it, which PostgreSQL does not check.
    pub fn memory_context_set_parent(&mut self, context: Addr, new_parent: Addr) -> Fallible<()> {
        if Context::at(self.arena, new_parent).is_within(context) {
            let name = Context::at(self.arena, context).name();
            return Err(Error::ContextLoop(self.program.text(name).to_owned()).into());
        }
        if self.arena.read_ptr(context.offset(PARENT)) == new_parent {
            return Ok(());
        }
        self.memory_context_unlink(context);
        self.memory_context_link(context, new_parent);
        self.emit(MemoryEvent::ParentChanged { context, parent: new_parent })
    }

    /// A context becomes the first of its parent's children.
    fn memory_context_link(&mut self, context: Addr, parent: Addr) {
        let arena = &mut *self.arena;
        let first = arena.read_ptr(parent.offset(FIRSTCHILD));
        arena.write_ptr(context.offset(PARENT), parent);
        arena.write_ptr(context.offset(NEXTCHILD), first);
        if !first.is_null() {
            arena.write_ptr(first.offset(PREVCHILD), context);
        }
        arena.write_ptr(parent.offset(FIRSTCHILD), context);
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
    pub(super) fn methods_of(&self, context: Addr) -> Fallible<&'static dyn MemoryContextMethods> {
        Context::at(self.arena, context).methods().ok_or_else(|| Error::SegmentationFault.into())
    }

    /// The header of a new context, malloc'd, together with whatever goes with it.
    pub(super) fn malloc_context(&mut self, size: u64, name: Addr) -> Fallible<Addr> {
        self.malloc(size).ok_or_else(|| {
            let context = self.program.text(name).to_owned();
            Error::OutOfMemoryCreating { context }.into()
        })
    }
}

/// Everything below a context, children before their parents.
fn children_first(top: Context<'_>) -> Vec<Addr> {
    let some = |context: Option<Context<'_>>| context.map(|context| context.addr);
    let below = |at: Addr| some(Context::at(top.arena, at).link(FIRSTCHILD));
    let leaf = |at: Addr| chain(Some(at), below).last().unwrap_or(at);
    let mut order = Vec::new();
    let mut next = leaf(top.addr);
    while next != top.addr && order.len() < top.most() {
        order.push(next);
        let context = Context::at(top.arena, next);
        next = match (context.link(NEXTCHILD), context.parent()) {
            (Some(sibling), _) => leaf(sibling.addr),
            (None, Some(parent)) => parent.addr,
            (None, None) => break,
        };
    }
    order
}
