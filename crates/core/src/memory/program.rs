//! Constant strings: what a C program has in its read-only data.
//!
//! A memory context's name is a pointer to a string constant. So that the pointer in the
//! context's header leads somewhere, the names are bytes in the arena too: each once, ended
//! by a zero byte, at the same address in every process.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Addr, Arena};
use crate::error::Error;

/// Bytes that a scenario's names may fill.
const LIMIT: u64 = 16 << 20;

/// The strings of the program, by address and by text.
#[derive(Clone, Default)]
pub struct ProgramText {
    /// In the order of their addresses.
    texts: Vec<(Addr, Rc<str>)>,
    /// Where in `texts` each is.
    places: BTreeMap<Rc<str>, u32>,
    used: u64,
}

impl ProgramText {
    /// The address of `text`, which is added if it is new.
    ///
    /// # Errors
    /// [`Error::Limit`] if the names of a scenario fill more than 16 MB.
    pub fn intern(&mut self, arena: &mut Arena, text: &str) -> Result<Addr, Error> {
        let known = self.places.get(text).and_then(|place| self.texts.get(*place as usize));
        if let Some((addr, _)) = known {
            return Ok(*addr);
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
        // Fewer than LIMIT, so it fits.
        self.places.insert(text.clone(), self.texts.len() as u32);
        self.texts.push((addr, text));
        Ok(addr)
    }

    /// The string that begins at `addr`; empty if none does.
    pub fn text(&self, addr: Addr) -> &str {
        let place = self.texts.binary_search_by_key(&addr, |(start, _)| *start);
        place.ok().and_then(|place| self.texts.get(place)).map_or("", |(_, text)| text)
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
