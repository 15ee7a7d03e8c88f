//! Operations by family. Each family is a function of its own, so that a page that never does such
//! things need not have it before its first picture.

use super::Outcome;
use super::Server;
use crate::error::Error;
use crate::event::End;
use crate::mmgr::Process;
use crate::op::Op;

const ANOTHER: Error = Error::Protocol("an operation of another family");

impl Server {
    /// What goes over tables and indexes.
    #[inline(never)]
    pub(super) fn use_tables(&mut self, op: &Op) -> Result<Outcome, Error> {
        match *op {
            Op::CreateIndex { rel, ref name, table } => self.create_index(rel, name, table)?,
            Op::BulkBegin { backend, rel, ref bulk } => {
                let bulk = self.bulk(backend, bulk);
                self.table_access(backend)?.bulk_begin(rel, &bulk)?;
            }
            Op::BulkNext { backend, pages } => return self.bulk_next(backend, pages),
            Op::BulkEnd { backend } => self.table_access(backend)?.bulk_end()?,
            Op::Insert { backend, rel } => {
                return Ok(self.table_access(backend)?.heap_insert(rel)?.into());
            }
            Op::IndexScan { backend, index, block, update } => {
                return Ok(self.table_access(backend)?.index_scan(index, block, update)?.into());
            }
            Op::Truncate { backend, rel, nblocks } => {
                let from = nblocks.unwrap_or_default();
                self.access(backend)?.drop_relation_buffers(rel, from)?;
                match nblocks {
                    Some(nblocks) => self.pool.smgr.truncate(rel, nblocks),
                    None => self.pool.smgr.unlink(rel),
                }
            }
            _ => return Err(ANOTHER),
        }
        Ok(Outcome::default())
    }

    /// Who comes and goes, and settings.
    #[inline(never)]
    pub(super) fn change_server(&mut self, op: &Op) -> Result<Outcome, Error> {
        match *op {
            Op::ConnectSuperuser { backend, ref name } => self.connect(backend, name, true)?,
            Op::Disconnect { backend } => self.end_backend(backend, End::Disconnected)?,
            Op::Setting { backend, ref statement } => self.setting_statement(backend, statement)?,
            Op::AlterSystem(ref statement) => self.alter_system(statement)?,
            Op::Reload => self.reload()?,
            Op::Restart => self.restart()?,
            _ => return Err(ANOTHER),
        }
        Ok(Outcome::default())
    }

    /// What is done to many buffers, or for their sake.
    #[inline(never)]
    pub(super) fn maintain_buffers(&mut self, op: &Op) -> Result<Outcome, Error> {
        match *op {
            Op::CleanupLock { backend, pin, wait } => return self.cleanup_lock(backend, pin, wait),
            Op::CreateStrategy { backend, strategy, kind, size_kb } => {
                self.access(backend)?.get_access_strategy(strategy, kind, size_kb)?;
            }
            Op::FreeStrategy { backend, strategy } => {
                self.access(backend)?.free_access_strategy(strategy)?;
            }
            Op::DropRelation { backend, rel, from } => {
                self.access(backend)?.drop_relation_buffers(rel, from)?;
            }
            Op::DropDatabase { backend } => self.access(backend)?.drop_database_buffers()?,
            Op::FlushRelation { backend, rel } => {
                self.access(backend)?.flush_relation_buffers(rel)?;
            }
            Op::FlushDatabase { backend } => self.access(backend)?.flush_database_buffers()?,
            Op::WalFlush { end } => {
                let upto = self.pool.wal.insert_small(end);
                if self.pool.wal.flush(upto) {
                    self.log.emit(crate::event::BufferEvent::WalFlushed { upto })?;
                }
            }
            Op::BackgroundWriter { backend, ref round } => {
                let round = self.round(round);
                let mut access = match backend {
                    Some(backend) => self.access(backend)?,
                    None => self.auxiliary_access(),
                };
                let result = access.bg_buffer_sync(&round)?;
                self.stats.bgwriter_buffers += u64::from(result.written);
                self.stats.bgwriter_stops += u64::from(result.maxwritten);
                self.stats.allocs += u64::from(result.allocs);
                return Ok(Outcome::BgWriter(result));
            }
            _ => return Err(ANOTHER),
        }
        Ok(Outcome::default())
    }

    /// What is seldom asked of memory contexts and chunks.
    #[inline(never)]
    pub(super) fn use_memory(&mut self, op: &Op) -> Result<Outcome, Error> {
        match *op {
            Op::PallocExtended { backend, context, size, flags, chunk } => {
                let routine = |process: &mut Process<'_>, context| {
                    process.memory_context_alloc_extended(context, size, flags)
                };
                return Ok(self.allocate(backend, context, size, chunk, routine)?.into());
            }
            Op::PallocAligned { backend, context, size, align, flags, chunk } => {
                let routine = |process: &mut Process<'_>, context| {
                    process.memory_context_alloc_aligned(context, size, align, flags)
                };
                return Ok(self.allocate(backend, context, size, chunk, routine)?.into());
            }
            Op::Strdup { backend, context, ref text, chunk } => {
                let routine = |process: &mut Process<'_>, context| {
                    process.memory_context_strdup(context, text)
                };
                let size = text.len() as u64 + 1;
                return Ok(self.allocate(backend, context, size, chunk, routine)?.into());
            }
            Op::RepallocExtended { backend, chunk, size, flags } => {
                return Ok(self.repalloc(backend, chunk, size, flags)?.into());
            }
            Op::Peek { backend, owner, chunk, offset, size } => {
                return Ok(Outcome::Bytes(self.peek_chunk(backend, owner, chunk, offset, size)?));
            }
            Op::Poke { backend, chunk, offset, size } => {
                self.poke_chunk(backend, chunk, offset, size)?;
            }
            Op::ResetOnly { backend, context } => self.reset_only(backend, context)?,
            Op::ResetChildren { backend, context } => self.reset_children(backend, context)?,
            Op::DeleteChildren { backend, context } => self.delete_children(backend, context)?,
            Op::SetParent { backend, context, parent } => {
                self.set_parent(backend, context, parent)?;
            }
            Op::RegisterResetCallback { backend, context, callback } => {
                let context = self.backend_mut(backend)?.context_or_error(context)?;
                let mut memory = self.memory_of(backend)?;
                memory.memory_context_register_reset_callback(context, callback)?;
            }
            Op::SetIdentifier { backend, context, ref ident } => {
                let context = self.backend_mut(backend)?.context_or_error(context)?;
                let mut memory = self.memory_of(backend)?;
                let copy = memory.memory_context_copy_and_set_identifier(context, ident)?;
                return Ok(Outcome::Pointer(copy));
            }
            _ => return Err(ANOTHER),
        }
        Ok(Outcome::default())
    }

    /// Transactions, locks, and what a client's statement is made of.
    #[inline(never)]
    pub(super) fn use_session(&mut self, op: &Op) -> Result<Outcome, Error> {
        match *op {
            Op::Transaction { backend, ref statement } => {
                self.transaction_statement(backend, statement)?;
            }
            Op::Lock { backend, ref statement } => self.lock_statement(backend, statement)?,
            Op::PassTime { milliseconds } => self.pass_time(milliseconds)?,
            Op::Cancel(backend) => self.cancel(backend)?,
            Op::Session { backend, ref session } => return Ok(self.session_op(backend, session)?),
            Op::QueryBegin { backend } => self.query_begin(backend)?,
            Op::QueryRun { backend, columns } => self.run_portal(backend, columns)?,
            Op::QueryEnd { backend } => self.end_statement(backend)?,
            Op::TupleBegin { backend } => self.tuple_begin(backend)?,
            Op::TupleEnd { backend } => self.tuple_end(backend)?,
            Op::SpiConnect { backend } => self.spi_connect(backend)?,
            Op::SpiFinish { backend } => self.spi_finish(backend)?,
            _ => return Err(ANOTHER),
        }
        Ok(Outcome::default())
    }
}
