//! What the page needs later than its first picture: the texts of its examples.
//!
//! The program of this crate (`main.rs`) becomes a small wasm of its own, which also packs and opens
//! links. The page itself takes from here no more than the examples' names.

pub mod examples;
