//! Operations on memory contexts: what goes with PostgreSQL's routines around them.
//!
//! A variable of a scenario is only good while its memory lives. So whatever frees many chunks
//! at once, or whole contexts, notes whose lives ended; and the contexts that a backend can't
//! do without are guarded, since PostgreSQL itself would just go down.

use crate::error::{Error, Fallible};
use crate::event::{Event, MemoryEvent};
use crate::ids::{BackendId, ContextSlot};
use crate::memory::Addr;
use crate::mmgr::{Context, StatsForm};
use crate::op::{Allocator, Name};
use crate::server::Server;
use crate::server::backend::Call;

/// Calls within calls.
const MAX_CALL_DEPTH: usize = 1000;

impl Server {
    /// One of PostgreSQL's own contexts.
    pub(super) fn create_named(
        &mut self,
        id: BackendId,
        parent: Addr,
        slot: ContextSlot,
        allocator: Allocator,
    ) -> Fallible<Addr> {
        let addr = self.create_context(id, parent, slot.known_name(), allocator)?;
        self.at(id)?.variables.set_context_to(slot, addr)?;
        Ok(addr)
    }

    pub(super) fn create_context(
        &mut self,
        id: BackendId,
        parent: Addr,
        name: &str,
        allocator: Allocator,
    ) -> Fallible<Addr> {
        let mut process = self.memory_of(id)?;
        let name = process.program.intern(process.arena, name)?;
        process.context_create(parent, name, allocator)
    }

    pub(super) fn reset(&mut self, id: BackendId, slot: ContextSlot) -> Fallible<()> {
        let context = self.at(id)?.context_or_error(slot)?;
        self.check_unused(id, context, false)?;
        self.reset_family(id, context)
    }

    /// `MemoryContextReset`, and the lives that it ends.
    pub(super) fn reset_family(&mut self, id: BackendId, context: Addr) -> Fallible<()> {
        self.delete_below(id, context)?;
        self.memory_of(id)?.memory_context_reset_only(context)?;
        self.at(id)?.variables.end_life(context, false);
        Ok(())
    }

    /// Free the chunks of a context, but leave its children alone.
    pub(super) fn reset_only(&mut self, id: BackendId, slot: ContextSlot) -> Fallible<()> {
        let context = self.at(id)?.context_or_error(slot)?;
        self.check_keeps_nothing(id, &[context])?;
        self.memory_of(id)?.memory_context_reset_only(context)?;
        self.at(id)?.variables.end_life(context, false);
        Ok(())
    }

    pub(super) fn set_parent(
        &mut self,
        id: BackendId,
        slot: ContextSlot,
        parent: ContextSlot,
    ) -> Fallible<()> {
        let backend = self.at(id)?;
        let parent = backend.context_or_error(parent)?;
        let context = backend.context_or_error(slot)?;
        // PostgreSQL's own contexts have their places, on which their ends rely.
        self.check_permanent(id, context, true)?;
        self.check_owned(id, context, true)?;
        self.memory_of(id)?.memory_context_set_parent(context, parent)
    }

    pub(super) fn reset_children(&mut self, id: BackendId, slot: ContextSlot) -> Fallible<()> {
        let context = self.at(id)?.context_or_error(slot)?;
        let below: Vec<Addr> = self.context(context).descendants().map(|c| c.addr).collect();
        self.check_keeps_nothing(id, &below)?;
        self.memory_of(id)?.memory_context_reset_children(context)?;
        let backend = self.at(id)?;
        below.into_iter().for_each(|context| backend.variables.end_life(context, false));
        Ok(())
    }

    pub(super) fn delete_children(&mut self, id: BackendId, slot: ContextSlot) -> Fallible<()> {
        let context = self.at(id)?.context_or_error(slot)?;
        self.check_unused(id, context, false)?;
        self.delete_below(id, context)
    }

    /// `MemoryContextDeleteChildren`, and the lives that it ends.
    pub(super) fn delete_below(&mut self, id: BackendId, context: Addr) -> Fallible<()> {
        let gone: Vec<Addr> = self.context(context).descendants().map(|c| c.addr).collect();
        self.memory_of(id)?.memory_context_delete_children(context)?;
        let backend = self.at(id)?;
        gone.into_iter().for_each(|context| backend.variables.end_life(context, true));
        Ok(())
    }

    pub(super) fn delete(&mut self, id: BackendId, slot: ContextSlot) -> Fallible<()> {
        let context = self.at(id)?.context_or_error(slot)?;
        self.check_unused(id, context, true)?;
        self.delete_family(id, context)
    }

    /// `MemoryContextDelete`, and the lives that it ends.
    pub(super) fn delete_family(&mut self, id: BackendId, context: Addr) -> Fallible<()> {
        self.check_owned(id, context, true)?;
        self.check_current(id, context, true)?;
        self.delete_below(id, context)?;
        self.memory_of(id)?.memory_context_delete(context)?;
        self.at(id)?.variables.end_life(context, true);
        Ok(())
    }

    /// Nothing that is needed must go with all that is below `doomed`, nor with `itself`.
    pub(super) fn check_unused(
        &mut self,
        id: BackendId,
        doomed: Addr,
        itself: bool,
    ) -> Fallible<()> {
        if !itself && self.context(doomed).children().next().is_none() {
            // Nothing goes. Loops reset such contexts by the million.
            return Ok(());
        }
        self.check_permanent(id, doomed, itself)?;
        self.check_owned(id, doomed, itself)?;
        self.check_current(id, doomed, itself)
    }

    /// Contexts that a backend never deletes.
    fn check_permanent(&mut self, id: BackendId, doomed: Addr, itself: bool) -> Fallible<()> {
        let backend = self.at(id)?;
        let local = [ContextSlot::LOCAL_BUFFER, ContextSlot::LOCAL_BUFFER_TABLE];
        let slots = (0..ContextSlot::TOP_TRANSACTION.0).map(ContextSlot).chain(local);
        let permanent: Vec<Addr> = slots.filter_map(|slot| backend.context(slot)).collect();
        self.goes_with(doomed, itself, &permanent, Error::PermanentContext)
    }

    /// Contexts of a transaction, a statement or a call that is running.
    fn check_owned(&mut self, id: BackendId, doomed: Addr, itself: bool) -> Fallible<()> {
        let backend = self.at(id)?;
        let mut in_use = backend.session.in_use();
        for call in &backend.calls {
            in_use.extend_from_slice(&[call.context, call.caller]);
        }
        in_use.extend(backend.context(ContextSlot::TOP_TRANSACTION));
        self.goes_with(doomed, itself, &in_use, Error::ContextInUse)
    }

    fn check_current(&mut self, id: BackendId, doomed: Addr, itself: bool) -> Fallible<()> {
        let current = self.at(id)?.memory.current;
        self.goes_with(doomed, itself, &[current], Error::ContextInUse)
    }

    /// An error if one of the contexts goes with `doomed`.
    fn goes_with(
        &self,
        doomed: Addr,
        itself: bool,
        contexts: &[Addr],
        error: fn(String) -> Error,
    ) -> Fallible<()> {
        let goes = |context: &&Addr| {
            !context.is_null()
                && (itself || **context != doomed)
                && self.context(**context).is_within(doomed)
        };
        match contexts.iter().find(goes) {
            Some(found) => Err(error(self.text(self.context(*found).name()).to_owned()).into()),
            None => Ok(()),
        }
    }

    /// What a portal keeps in a context is freed with the portal: not before, by a reset.
    fn check_keeps_nothing(&mut self, id: BackendId, contexts: &[Addr]) -> Fallible<()> {
        let backend = self.at(id)?;
        let Some(portal) = backend.session.portal else { return Ok(()) };
        let keepers = [Some(portal.context), backend.context(ContextSlot::TOP_PORTAL)];
        let kept = |keeper: &Addr| contexts.contains(keeper);
        let keeper = keepers.into_iter().flatten().find(kept);
        keeper.map_or(Ok(()), |keeper| self.goes_with(keeper, true, &[keeper], Error::ContextInUse))
    }

    /// Make the function's context and switch to it.
    pub(super) fn call_begin(&mut self, id: BackendId, function: &Name) -> Fallible<()> {
        self.check_touched()?;
        let backend = self.at(id)?;
        if backend.calls.len() >= MAX_CALL_DEPTH {
            return Err(Error::Limit { what: "nested calls", limit: MAX_CALL_DEPTH as u64 }.into());
        }
        let caller = backend.memory.current;
        let outer =
            backend.context(ContextSlot::FUNCTION_CALL).map(|c| backend.variables.context_var(c));
        let process = self.memory_of(id)?;
        let function = process.program.intern(process.arena, function)?;
        let slot = ContextSlot::FUNCTION_CALL;
        let context = self.create_named(id, caller, slot, Allocator::PLAIN)?;
        self.memory_of(id)?.memory_context_switch_to(context)?;
        let calls = &mut self.at(id)?.calls;
        calls.push(Call { function, context, caller, outer });
        let depth = calls.len() as u32;
        self.emit_memory(id, MemoryEvent::CallBegan { function, depth })
    }

    /// Switch back and delete the function's context.
    pub(super) fn call_end(&mut self, id: BackendId) -> Fallible<()> {
        let backend = self.at(id)?;
        let call = *backend.calls.last().ok_or(Error::NoCallRunning)?;
        self.memory_of(id)?.memory_context_switch_to(call.caller)?;
        self.at(id)?.calls.pop();
        self.delete_family(id, call.context)?;
        let backend = self.at(id)?;
        backend.variables.set_context(ContextSlot::FUNCTION_CALL, call.outer)?;
        let depth = backend.calls.len() as u32;
        self.emit_memory(id, MemoryEvent::CallEnded { function: call.function, depth })
    }

    /// `MemoryContextCheck(TopMemoryContext)`, as a developer's server does it at the end of each
    /// statement. What it finds is among the events.
    ///
    /// # Errors
    /// There is no such backend.
    #[cfg(feature = "memory-context-checking")]
    pub fn memory_context_check(&mut self, id: BackendId) -> Result<(), Error> {
        let top = self.at(id)?.memory.top;
        Ok(self.memory_of(id)?.memory_context_check(top)?)
    }

    fn emit_memory(&mut self, id: BackendId, event: MemoryEvent) -> Fallible<()> {
        self.log.emit(Event::Memory(id, event))
    }

    /// The memory context at an address.
    pub fn context(&self, addr: Addr) -> Context<'_> {
        Context::at(&self.arena, addr)
    }

    /// The statistics of a context and those below it (`MemoryContextStatsDetail`), up to a
    /// depth and a number of children each.
    pub fn context_stats(&self, context: Addr, limits: (u32, usize), form: StatsForm) -> String {
        let (arena, program, profile) = (&self.arena, &self.program, self.profile);
        crate::mmgr::memory_context_stats_detail(arena, program, profile, context, limits, form)
    }
}
