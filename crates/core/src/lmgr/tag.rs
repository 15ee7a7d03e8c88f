//! What is locked, how strongly, and which modes conflict.
//!
//! PostgreSQL: `src/include/storage/lock.h`, `lockdefs.h`, `DescribeLockTag` (`lmgr.c`).

use std::fmt;

/// The eight modes, weakest first (`lockdefs.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum LockMode {
    /// SELECT.
    AccessShare = 1,
    /// SELECT FOR UPDATE and the like.
    RowShare,
    /// INSERT, UPDATE, DELETE.
    RowExclusive,
    /// VACUUM, ANALYZE, CREATE INDEX CONCURRENTLY.
    ShareUpdateExclusive,
    /// CREATE INDEX.
    Share,
    /// CREATE TRIGGER.
    ShareRowExclusive,
    /// REFRESH MATERIALIZED VIEW CONCURRENTLY.
    Exclusive,
    /// DROP TABLE, TRUNCATE, most of ALTER TABLE.
    AccessExclusive,
}

impl LockMode {
    /// All modes, weakest first.
    pub const ALL: [LockMode; 8] = [
        LockMode::AccessShare,
        LockMode::RowShare,
        LockMode::RowExclusive,
        LockMode::ShareUpdateExclusive,
        LockMode::Share,
        LockMode::ShareRowExclusive,
        LockMode::Exclusive,
        LockMode::AccessExclusive,
    ];

    /// The bit of this mode in a mask (`LOCKBIT_ON`).
    pub fn bit(self) -> u16 {
        1 << self as u8
    }

    /// The modes that conflict with this one, as a mask (`LockConflicts`).
    pub fn conflicts(self) -> u16 {
        use LockMode::*;
        let of = |modes: &[LockMode]| modes.iter().fold(0, |mask, mode| mask | mode.bit());
        match self {
            AccessShare => of(&[AccessExclusive]),
            RowShare => of(&[Exclusive, AccessExclusive]),
            RowExclusive => of(&[Share, ShareRowExclusive, Exclusive, AccessExclusive]),
            ShareUpdateExclusive => {
                of(&[ShareUpdateExclusive, Share, ShareRowExclusive, Exclusive, AccessExclusive])
            }
            Share => of(&[
                RowExclusive,
                ShareUpdateExclusive,
                ShareRowExclusive,
                Exclusive,
                AccessExclusive,
            ]),
            ShareRowExclusive => of(&Self::ALL[2..]),
            Exclusive => of(&Self::ALL[1..]),
            AccessExclusive => of(&Self::ALL),
        }
    }

    /// Whether both can't be held by two processes at once.
    pub fn conflicts_with(self, other: LockMode) -> bool {
        self.conflicts() & other.bit() != 0
    }

    /// The name, as pg_locks and messages show it.
    pub fn name(self) -> &'static str {
        match self {
            LockMode::AccessShare => "AccessShareLock",
            LockMode::RowShare => "RowShareLock",
            LockMode::RowExclusive => "RowExclusiveLock",
            LockMode::ShareUpdateExclusive => "ShareUpdateExclusiveLock",
            LockMode::Share => "ShareLock",
            LockMode::ShareRowExclusive => "ShareRowExclusiveLock",
            LockMode::Exclusive => "ExclusiveLock",
            LockMode::AccessExclusive => "AccessExclusiveLock",
        }
    }
}

/// The modes of a mask, weakest first.
pub fn modes(mask: u16) -> impl Iterator<Item = LockMode> {
    LockMode::ALL.into_iter().filter(move |mode| mask & mode.bit() != 0)
}

/// The two lock methods. They share the conflict table; they are released apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum LockMethod {
    /// The server's own locks (`DEFAULT_LOCKMETHOD`).
    Default = 1,
    /// Advisory locks (`USER_LOCKMETHOD`).
    User = 2,
}

/// Kinds of objects that can be locked (`LockTagType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum LockTagType {
    /// A whole relation.
    Relation,
    /// The right to extend a relation.
    Extend,
    /// `pg_database.datfrozenxid`.
    FrozenIds,
    /// One page.
    Page,
    /// One row version.
    Tuple,
    /// A transaction, to wait for its end.
    Transaction,
    /// A virtual transaction, to wait for its end.
    VirtualTransaction,
    /// A speculative insertion.
    SpeculativeToken,
    /// A database object that is no relation.
    Object,
    /// Reserved for an old extension.
    UserLock,
    /// A number that users agree on.
    Advisory,
}

impl LockTagType {
    /// The name in pg_locks.locktype, which is also the wait event's.
    pub fn name(self) -> &'static str {
        match self {
            LockTagType::Relation => "relation",
            LockTagType::Extend => "extend",
            LockTagType::FrozenIds => "frozenid",
            LockTagType::Page => "page",
            LockTagType::Tuple => "tuple",
            LockTagType::Transaction => "transactionid",
            LockTagType::VirtualTransaction => "virtualxid",
            LockTagType::SpeculativeToken => "spectoken",
            LockTagType::Object => "object",
            LockTagType::UserLock => "userlock",
            LockTagType::Advisory => "advisory",
        }
    }
}

/// The name of what is locked: the key of the shared LOCK table (`LOCKTAG`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LockTag {
    /// Database, or the transaction.
    pub field1: u32,
    /// Relation, class, or the high half of an advisory key.
    pub field2: u32,
    /// Block, object, or the low half of an advisory key.
    pub field3: u32,
    /// Offset, part of an object, or the kind of an advisory key.
    pub field4: u16,
    /// What kind of object it is.
    pub kind: LockTagType,
    /// Which method locks it.
    pub method: LockMethod,
}

impl LockTag {
    fn new(kind: LockTagType, field1: u32, field2: u32, field3: u32, field4: u16) -> Self {
        LockTag { field1, field2, field3, field4, kind, method: LockMethod::Default }
    }

    /// A relation; database 0 for one that all databases share.
    pub fn relation(database: u32, relation: u32) -> Self {
        Self::new(LockTagType::Relation, database, relation, 0, 0)
    }

    /// The right to extend a relation.
    pub fn extend(database: u32, relation: u32) -> Self {
        Self::new(LockTagType::Extend, database, relation, 0, 0)
    }

    /// A page of a relation.
    pub fn page(database: u32, relation: u32, block: u32) -> Self {
        Self::new(LockTagType::Page, database, relation, block, 0)
    }

    /// A row version.
    pub fn tuple(database: u32, relation: u32, block: u32, offset: u16) -> Self {
        Self::new(LockTagType::Tuple, database, relation, block, offset)
    }

    /// A transaction.
    pub fn transaction(xid: u32) -> Self {
        Self::new(LockTagType::Transaction, xid, 0, 0, 0)
    }

    /// The virtual transaction `number` of a process.
    pub fn virtual_transaction(process: u32, number: u32) -> Self {
        Self::new(LockTagType::VirtualTransaction, process, number, 0, 0)
    }

    /// An object that is no relation, by its catalog and OID.
    pub fn object(database: u32, class: u32, object: u32) -> Self {
        Self::new(LockTagType::Object, database, class, object, 0)
    }

    /// An advisory lock with one key of 64 bits.
    pub fn advisory(database: u32, key: i64) -> Self {
        let (high, low) = ((key >> 32) as u32, key as u32);
        let tag = Self::new(LockTagType::Advisory, database, high, low, 1);
        LockTag { method: LockMethod::User, ..tag }
    }

    /// An advisory lock with two keys of 32 bits.
    pub fn advisory_pair(database: u32, key1: i32, key2: i32) -> Self {
        let tag = Self::new(LockTagType::Advisory, database, key1 as u32, key2 as u32, 2);
        LockTag { method: LockMethod::User, ..tag }
    }

    /// The hash that PostgreSQL computes of the tag's sixteen bytes (`LockTagHashCode`).
    pub fn hash_code(&self) -> u32 {
        super::room::hash_bytes(self.words())
    }

    /// Its sixteen bytes.
    pub(crate) fn words(&self) -> [u32; 4] {
        let last = u32::from(self.field4)
            | u32::from(self.kind as u8) << 16
            | u32::from(self.method as u8) << 24;
        [self.field1, self.field2, self.field3, last]
    }
}

/// What messages call it (`DescribeLockTag`).
impl fmt::Display for LockTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LockTag { field1, field2, field3, field4, .. } = self;
        match self.kind {
            LockTagType::Relation => write!(f, "relation {field2} of database {field1}"),
            LockTagType::Extend => {
                write!(f, "extension of relation {field2} of database {field1}")
            }
            LockTagType::FrozenIds => write!(f, "pg_database.datfrozenxid of database {field1}"),
            LockTagType::Page => {
                write!(f, "page {field3} of relation {field2} of database {field1}")
            }
            LockTagType::Tuple => {
                write!(f, "tuple ({field3},{field4}) of relation {field2} of database {field1}")
            }
            LockTagType::Transaction => write!(f, "transaction {field1}"),
            LockTagType::VirtualTransaction => {
                write!(f, "virtual transaction {field1}/{field2}")
            }
            LockTagType::SpeculativeToken => {
                write!(f, "speculative token {field2} of transaction {field1}")
            }
            LockTagType::Object => {
                write!(f, "object {field3} of class {field2} of database {field1}")
            }
            LockTagType::UserLock => write!(f, "user lock [{field1},{field2},{field3}]"),
            LockTagType::Advisory => {
                write!(f, "advisory lock [{field1},{field2},{field3},{field4}]")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflicts_are_mutual() {
        for one in LockMode::ALL {
            for other in LockMode::ALL {
                assert_eq!(one.conflicts_with(other), other.conflicts_with(one));
            }
        }
    }

    #[test]
    fn a_stronger_mode_conflicts_with_more() {
        let counts = LockMode::ALL.map(|mode| mode.conflicts().count_ones());
        assert_eq!(counts, [1, 2, 4, 5, 5, 6, 7, 8]);
    }

    #[test]
    fn keys_of_advisory_locks_are_unsigned() {
        let tag = LockTag::advisory(5, -1);
        assert_eq!(tag.to_string(), "advisory lock [5,4294967295,4294967295,1]");
        let tag = LockTag::advisory(5, 4_294_967_297);
        assert_eq!((tag.field2, tag.field3, tag.field4), (1, 1, 1));
    }
}
