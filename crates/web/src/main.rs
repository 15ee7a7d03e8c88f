//! The page of pgscope.

fn main() {}
