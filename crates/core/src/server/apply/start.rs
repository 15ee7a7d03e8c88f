//! A backend's start: the contexts that it has when it waits for its first command.
//!
//! The postmaster forks, so the first of them are copies of its own; `InitPostgres` makes the
//! rest, within a transaction where it has to look at the catalogs, and `PostgresMain` the last.

use std::rc::Rc;

use crate::bufmgr::localbuf::LocalBufferPool;
use crate::error::{Error, Fallible};
use crate::event::{Event, ProcessEvent};
use crate::ids::{BackendId, ContextSlot};
use crate::lmgr::ProcNumber;
use crate::memory::Addr;
use crate::mmgr::LocalMemory;
use crate::op::{Allocator, Name};
use crate::profile::{BackendType, StartStep};
use crate::server::Server;
use crate::server::backend::{Backend, ClientProcess};
use crate::server::locks::LockState;

/// Backends that a server of the playground may have.
const MAX_BACKENDS: usize = 1000;

impl Server {
    pub(super) fn connect(&mut self, id: BackendId, name: &Name, superuser: bool) -> Fallible<()> {
        self.check_touched()?;
        Allocator::check_plain(self.profile)?;
        self.place_for(id, name)?;
        let process = self.admit(superuser)?;
        let temp_buffers = self.settings.temp_buffers;
        let proc = ProcNumber(process.proc);
        Rc::make_mut(&mut self.locks).attach_as(proc, process.number);
        let lxid = self.last_transaction(process);
        let backend = self.at(id)?;
        backend.superuser = superuser;
        backend.buffers.temp = LocalBufferPool::of_size(temp_buffers);
        backend.started(process);
        backend.locks = LockState { lxid, ..LockState::new(proc) };
        self.log.emit(Event::BackendStarted(id))?;
        let ClientProcess { pid, proc, .. } = process;
        let kind = BackendType::ClientBackend;
        self.log.emit(Event::Process(ProcessEvent::Started { kind, pid, proc }))?;

        let default = Allocator::PLAIN;
        let top = self.create_named(id, Addr::NULL, ContextSlot::TOP, default)?;
        let backend = self.at(id)?;
        backend.memory.top = top;
        backend.memory.current = top;
        for step in self.profile.backend.start {
            self.start_step(id, top, step)?;
        }
        self.main_loop_top(id)
    }

    /// A backend that has ended may connect again; a new one gets the next id, even if it is turned away.
    fn place_for(&mut self, id: BackendId, name: &Name) -> Fallible<()> {
        let at = usize::from(id.0);
        match self.backends.get(at) {
            Some(backend) if backend.end().is_some() => return Ok(()),
            Some(_) => return Err(Error::Protocol("this backend is connected").into()),
            None => {}
        }
        if at != self.backends.len() {
            return Err(Error::Protocol("backends must connect in the order of their ids").into());
        }
        if at >= MAX_BACKENDS {
            return Err(Error::Limit { what: "backends", limit: MAX_BACKENDS as u64 }.into());
        }
        let temp_buffers = self.settings.temp_buffers;
        self.backends.push(Backend::new(name.clone(), LocalMemory::new(id), temp_buffers));
        Ok(())
    }

    fn start_step(&mut self, id: BackendId, top: Addr, step: &StartStep) -> Fallible<()> {
        match *step {
            StartStep::Create { context: slot, sizes, chunks } => {
                let context = self.create_named(id, top, slot, sizes)?;
                if slot == ContextSlot::ERROR {
                    self.memory_of(id)?.memory_context_allow_in_critical_section(context, true);
                }
                for size in chunks.into_iter().take_while(|size| *size > 0) {
                    self.keep(id, context, size)?;
                }
                Ok(())
            }
            StartStep::StartTransaction => self.start_transaction(id),
            StartStep::CommitTransaction => self.commit_transaction(id),
            StartStep::Delete(slot) => {
                let context = self.at(id)?.context_or_error(slot)?;
                self.delete_family(id, context)
            }
        }
    }
}
