//! Statements, as far as locks depend on them.

use pgscope_core::lmgr::LockMode;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A constant.
    Value(Value),
    /// A column, perhaps behind a table's name.
    Column(String),
    /// `*`.
    Star,
    /// `-`, `NOT`.
    Unary(String, Box<Expr>),
    /// An operator between two.
    Binary(String, Box<Expr>, Box<Expr>),
    /// A function's call.
    Call(String, Vec<Expr>),
    /// `IN (...)`.
    In(Box<Expr>, Vec<Expr>),
    /// `IS NULL`; false for `IS NOT NULL`.
    IsNull(Box<Expr>, bool),
}

/// A value.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub enum Value {
    /// NULL.
    Null,
    /// A whole number.
    Int(i64),
    /// Text.
    Text(String),
    /// A boolean.
    Bool(bool),
    /// What a function without result gives.
    Void,
}

impl Value {
    /// As a client receives it.
    pub fn text(&self) -> Option<String> {
        match self {
            Value::Null => None,
            Value::Int(number) => Some(number.to_string()),
            Value::Text(text) => Some(text.clone()),
            Value::Bool(value) => Some(if *value { "t" } else { "f" }.into()),
            Value::Void => Some(String::new()),
        }
    }
}

/// How strongly a row is locked (`LockTupleMode`), weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowLock {
    /// FOR KEY SHARE.
    KeyShare,
    /// FOR SHARE.
    Share,
    /// FOR NO KEY UPDATE, and an UPDATE that changes no key.
    NoKeyUpdate,
    /// FOR UPDATE, DELETE.
    Update,
}

impl RowLock {
    /// The heavyweight mode that stands for it (`tupleLockExtraInfo`).
    pub fn mode(self) -> LockMode {
        match self {
            RowLock::KeyShare => LockMode::AccessShare,
            RowLock::Share => LockMode::RowShare,
            RowLock::NoKeyUpdate => LockMode::Exclusive,
            RowLock::Update => LockMode::AccessExclusive,
        }
    }

    /// Whether two transactions can't have these on one row.
    pub fn conflicts_with(self, other: RowLock) -> bool {
        self.mode().conflicts_with(other.mode())
    }
}

/// What to do about a lock that can't be had at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitPolicy {
    /// Wait.
    Block,
    /// NOWAIT.
    Error,
    /// SKIP LOCKED.
    Skip,
}

/// A query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Select {
    /// What it gives.
    pub items: Vec<Expr>,
    /// Where from.
    pub from: Vec<FromItem>,
    /// WHERE.
    pub filter: Option<Expr>,
    /// ORDER BY, and whether descending.
    pub order: Option<(Expr, bool)>,
    /// LIMIT.
    pub limit: Option<i64>,
    /// FOR UPDATE and the like.
    pub locking: Option<Locking>,
}

/// FOR UPDATE and the like.
#[derive(Clone, Debug, PartialEq)]
pub struct Locking {
    /// How strongly.
    pub strength: RowLock,
    /// Only these tables' rows; all if empty.
    pub of: Vec<String>,
    /// And if somebody has them.
    pub policy: WaitPolicy,
}

/// An entry of FROM.
#[derive(Clone, Debug, PartialEq)]
pub struct FromItem {
    /// The relation or function.
    pub name: String,
    /// What else it is called.
    pub alias: String,
    /// Arguments of a function.
    pub args: Option<Vec<Expr>>,
    /// ONLY.
    pub only: bool,
}

/// Where an INSERT's rows come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// VALUES; nothing stands for DEFAULT.
    Values(Vec<Vec<Option<Expr>>>),
    /// A query.
    Query(Select),
}

/// A column of a new table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColumnDef {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// NOT NULL, or part of the primary key.
    pub not_null: bool,
    /// DEFAULT.
    pub default: Option<Expr>,
}

/// A constraint that is to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct ConstraintDef {
    /// Its name, if it is given one.
    pub name: Option<String>,
    /// What it demands.
    pub kind: ConstraintKind,
    /// NOT VALID.
    pub not_valid: bool,
}

/// What a constraint demands.
#[derive(Clone, Debug, PartialEq)]
pub enum ConstraintKind {
    /// PRIMARY KEY of these columns.
    Primary(Vec<String>),
    /// UNIQUE.
    Unique(Vec<String>),
    /// CHECK.
    Check,
    /// FOREIGN KEY of columns to a table's columns.
    Foreign {
        /// The columns here.
        columns: Vec<String>,
        /// The other table.
        table: String,
        /// Its columns; its primary key's if empty.
        to: Vec<String>,
        /// ON DELETE CASCADE.
        cascade: bool,
    },
}

/// How a table is partitioned, or what a partition takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// FROM (...) TO (...): from the first, below the second.
    Range(i64, i64),
    /// IN (...).
    List(Vec<Value>),
    /// DEFAULT.
    Default,
}

/// A part of ALTER TABLE.
#[derive(Clone, Debug, PartialEq)]
pub enum AlterTable {
    /// ADD COLUMN.
    AddColumn(ColumnDef),
    /// DROP COLUMN.
    DropColumn(String),
    /// ALTER COLUMN ... SET DEFAULT, SET NOT NULL, ...
    AlterColumn(String, ColumnChange),
    /// SET (...) and RESET (...).
    Options(Vec<String>),
    /// ADD CONSTRAINT.
    AddConstraint(ConstraintDef),
    /// DROP CONSTRAINT.
    DropConstraint(String),
    /// VALIDATE CONSTRAINT.
    Validate(String),
    /// RENAME TO.
    Rename(String),
    /// RENAME COLUMN.
    RenameColumn(String, String),
    /// SET LOGGED, SET UNLOGGED.
    SetLogged,
    /// ATTACH PARTITION.
    Attach(String, Bound),
    /// DETACH PARTITION; true for CONCURRENTLY.
    Detach(String, bool),
    /// CLUSTER ON an index.
    ClusterOn(String),
    /// ENABLE and DISABLE TRIGGER.
    Triggers,
    /// SET WITHOUT CLUSTER: ShareUpdateExclusiveLock; row level security, owner and the rest:
    /// AccessExclusiveLock.
    Other(LockMode),
}

/// What ALTER COLUMN changes.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnChange {
    /// The default, nullability, storage: the catalog only.
    Catalog,
    /// SET STATISTICS, SET (...).
    Statistics,
    /// TYPE: the table is written anew.
    Type(String),
}

/// Statements about transactions.
#[derive(Clone, Debug, PartialEq)]
pub enum TransactionStmt {
    /// BEGIN, perhaps with an isolation level.
    Begin(Option<Isolation>),
    /// COMMIT.
    Commit,
    /// ROLLBACK.
    Rollback,
    /// SAVEPOINT.
    Savepoint(String),
    /// RELEASE.
    Release(String),
    /// ROLLBACK TO.
    RollbackTo(String),
    /// PREPARE TRANSACTION.
    Prepare(String),
    /// COMMIT PREPARED, or ROLLBACK PREPARED.
    Finish(String, bool),
}

/// Isolation levels, as far as they differ here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// READ COMMITTED.
    ReadCommitted,
    /// REPEATABLE READ.
    RepeatableRead,
    /// SERIALIZABLE.
    Serializable,
}

/// Kinds of objects that DROP takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// TABLE.
    Table,
    /// INDEX; true for CONCURRENTLY.
    Index(bool),
    /// VIEW.
    View,
    /// MATERIALIZED VIEW.
    MatView,
    /// SEQUENCE.
    Sequence,
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// BEGIN and the like.
    Transaction(TransactionStmt),
    /// LOCK TABLE.
    Lock {
        /// The tables, and whether without their children.
        tables: Vec<(String, bool)>,
        /// How.
        mode: LockMode,
        /// NOWAIT.
        nowait: bool,
    },
    /// SELECT.
    Select(Select),
    /// INSERT.
    Insert {
        /// Into what.
        table: String,
        /// Its columns that are given; all if empty.
        columns: Vec<String>,
        /// The rows.
        source: Source,
        /// ON CONFLICT DO NOTHING.
        on_conflict_nothing: bool,
    },
    /// UPDATE.
    Update {
        /// What.
        table: String,
        /// Columns and their new values.
        set: Vec<(String, Expr)>,
        /// WHERE.
        filter: Option<Expr>,
    },
    /// DELETE.
    Delete {
        /// From what.
        table: String,
        /// WHERE.
        filter: Option<Expr>,
    },
    /// TRUNCATE.
    Truncate {
        /// What.
        tables: Vec<String>,
        /// CASCADE.
        cascade: bool,
    },
    /// CREATE TABLE.
    CreateTable {
        /// Its name.
        name: String,
        /// Its columns.
        columns: Vec<ColumnDef>,
        /// Its constraints.
        constraints: Vec<ConstraintDef>,
        /// PARTITION BY this column.
        partition_by: Option<String>,
        /// PARTITION OF.
        partition_of: Option<(String, Bound)>,
        /// AS.
        query: Option<Select>,
    },
    /// CREATE INDEX.
    CreateIndex {
        /// Its name.
        name: Option<String>,
        /// The table.
        table: String,
        /// Its columns.
        columns: Vec<String>,
        /// UNIQUE.
        unique: bool,
        /// CONCURRENTLY.
        concurrently: bool,
    },
    /// CREATE VIEW, or with true CREATE MATERIALIZED VIEW.
    CreateView(String, Select, bool),
    /// CREATE SEQUENCE.
    CreateSequence(String),
    /// CREATE FUNCTION.
    CreateFunction(String),
    /// CREATE TRIGGER on a table, which calls a function.
    CreateTrigger {
        /// Its name.
        name: String,
        /// The table.
        table: String,
        /// The function.
        function: String,
    },
    /// CREATE STATISTICS on a table.
    CreateStatistics(String),
    /// CREATE POLICY, CREATE RULE.
    CreatePart {
        /// The catalog: `pg_policy`, `pg_rewrite`.
        class: u32,
        /// Its name.
        name: String,
        /// The table.
        table: String,
    },
    /// DROP TRIGGER, DROP POLICY, DROP RULE.
    DropPart {
        /// The catalog.
        class: u32,
        /// Its name.
        name: String,
        /// The table.
        table: String,
    },
    /// GRANT and REVOKE.
    Grant(Vec<String>, &'static str),
    /// COMMENT ON TABLE.
    Comment(String),
    /// ANALYZE.
    Analyze(Vec<String>),
    /// VACUUM.
    Vacuum {
        /// The tables.
        tables: Vec<String>,
        /// FULL.
        full: bool,
        /// SKIP_LOCKED.
        skip_locked: bool,
        /// ANALYZE as well.
        analyze: bool,
    },
    /// CLUSTER, and REPACK of 19.
    Cluster(String, Option<String>, &'static str),
    /// REINDEX TABLE, or INDEX.
    Reindex {
        /// What.
        name: String,
        /// It is an index.
        index: bool,
        /// CONCURRENTLY.
        concurrently: bool,
    },
    /// REFRESH MATERIALIZED VIEW; true for CONCURRENTLY.
    Refresh(String, bool),
    /// DROP.
    Drop {
        /// What kind.
        kind: Dropped,
        /// Which.
        names: Vec<String>,
        /// IF EXISTS.
        if_exists: bool,
        /// CASCADE.
        cascade: bool,
    },
    /// ALTER TABLE.
    AlterTable(String, Vec<AlterTable>),
    /// ALTER SEQUENCE.
    AlterSequence(String),
    /// SET; true for SET LOCAL.
    Set(String, String, bool),
    /// EXPLAIN of a statement.
    Explain(Box<Statement>),
    /// PREPARE.
    Prepare(String, Box<Statement>),
    /// EXECUTE.
    Execute(String),
    /// DECLARE CURSOR.
    Declare(String, Select),
    /// FETCH, MOVE.
    Fetch,
    /// CLOSE, DEALLOCATE, DISCARD, RESET, SHOW: no locks.
    Plain(&'static str),
}
