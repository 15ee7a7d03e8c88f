//! pgscope-statements: which heavyweight locks an SQL statement takes, and what comes of it.
//!
//! A [`Database`] has sessions that execute statements one after the other. It is a model of
//! what PostgreSQL locks, on top of the core's [lock manager](pgscope_core::lmgr): a small
//! catalog, rows with versions, transactions with subtransactions, and for each statement the
//! locks that a server takes for it, in its order. A statement that has to wait does so until
//! another session's step lets it go on; time passes when [`Database::pass_time`] says so.
//!
//! It is no database: it knows enough of expressions and plans to find the rows and relations
//! that scenarios of locks are about, and says so where it does not
//! ([`Database::execute`] returns an error text that is no server's).

#![forbid(unsafe_code)]

pub mod ast;
mod calls;
mod catalog;
mod database;
mod ddl;
mod error;
mod eval;
mod foreign;
mod heap;
mod insert;
mod lexer;
mod naming;
mod parser;
mod predicate;
mod query;
mod rows;
mod session;
mod step;
mod transaction;
mod utility;

pub use database::{Database, Schedule, Settings};
pub use error::SqlError;
pub use naming::Shown;
pub use parser::parse;
pub use session::{Outcome, SessionId};
