//! A server with one relation, and the reads of a trace in it, with nobody watching.

use pgscope_core::ids::{BackendId, RelId};
use pgscope_core::op::Persistence;
use pgscope_core::profile::Version;
use pgscope_core::server::Settings;
use pgscope_core::{Op, Server};

pub(crate) const BACKEND: BackendId = BackendId(0);
pub(crate) const REL: RelId = RelId(0);

pub(crate) fn server(buffers: u32, pages: u32, cap: u8) -> Result<Server, String> {
    let settings = Settings::with_shared_buffers(buffers);
    let start = || {
        let mut server = Server::start(Version::V18, settings, 0)?;
        server.apply(&Op::Connect { backend: BACKEND, name: "bench".into() })?;
        let persistence = Persistence::Permanent;
        server.apply(&Op::CreateRelation {
            rel: REL,
            name: "bench".into(),
            nblocks: pages,
            persistence,
        })?;
        server.pool_mut().set_max_usage_count(cap);
        Ok(server)
    };
    start().map_err(|error: pgscope_core::Error| error.to_string())
}

pub(crate) fn read(server: &mut Server, trace: &[u32]) -> Result<(), String> {
    // As many at a time as a scenario's history has at most.
    for blocks in trace.chunks(1024) {
        server.read_blocks(BACKEND, REL, blocks, |_| ()).map_err(|error| error.to_string())?;
    }
    Ok(())
}
