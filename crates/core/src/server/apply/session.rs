//! The operations of a session: each to its routine; sorts and hash tables in the running query.

use std::rc::Rc;

use super::Outcome;
use crate::error::{Error, Fallible, SessionError};
use crate::executor::{AggNode, HashAgg, HashNode, HashTable, Node, NodeState, Tuplesort, Wanted};
use crate::ids::{BackendId, ContextSlot, Name};
use crate::memory::Addr;
use crate::mmgr::Process;
use crate::op::{Op, SessionOp};
use crate::server::Server;
use crate::server::portals::RunBy;
use crate::server::session::{Query, Session, Skipped};

/// Nodes that a backend's queries may have at once.
const MAX_NODES: usize = 100;

impl Server {
    pub(super) fn session_op(&mut self, id: BackendId, op: &SessionOp) -> Fallible<Outcome> {
        match op {
            SessionOp::Open(rel) => {
                self.check_touched()?;
                self.relation_open(id, *rel, true)?;
            }
            SessionOp::OpenIndex(index) => {
                self.check_touched()?;
                self.index_open(id, *index)?;
            }
            SessionOp::Alter(rel) => {
                self.utility_statement(id, |server| {
                    server.relation_open(id, *rel, false)?;
                    server.invalidate_relation(*rel);
                    Ok(())
                })?;
            }
            SessionOp::Error(message) => return self.raise(id, message),
            SessionOp::DeclareCursor { name, hold } => {
                self.utility_statement(id, |it| it.perform_cursor_open(id, name, *hold))?;
            }
            SessionOp::FetchBegin(name) => {
                let begun = self.fetch_begin(id, name);
                self.refused(id, begun)?;
            }
            SessionOp::Close(name) => {
                self.utility_statement(id, |server| {
                    if server.at(id)?.session.cursor(name).is_none() {
                        return Err(super::portals::no_cursor(name));
                    }
                    server.drop_cursors(id, |cursor| cursor.name == *name)
                })?;
            }
            SessionOp::Prepare(what) => {
                self.utility_statement(id, |server| server.prepare_query(id, what))?;
            }
            SessionOp::ExecuteBegin { name, choice } => {
                let begun = self.execute_begin(id, name, *choice);
                self.refused(id, begun)?;
            }
            SessionOp::Deallocate(name) => {
                self.utility_statement(id, |server| server.deallocate(id, name.as_ref()))?;
            }
            SessionOp::Parse(what) => self.exec_parse_message(id, what)?,
            SessionOp::Bind { portal, statement, choice } => {
                self.exec_bind_message(id, portal, statement, *choice)?;
            }
            SessionOp::RunBegin(portal) => {
                let begun = self.exec_execute_message(id, portal);
                self.refused(id, begun)?;
            }
            SessionOp::Sync => self.sync_message(id)?,
            SessionOp::RunEnd => self.run_end(id)?,
            SessionOp::FunctionBegin(signature) => {
                self.check_touched()?;
                self.function_begin(id, signature)?;
            }
            SessionOp::FunctionEnd => self.function_end(id)?,
            SessionOp::BlockBegin => self.block_begin(id)?,
            SessionOp::BlockException => self.block_exception(id)?,
            SessionOp::BlockEnd => self.block_end(id)?,
            SessionOp::SpiQueryBegin { returns } => self.spi_query_begin(id, *returns)?,
            SessionOp::LoopBegin => self.loop_begin(id)?,
            SessionOp::LoopEnd => self.loop_end(id)?,
            SessionOp::SpiQueryEnd { returns } => self.spi_query_end(id, *returns)?,
            _ => self.node_op(id, op)?,
        }
        Ok(Outcome::Done)
    }

    /// `ereport(ERROR)`: the message is made in `ErrorContext`, which is there without malloc;
    /// then control is back in `PostgresMain`, from however deep.
    fn raise(&mut self, id: BackendId, message: &Name) -> Fallible<Outcome> {
        let backend = self.at(id)?;
        let session = &backend.session;
        if session.statement.is_none() && session.running.is_none() {
            return Err(Error::Protocol("no statement is running that this belongs to").into());
        }
        let unwound = backend.open_frames();
        self.switch_to_slot(id, ContextSlot::ERROR)?;
        let context = self.at(id)?.memory.current;
        self.keep(id, context, message.len() as u64 + 1)?;
        if self.catch(id, message)? {
            return Ok(Outcome::Done);
        }
        self.recover_from_error(id)?;
        // FlushErrorState
        self.reset_slot(id, ContextSlot::ERROR)?;
        self.at(id)?.session.skip(unwound, Skipped::Statement);
        Err(Error::Session(SessionError::Raised(message.clone())).into())
    }

    /// `exec_simple_query` for a query: if it is refused, its end has nothing to end.
    pub(super) fn query_begin(&mut self, id: BackendId) -> Fallible<()> {
        let begun = self.exec_simple_query(id, false);
        self.refused(id, begun)
    }

    /// What was refused at its beginning has ended.
    fn refused(&mut self, id: BackendId, begun: Fallible<()>) -> Fallible<()> {
        if let Err(error) = &begun
            && **error != Error::Stopped
        {
            let session = &mut self.at(id)?.session;
            if session.statement.is_none() && session.running.is_none() {
                session.skip(1, Skipped::Statement);
            }
        }
        begun
    }

    /// Whether the operation belongs to a statement that an error has ended: it is not executed.
    /// What begins within is counted, so that its end is known too.
    pub(super) fn ended_by_error(&mut self, op: &Op) -> bool {
        let backend = op.backend().and_then(|id| self.backends.get_mut(usize::from(id.0)));
        match backend {
            Some(backend) if backend.session.unwound > 0 => unwind(&mut backend.session, op),
            _ => false,
        }
    }

    fn node_op(&mut self, id: BackendId, op: &SessionOp) -> Fallible<()> {
        self.check_touched()?;
        let query = match (op, self.at(id)?.session.query()) {
            (SessionOp::AggBegin { .. }, None) => return self.plan_agg(id, op),
            (_, query) => query,
        };
        let Query { per_query, .. } =
            query.ok_or(Error::Protocol("no query is running that this belongs to"))?;
        match *op {
            SessionOp::SortBegin { work_mem, bound, datum, length } => {
                let by = self.at(id)?.session.running.as_ref().map(|running| running.by);
                let random_access = by == Some(RunBy::Fetch);
                let work_mem = work_mem.unwrap_or_else(|| self.work_mem(id));
                let wanted = Wanted { work_mem, length, bound, datum, random_access };
                let sort = Tuplesort::begin(&mut self.memory_of(id)?, per_query, wanted)?;
                self.add_node(id, per_query, NodeState::Sort(sort))
            }
            SessionOp::HashBegin { work_mem, multiplier, estimate, width, length } => {
                let work_mem = work_mem.unwrap_or_else(|| self.work_mem(id));
                let multiplier = multiplier.unwrap_or_else(|| self.hash_mem_multiplier(id));
                let node = HashNode { work_mem, multiplier, estimate, width, length };
                let hash = HashTable::create(&mut self.memory_of(id)?, per_query, node)?;
                self.add_node(id, per_query, NodeState::Hash(hash))
            }
            SessionOp::AggBegin { .. } => {
                let node = self.agg_node(id, op);
                self.begin_agg(id, per_query, node.ok_or_else(other_node)?)
            }
            SessionOp::AggPut { groups } => self.with_node(id, per_query, |node, process| {
                let NodeState::Agg(agg) = node else { return Err(other_node()) };
                (0..groups).try_for_each(|_| agg.put(process))
            }),
            SessionOp::AggFilled => self.with_node(id, per_query, |node, process| {
                let NodeState::Agg(agg) = node else { return Err(other_node()) };
                agg.filled(process)
            }),
            SessionOp::SortPut { rows } => self.with_node(id, per_query, |node, process| {
                let NodeState::Sort(sort) = node else { return Err(other_node()) };
                (0..rows).try_for_each(|_| sort.put(process))
            }),
            SessionOp::SortPerform => self.with_node(id, per_query, |node, process| {
                let NodeState::Sort(sort) = node else { return Err(other_node()) };
                sort.perform(process)
            }),
            SessionOp::HashInsert { rows } => self.with_node(id, per_query, |node, process| {
                let NodeState::Hash(hash) = node else { return Err(other_node()) };
                (0..rows).try_for_each(|_| hash.insert(process))
            }),
            SessionOp::HashBuilt => self.with_node(id, per_query, |node, process| {
                let NodeState::Hash(hash) = node else { return Err(other_node()) };
                hash.built(process)
            }),
            _ => Err(other_node()),
        }
    }

    fn agg_node(&self, id: BackendId, op: &SessionOp) -> Option<AggNode> {
        let &SessionOp::AggBegin { work_mem, multiplier, estimate, width, transitions } = op else {
            return None;
        };
        let work_mem = work_mem.unwrap_or_else(|| self.work_mem(id));
        let multiplier = multiplier.unwrap_or_else(|| self.hash_mem_multiplier(id));
        Some(AggNode { work_mem, multiplier, estimate, width, transitions })
    }

    /// The plan of the statement that is being planned has such a node.
    fn plan_agg(&mut self, id: BackendId, op: &SessionOp) -> Fallible<()> {
        let node = self.agg_node(id, op).ok_or_else(other_node)?;
        let session = &mut self.at(id)?.session;
        if session.statement.is_none() || session.portal.is_some_and(|it| it.active.is_some()) {
            return Err(Error::Protocol("no query is running that this belongs to").into());
        }
        if session.planned.len() >= MAX_NODES {
            return Err(Error::Limit { what: "nodes", limit: MAX_NODES as u64 }.into());
        }
        session.planned.push(node);
        Ok(())
    }

    /// `ExecInitAgg` of the nodes that were planned.
    pub(super) fn init_planned(&mut self, id: BackendId, query: Addr) -> Fallible<()> {
        for node in std::mem::take(&mut self.at(id)?.session.planned) {
            self.begin_agg(id, query, node)?;
        }
        Ok(())
    }

    fn begin_agg(&mut self, id: BackendId, query: Addr, node: AggNode) -> Fallible<()> {
        let agg = HashAgg::begin(&mut self.memory_of(id)?, query, node)?;
        self.add_node(id, query, NodeState::Agg(agg))
    }

    fn add_node(&mut self, id: BackendId, query: Addr, state: NodeState) -> Fallible<()> {
        let nodes = Rc::make_mut(&mut self.at(id)?.session.nodes);
        nodes.push(Node { query, state });
        if nodes.len() > MAX_NODES {
            return Err(Error::Limit { what: "nodes", limit: MAX_NODES as u64 }.into());
        }
        Ok(())
    }

    /// The query's node that was made last works. It is taken out meanwhile: it and the memory
    /// belong to the same backend.
    fn with_node(
        &mut self,
        id: BackendId,
        query: Addr,
        work: impl FnOnce(&mut NodeState, &mut Process<'_>) -> Fallible<()>,
    ) -> Fallible<()> {
        let nodes = Rc::make_mut(&mut self.at(id)?.session.nodes);
        let last = nodes.iter().rposition(|node| node.query == query);
        let mut node = nodes.remove(last.ok_or_else(other_node)?);
        let done = work(&mut node.state, &mut self.memory_of(id)?);
        Rc::make_mut(&mut self.at(id)?.session.nodes).push(node);
        done
    }

    /// `ExecEndNode`: a query's nodes end, the last first.
    pub(super) fn end_nodes(&mut self, id: BackendId, query: Addr) -> Fallible<()> {
        loop {
            let nodes = &self.at(id)?.session.nodes;
            let Some(last) = nodes.iter().rposition(|node| node.query == query) else {
                return Ok(());
            };
            let node = Rc::make_mut(&mut self.at(id)?.session.nodes).remove(last);
            for context in node.contexts() {
                self.delete_family(id, context)?;
            }
        }
    }
}

#[cold]
fn unwind(session: &mut Session, op: &Op) -> bool {
    use SessionOp::{
        BlockBegin, BlockEnd, BlockException, FunctionBegin, FunctionEnd, LoopBegin, LoopEnd,
        RunEnd, SpiQueryBegin, SpiQueryEnd,
    };
    let Session { unwound, skipped, .. } = session;
    match op {
        Op::TupleBegin { .. } | Op::SpiConnect { .. } | Op::CallBegin { .. } => *unwound += 1,
        Op::QueryEnd { .. } | Op::TupleEnd { .. } | Op::SpiFinish { .. } | Op::CallEnd { .. } => {
            *unwound -= 1
        }
        // The client sends the next statement.
        Op::QueryBegin { .. } | Op::Transaction { .. } => return false,
        Op::Session { session, .. } => match session {
            FunctionBegin(_) | BlockBegin | LoopBegin | SpiQueryBegin { .. } => *unwound += 1,
            // The exception part of the block that has caught the error.
            BlockException if *unwound == 1 && *skipped == Skipped::Block => {
                *unwound = 0;
                return false;
            }
            RunEnd | FunctionEnd | BlockEnd | LoopEnd | SpiQueryEnd { .. } => *unwound -= 1,
            session => return !session.is_sent(),
        },
        _ => {}
    }
    true
}

#[cold]
fn other_node() -> Box<Error> {
    Error::Protocol("the running query has no such node").into()
}
