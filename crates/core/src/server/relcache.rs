//! What a backend keeps of the relations that it has opened (`relcache.c`).

use crate::ids::RelId;
use crate::memory::Addr;

/// A table, and its indexes (`RelationData`).
#[derive(Clone, Debug)]
pub(super) struct CachedRelation {
    /// The table.
    pub(super) rel: RelId,
    /// Its indexes that were opened, and `rd_indexcxt` of each.
    pub(super) indexes: Vec<(RelId, Addr)>,
    /// A catalog change made it invalid: it is built anew.
    pub(super) stale: bool,
}
