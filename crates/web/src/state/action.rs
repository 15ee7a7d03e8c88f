//! All that can be asked of the page.

use std::rc::Rc;

use pgscope_core::ids::{BackendId, BufferId};
use pgscope_core::memory::Addr;
use pgscope_scenario::Pick;
use pgscope_scenario::link::Link;

use super::compose::{Draft, Setting};
use super::{Dialog, Move, Notice, Pane, Theme};

/// What a reader, a timer or the address asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// The script reads like this now. It is compiled when [`Action::Compile`] comes.
    Edit(Rc<str>),
    /// The reader has stopped typing.
    Compile,
    /// Write a statement at the end of the script and go through it.
    Append(Draft),
    /// Choose something of the scenario's server: its version, a size of shared_buffers.
    Server(Setting, Rc<str>),
    /// Go somewhere in time.
    Go(Move),
    /// Play if it rests, rest if it plays.
    Toggle,
    /// Stop playing or running.
    Rest,
    /// Playing: the next event is due.
    Tick,
    /// Running: execute at most so many operations. What is seen of them waits for [`Action::Look`]
    /// or for the end.
    Slice(u64),
    /// Running: show where it is.
    Look,
    /// Mark a line to stop at, or take the mark away; without one, the line that is shown.
    Break(Option<u32>),
    /// An event or a condition to stop at, as the reader writes it; empty for none.
    BreakAt(Rc<str>),
    /// What the reader thinks is the answer.
    Pick(Pick),
    /// Choose a speed, as an index into [`SPEEDS`](super::SPEEDS).
    Speed(usize),
    /// Look at a buffer, or at none.
    Select(Option<BufferId>),
    /// Look at the local memory of a backend.
    Backend(BackendId),
    /// Open a memory context, or none.
    Open(Option<Addr>),
    /// Look at a chunk, or at none.
    Chunk(Option<Addr>),
    /// A link was opened, or can't be for this reason.
    Link(Result<Link, Rc<str>>),
    /// Go on with this script, from a file or kept before, from its begin.
    Load(Rc<str>),
    /// Tell the reader something.
    Tell(Notice),
    /// The reader has read it.
    Dismiss,
    /// Open a dialog, or close it.
    Show(Option<Dialog>),
    /// Change the colours.
    Theme(Theme),
    /// Show shared memory another way.
    Pane(Pane),
    /// Look at the bytes that lie here.
    Bytes(Addr),
    /// Large type for a room, or the usual type again.
    Projector,
}
