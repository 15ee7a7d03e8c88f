//! Reset callbacks (`MemoryContextRegisterResetCallback`).
//!
//! Whoever keeps something outside of memory for as long as a context lives (a file, a pin, a
//! reference count) registers a function that gives it up. The functions of a context are a
//! list through structures that their owners provide; they are called, the last registered
//! first, before the context's memory is freed, and each only once.

use super::{IS_RESET, RESET_CBS};
use crate::error::Fallible;
use crate::event::MemoryEvent;
use crate::memory::Addr;
use crate::mmgr::Process;
use crate::op::AllocFlags;

// struct MemoryContextCallback (utils/palloc.h): offsets of its fields.
const FUNC: u64 = 0;
const ARG: u64 = 8;
const NEXT: u64 = 16;
const CALLBACK: u64 = 24;

impl Process<'_> {
    /// `MemoryContextRegisterResetCallback`. The structure is malloc'd here, so that
    /// registering costs the context nothing.
    ///
    /// # Errors
    /// No more memory.
    pub fn memory_context_register_reset_callback(
        &mut self,
        context: Addr,
        callback: u32,
    ) -> Fallible<()> {
        let func = self.program.intern(self.arena, "reset callback")?;
        let Some(entry) = self.malloc(CALLBACK) else {
            let flags = AllocFlags::default();
            return self.memory_context_allocation_failure(context, CALLBACK, flags).map(drop);
        };
        let arena = &mut *self.arena;
        let next = arena.read_ptr(context.offset(RESET_CBS));
        arena.write_ptr(entry.offset(FUNC), func);
        arena.write_u64(entry.offset(ARG), callback.into());
        arena.write_ptr(entry.offset(NEXT), next);
        arena.write_ptr(context.offset(RESET_CBS), entry);
        arena.write_u8(context.offset(IS_RESET), 0);
        self.emit(MemoryEvent::CallbackRegistered { context, callback })
    }

    /// `MemoryContextCallResetCallbacks`: each is taken off the list before it is called, so
    /// that none is called twice.
    pub(super) fn memory_context_call_reset_callbacks(&mut self, context: Addr) -> Fallible<()> {
        loop {
            let entry = self.arena.read_ptr(context.offset(RESET_CBS));
            if entry.is_null() {
                return Ok(());
            }
            let next = self.arena.read_ptr(entry.offset(NEXT));
            self.arena.write_ptr(context.offset(RESET_CBS), next);
            let callback = self.arena.read_u64(entry.offset(ARG)) as u32;
            self.free(entry);
            self.emit(MemoryEvent::CallbackFired { context, callback })?;
        }
    }
}
