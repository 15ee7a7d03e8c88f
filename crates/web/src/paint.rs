//! Drawing: from the machine's state and events to shapes, colours and words.
//!
//! Plain functions without Yew's state; they decide nothing, and where the same fact is shown
//! twice (picture and aria-label) it comes from one function here.

pub mod blocks;
pub mod cells;
pub mod glossary;
pub mod grid;
pub mod groups;
pub mod heap_page;
pub mod heap_story;
pub mod hex;
pub mod locks;
pub mod map;
pub mod place;
pub mod polar;
pub mod purpose;
pub mod relations;
pub mod sheet;
pub mod short;
pub mod story;
pub mod timeline;
pub mod words;
