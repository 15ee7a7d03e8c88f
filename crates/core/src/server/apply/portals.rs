//! Cursors and the portals of the extended protocol: how they are made and run, and what the end of
//! a transaction does to them (`portalcmds.c`, `portalmem.c`, `pquery.c`).
//!
//! FETCH is a statement with a portal of its own, which keeps the rows that the cursor's executor
//! gives it in a tuplestore, in a `PortalHoldContext`. A cursor WITH HOLD gets the same when its
//! transaction commits.

use crate::error::{Error, Fallible, SessionError};
use crate::ids::{BackendId, ContextSlot, Name};
use crate::memory::Addr;
use crate::op::Allocator;
use crate::server::Server;
use crate::server::portals::{Cursor, RunBy, Running};
use crate::server::session::Portal;

/// `tuplestore_begin_common`'s first array: 2048 pointers.
const TUPLESTORE_ARRAY: u64 = 2048 * 8;
/// Portals that a session may have.
const MAX_PORTALS: usize = 1000;

impl Server {
    /// A utility command of the client's, from its message to the top of the main loop.
    pub(super) fn utility_statement(
        &mut self,
        id: BackendId,
        work: impl FnOnce(&mut Self) -> Fallible<()>,
    ) -> Fallible<()> {
        self.exec_simple_query(id, false)?;
        self.run_portal(id, None)?;
        match work(self) {
            Ok(()) => self.end_statement(id),
            Err(error) => self.statement_failed(id, error),
        }
    }

    /// The error ends the statement, and the transaction or its level.
    pub(super) fn statement_failed(&mut self, id: BackendId, error: Box<Error>) -> Fallible<()> {
        if *error != Error::Stopped {
            self.recover_from_error(id)?;
        }
        Err(error)
    }

    /// `PerformCursorOpen`
    pub(super) fn perform_cursor_open(
        &mut self,
        id: BackendId,
        name: &Name,
        hold: bool,
    ) -> Fallible<()> {
        if !hold && !self.at(id)?.session.in_block {
            return Err(Error::NoTransactionBlock("DECLARE CURSOR").into());
        }
        self.add_portal(id, name, hold, Addr::NULL)
    }

    /// `CreatePortal` and `PortalStart` for a query.
    pub(super) fn add_portal(
        &mut self,
        id: BackendId,
        name: &Name,
        hold: bool,
        plan: Addr,
    ) -> Fallible<()> {
        let session = &self.at(id)?.session;
        if session.cursor(name).is_some() {
            return Err(Error::Session(SessionError::CursorExists(name.clone())).into());
        }
        if session.cursors.len() >= MAX_PORTALS {
            return Err(Error::Limit { what: "portals", limit: MAX_PORTALS as u64 }.into());
        }
        let portal = self.portal_create(id, name)?;
        let cursor = Cursor { name: name.clone(), portal, hold, plan };
        self.at(id)?.session.cursors.push(cursor);
        let query = self.executor_start(id, portal.context)?;
        self.change_cursor(id, name, |portal| portal.query = Some(query))?;
        self.forget_query(id)
    }

    /// The variables of a query that isn't run now.
    pub(super) fn forget_query(&mut self, id: BackendId) -> Fallible<()> {
        let backend = self.at(id)?;
        let portal = backend.session.portal.map(|portal| portal.context);
        for slot in [ContextSlot::PORTAL, ContextSlot::EXECUTOR_STATE, ContextSlot::EXPR] {
            backend.variables.set_context(slot, None)?;
        }
        match portal {
            Some(portal) => Ok(backend.variables.set_context_to(ContextSlot::PORTAL, portal)?),
            None => Ok(()),
        }
    }

    fn change_cursor(
        &mut self,
        id: BackendId,
        name: &Name,
        change: impl FnOnce(&mut Portal),
    ) -> Fallible<()> {
        let cursors = &mut self.at(id)?.session.cursors;
        let cursor = cursors.iter_mut().find(|cursor| cursor.name == *name);
        change(&mut cursor.ok_or_else(|| no_cursor(name))?.portal);
        Ok(())
    }

    /// FETCH as far as the cursor's executor: `FillPortalStore`, `PerformPortalFetch`.
    pub(super) fn fetch_begin(&mut self, id: BackendId, name: &Name) -> Fallible<()> {
        self.exec_simple_query(id, false)?;
        self.run_portal(id, None)?;
        match self.portal_create_hold_store(id) {
            Ok(()) if self.at(id)?.session.cursor(name).is_some() => {
                self.run_cursor(id, name, RunBy::Fetch)
            }
            Ok(()) => self.statement_failed(id, no_cursor(name)),
            Err(error) => self.statement_failed(id, error),
        }
    }

    /// `PortalCreateHoldStore` for the statement's own portal.
    pub(super) fn portal_create_hold_store(&mut self, id: BackendId) -> Fallible<()> {
        let hold = self.hold_context(id)?;
        if let Some(portal) = &mut self.at(id)?.session.portal {
            portal.hold = hold;
        }
        self.tuplestore_begin(id, hold)
    }

    fn hold_context(&mut self, id: BackendId) -> Fallible<Addr> {
        let top = self.at(id)?.context_or_error(ContextSlot::TOP_PORTAL)?;
        self.create_context(id, top, "PortalHoldContext", Allocator::PLAIN)
    }

    /// `tuplestore_begin_heap` as far as its sizes are known.
    fn tuplestore_begin(&mut self, id: BackendId, context: Addr) -> Fallible<()> {
        if let Some(allocator) = self.profile.work.tuplestore() {
            self.create_context(id, context, "tuplestore tuples", allocator)?;
        }
        self.keep(id, context, TUPLESTORE_ARRAY)?;
        Ok(())
    }

    /// `PortalRunSelect`: the executor runs, or what it has stored is read.
    pub(super) fn run_cursor(&mut self, id: BackendId, name: &Name, by: RunBy) -> Fallible<()> {
        let backend = self.at(id)?;
        let saved = backend.memory.current;
        let cursor = backend.session.cursor(name).ok_or_else(|| no_cursor(name))?;
        let Portal { context, query, .. } = cursor.portal;
        backend.session.running = Some(Running { name: name.clone(), saved, by });
        let slots = [
            (ContextSlot::PORTAL, Some(context)),
            (ContextSlot::EXECUTOR_STATE, query.map(|query| query.per_query)),
            (ContextSlot::EXPR, query.map(|query| query.per_tuple)),
        ];
        for (slot, context) in slots {
            if let Some(context) = context {
                backend.variables.set_context_to(slot, context)?;
            }
        }
        self.switch(id, context)?;
        match query {
            Some(query) => self.switch(id, query.per_query),
            None => Ok(()),
        }
    }

    /// The run ends, and the statement with it.
    pub(super) fn run_end(&mut self, id: BackendId) -> Fallible<()> {
        let session = &mut self.at(id)?.session;
        if !session.tuple.is_empty() || !session.spi.is_empty() {
            return Err(Error::Protocol("what the statement called has not ended").into());
        }
        let running = session.running.take();
        let Running { name, saved, by } =
            running.ok_or(Error::Protocol("no portal is being run"))?;
        self.switch(id, saved)?;
        match by {
            RunBy::Message => {
                self.forget_query(id)?;
                return self.main_loop_top(id);
            }
            RunBy::Fetch => {}
            RunBy::Execute(parameters) => {
                self.drop_cursors(id, |cursor| cursor.name == name)?;
                if !parameters.is_null() {
                    self.delete_family(id, parameters)?;
                }
            }
        }
        self.forget_query(id)?;
        // RunFromStore: the rows go to the client.
        if let Some(Portal { context, hold, .. }) = self.at(id)?.session.portal
            && !hold.is_null()
        {
            let slot = ContextSlot::PRINTTUP;
            let receiver = self.create_named(id, context, slot, Allocator::PLAIN)?;
            self.delete_family(id, receiver)?;
        }
        self.end_statement(id)
    }

    /// `PortalDrop` for those of the session's portals that `goes` says.
    pub(super) fn drop_cursors(
        &mut self,
        id: BackendId,
        goes: impl Fn(&Cursor) -> bool,
    ) -> Fallible<()> {
        while let Some(place) = self.at(id)?.session.cursors.iter().position(&goes) {
            let cursor = self.at(id)?.session.cursors.remove(place);
            let Portal { query, context, hold, pointer, .. } = cursor.portal;
            if let Some(query) = query {
                self.executor_end(id, query)?;
            }
            self.release_cached_plan(id, cursor.plan)?;
            if !hold.is_null() {
                self.delete_family(id, hold)?;
            }
            self.delete_family(id, context)?;
            self.give_back(id, pointer)?;
        }
        Ok(())
    }

    /// `PreCommit_Portals`: cursors WITH HOLD keep their rows, the other portals go.
    pub(super) fn pre_commit_portals(&mut self, id: BackendId) -> Fallible<()> {
        let held = |cursor: &&Cursor| cursor.hold && cursor.portal.level > 0;
        while let Some(cursor) = self.at(id)?.session.cursors.iter().find(held) {
            let (name, portal) = (cursor.name.clone(), cursor.portal);
            self.persist_holdable_portal(id, &name, portal)?;
        }
        self.drop_cursors(id, |cursor| cursor.portal.level > 0)
    }

    /// `HoldPortal`, `PersistHoldablePortal`
    fn persist_holdable_portal(
        &mut self,
        id: BackendId,
        name: &Name,
        portal: Portal,
    ) -> Fallible<()> {
        let saved = self.at(id)?.memory.current;
        let hold = self.hold_context(id)?;
        self.change_cursor(id, name, |portal| {
            portal.hold = hold;
            portal.level = 0;
        })?;
        self.tuplestore_begin(id, hold)?;
        self.switch(id, hold)?;
        if let Some(query) = portal.query {
            self.change_cursor(id, name, |portal| portal.query = None)?;
            self.executor_end(id, query)?;
        }
        self.switch(id, saved)?;
        self.delete_below(id, portal.context)
    }

    /// `AtAbort_Portals`, `AtSubAbort_Portals`: the portals of a level fail.
    pub(super) fn abort_cursors(&mut self, id: BackendId, level: usize) -> Fallible<()> {
        let failed: Vec<Cursor> = {
            let session = &mut self.at(id)?.session;
            let of_level = session.cursors.iter_mut().filter(|it| it.portal.level == level);
            of_level
                .map(|cursor| {
                    let before = cursor.clone();
                    cursor.portal.query = None;
                    cursor.plan = Addr::NULL;
                    before
                })
                .collect()
        };
        for cursor in failed {
            self.release_cached_plan(id, cursor.plan)?;
            self.delete_below(id, cursor.portal.context)?;
        }
        self.forget_nodes(id)
    }

    /// Nodes whose query's memory has gone.
    pub(super) fn forget_nodes(&mut self, id: BackendId) -> Fallible<()> {
        let session = &mut self.at(id)?.session;
        let mut alive: Vec<Addr> = session.cursors.iter().filter_map(query_of).collect();
        alive.extend(session.portal.and_then(|portal| portal.query).map(|it| it.per_query));
        alive.extend(session.spi.iter().filter_map(|it| Some(it.query?.per_query)));
        if session.nodes.iter().any(|node| !alive.contains(&node.query)) {
            let nodes = std::rc::Rc::make_mut(&mut session.nodes);
            nodes.retain(|node| alive.contains(&node.query));
        }
        Ok(())
    }

    /// `AtSubCommit_Portals`: they belong to the level around from now on.
    pub(super) fn sub_commit_portals(&mut self, id: BackendId, level: usize) -> Fallible<()> {
        for cursor in &mut self.at(id)?.session.cursors {
            if cursor.portal.level > level {
                cursor.portal.level = level;
            }
        }
        Ok(())
    }
}

fn query_of(cursor: &Cursor) -> Option<Addr> {
    cursor.portal.query.map(|query| query.per_query)
}

#[cold]
pub(super) fn no_cursor(name: &Name) -> Box<Error> {
    Error::Session(SessionError::NoSuchCursor(name.clone())).into()
}
