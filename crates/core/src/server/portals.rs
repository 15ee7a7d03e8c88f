//! Portals that outlive the statement which made them: cursors, and those of the extended
//! protocol.

use super::session::Portal;
use crate::ids::Name;
use crate::memory::Addr;

/// A portal with what makes it last.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    /// Its name; that of the unnamed portal is empty.
    pub(super) name: Name,
    /// The portal. Its level is 0 once its transaction has ended (`createSubid` is then
    /// `InvalidSubTransactionId`).
    pub(super) portal: Portal,
    /// `CURSOR_OPT_HOLD`
    pub(super) hold: bool,
    /// The context of the cached plan that it uses; null if its plan is its own.
    pub(super) plan: Addr,
}

/// A portal that is being run.
#[derive(Clone, Debug)]
pub(super) struct Running {
    /// Its name.
    pub(super) name: Name,
    /// What was current before.
    pub(super) saved: Addr,
    /// What it was run for.
    pub(super) by: RunBy,
}

/// What runs a portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunBy {
    /// FETCH.
    Fetch,
    /// EXECUTE, which drops the portal; the `ExecutorState` in which it evaluated its
    /// parameters, or null.
    Execute(Addr),
    /// The message Execute.
    Message,
}
