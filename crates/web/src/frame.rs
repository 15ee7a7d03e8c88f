//! What the pictures draw: the machine at one position of the history, and what just happened.
//!
//! A [`Frame`] is cheap to clone and compares by its serial number alone, so that a panel
//! redraws exactly when the position changes. Every picture is a function of it.

use std::rc::Rc;

use pgscope_core::ids::{BackendId, ChunkSlot};
use pgscope_core::{Event, Server};
use pgscope_scenario::Program;

/// The machine at one position, and the events of the operation that runs or ran last.
#[derive(Clone)]
pub struct Frame {
    /// The machine.
    pub server: Rc<Server>,
    /// What the operation did so far.
    pub events: Rc<[Event]>,
    /// The scenario's own names.
    pub labels: Rc<Labels>,
    /// What runs.
    pub program: Rc<Program>,
    /// How many of its operations are done.
    pub steps: u64,
    /// Tells one position from another; equal numbers mean equal pictures.
    pub serial: u64,
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        self.serial == other.serial
    }
}

impl Frame {
    /// The name of a backend's variable, empty if it has none.
    pub fn chunk_name(&self, backend: BackendId, slot: ChunkSlot) -> &str {
        let names = self.labels.chunks.get(usize::from(backend.0));
        names.and_then(|names| names.get(slot.0 as usize)).map_or("", |name| name)
    }
}

/// Names that the scenario gave and the machine does not know.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// Variables that hold chunks: by backend, then by slot.
    pub chunks: Vec<Vec<Rc<str>>>,
}
