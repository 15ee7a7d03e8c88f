//! The panels: components that draw a [`Frame`](crate::frame::Frame) and report what was chosen.

pub mod dial;
pub mod grid;
pub mod memory;
mod theme;
