//! The scenario language of pgscope.
