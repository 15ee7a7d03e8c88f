//! Prepared statements and the messages of the extended protocol (`prepare.c`, `plancache.c`,
//! `postgres.c`).
//!
//! What a prepared statement keeps is parse trees and plans: their contexts are here, and in them
//! the query's text, but not the trees. Locks on its relations are taken where
//! [`relation_open`](Server::relation_open) is called.

use crate::error::{Error, Fallible, SessionError};
use crate::event::{Event, WorkEvent};
use crate::ids::{BackendId, ContextSlot, Name};
use crate::memory::Addr;
use crate::op::{Allocator, PlanChoice, Preparation};
use crate::server::Server;
use crate::server::plancache::{CachedPlan, CachedPlanSource};
use crate::server::portals::RunBy;

/// `ALLOCSET_START_SMALL_SIZES`
const START_SMALL: Allocator = Allocator::plain(0, 1024, 8 * 1024 * 1024);
/// Prepared statements that a session may have.
const MAX_STATEMENTS: usize = 1000;

impl Server {
    /// `PrepareQuery`
    pub(super) fn prepare_query(&mut self, id: BackendId, what: &Preparation) -> Fallible<()> {
        self.relation_opened(id, what.rel, false)?;
        let current = self.at(id)?.memory.current;
        let context = self.create_cached_plan(id, current, what)?;
        let query = self.create_context(id, context, "CachedPlanQuery", START_SMALL)?;
        self.store_prepared_statement(id, what, context, query)
    }

    /// `CreateCachedPlan`
    fn create_cached_plan(
        &mut self,
        id: BackendId,
        parent: Addr,
        what: &Preparation,
    ) -> Fallible<Addr> {
        let sources = &self.at(id)?.session.plans.sources;
        if sources.len() >= MAX_STATEMENTS {
            let limit = MAX_STATEMENTS as u64;
            return Err(Error::Limit { what: "prepared statements", limit }.into());
        }
        let context = self.create_context(id, parent, "CachedPlanSource", START_SMALL)?;
        self.identify(id, context, &what.text)?;
        Ok(context)
    }

    /// A copy of the text in the context, which is its identifier.
    fn identify(&mut self, id: BackendId, context: Addr, text: &Name) -> Fallible<()> {
        match Allocator::PLAIN {
            Allocator::Slab { .. } => {
                self.memory_of(id)?.memory_context_set_identifier(context, text)
            }
            _ => {
                let mut memory = self.memory_of(id)?;
                memory.memory_context_copy_and_set_identifier(context, text).map(|_| ())
            }
        }
    }

    /// `StorePreparedStatement`, `SaveCachedPlan`
    fn store_prepared_statement(
        &mut self,
        id: BackendId,
        what: &Preparation,
        context: Addr,
        query: Addr,
    ) -> Fallible<()> {
        if self.at(id)?.session.plans.find(&what.name).is_some() {
            return Err(Error::Session(SessionError::StatementExists(what.name.clone())).into());
        }
        self.at(id)?.session.plans.sources.push(CachedPlanSource {
            name: what.name.clone(),
            text: what.text.clone(),
            rel: what.rel,
            params: what.params,
            cost: what.generic_cost,
            context,
            query,
            generic: Addr::NULL,
            valid: true,
            generic_cost: -1.0,
            total_custom_cost: 0.0,
            num_custom_plans: 0,
        });
        self.move_to_cache(id, context)
    }

    fn move_to_cache(&mut self, id: BackendId, context: Addr) -> Fallible<()> {
        let cache = self.at(id)?.context_or_error(ContextSlot::CACHE)?;
        self.memory_of(id)?.memory_context_set_parent(context, cache)
    }

    /// `DropPreparedStatement`, `DropCachedPlan`; all of them without a name
    /// (`DropAllPreparedStatements`).
    pub(super) fn deallocate(&mut self, id: BackendId, name: Option<&Name>) -> Fallible<()> {
        let Some(name) = name else {
            while let Some(source) = self.named_statement(id)? {
                self.drop_prepared_statement(id, &source)?;
            }
            return Ok(());
        };
        self.drop_prepared_statement(id, name)
    }

    fn named_statement(&mut self, id: BackendId) -> Fallible<Option<Name>> {
        let sources = &self.at(id)?.session.plans.sources;
        let named = sources.iter().find(|source| !source.name.is_empty());
        Ok(named.map(|source| source.name.clone()))
    }

    fn drop_prepared_statement(&mut self, id: BackendId, name: &Name) -> Fallible<()> {
        let place = self.find_statement(id, name)?;
        let source = self.at(id)?.session.plans.sources.remove(place);
        self.release_cached_plan(id, source.generic)?;
        self.delete_family(id, source.context)
    }

    /// `FetchPreparedStatement`
    fn find_statement(&mut self, id: BackendId, name: &Name) -> Fallible<usize> {
        let found = self.at(id)?.session.plans.find(name);
        found.ok_or_else(|| Error::Session(SessionError::NoSuchStatement(name.clone())).into())
    }

    /// `drop_unnamed_stmt`: a simple query, or a new unnamed statement, ends the last one.
    pub(super) fn drop_unnamed_stmt(&mut self, id: BackendId) -> Fallible<()> {
        let unnamed: Name = "".into();
        match self.at(id)?.session.plans.find(&unnamed) {
            Some(_) => self.drop_prepared_statement(id, &unnamed),
            None => Ok(()),
        }
    }

    /// EXECUTE as far as its executor: `ExecuteQuery`, in a portal of its own.
    pub(super) fn execute_begin(
        &mut self,
        id: BackendId,
        name: &Name,
        choice: PlanChoice,
    ) -> Fallible<()> {
        self.exec_simple_query(id, false)?;
        self.run_portal(id, None)?;
        match self.execute_query(id, name, choice) {
            Ok(()) => Ok(()),
            Err(error) => self.statement_failed(id, error),
        }
    }

    fn execute_query(&mut self, id: BackendId, name: &Name, choice: PlanChoice) -> Fallible<()> {
        self.portal_create_hold_store(id)?;
        let place = self.find_statement(id, name)?;
        let current = self.at(id)?.memory.current;
        let params = self.at(id)?.session.plans.sources.get(place).is_some_and(|it| it.params);
        // EvaluateParams needs an executor's state.
        let parameters = match params {
            true => self.create_context(id, current, "ExecutorState", Allocator::PLAIN)?,
            false => Addr::NULL,
        };
        let counter = &mut self.at(id)?.session.plans.unnamed_portals;
        *counter = counter.wrapping_add(1);
        let portal: Name = format!("<unnamed portal {counter}>").into();
        let plan = self.get_cached_plan(id, place, choice)?;
        self.add_portal(id, &portal, false, plan)?;
        self.run_cursor(id, &portal, RunBy::Execute(parameters))
    }

    /// `GetCachedPlan`: the generic plan, or one for these parameters.
    fn get_cached_plan(
        &mut self,
        id: BackendId,
        place: usize,
        choice: PlanChoice,
    ) -> Fallible<Addr> {
        let source = self.revalidate_cached_query(id, place)?;
        let mode = choice.mode.unwrap_or_else(|| self.plan_cache_mode(id));
        let mut custom = source.choose_custom_plan(mode);
        let mut cached = false;
        if !custom {
            if source.generic.is_null() {
                let plan = self.build_cached_plan(id, &source)?;
                self.source(id, place)?.generic = plan;
                self.use_plan(id, plan)?;
                let source = self.source(id, place)?;
                source.generic_cost = source.cost;
                // Now that its cost is known, it may not be worth it.
                custom = source.choose_custom_plan(mode);
            } else {
                cached = true;
            }
        }
        let plan = if custom {
            let plan = self.build_cached_plan(id, &source)?;
            self.source(id, place)?.count_custom(choice);
            plan
        } else {
            self.source(id, place)?.generic
        };
        self.use_plan(id, plan)?;
        let source = self.source(id, place)?;
        let event = WorkEvent::PlanChosen {
            custom,
            cached,
            custom_plans: source.num_custom_plans,
            average: source.average_custom_cost(),
            generic: source.generic_cost,
        };
        self.log.emit(Event::Work(id, event))?;
        Ok(plan)
    }

    fn source(&mut self, id: BackendId, place: usize) -> Fallible<&mut CachedPlanSource> {
        let source = self.at(id)?.session.plans.sources.get_mut(place);
        source.ok_or_else(|| Error::Protocol("there is no such prepared statement").into())
    }

    /// `RevalidateCachedQuery`: what is no longer valid loses its generic plan, and is analyzed
    /// again.
    fn revalidate_cached_query(
        &mut self,
        id: BackendId,
        place: usize,
    ) -> Fallible<CachedPlanSource> {
        let source = self.source(id, place)?;
        let (valid, rel, context) = (source.valid, source.rel, source.context);
        if valid {
            self.relation_opened(id, rel, true)?;
            return Ok(self.source(id, place)?.clone());
        }
        let source = self.source(id, place)?;
        let query = std::mem::replace(&mut source.query, Addr::NULL);
        let generic = std::mem::replace(&mut source.generic, Addr::NULL);
        self.delete_family(id, query)?;
        self.release_cached_plan(id, generic)?;
        let current = self.at(id)?.memory.current;
        let query = self.create_context(id, current, "CachedPlanQuery", START_SMALL)?;
        self.memory_of(id)?.memory_context_set_parent(query, context)?;
        let source = self.source(id, place)?;
        source.query = query;
        source.valid = true;
        self.log.emit(Event::Work(id, WorkEvent::Revalidated))?;
        self.relation_opened(id, rel, true)?;
        Ok(self.source(id, place)?.clone())
    }

    /// `BuildCachedPlan`
    fn build_cached_plan(&mut self, id: BackendId, source: &CachedPlanSource) -> Fallible<Addr> {
        let current = self.at(id)?.memory.current;
        let context = self.create_context(id, current, "CachedPlan", START_SMALL)?;
        self.identify(id, context, &source.text)?;
        self.move_to_cache(id, context)?;
        self.at(id)?.session.plans.plans.push(CachedPlan { context, uses: 0 });
        Ok(context)
    }

    fn use_plan(&mut self, id: BackendId, context: Addr) -> Fallible<()> {
        let plans = &mut self.at(id)?.session.plans.plans;
        plans.iter_mut().filter(|plan| plan.context == context).for_each(|plan| plan.uses += 1);
        Ok(())
    }

    /// `ReleaseCachedPlan`: whoever used it last deletes it.
    pub(super) fn release_cached_plan(&mut self, id: BackendId, context: Addr) -> Fallible<()> {
        let plans = &mut self.at(id)?.session.plans.plans;
        let Some(place) = plans.iter().position(|plan| plan.context == context) else {
            return Ok(());
        };
        let Some(plan) = plans.get_mut(place) else { return Ok(()) };
        plan.uses = plan.uses.saturating_sub(1);
        if plan.uses > 0 {
            return Ok(());
        }
        plans.remove(place);
        self.delete_family(id, context)
    }

    /// `exec_parse_message`. The unnamed statement is analyzed in a context of its own, which
    /// then belongs to the statement.
    pub(super) fn exec_parse_message(&mut self, id: BackendId, what: &Preparation) -> Fallible<()> {
        self.message_begin(id)?;
        let done = self.parse_message(id, what);
        self.message_end(id, done)
    }

    fn parse_message(&mut self, id: BackendId, what: &Preparation) -> Fallible<()> {
        let message = self.at(id)?.context_or_error(ContextSlot::MESSAGE)?;
        if !what.name.is_empty() {
            return self.prepare_query(id, what);
        }
        self.drop_unnamed_stmt(id)?;
        let name = "unnamed prepared statement";
        let unnamed = self.create_context(id, message, name, Allocator::PLAIN)?;
        self.switch(id, unnamed)?;
        let context = self.create_cached_plan(id, unnamed, what)?;
        self.relation_opened(id, what.rel, false)?;
        let mut memory = self.memory_of(id)?;
        memory.memory_context_set_parent(context, message)?;
        memory.memory_context_set_parent(unnamed, context)?;
        self.switch(id, message)?;
        self.store_prepared_statement(id, what, context, unnamed)
    }

    /// `exec_bind_message`
    pub(super) fn exec_bind_message(
        &mut self,
        id: BackendId,
        portal: &Name,
        statement: &Name,
        choice: PlanChoice,
    ) -> Fallible<()> {
        self.message_begin(id)?;
        let done = self.bind_message(id, portal, statement, choice);
        self.message_end(id, done)
    }

    fn bind_message(
        &mut self,
        id: BackendId,
        portal: &Name,
        statement: &Name,
        choice: PlanChoice,
    ) -> Fallible<()> {
        let place = self.find_statement(id, statement)?;
        if portal.is_empty() {
            self.drop_cursors(id, |cursor| cursor.name.is_empty())?;
        }
        let plan = self.get_cached_plan(id, place, choice)?;
        self.add_portal(id, portal, false, plan)
    }

    /// `exec_execute_message` as far as the executor.
    pub(super) fn exec_execute_message(&mut self, id: BackendId, portal: &Name) -> Fallible<()> {
        self.message_begin(id)?;
        if self.at(id)?.session.cursor(portal).is_none() {
            let error = Error::Session(SessionError::NoSuchPortal(portal.clone()));
            return self.statement_failed(id, error.into());
        }
        self.run_cursor(id, portal, RunBy::Message)
    }

    /// `finish_xact_command` for the message Sync.
    pub(super) fn sync_message(&mut self, id: BackendId) -> Fallible<()> {
        self.check_idle(id)?;
        if !self.at(id)?.session.levels.is_empty() {
            self.commit_query(id)?;
        }
        self.main_loop_top(id)
    }

    /// `start_xact_command`, and `MessageContext` to work in.
    fn message_begin(&mut self, id: BackendId) -> Fallible<()> {
        self.check_idle(id)?;
        self.start_transaction_command(id)?;
        if self.is_aborted(id)? {
            self.recover_from_error(id)?;
            return Err(Error::InFailedTransaction.into());
        }
        self.switch_to_slot(id, ContextSlot::MESSAGE)
    }

    fn message_end(&mut self, id: BackendId, done: Fallible<()>) -> Fallible<()> {
        match done {
            Ok(()) => self.main_loop_top(id),
            Err(error) => self.statement_failed(id, error),
        }
    }
}
