//! Constant strings: what a C program has in its read-only data.
//!
//! A memory context's name is a pointer to a string constant. So that the pointer in the
//! context's header leads somewhere, the names are bytes in the arena too: each once, ended
//! by a zero byte, at the same address in every process.

use std::collections::HashMap;
use std::rc::Rc;

use super::{Addr, Arena};
use crate::error::Error;

/// Bytes that a scenario's names may fill.
const LIMIT: u64 = 16 << 20;

/// The strings of the program, by address and by text.
#[derive(Clone, Default)]
pub struct ProgramText {
    by_text: HashMap<Rc<str>, Addr>,
    by_addr: HashMap<Addr, Rc<str>>,
    used: u64,
}

impl ProgramText {
    /// The address of `text`, which is added if it is new.
    ///
    /// # Errors
    /// [`Error::Limit`] if the names of a scenario fill more than 16 MB.
    pub fn intern(&mut self, arena: &mut Arena, text: &str) -> Result<Addr, Error> {
        if let Some(&addr) = self.by_text.get(text) {
            return Ok(addr);
        }
        let addr = Addr::PROGRAM.offset(self.used);
        let end = self.used + text.len() as u64 + 1;
        if end > LIMIT {
            return Err(Error::Limit { what: "bytes of names", limit: LIMIT });
        }
        arena.write(addr, text.as_bytes());
        arena.write_u8(addr.offset(text.len() as u64), 0);
        self.used = end;
        let text: Rc<str> = text.into();
        self.by_text.insert(text.clone(), addr);
        self.by_addr.insert(addr, text);
        Ok(addr)
    }

    /// The string that begins at `addr`; empty if none does.
    pub fn text(&self, addr: Addr) -> &str {
        self.by_addr.get(&addr).map_or("", |text| text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_stored_once_as_a_c_string() {
        let (mut arena, mut program) = (Arena::new(), ProgramText::default());
        let first = program.intern(&mut arena, "Work").unwrap();
        let second = program.intern(&mut arena, "Other").unwrap();
        assert_eq!(program.intern(&mut arena, "Work").unwrap(), first);
        assert_eq!(second.since(first), 5);
        assert_eq!(arena.read_u8(first.offset(4)), 0);
        assert_eq!(program.text(second), "Other");
    }
}
