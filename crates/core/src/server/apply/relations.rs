//! Relations that a backend opens, and what it caches of them (`relcache.c`, `plancat.c`).
//!
//! Of what a relation's entry keeps there are the contexts of its indexes; descriptors are not
//! modelled, nor are the catalog caches.

use std::rc::Rc;

use crate::error::{Error, Fallible};
use crate::ids::{BackendId, ContextSlot, RelId};
use crate::op::Allocator;
use crate::server::Server;
use crate::server::relcache::CachedRelation;

impl Server {
    /// `relation_open` where a statement is about a table.
    pub(super) fn relation_opened(
        &mut self,
        id: BackendId,
        rel: Option<RelId>,
        planned: bool,
    ) -> Fallible<()> {
        match rel {
            Some(rel) => self.relation_open(id, rel, planned),
            None => Ok(()),
        }
    }

    /// `relation_open`, with `planned` as the planner does it, which opens all indexes too
    /// (`get_relation_info`). Here is where the relation is locked: `LockRelationOid`, before
    /// its entry is looked up.
    pub(super) fn relation_open(
        &mut self,
        id: BackendId,
        rel: RelId,
        planned: bool,
    ) -> Fallible<()> {
        if self.pool.smgr.relation(rel).is_none() {
            return Err(Error::Protocol("there is no such table").into());
        }
        self.accept_invalidation_messages(id)?;
        self.relation_id_get_relation(id, rel)?;
        let indexes = if planned { self.pool.smgr.indexes_of(rel) } else { Vec::new() };
        for (index, name) in indexes {
            self.index_cached(id, rel, index, &name)?;
        }
        Ok(())
    }

    /// `index_open`
    pub(super) fn index_open(&mut self, id: BackendId, index: RelId) -> Fallible<()> {
        let relation = self.pool.smgr.relation(index);
        let found = relation.and_then(|it| Some((it.index?.table, it.name.clone())));
        let (table, name) = found.ok_or(Error::Protocol("there is no such index"))?;
        self.relation_open(id, table, false)?;
        self.index_cached(id, table, index, &name)
    }

    /// `RelationIdGetRelation`: the table's entry.
    fn relation_id_get_relation(
        &mut self,
        id: BackendId,
        rel: RelId,
    ) -> Fallible<&mut CachedRelation> {
        let relations = Rc::make_mut(&mut self.at(id)?.session.relations);
        let found = relations.iter().position(|relation| relation.rel == rel);
        let place = found.unwrap_or(relations.len());
        if found.is_none() {
            relations.push(CachedRelation { rel, indexes: Vec::new(), stale: false });
        }
        relations.get_mut(place).ok_or_else(|| Error::Protocol("there is no such table").into())
    }

    fn index_cached(
        &mut self,
        id: BackendId,
        table: RelId,
        index: RelId,
        name: &str,
    ) -> Fallible<()> {
        let opened = &self.relation_id_get_relation(id, table)?.indexes;
        if opened.iter().any(|(rel, _)| *rel == index) {
            return Ok(());
        }
        let context = self.relation_init_index_access_info(id, name)?;
        self.relation_id_get_relation(id, table)?.indexes.push((index, context));
        Ok(())
    }

    /// `RelationInitIndexAccessInfo`: the index's context, and its name in it.
    fn relation_init_index_access_info(
        &mut self,
        id: BackendId,
        name: &str,
    ) -> Fallible<crate::memory::Addr> {
        let cache = self.at(id)?.context_or_error(ContextSlot::CACHE)?;
        let sizes = Allocator::PLAIN_SMALL;
        let context = self.create_context(id, cache, "index info", sizes)?;
        let mut memory = self.memory_of(id)?;
        match Allocator::PLAIN {
            Allocator::Slab { .. } => memory.memory_context_set_identifier(context, name)?,
            _ => {
                memory.memory_context_copy_and_set_identifier(context, name)?;
            }
        }
        Ok(context)
    }

    /// What others, or this backend itself, have changed since is dropped from its caches.
    fn accept_invalidation_messages(&mut self, id: BackendId) -> Fallible<()> {
        while let Some(place) =
            self.at(id)?.session.relations.iter().position(|relation| relation.stale)
        {
            let stale = Rc::make_mut(&mut self.at(id)?.session.relations).remove(place);
            for (_, context) in stale.indexes {
                self.delete_family(id, context)?;
            }
        }
        Ok(())
    }

    /// `CacheInvalidateRelcache` of a change that commits at once: everybody is to look again.
    pub(super) fn invalidate_relation(&mut self, rel: RelId) {
        for backend in &mut self.backends {
            let session = &mut backend.session;
            session.plans.invalidate(rel);
            if session.relations.iter().any(|relation| relation.rel == rel) {
                let relations = Rc::make_mut(&mut session.relations);
                let of_rel = relations.iter_mut().filter(|relation| relation.rel == rel);
                of_rel.for_each(|relation| relation.stale = true);
            }
        }
    }
}
