//! Relations and what belongs to them, as a session sees them.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::ast::{Bound, ColumnDef, Select};
use crate::database::Database;
use crate::error::SqlError;
use crate::session::SessionId;

/// `pg_type`, `pg_constraint`, ...: catalogs whose objects are locked.
pub(crate) const PG_TYPE: u32 = 1247;
pub(crate) const PG_PROC: u32 = 1255;
pub(crate) const PG_CONSTRAINT: u32 = 2606;
pub(crate) const PG_NAMESPACE: u32 = 2615;
pub(crate) const PG_REWRITE: u32 = 2618;
pub(crate) const PG_TRIGGER: u32 = 2620;
pub(crate) const PG_POLICY: u32 = 3256;

/// The schema `public`.
pub(crate) const PUBLIC: u32 = 2200;

/// OID, name, shared by all databases, indexes.
type Catalog = (u32, &'static str, bool, &'static [(u32, &'static str)]);

/// Catalogs that queries may read.
const CATALOGS: [Catalog; 8] = [
    (
        1259,
        "pg_class",
        false,
        &[
            (2662, "pg_class_oid_index"),
            (2663, "pg_class_relname_nsp_index"),
            (3455, "pg_class_tblspc_relfilenode_index"),
        ],
    ),
    (
        1249,
        "pg_attribute",
        false,
        &[(2658, "pg_attribute_relid_attnam_index"), (2659, "pg_attribute_relid_attnum_index")],
    ),
    (1247, "pg_type", false, &[(2703, "pg_type_oid_index"), (2704, "pg_type_typname_nsp_index")]),
    (
        1255,
        "pg_proc",
        false,
        &[(2690, "pg_proc_oid_index"), (2691, "pg_proc_proname_args_nsp_index")],
    ),
    (
        2615,
        "pg_namespace",
        false,
        &[(2684, "pg_namespace_nspname_index"), (2685, "pg_namespace_oid_index")],
    ),
    (
        1262,
        "pg_database",
        true,
        &[(2671, "pg_database_datname_index"), (2672, "pg_database_oid_index")],
    ),
    (1260, "pg_authid", true, &[(2676, "pg_authid_rolname_index"), (2677, "pg_authid_oid_index")]),
    (
        1213,
        "pg_tablespace",
        true,
        &[(2697, "pg_tablespace_oid_index"), (2698, "pg_tablespace_spcname_index")],
    ),
];

/// Kinds of relations (`relkind`).
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Table,
    Partitioned(String),
    Index(Index),
    View(Select),
    MatView(Select),
    Sequence,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Index {
    pub(crate) table: u32,
    pub(crate) columns: Vec<String>,
    pub(crate) unique: bool,
    /// Queries may not use it yet, or not any more.
    pub(crate) invalid: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Foreign {
    pub(crate) columns: Vec<String>,
    pub(crate) parent: u32,
    pub(crate) to: Vec<String>,
    pub(crate) cascade: bool,
    /// Triggers on the child and on the parent.
    pub(crate) triggers: [u32; 4],
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Constraint {
    pub(crate) oid: u32,
    pub(crate) name: String,
    pub(crate) index: Option<u32>,
    pub(crate) foreign: Option<Foreign>,
}

/// A relation (`pg_class` and its kin).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Relation {
    pub(crate) oid: u32,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) shared: bool,
    pub(crate) columns: Vec<ColumnDef>,
    pub(crate) indexes: Vec<u32>,
    /// Its TOAST table and that one's index.
    pub(crate) toast: Option<(u32, u32)>,
    pub(crate) constraints: Vec<Constraint>,
    /// Its array type and its row type.
    pub(crate) types: Option<(u32, u32)>,
    /// Other objects that go with it: catalog and OID.
    pub(crate) objects: Vec<(u32, u32)>,
    pub(crate) parent: Option<(u32, Bound)>,
    /// Sequences that its columns own.
    pub(crate) sequences: Vec<u32>,
    /// Where its rows are; a new one after TRUNCATE.
    pub(crate) filenode: u32,
    /// VACUUM, ANALYZE or CREATE INDEX has counted its rows, and the planner knows how few.
    pub(crate) counted: bool,
}

impl Relation {
    pub(crate) fn new(oid: u32, name: &str, kind: Kind) -> Self {
        Relation {
            oid,
            name: name.to_owned(),
            kind,
            shared: false,
            columns: Vec::new(),
            indexes: Vec::new(),
            toast: None,
            constraints: Vec::new(),
            types: None,
            objects: Vec::new(),
            parent: None,
            sequences: Vec::new(),
            filenode: oid,
            counted: false,
        }
    }

    pub(crate) fn is_partitioned(&self) -> bool {
        matches!(self.kind, Kind::Partitioned(_))
    }

    /// It has rows of its own.
    pub(crate) fn has_storage(&self) -> bool {
        matches!(self.kind, Kind::Table | Kind::MatView(_))
    }

    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// Relations by OID; nothing stands for one that was dropped.
pub(crate) type Overlay = BTreeMap<u32, Option<Rc<Relation>>>;

/// The catalogs of every database.
pub(crate) fn system() -> BTreeMap<u32, Rc<Relation>> {
    let mut all = BTreeMap::new();
    for (oid, name, shared, indexes) in CATALOGS {
        let mut catalog = Relation::new(oid, name, Kind::Table);
        catalog.shared = shared;
        catalog.indexes = indexes.iter().map(|(oid, _)| *oid).collect();
        all.insert(oid, Rc::new(catalog));
        for (index, name) in indexes {
            let kind = Index { table: oid, columns: Vec::new(), unique: false, invalid: false };
            let mut index = Relation::new(*index, name, Kind::Index(kind));
            index.shared = shared;
            all.insert(index.oid, Rc::new(index));
        }
    }
    all
}

impl Database {
    /// A relation as the session sees it.
    pub(crate) fn relation(&self, sid: SessionId, oid: u32) -> Option<Rc<Relation>> {
        let own = self.overlay(sid).and_then(|overlay| overlay.get(&oid));
        match own {
            Some(own) => own.clone(),
            None => self.catalog.get(&oid).cloned(),
        }
    }

    pub(crate) fn get(&self, sid: SessionId, oid: u32) -> Result<Rc<Relation>, SqlError> {
        self.relation(sid, oid).ok_or_else(|| {
            SqlError::new("XX000", format!("could not open relation with OID {oid}"))
        })
    }

    /// All relations that the session sees.
    pub(crate) fn relations(&self, sid: SessionId) -> Vec<Rc<Relation>> {
        let mut oids: Vec<u32> = self.catalog.keys().copied().collect();
        oids.extend(self.overlay(sid).into_iter().flat_map(|overlay| overlay.keys().copied()));
        oids.sort_unstable();
        oids.dedup();
        oids.into_iter().filter_map(|oid| self.relation(sid, oid)).collect()
    }

    pub(crate) fn find(&self, sid: SessionId, name: &str) -> Option<Rc<Relation>> {
        self.relations(sid).into_iter().find(|relation| relation.name == name)
    }

    pub(crate) fn by_name(&self, sid: SessionId, name: &str) -> Result<Rc<Relation>, SqlError> {
        self.find(sid, name).ok_or_else(|| SqlError::no_relation(name))
    }

    /// Partitions, and theirs, in the order of their OIDs below each parent.
    pub(crate) fn partitions(&self, sid: SessionId, oid: u32) -> Vec<Rc<Relation>> {
        let mut all = Vec::new();
        for relation in self.relations(sid) {
            if relation.parent.as_ref().is_some_and(|(parent, _)| *parent == oid) {
                let below = relation.oid;
                all.push(relation);
                all.extend(self.partitions(sid, below));
            }
        }
        all
    }

    /// Foreign keys that refer to a table: the child and the constraint.
    pub(crate) fn referencing(&self, sid: SessionId, oid: u32) -> Vec<(Rc<Relation>, Constraint)> {
        let mut all = Vec::new();
        for relation in self.relations(sid) {
            for constraint in &relation.constraints {
                if constraint.foreign.as_ref().is_some_and(|foreign| foreign.parent == oid) {
                    all.push((Rc::clone(&relation), constraint.clone()));
                }
            }
        }
        all
    }

    /// Write a relation anew, or with nothing drop it; until the transaction's end only the
    /// session sees it.
    pub(crate) fn put(&mut self, sid: SessionId, oid: u32, relation: Option<Relation>) {
        if let Some(overlay) = self.overlay_mut(sid) {
            overlay.insert(oid, relation.map(Rc::new));
        }
    }

    /// Change a relation.
    pub(crate) fn change(
        &mut self,
        sid: SessionId,
        oid: u32,
        how: impl FnOnce(&mut Relation),
    ) -> Result<(), SqlError> {
        let mut relation = (*self.get(sid, oid)?).clone();
        how(&mut relation);
        self.put(sid, oid, Some(relation));
        Ok(())
    }
}
