//! What a backend is in the middle of: its transaction, its portal, the statement in it.
//!
//! PostgreSQL keeps these in static variables and on the C stack. The contexts that go with
//! them are made and dropped in `apply::transaction` and `apply::query`.

use std::rc::Rc;

use super::plancache::PlanCache;
use super::plpgsql::Plpgsql;
use super::portals::{Cursor, Running};
use super::relcache::CachedRelation;
use crate::executor::{AggNode, Node};
use crate::ids::PinSlot;
use crate::memory::Addr;

/// A backend's session, between and within statements.
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    /// `TransactionStateData`, the transaction first, then its savepoints.
    pub(super) levels: Vec<TransactionState>,
    /// Pins that were kept in the transaction, with the level of it that owns each (`ResourceOwner`).
    pub(super) pins: Vec<(PinSlot, usize)>,
    /// There was a BEGIN (`TBLOCK_INPROGRESS` and what follows it).
    pub(super) in_block: bool,
    /// The unnamed portal.
    pub(super) portal: Option<Portal>,
    /// A statement is being executed: what was current before `exec_simple_query` planned it.
    pub(super) statement: Option<Addr>,
    /// Within per-tuple cycles, the innermost last: what was current before.
    pub(super) tuple: Vec<Addr>,
    /// SPI connections, the innermost last.
    pub(super) spi: Vec<SpiConnection>,
    /// Portals that outlive the statement which made them, the oldest first.
    pub(super) cursors: Vec<Cursor>,
    /// Which of them is being run.
    pub(super) running: Option<Running>,
    /// Prepared statements and their plans.
    pub(super) plans: PlanCache,
    /// Nodes of queries in the executor.
    pub(super) nodes: Rc<Vec<Node>>,
    /// Hashed aggregates that the statement's plan has, until its executor starts.
    pub(super) planned: Vec<AggNode>,
    /// Relations that it has opened.
    pub(super) relations: Rc<Vec<CachedRelation>>,
    /// PL/pgSQL's functions and blocks.
    pub(super) plpgsql: Plpgsql,
    /// Ends of what has ended already: nothing is executed until they are passed.
    pub(super) unwound: usize,
    /// Why.
    pub(super) skipped: Skipped,
}

/// Why something is not executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Skipped {
    /// An error has ended the statement that it belongs to.
    #[default]
    Statement,
    /// An error has ended the statements of its block, and its exception part will go on.
    Block,
    /// It is the exception part of a block without an error.
    Handler,
}

/// The transaction, or a savepoint of it (`TransactionStateData`).
#[derive(Clone, Copy, Debug)]
pub(super) struct TransactionState {
    /// The savepoint's name, in the program's text; null for the transaction.
    pub(super) name: Addr,
    /// `curTransactionContext`.
    pub(super) context: Addr,
    /// `priorContext`.
    pub(super) prior: Addr,
    /// An error ended it, and it waits for its ROLLBACK.
    pub(super) aborted: bool,
}

/// A portal (`PortalData`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Portal {
    /// The structure.
    pub(super) pointer: Addr,
    /// `portalContext`.
    pub(super) context: Addr,
    /// How many levels of the transaction there were when it was created.
    pub(super) level: usize,
    /// It is being run (`PORTAL_ACTIVE`): what was current before.
    pub(super) active: Option<Addr>,
    /// The executor's part, unless the statement is a utility command.
    pub(super) query: Option<Query>,
    /// `holdContext`, for the rows of a utility command or of a cursor WITH HOLD; else null.
    pub(super) hold: Addr,
}

/// A query in the executor (`QueryDesc`, `EState`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Query {
    /// The `QueryDesc`.
    pub(super) descriptor: Addr,
    /// `es_query_cxt`.
    pub(super) per_query: Addr,
    /// `ecxt_per_tuple_memory`.
    pub(super) per_tuple: Addr,
    /// The receiver's `tmpcontext`; null before the executor runs.
    pub(super) receiver: Addr,
}

/// A connection of a function to SPI (`_SPI_connection`).
#[derive(Clone, Copy, Debug)]
pub(super) struct SpiConnection {
    /// `procCxt`.
    pub(super) proc: Addr,
    /// `execCxt`.
    pub(super) exec: Addr,
    /// `savedcxt`.
    pub(super) saved: Addr,
    /// How many levels of the transaction there were (`connectSubid`).
    pub(super) level: usize,
    /// The query that it executes.
    pub(super) query: Option<Query>,
    /// How many levels of the transaction there were when that began (`execSubid`).
    pub(super) executing: usize,
    /// Tuples that were worked on then.
    pub(super) tuples: usize,
}

impl Session {
    /// What follows is not executed, up to so many ends.
    pub(super) fn skip(&mut self, ends: usize, why: Skipped) {
        (self.unwound, self.skipped) = (ends, why);
    }

    /// The query whose executor runs, the innermost.
    pub(super) fn query(&self) -> Option<Query> {
        self.spi.iter().rev().find_map(|it| it.query).or_else(|| self.client_query())
    }

    /// Tuples of the queries around the innermost.
    pub(super) fn outer_tuples(&self) -> usize {
        self.spi.iter().rev().find(|it| it.query.is_some()).map_or(0, |it| it.tuples)
    }

    /// The query that the client sent.
    fn client_query(&self) -> Option<Query> {
        match &self.running {
            Some(running) => self.cursor(&running.name)?.portal.query,
            None => self.portal.filter(|portal| portal.active.is_some())?.query,
        }
    }

    /// A cursor, or another portal of that name.
    pub(super) fn cursor(&self, name: &str) -> Option<&Cursor> {
        self.cursors.iter().find(|cursor| &*cursor.name == name)
    }

    /// Contexts that code still uses.
    pub(super) fn in_use(&self) -> Vec<Addr> {
        let mut found = Vec::new();
        for level in &self.levels {
            found.extend_from_slice(&[level.context, level.prior]);
        }
        for connection in &self.spi {
            found.extend_from_slice(&[connection.proc, connection.exec, connection.saved]);
            found.extend(connection.query.iter().flat_map(|it| [it.per_query, it.per_tuple]));
        }
        let or_null = |context: Option<Addr>| context.unwrap_or(Addr::NULL);
        found.extend_from_slice(&[or_null(self.statement)]);
        found.extend_from_slice(&self.tuple);
        found.extend(self.plpgsql.in_use());
        found.extend(self.running.iter().map(|running| running.saved));
        found.extend(self.nodes.iter().flat_map(Node::contexts));
        found.extend(
            self.relations.iter().flat_map(|relation| relation.indexes.iter().map(|index| index.1)),
        );
        found.extend(self.plans.contexts());
        let cursors = self.cursors.iter().map(|cursor| cursor.portal);
        for portal in self.portal.into_iter().chain(cursors) {
            found.extend_from_slice(&[portal.context, portal.hold, or_null(portal.active)]);
            if let Some(query) = portal.query {
                found.extend_from_slice(&[query.per_query, query.per_tuple, query.receiver]);
            }
        }
        found
    }
}
