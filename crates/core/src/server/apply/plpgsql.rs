//! PL/pgSQL as far as memory needs it (`pl_handler.c`, `pl_comp.c`, `pl_exec.c`, `spi.c`): a function's
//! contexts, the queries that it has SPI run, and blocks with an exception part.
//!
//! Such a block runs its statements in a subtransaction of its own. An error rolls that back, and only
//! that: the error's data is copied to the block's `stmt_mcontext` first, `ErrorContext` is reset, SPI
//! closes what was connected within, and the exception part goes on in the transaction around.

use std::rc::Rc;

use crate::error::{Error, Fallible};
use crate::ids::{BackendId, ContextSlot, Name};
use crate::memory::Addr;
use crate::op::Allocator;
use crate::server::Server;
use crate::server::backend::Call;
use crate::server::plpgsql::{Block, Econtext, Function};
use crate::server::session::{Session, Skipped};

/// `sizeof(SimpleEcontextStackEntry)`
const ECONTEXT_ENTRY: u64 = 24;
/// `sizeof(ErrorData)`
const ERROR_DATA: u64 = 184;
/// Functions that a session may compile.
const MAX_FUNCTIONS: usize = 1000;

impl Server {
    /// `plpgsql_call_handler` as far as the first statement; without a signature
    /// `plpgsql_inline_handler`, which runs a DO block.
    pub(super) fn function_begin(&mut self, id: BackendId, signature: &Name) -> Fallible<()> {
        self.spi_connect(id)?;
        let main = self.at(id)?.memory.current;
        let inline = signature.is_empty();
        self.plpgsql_compile(id, signature, main)?;
        let mut estate = Addr::NULL;
        if inline {
            estate = self.create_context(id, main, "ExecutorState", Allocator::PLAIN)?;
        }
        // plpgsql_exec_function, plpgsql_estate_setup
        let session = &mut self.at(id)?.session;
        let connections = session.spi.len();
        let function = Function { connections, estate, statement: Addr::NULL, parent: main };
        session.plpgsql.functions.push(function);
        self.plpgsql_create_econtext(id)
    }

    /// `plpgsql_compile`, `plpgsql_compile_inline`: a function is compiled once in a session.
    fn plpgsql_compile(&mut self, id: BackendId, signature: &Name, main: Addr) -> Fallible<()> {
        let sizes = Allocator::PLAIN;
        if signature.is_empty() {
            self.create_context(id, main, "PL/pgSQL inline code context", sizes)?;
            return Ok(());
        }
        let compiled = &self.at(id)?.session.plpgsql.compiled;
        if compiled.iter().any(|(name, _)| name == signature) {
            return Ok(());
        }
        if compiled.len() >= MAX_FUNCTIONS {
            return Err(Error::Limit { what: "functions", limit: MAX_FUNCTIONS as u64 }.into());
        }
        let slot = match self.profile.backend.functions_in_cache {
            true => ContextSlot::CACHE,
            false => ContextSlot::TOP,
        };
        let parent = self.at(id)?.context_or_error(slot)?;
        let context = self.create_context(id, parent, "PL/pgSQL function", sizes)?;
        self.memory_of(id)?.memory_context_copy_and_set_identifier(context, signature)?;
        let compiled = &mut self.at(id)?.session.plpgsql.compiled;
        Rc::make_mut(compiled).push((signature.clone(), context));
        Ok(())
    }

    /// The end of `plpgsql_exec_function`, and `SPI_finish`.
    pub(super) fn function_end(&mut self, id: BackendId) -> Fallible<()> {
        let function = self.function(id)?;
        self.check_directly_in(id, function)?;
        let plpgsql = &self.at(id)?.session.plpgsql;
        let functions = plpgsql.functions.len();
        let blocks = plpgsql.blocks.last().is_some_and(|block| block.functions == functions);
        if blocks || plpgsql.loops.last().is_some_and(|(_, of)| *of == functions) {
            return Err(not_ended());
        }
        self.plpgsql_destroy_econtext(id)?;
        self.at(id)?.session.plpgsql.functions.pop();
        if !function.estate.is_null() {
            self.delete_family(id, function.estate)?;
        }
        self.spi_finish(id)
    }

    /// The function that runs.
    fn function(&mut self, id: BackendId) -> Fallible<Function> {
        let function = self.at(id)?.session.plpgsql.functions.last().copied();
        let none = "no PL/pgSQL function is running that this belongs to";
        function.ok_or_else(|| Error::Protocol(none).into())
    }

    /// What belongs to a function stands between its statements, not in what one of them runs.
    fn check_directly_in(&mut self, id: BackendId, function: Function) -> Fallible<()> {
        let spi = &self.at(id)?.session.spi;
        let directly = spi.len() == function.connections
            && spi.last().is_some_and(|connection| connection.query.is_none());
        if directly { Ok(()) } else { Err(not_ended()) }
    }

    /// `plpgsql_create_econtext`
    fn plpgsql_create_econtext(&mut self, id: BackendId) -> Fallible<()> {
        let function = self.function(id)?;
        let transaction = self.at(id)?.context_or_error(ContextSlot::TOP_TRANSACTION)?;
        let sizes = Allocator::PLAIN;
        let mut estate = function.estate;
        if estate.is_null() {
            estate = self.at(id)?.session.plpgsql.estate;
        }
        if estate.is_null() {
            estate = self.create_context(id, transaction, "ExecutorState", sizes)?;
            self.at(id)?.session.plpgsql.estate = estate;
        }
        let context = self.create_context(id, estate, "ExprContext", sizes)?;
        let entry = self.keep(id, transaction, ECONTEXT_ENTRY)?;
        let session = &mut self.at(id)?.session;
        let level = session.levels.len();
        session.plpgsql.econtexts.push(Econtext { context, entry, level });
        Ok(())
    }

    /// `plpgsql_destroy_econtext`
    fn plpgsql_destroy_econtext(&mut self, id: BackendId) -> Fallible<()> {
        match self.at(id)?.session.plpgsql.econtexts.pop() {
            Some(Econtext { context, entry, .. }) => {
                self.give_back(id, entry)?;
                self.delete_family(id, context)
            }
            None => Ok(()),
        }
    }

    /// `plpgsql_subxact_cb`: what belongs to the level that ends.
    pub(super) fn plpgsql_subxact_cb(&mut self, id: BackendId) -> Fallible<()> {
        loop {
            let session = &mut self.at(id)?.session;
            let level = session.levels.len();
            match session.plpgsql.econtexts.last().copied() {
                Some(Econtext { context, entry, level: of }) if of == level => {
                    session.plpgsql.econtexts.pop();
                    self.delete_family(id, context)?;
                    self.give_back(id, entry)?;
                }
                _ => return Ok(()),
            }
        }
    }

    /// `plpgsql_xact_cb`: after an abort the memory goes with the transaction's.
    pub(super) fn plpgsql_xact_cb(&mut self, id: BackendId, commit: bool) -> Fallible<()> {
        let plpgsql = &mut self.at(id)?.session.plpgsql;
        plpgsql.econtexts.clear();
        let estate = std::mem::replace(&mut plpgsql.estate, Addr::NULL);
        if commit && !estate.is_null() {
            self.delete_family(id, estate)?;
        }
        Ok(())
    }

    /// `get_stmt_mcontext`
    fn get_stmt_mcontext(&mut self, id: BackendId) -> Fallible<Addr> {
        let Function { statement, parent, .. } = self.function(id)?;
        if !statement.is_null() {
            return Ok(statement);
        }
        let name = "PLpgSQL per-statement data";
        let context = self.create_context(id, parent, name, Allocator::PLAIN)?;
        self.set_stmt_mcontext(id, context, parent)?;
        Ok(context)
    }

    fn set_stmt_mcontext(&mut self, id: BackendId, statement: Addr, parent: Addr) -> Fallible<()> {
        if let Some(function) = self.at(id)?.session.plpgsql.functions.last_mut() {
            (function.statement, function.parent) = (statement, parent);
        }
        Ok(())
    }

    /// `exec_stmt_perform`, or `exec_stmt_return_query` whose receiver is in the `stmt_mcontext`; and
    /// `_SPI_execute_plan` as far as its executor runs.
    pub(super) fn spi_query_begin(&mut self, id: BackendId, returns: bool) -> Fallible<()> {
        let function = self.function(id)?;
        self.check_directly_in(id, function)?;
        if returns {
            self.get_stmt_mcontext(id)?;
        }
        let exec = self.at(id)?.context_or_error(ContextSlot::SPI_EXEC)?;
        // _SPI_begin_call
        self.switch(id, exec)?;
        let query = self.executor_start(id, exec)?;
        let session = &mut self.at(id)?.session;
        if let Some(connection) = session.spi.last_mut() {
            connection.query = Some(query);
            (connection.executing, connection.tuples) = (session.levels.len(), session.tuple.len());
        }
        self.switch(id, query.per_query)
    }

    /// `_SPI_end_call`, and the reset of the `stmt_mcontext` if the statement had one.
    pub(super) fn spi_query_end(&mut self, id: BackendId, returns: bool) -> Fallible<()> {
        let function = self.function(id)?;
        let session = &mut self.at(id)?.session;
        let (tuples, connections) = (session.tuple.len(), session.spi.len());
        let connection = session.spi.last_mut().filter(|it| it.tuples == tuples);
        let connection = connection.filter(|_| connections == function.connections);
        let connection = connection.ok_or_else(not_ended)?;
        let (proc, exec) = (connection.proc, connection.exec);
        let query = connection.query.take().ok_or_else(not_ended)?;
        self.switch(id, exec)?;
        self.executor_end(id, query)?;
        self.switch(id, proc)?;
        self.reset_family(id, exec)?;
        if returns && !function.statement.is_null() {
            self.reset_family(id, function.statement)?;
        }
        self.name_query(id)
    }

    /// The names of a query's contexts are those of the innermost one's.
    fn name_query(&mut self, id: BackendId) -> Fallible<()> {
        let backend = self.at(id)?;
        let query = backend.session.query();
        let contexts = query.map(|query| (query.per_query, query.per_tuple));
        let (per_query, per_tuple) = contexts.unwrap_or_default();
        for (slot, context) in
            [(ContextSlot::EXECUTOR_STATE, per_query), (ContextSlot::EXPR, per_tuple)]
        {
            match context.is_null() {
                true => backend.variables.set_context(slot, None)?,
                false => backend.variables.set_context_to(slot, context)?,
            }
        }
        Ok(())
    }

    /// `exec_stmt_fors` as far as its first row: `SPI_cursor_open_with_paramlist`.
    pub(super) fn loop_begin(&mut self, id: BackendId) -> Fallible<()> {
        let function = self.function(id)?;
        self.check_directly_in(id, function)?;
        let plpgsql = &mut self.at(id)?.session.plpgsql;
        // CreateNewPortal
        plpgsql.portals = plpgsql.portals.saturating_add(1);
        let name: Name = format!("<unnamed portal {}>", plpgsql.portals).into();
        self.add_portal(id, &name, false, Addr::NULL)?;
        let plpgsql = &mut self.at(id)?.session.plpgsql;
        let functions = plpgsql.functions.len();
        plpgsql.loops.push((name, functions));
        self.name_query(id)
    }

    /// Its end: `SPI_cursor_close`.
    pub(super) fn loop_end(&mut self, id: BackendId) -> Fallible<()> {
        let function = self.function(id)?;
        self.check_directly_in(id, function)?;
        let plpgsql = &mut self.at(id)?.session.plpgsql;
        let (functions, loops) = (plpgsql.functions.len(), plpgsql.loops.len());
        let inner =
            plpgsql.blocks.last().is_some_and(|it| it.functions == functions && it.loops >= loops);
        match plpgsql.loops.pop() {
            Some((name, of)) if of == functions && !inner => {
                self.drop_cursors(id, |cursor| cursor.name == name)
            }
            other => {
                plpgsql.loops.extend(other);
                Err(not_ended())
            }
        }
    }

    /// `exec_stmt_block` of a block with exceptions, as far as its first statement.
    pub(super) fn block_begin(&mut self, id: BackendId) -> Fallible<()> {
        let function = self.function(id)?;
        self.check_directly_in(id, function)?;
        let outer = self.at(id)?.memory.current;
        let statement = self.get_stmt_mcontext(id)?;
        self.begin_internal_sub_transaction(id)?;
        self.switch(id, outer)?;
        self.plpgsql_create_econtext(id)?;
        let backend = self.at(id)?;
        let (calls, frames) = (backend.calls.len(), backend.open_frames());
        let Session { tuple, plpgsql, .. } = &mut backend.session;
        plpgsql.blocks.push(Block {
            outer,
            statement,
            parent: function.parent,
            functions: plpgsql.functions.len(),
            loops: plpgsql.loops.len(),
            tuples: tuple.len(),
            calls,
            frames,
            caught: false,
        });
        Ok(())
    }

    /// The end of a block's statements: without an error its exception part is passed over. After one it
    /// is what comes next.
    pub(super) fn block_exception(&mut self, id: BackendId) -> Fallible<()> {
        let Block { outer, caught, .. } = self.block(id)?;
        if caught {
            return Ok(());
        }
        // ReleaseCurrentSubTransaction
        self.switch_to_slot(id, ContextSlot::CUR_TRANSACTION)?;
        let around = self.at(id)?.session.levels.len().saturating_sub(1);
        self.commit_sub_transactions(id, around)?;
        self.switch(id, outer)?;
        let session = &mut self.at(id)?.session;
        session.plpgsql.blocks.pop();
        session.skip(1, Skipped::Handler);
        Ok(())
    }

    /// The end of the exception part: `pop_stmt_mcontext`, and the error's data goes.
    pub(super) fn block_end(&mut self, id: BackendId) -> Fallible<()> {
        let Block { statement, parent, caught, .. } = self.block(id)?;
        if !caught {
            return Err(not_ended());
        }
        self.at(id)?.session.plpgsql.blocks.pop();
        self.set_stmt_mcontext(id, statement, parent)?;
        self.reset_family(id, statement)
    }

    /// The innermost block, if it is the running function's.
    fn block(&mut self, id: BackendId) -> Fallible<Block> {
        let function = self.function(id)?;
        self.check_directly_in(id, function)?;
        let plpgsql = &self.at(id)?.session.plpgsql;
        let (functions, loops) = (plpgsql.functions.len(), plpgsql.loops.len());
        let own = |block: &Block| block.functions == functions && block.loops == loops;
        let block = plpgsql.blocks.last().copied().filter(own);
        block.ok_or_else(not_ended)
    }

    /// What a block's `PG_CATCH` does with an error that was raised in its statements, or in the
    /// exception part of one within. Whether there is a block that takes it.
    pub(super) fn catch(&mut self, id: BackendId, message: &str) -> Fallible<bool> {
        let session = &self.at(id)?.session;
        let Some(place) = session.plpgsql.blocks.iter().rposition(|block| !block.caught) else {
            return Ok(false);
        };
        let block = session.plpgsql.blocks[place];
        // CopyErrorData, FlushErrorState
        self.switch(id, block.statement)?;
        self.keep(id, block.statement, ERROR_DATA)?;
        self.keep(id, block.statement, message.len() as u64 + 1)?;
        self.reset_slot(id, ContextSlot::ERROR)?;
        let backend = self.at(id)?;
        let frames = backend.open_frames().saturating_sub(block.frames);
        backend.session.plpgsql.blocks.truncate(place + 1);
        while self.at(id)?.calls.len() > block.calls
            && let Some(Call { context, outer, .. }) = self.at(id)?.calls.pop()
        {
            self.delete_family(id, context)?;
            self.at(id)?.variables.set_context(ContextSlot::FUNCTION_CALL, outer)?;
        }
        let session = &mut self.at(id)?.session;
        session.tuple.truncate(block.tuples);
        session.plpgsql.functions.truncate(block.functions);
        session.plpgsql.loops.truncate(block.loops);
        // RollbackAndReleaseCurrentSubTransaction
        let around = session.levels.len().saturating_sub(1);
        self.abort_sub_transactions(id, around)?;
        self.switch(id, block.outer)?;
        let session = &mut self.at(id)?.session;
        if let Some(block) = session.plpgsql.blocks.last_mut() {
            block.caught = true;
        }
        session.skip(frames, Skipped::Block);
        self.set_stmt_mcontext(id, Addr::NULL, block.statement)?;
        self.delete_below(id, block.statement)?;
        // exec_eval_cleanup
        if let Some(econtext) = self.at(id)?.session.plpgsql.econtexts.last().copied() {
            self.reset_family(id, econtext.context)?;
        }
        Ok(true)
    }

    /// `AtEOSubXact_SPI` of an abort: connections that were made within the level are closed, and what
    /// the one around was executing is thrown away.
    pub(super) fn at_eosubxact_spi(&mut self, id: BackendId) -> Fallible<()> {
        let level = self.at(id)?.session.levels.len();
        while let Some(connection) = self.at(id)?.session.spi.last().copied() {
            if connection.level < level {
                break;
            }
            self.at(id)?.session.spi.pop();
            self.delete_family(id, connection.exec)?;
            self.delete_family(id, connection.proc)?;
            self.name_connection(id)?;
        }
        let current = self.at(id)?.session.spi.last_mut();
        if let Some(current) = current.filter(|it| it.query.is_some() && it.executing >= level) {
            current.query = None;
            let exec = current.exec;
            self.reset_family(id, exec)?;
            self.forget_nodes(id)?;
        }
        self.name_query(id)
    }

    /// An error that no block takes: those that it leaves roll their subtransactions back, and throw it
    /// again.
    pub(super) fn leave_blocks(&mut self, id: BackendId) -> Fallible<()> {
        while let Some(block) = self.at(id)?.session.plpgsql.blocks.pop() {
            if !block.caught {
                let around = self.at(id)?.session.levels.len().saturating_sub(1);
                self.abort_sub_transactions(id, around)?;
            }
        }
        let plpgsql = &mut self.at(id)?.session.plpgsql;
        plpgsql.functions.clear();
        plpgsql.loops.clear();
        Ok(())
    }
}

#[cold]
fn not_ended() -> Box<Error> {
    Error::Protocol("what a PL/pgSQL statement began has not ended").into()
}
