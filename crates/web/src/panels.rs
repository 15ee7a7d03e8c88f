//! The panels: components that draw what the state holds and report what was chosen.
//!
//! The pictures ([`dial`], [`grid`], [`memory`]) are functions of a [`Frame`](crate::frame::Frame)
//! and know nothing of the state; the shell around them ([`page`], [`embed`]) does.

pub mod actions;
pub mod app;
pub mod breaks;
pub mod bytes;
pub mod complete;
pub mod dial;
pub mod dialogs;
pub mod editor;
pub mod effects;
pub mod embed;
pub mod files;
pub mod glossary;
pub mod grid;
pub mod header;
pub mod icons;
pub mod locks;
pub mod map;
pub mod memory;
pub mod narration;
pub mod notice;
pub mod page;
pub mod panes;
pub mod problems;
pub mod prose;
pub mod question;
mod theme;
pub mod timeline;
pub mod transport;
pub mod versions;
pub mod views;
