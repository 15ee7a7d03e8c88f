//! A checkpoint that is spread over time: others can do things between its writes.

/// A part of it. A real checkpointer sleeps between its writes so that they are spread over
/// `checkpoint_completion_target` (`CheckpointWriteDelay`); here whoever tells the story says when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointPart {
    /// Mark every page that is dirty now, and sort them.
    Begin,
    /// Write so many of the marked pages. What somebody else wrote meanwhile isn't marked any more.
    Write(u32),
    /// Write the rest of them, and be done.
    End,
}
