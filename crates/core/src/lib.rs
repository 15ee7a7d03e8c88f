//! The machine of pgscope.
