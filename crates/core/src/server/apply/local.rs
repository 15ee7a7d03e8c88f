//! The memory of a backend's local buffers: its contexts come with the first use of a temporary
//! relation.
//!
//! PostgreSQL makes these requests on the way; here they are made when the operation is over, since
//! buffers know nothing of memory contexts.

use super::{Outcome, Server};
use crate::bufmgr::BLCKSZ;
use crate::bufmgr::localbuf::storage::{Request, TABLE, hash_create};
use crate::error::{Error, Fallible};
use crate::ids::{BackendId, ContextSlot};
use crate::op::Allocator;

impl Server {
    /// What the operation's local buffers asked for, also if it failed after that.
    #[cold]
    pub(super) fn make_local_requests(
        &mut self,
        id: Option<BackendId>,
        outcome: Result<Outcome, Error>,
    ) -> Result<Outcome, Error> {
        let Some(id) = id.filter(|_| outcome != Err(Error::Stopped)) else { return outcome };
        self.pool.local_requests = false;
        for request in self.backend_mut(id)?.buffers.temp.take_requests() {
            self.make_local_request(id, request)?;
        }
        outcome
    }

    fn make_local_request(&mut self, id: BackendId, request: Request) -> Fallible<()> {
        match request {
            Request::Table(nbuffers) => {
                let slot = ContextSlot::LOCAL_BUFFER_TABLE;
                let top = self.at(id)?.memory.top;
                let context = self.create_context(id, top, "dynahash", Allocator::PLAIN)?;
                self.at(id)?.variables.set_context_to(slot, context)?;
                let mut sizes = hash_create(nbuffers);
                if let Some(table) = sizes.next() {
                    self.keep(id, context, table)?;
                }
                self.memory_of(id)?.memory_context_set_identifier(context, TABLE)?;
                for size in sizes {
                    self.keep(id, context, size)?;
                }
            }
            Request::Entries(size) => {
                let context = self.at(id)?.context_or_error(ContextSlot::LOCAL_BUFFER_TABLE)?;
                self.keep(id, context, size)?;
            }
            Request::Pages(pages) => {
                let slot = ContextSlot::LOCAL_BUFFER;
                let context = match self.at(id)?.context(slot) {
                    Some(context) => context,
                    None => {
                        let top = self.at(id)?.memory.top;
                        self.create_named(id, top, slot, Allocator::PLAIN)?
                    }
                };
                let align = self.profile.backend.local_buffer_align;
                self.keep(id, context, u64::from(pages) * BLCKSZ + align)?;
            }
        }
        Ok(())
    }
}
