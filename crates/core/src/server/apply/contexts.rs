//! Operations on memory contexts: what goes with PostgreSQL's routines around them.
//!
//! A variable of a scenario is only good while its memory lives. So whatever frees many chunks
//! at once, or whole contexts, notes whose lives ended; and the contexts that a backend can't
//! do without are guarded, since PostgreSQL itself would just go down.

use crate::error::Error;
use crate::event::{Event, MemoryEvent};
use crate::ids::{BackendId, ContextSlot};
use crate::memory::Addr;
use crate::mmgr::{Context, LocalMemory, StatsForm};
use crate::op::{Allocator, Name};
use crate::server::Server;
use crate::server::backend::{Backend, Call};

/// Backends that a server of the playground may have.
const MAX_BACKENDS: usize = 1000;
/// Calls within calls.
const MAX_CALL_DEPTH: usize = 1000;

impl Server {
    /// The postmaster forks: the contexts that every backend has, in the order of its start.
    pub(super) fn connect(&mut self, id: BackendId, name: &Name) -> Result<(), Error> {
        self.check_touched()?;
        if usize::from(id.0) != self.backends.len() {
            return Err(Error::Protocol("backends must connect in the order of their ids"));
        }
        if self.backends.len() >= MAX_BACKENDS {
            return Err(Error::Limit { what: "backends", limit: MAX_BACKENDS as u64 });
        }
        Allocator::check_plain(self.profile)?;
        self.backends.push(Backend::new(name.clone(), LocalMemory::new(id)));
        self.log.emit(Event::BackendStarted(id))?;

        // MemoryContextInit, mcxt.c
        let default = Allocator::PLAIN;
        let top = self.create_named(id, Addr::NULL, ContextSlot::TOP, default)?;
        let backend = self.backend_mut(id)?;
        backend.memory.top = top;
        backend.memory.current = top;
        let reserve = Allocator::plain(8192, 8192, 8192);
        let error = self.create_named(id, top, ContextSlot::ERROR, reserve)?;
        self.memory(id)?.memory_context_allow_in_critical_section(error, true);
        // CreateCacheMemoryContext, catcache.c; EnablePortalManager, portalmem.c
        self.create_named(id, top, ContextSlot::CACHE, default)?;
        self.create_named(id, top, ContextSlot::TOP_PORTAL, default)?;
        // PostgresMain, postgres.c
        let message = self.create_named(id, top, ContextSlot::MESSAGE, default)?;
        self.memory(id)?.memory_context_switch_to(message)?;
        Ok(())
    }

    fn create_named(
        &mut self,
        id: BackendId,
        parent: Addr,
        slot: ContextSlot,
        allocator: Allocator,
    ) -> Result<Addr, Error> {
        let known = ContextSlot::WELL_KNOWN.iter().find(|(_, known)| *known == slot);
        let name = known.map_or("", |(name, _)| name);
        let addr = self.create_context(id, parent, name, allocator)?;
        self.backend_mut(id)?.variables.set_context_to(slot, addr)?;
        Ok(addr)
    }

    pub(super) fn create_context(
        &mut self,
        id: BackendId,
        parent: Addr,
        name: &str,
        allocator: Allocator,
    ) -> Result<Addr, Error> {
        let mut process = self.memory(id)?;
        let name = process.program.intern(process.arena, name)?;
        Ok(process.context_create(parent, name, allocator)?)
    }

    pub(super) fn reset(&mut self, id: BackendId, slot: ContextSlot) -> Result<(), Error> {
        let context = self.backend_mut(id)?.context_or_error(slot)?;
        self.check_unused(id, context, false)?;
        let gone: Vec<Addr> = self.context(context).descendants().map(|c| c.addr).collect();
        self.memory(id)?.memory_context_reset(context)?;
        let backend = self.backend_mut(id)?;
        backend.variables.end_life(context, false);
        gone.into_iter().for_each(|context| backend.variables.end_life(context, true));
        Ok(())
    }

    pub(super) fn reset_children(&mut self, id: BackendId, slot: ContextSlot) -> Result<(), Error> {
        let context = self.backend_mut(id)?.context_or_error(slot)?;
        let below: Vec<Addr> = self.context(context).descendants().map(|c| c.addr).collect();
        self.memory(id)?.memory_context_reset_children(context)?;
        let backend = self.backend_mut(id)?;
        below.into_iter().for_each(|context| backend.variables.end_life(context, false));
        Ok(())
    }

    pub(super) fn delete_children(
        &mut self,
        id: BackendId,
        slot: ContextSlot,
    ) -> Result<(), Error> {
        let context = self.backend_mut(id)?.context_or_error(slot)?;
        self.check_unused(id, context, false)?;
        let gone: Vec<Addr> = self.context(context).descendants().map(|c| c.addr).collect();
        self.memory(id)?.memory_context_delete_children(context)?;
        let backend = self.backend_mut(id)?;
        gone.into_iter().for_each(|context| backend.variables.end_life(context, true));
        Ok(())
    }

    pub(super) fn delete(&mut self, id: BackendId, slot: ContextSlot) -> Result<(), Error> {
        let context = self.backend_mut(id)?.context_or_error(slot)?;
        self.check_unused(id, context, true)?;
        self.delete_family(id, context)
    }

    fn delete_family(&mut self, id: BackendId, context: Addr) -> Result<(), Error> {
        let gone = self.family(context);
        self.memory(id)?.memory_context_delete(context)?;
        let backend = self.backend_mut(id)?;
        gone.into_iter().for_each(|context| backend.variables.end_life(context, true));
        Ok(())
    }

    /// A context that is current, of a running call, or one that a backend never deletes, must
    /// not go with all that is below `doomed`, nor with `itself`.
    fn check_unused(&mut self, id: BackendId, doomed: Addr, itself: bool) -> Result<(), Error> {
        let backend = self.backend_mut(id)?;
        let current = [backend.memory.current];
        let calls = backend.calls.iter().flat_map(|call| [call.context, call.caller]);
        let in_use: Vec<Addr> = calls.chain(current).collect();
        let permanent: Vec<Addr> = ContextSlot::WELL_KNOWN
            .iter()
            .filter(|(_, slot)| *slot != ContextSlot::FUNCTION_CALL)
            .filter_map(|(_, slot)| backend.context(*slot))
            .collect();
        let name = |context: Addr| self.text(self.context(context).name()).to_owned();
        let goes = |context: &&Addr| {
            (itself || **context != doomed) && self.context(**context).is_within(doomed)
        };
        if let Some(&found) = permanent.iter().find(goes) {
            return Err(Error::PermanentContext(name(found)));
        }
        match in_use.iter().find(goes) {
            Some(&found) => Err(Error::ContextInUse(name(found))),
            None => Ok(()),
        }
    }

    /// A context and everything below it.
    fn family(&self, context: Addr) -> Vec<Addr> {
        let context = self.context(context);
        std::iter::once(context).chain(context.descendants()).map(|c| c.addr).collect()
    }

    /// Make the function's context and switch to it.
    pub(super) fn call_begin(&mut self, id: BackendId, function: &Name) -> Result<(), Error> {
        self.check_touched()?;
        let backend = self.backend_mut(id)?;
        if backend.calls.len() >= MAX_CALL_DEPTH {
            return Err(Error::Limit { what: "nested calls", limit: MAX_CALL_DEPTH as u64 });
        }
        let caller = backend.memory.current;
        let outer =
            backend.context(ContextSlot::FUNCTION_CALL).map(|c| backend.variables.context_var(c));
        let process = self.memory(id)?;
        let function = process.program.intern(process.arena, function)?;
        let slot = ContextSlot::FUNCTION_CALL;
        let context = self.create_named(id, caller, slot, Allocator::PLAIN)?;
        self.memory(id)?.memory_context_switch_to(context)?;
        let calls = &mut self.backend_mut(id)?.calls;
        calls.push(Call { function, context, caller, outer });
        let depth = calls.len() as u32;
        self.emit_memory(id, MemoryEvent::CallBegan { function, depth })
    }

    /// Switch back and delete the function's context.
    pub(super) fn call_end(&mut self, id: BackendId) -> Result<(), Error> {
        let backend = self.backend_mut(id)?;
        let call = *backend.calls.last().ok_or(Error::NoCallRunning)?;
        self.memory(id)?.memory_context_switch_to(call.caller)?;
        self.delete_family(id, call.context)?;
        let backend = self.backend_mut(id)?;
        backend.calls.pop();
        backend.variables.set_context(ContextSlot::FUNCTION_CALL, call.outer)?;
        let depth = backend.calls.len() as u32;
        self.emit_memory(id, MemoryEvent::CallEnded { function: call.function, depth })
    }

    fn emit_memory(&mut self, id: BackendId, event: MemoryEvent) -> Result<(), Error> {
        Ok(self.log.emit(Event::Memory(id, event))?)
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
