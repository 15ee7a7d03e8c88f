//! One statement as a backend executes it, and the contexts that it has for that
//! (`postgres.c`, `pquery.c`, `portalmem.c`, `execMain.c`, `execUtils.c`, `spi.c`).
//!
//! `exec_simple_query` plans in `MessageContext`, makes a portal with its `PortalContext`, and
//! in it the executor's `ExecutorState`, with an `ExprContext` for what lives as long as one
//! tuple. All of it is gone when the statement has been executed, and at the top of the main
//! loop `MessageContext` is reset. Of what a backend keeps in these contexts only what the
//! portal itself needs is allocated; switches there and back with nothing between are left out.

use crate::error::{Error, Fallible};
use crate::ids::{BackendId, ContextSlot};
use crate::memory::Addr;
use crate::op::Allocator;
use crate::profile::contexts::STRING_INFO;
use crate::server::Server;
use crate::server::session::{Portal, Query, Session, SpiConnection};

/// SPI connections within SPI connections.
const MAX_SPI_DEPTH: usize = 1000;
/// A column's format code.
const FORMAT: u64 = 2;

impl Server {
    /// The top of `PostgresMain`'s loop: what the last message left is gone, and there is a
    /// buffer for the next.
    pub(super) fn main_loop_top(&mut self, id: BackendId) -> Fallible<()> {
        self.switch_to_slot(id, ContextSlot::MESSAGE)?;
        self.reset_slot(id, ContextSlot::MESSAGE)?;
        let message = self.at(id)?.memory.current;
        self.keep(id, message, STRING_INFO)?;
        Ok(())
    }

    /// A client waits for the end of one statement before it sends the next.
    pub(super) fn check_idle(&mut self, id: BackendId) -> Fallible<()> {
        self.check_touched()?;
        let backend = self.at(id)?;
        let Session { statement, tuple, spi, running, .. } = &backend.session;
        let idle = statement.is_none() && tuple.is_empty() && spi.is_empty() && running.is_none();
        backend.session.unwound = 0;
        match idle && self.at(id)?.calls.is_empty() {
            true => Ok(()),
            false => {
                Err(Error::Protocol("a client sends a statement when the last one has ended")
                    .into())
            }
        }
    }

    /// The first half of `exec_simple_query`: a transaction, and `MessageContext` to plan in.
    /// In a failed transaction only an `exit` is taken.
    pub(super) fn exec_simple_query(&mut self, id: BackendId, exit: bool) -> Fallible<()> {
        self.check_idle(id)?;
        self.switch_to_slot(id, ContextSlot::MESSAGE)?;
        self.start_transaction_command(id)?;
        self.drop_unnamed_stmt(id)?;
        if !exit && self.is_aborted(id)? {
            self.recover_from_error(id)?;
            return Err(Error::InFailedTransaction.into());
        }
        let backend = self.at(id)?;
        backend.session.statement = Some(backend.memory.current);
        self.switch_to_slot(id, ContextSlot::MESSAGE)
    }

    /// `CreatePortal`, `PortalStart`, and the way into `PortalRun`.
    pub(super) fn run_portal(&mut self, id: BackendId, columns: Option<u16>) -> Fallible<()> {
        let session = &self.at(id)?.session;
        let outer = session.statement.ok_or_else(no_statement)?;
        if session.portal.is_some_and(|portal| portal.active.is_some()) {
            return Err(Error::Protocol("the statement has its portal already").into());
        }
        let mut portal = self.create_portal(id)?;
        if let Some(columns) = columns {
            let query = self.executor_start(id, portal.context)?;
            portal.query = Some(query);
            self.keep_portal(id, portal)?;
            self.init_planned(id, query.per_query)?;
            let formats = u64::from(columns) * FORMAT;
            self.keep(id, portal.context, formats)?;
        }
        self.switch(id, outer)?;
        // PortalRun
        portal.active = Some(outer);
        self.keep_portal(id, portal)?;
        self.switch(id, portal.context)?;
        if let Some(query) = &mut portal.query {
            // standard_ExecutorRun, printtup_startup
            self.switch(id, query.per_query)?;
            let sizes = Allocator::PLAIN;
            let slot = ContextSlot::PRINTTUP;
            query.receiver = self.create_named(id, query.per_query, slot, sizes)?;
            self.keep_portal(id, portal)?;
        }
        Ok(())
    }

    /// `CreatePortal` for the unnamed portal; one that an error left is dropped first.
    fn create_portal(&mut self, id: BackendId) -> Fallible<Portal> {
        self.portal_drop(id)?;
        self.drop_cursors(id, |cursor| cursor.name.is_empty())?;
        let portal = self.portal_create(id, "")?;
        self.keep_portal(id, portal)?;
        Ok(portal)
    }

    /// `CreatePortal`
    pub(super) fn portal_create(&mut self, id: BackendId, name: &str) -> Fallible<Portal> {
        let size = self.profile.backend.portal;
        let backend = self.at(id)?;
        let level = backend.session.levels.len();
        let top = backend.context_or_error(ContextSlot::TOP_PORTAL)?;
        let pointer = self.keep(id, top, size)?;
        let sizes = Allocator::PLAIN_SMALL;
        let context = self.create_named(id, top, ContextSlot::PORTAL, sizes)?;
        let ident = if name.is_empty() { "<unnamed>" } else { name };
        self.memory_of(id)?.memory_context_set_identifier(context, ident)?;
        Ok(Portal { pointer, context, level, active: None, query: None, hold: Addr::NULL })
    }

    fn keep_portal(&mut self, id: BackendId, portal: Portal) -> Fallible<()> {
        self.at(id)?.session.portal = Some(portal);
        Ok(())
    }

    /// `PortalStart` of a query: `CreateQueryDesc`, `standard_ExecutorStart`, and in its
    /// `InitPlan` a node's `CreateExprContext`.
    pub(super) fn executor_start(&mut self, id: BackendId, parent: Addr) -> Fallible<Query> {
        let size = self.profile.backend.query_desc;
        let planned_in = self.at(id)?.memory.current;
        self.switch(id, parent)?;
        let descriptor = self.keep(id, parent, size)?;
        let sizes = Allocator::PLAIN;
        let slot = ContextSlot::EXECUTOR_STATE;
        let per_query = self.create_named(id, parent, slot, sizes)?;
        self.switch(id, per_query)?;
        let per_tuple = self.create_named(id, per_query, ContextSlot::EXPR, sizes)?;
        self.switch(id, parent)?;
        self.switch(id, planned_in)?;
        Ok(Query { descriptor, per_query, per_tuple, receiver: Addr::NULL })
    }

    /// What the backend itself keeps in one of its contexts. In a build that makes them Slabs,
    /// which have chunks of one size, it keeps nothing.
    pub(super) fn keep(&mut self, id: BackendId, context: Addr, size: u64) -> Fallible<Addr> {
        match Allocator::PLAIN {
            Allocator::Slab { .. } => Ok(Addr::NULL),
            _ => self.memory_of(id)?.memory_context_alloc(context, size, false),
        }
    }

    /// `pfree` of what was kept, where the build's contexts have that.
    pub(super) fn give_back(&mut self, id: BackendId, pointer: Addr) -> Fallible<()> {
        match Allocator::PLAIN {
            Allocator::Slab { .. } | Allocator::Bump { .. } => Ok(()),
            _ => self.memory_of(id)?.pfree(pointer),
        }
    }

    /// The end of `PortalRun`, and `PortalDrop`.
    pub(super) fn finish_portal(&mut self, id: BackendId) -> Fallible<()> {
        let backend = self.at(id)?;
        let Session { tuple, spi, .. } = &backend.session;
        let within = !tuple.is_empty() || !spi.is_empty() || !backend.calls.is_empty();
        let mut portal = backend.session.portal.ok_or_else(no_statement)?;
        let outer = portal.active.ok_or_else(no_statement)?;
        if within {
            return Err(Error::Protocol("what the statement called has not ended").into());
        }
        match &mut portal.query {
            Some(query) => {
                let receiver = std::mem::replace(&mut query.receiver, Addr::NULL);
                self.switch(id, query.per_query)?;
                self.keep_portal(id, portal)?;
                self.delete_family(id, receiver)?;
                self.switch(id, portal.context)?;
            }
            None => {
                // PortalRunUtility, PortalRunMulti
                self.switch(id, portal.context)?;
                self.delete_below(id, portal.context)?;
            }
        }
        portal.active = None;
        self.keep_portal(id, portal)?;
        self.switch(id, outer)?;
        self.portal_drop(id)?;
        let session = &mut self.at(id)?.session;
        session.statement = None;
        session.planned.clear();
        Ok(())
    }

    /// The rest of `exec_simple_query`, and the loop around it.
    pub(super) fn end_statement(&mut self, id: BackendId) -> Fallible<()> {
        self.finish_portal(id)?;
        self.commit_query(id)?;
        self.main_loop_top(id)
    }

    /// `PortalDrop`, if there is a portal: `PortalCleanup` with `ExecutorEnd`, its context, and
    /// the structure itself.
    pub(super) fn portal_drop(&mut self, id: BackendId) -> Fallible<()> {
        let Some(mut portal) = self.at(id)?.session.portal else { return Ok(()) };
        if let Some(query) = portal.query.take() {
            self.keep_portal(id, portal)?;
            self.executor_end(id, query)?;
        }
        self.at(id)?.session.portal = None;
        if !portal.hold.is_null() {
            self.delete_family(id, portal.hold)?;
        }
        self.delete_family(id, portal.context)?;
        self.give_back(id, portal.pointer)
    }

    /// `ExecutorEnd` and `FreeQueryDesc`
    pub(super) fn executor_end(&mut self, id: BackendId, query: Query) -> Fallible<()> {
        self.end_nodes(id, query.per_query)?;
        self.delete_family(id, query.per_tuple)?;
        self.delete_family(id, query.per_query)?;
        self.give_back(id, query.descriptor)
    }

    /// `AtAbort_Portals`: an error's portal loses what is below its context.
    pub(super) fn abort_portal(&mut self, id: BackendId, level: usize) -> Fallible<()> {
        let Some(mut portal) = self.at(id)?.session.portal else { return Ok(()) };
        if portal.level != level {
            return Ok(());
        }
        portal.active = None;
        portal.query = None;
        self.keep_portal(id, portal)?;
        self.delete_below(id, portal.context)?;
        self.forget_nodes(id)
    }

    /// `PostgresMain` after an error: the transaction is aborted, the loop goes on.
    pub(super) fn recover_from_error(&mut self, id: BackendId) -> Fallible<()> {
        let backend = self.at(id)?;
        let calls = backend.calls.first().map(|call| call.outer);
        backend.calls.clear();
        if let Some(outer) = calls {
            backend.variables.set_context(ContextSlot::FUNCTION_CALL, outer)?;
        }
        let session = &mut backend.session;
        (session.statement, session.running) = (None, None);
        session.tuple.clear();
        session.planned.clear();
        self.leave_blocks(id)?;
        self.abort_current_transaction(id)?;
        // MarkPortalFailed, of a statement in a transaction that was aborted before.
        if let Some(portal) = &mut self.at(id)?.session.portal {
            portal.active = None;
        }
        self.main_loop_top(id)
    }

    /// The start of a node's cycle for one tuple: what the last one left goes now, so that a
    /// tuple that was handed up stays until the next is asked for.
    pub(super) fn tuple_begin(&mut self, id: BackendId) -> Fallible<()> {
        self.check_touched()?;
        let session = &self.at(id)?.session;
        let query = session.query().ok_or_else(no_statement)?;
        if session.tuple.len() > session.outer_tuples() {
            return Err(Error::Protocol("the node is working on a tuple already").into());
        }
        self.check_unused(id, query.per_tuple, false)?;
        self.reset_family(id, query.per_tuple)?;
        let backend = self.at(id)?;
        backend.session.tuple.push(backend.memory.current);
        self.switch(id, query.per_tuple)
    }

    /// `MemoryContextSwitchTo` what was current before the tuple.
    pub(super) fn tuple_end(&mut self, id: BackendId) -> Fallible<()> {
        let tuple = self.at(id)?.session.tuple.pop();
        self.switch(id, tuple.ok_or_else(no_statement)?)
    }

    /// `SPI_connect`: atomic in a query, and in a transaction block; else the contexts hang
    /// below the portal's, which outlives a transaction that the procedure ends.
    pub(super) fn spi_connect(&mut self, id: BackendId) -> Fallible<()> {
        self.check_touched()?;
        let backend = self.at(id)?;
        let session = &backend.session;
        let query = session.query();
        let portal = match &session.running {
            Some(running) => session.cursor(&running.name).map(|cursor| cursor.portal),
            None => session.portal.filter(|it| it.active.is_some()),
        };
        let portal = portal.ok_or_else(no_statement)?;
        if session.spi.len() >= MAX_SPI_DEPTH {
            return Err(
                Error::Limit { what: "SPI connections", limit: MAX_SPI_DEPTH as u64 }.into()
            );
        }
        let atomic = query.is_some() || session.in_block;
        let (saved, level) = (backend.memory.current, session.levels.len());
        let transaction = backend.context_or_error(ContextSlot::TOP_TRANSACTION)?;
        let sizes = Allocator::PLAIN;
        let parent = if atomic { transaction } else { portal.context };
        let proc = self.create_named(id, parent, ContextSlot::SPI_PROC, sizes)?;
        let parent = if atomic { transaction } else { proc };
        let exec = self.create_named(id, parent, ContextSlot::SPI_EXEC, sizes)?;
        self.at(id)?.session.spi.push(SpiConnection {
            proc,
            exec,
            saved,
            level,
            query: None,
            executing: 0,
            tuples: 0,
        });
        self.switch(id, proc)
    }

    /// `SPI_finish`.
    pub(super) fn spi_finish(&mut self, id: BackendId) -> Fallible<()> {
        let connection = self.at(id)?.session.spi.last().copied();
        let SpiConnection { proc, exec, saved, query, .. } = connection.ok_or_else(no_statement)?;
        if query.is_some() {
            return Err(Error::Protocol("what the statement called has not ended").into());
        }
        self.at(id)?.session.spi.pop();
        self.switch(id, saved)?;
        self.delete_family(id, exec)?;
        self.delete_family(id, proc)?;
        self.name_connection(id)
    }

    /// The names of a connection's contexts are those of the innermost one's.
    pub(super) fn name_connection(&mut self, id: BackendId) -> Fallible<()> {
        let backend = self.at(id)?;
        if let Some(outer) = backend.session.spi.last().copied() {
            backend.variables.set_context_to(ContextSlot::SPI_PROC, outer.proc)?;
            backend.variables.set_context_to(ContextSlot::SPI_EXEC, outer.exec)?;
        }
        Ok(())
    }
}

#[cold]
fn no_statement() -> Box<Error> {
    Error::Protocol("no statement is running that this belongs to").into()
}
