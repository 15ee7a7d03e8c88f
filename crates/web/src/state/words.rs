//! The small types that the state and its actions are made of.

use std::rc::Rc;

/// A way to go in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// To before the first operation.
    Start,
    /// Back by one operation.
    BackOp,
    /// Back by one event.
    BackEvent,
    /// On by one event.
    StepEvent,
    /// On by one operation.
    StepOp,
    /// To after the last operation.
    End,
    /// On to the next breakpoint.
    Break,
    /// To where so many operations are done.
    To(u64),
}

/// Whether time moves by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activity {
    /// It doesn't.
    #[default]
    Resting,
    /// Event after event, for a reader to follow.
    Playing,
    /// As fast as it can, to this operation.
    Running(u64),
}

/// A dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialog {
    /// The list of keys.
    Keys,
    /// The link, for where the clipboard can't be written.
    Link,
    /// The code that embeds the scenario.
    Embed,
    /// The scenario on every version.
    Versions,
}

/// A way to show shared memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    /// Its buffers, as a dial or a grid.
    #[default]
    Buffers,
    /// The server's views, as tables.
    Views,
    /// Any byte of it and of the backends' memory.
    Bytes,
    /// The lock table and who waits for whom.
    Locks,
    /// All memory by owner.
    Map,
}

impl Pane {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Buffers, Self::Views, Self::Bytes, Self::Locks, Self::Map];

    /// What its tab says.
    pub fn name(self) -> &'static str {
        match self {
            Self::Buffers => "Buffers",
            Self::Views => "Views",
            Self::Bytes => "Bytes",
            Self::Locks => "Locks",
            Self::Map => "Map",
        }
    }

    /// So many further, and round.
    pub fn next(self, steps: usize) -> Self {
        let here = Self::ALL.iter().position(|pane| *pane == self).unwrap_or_default();
        Self::ALL[(here + steps) % Self::ALL.len()]
    }
}

/// Something to tell the reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Something worked; it goes away by itself.
    Done(Rc<str>),
    /// A link was copied that has so many characters: some programs cut it, a file is better.
    Long(usize),
    /// Something didn't; it stays until it is dismissed.
    Failed(Rc<str>),
}

/// The page's colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Light on dark.
    #[default]
    Dark,
    /// Dark on light.
    Light,
}

impl Theme {
    /// Its name in the address and in the style sheets.
    pub fn name(self) -> &'static str {
        match self {
            Theme::Dark => "dark",
            Theme::Light => "light",
        }
    }

    /// The theme of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Theme::Dark, Theme::Light].into_iter().find(|theme| theme.name() == name)
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Theme::Dark => Theme::Light,
            Theme::Light => Theme::Dark,
        }
    }
}

/// A speed of playing: its name, and the milliseconds from event to event.
pub const SPEEDS: [(&str, u32); 5] =
    [("½×", 900), ("1×", 450), ("2×", 225), ("4×", 110), ("16×", 28)];
