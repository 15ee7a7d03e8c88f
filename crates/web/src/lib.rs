//! The page of pgscope: the pictures it draws of the machine.

pub mod frame;
pub mod paint;
pub mod panels;
