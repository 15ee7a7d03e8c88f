//! The paths in a mangled name of Rust (v0, RFC 2603).
//!
//! What a demangled name leaves out is what a split goes by: the module in which an `impl` stands. So
//! names are read here as the compiler wrote them. A name that isn't of that form has no paths.

/// More than any name has, so that a malformed one ends: bytes read, and back references within each other.
const STEPS: usize = 20_000;
const NESTED: usize = 100;

/// The paths of a name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Paths {
    /// Of the function, and of the `impl` and the trait that it is of.
    pub(crate) own: Vec<String>,
    /// Of what generic code was made for.
    pub(crate) made_for: Vec<String>,
}

impl Paths {
    /// All of them in one line, which tells a function from nearly every other.
    pub(crate) fn whole(&self) -> String {
        format!("{} for {}", self.own.join(" "), self.made_for.join(" "))
    }
}

/// Every path of a name.
pub(crate) fn paths(name: &str) -> Paths {
    let Some(symbol) = name.strip_prefix("_R") else { return Paths::default() };
    let found = Paths::default();
    let mut reader = Reader { symbol: symbol.as_bytes(), at: 0, steps: STEPS, nested: 0, found };
    // What was read before something unknown counts too.
    if let Some(path) = reader.path() {
        reader.found.own.push(path);
    }
    reader.found
}

struct Reader<'a> {
    symbol: &'a [u8],
    at: usize,
    steps: usize,
    nested: usize,
    found: Paths,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<u8> {
        let byte = *self.symbol.get(self.at)?;
        self.at += 1;
        self.steps = self.steps.checked_sub(1)?;
        Some(byte)
    }

    fn eat(&mut self, wanted: u8) -> bool {
        let is = self.symbol.get(self.at) == Some(&wanted);
        self.at += usize::from(is);
        is
    }

    /// A number to the base of 62, with its end.
    fn number(&mut self) -> Option<usize> {
        let mut value = 0_usize;
        if self.eat(b'_') {
            return Some(value);
        }
        loop {
            let digit = match self.next()? {
                b'_' => return value.checked_add(1),
                byte @ b'0'..=b'9' => byte - b'0',
                byte @ b'a'..=b'z' => byte - b'a' + 10,
                byte @ b'A'..=b'Z' => byte - b'A' + 36,
                _ => return None,
            };
            value = value.checked_mul(62)?.checked_add(digit.into())?;
        }
    }

    fn disambiguator(&mut self) -> Option<usize> {
        if self.eat(b's') { self.number()?.checked_add(1) } else { Some(0) }
    }

    fn identifier(&mut self) -> Option<(String, usize)> {
        let number = self.disambiguator()?;
        self.eat(b'u');
        let mut length = 0_usize;
        while let Some(digit @ b'0'..=b'9') = self.symbol.get(self.at) {
            length = length.checked_mul(10)?.checked_add(usize::from(digit - b'0'))?;
            self.at += 1;
            if length == 0 {
                break;
            }
        }
        self.eat(b'_');
        let end = self.at.checked_add(length)?;
        let text = std::str::from_utf8(self.symbol.get(self.at..end)?).ok()?;
        self.at = end;
        Some((text.to_owned(), number))
    }

    /// Reads at the place that a back reference names, and comes back.
    fn back<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let place = self.number()?;
        let here = self.at;
        if place >= here || self.nested == NESTED {
            return None;
        }
        (self.at, self.nested) = (place, self.nested + 1);
        let value = read(self);
        (self.at, self.nested) = (here, self.nested - 1);
        value
    }

    /// A path as text; what else it mentions is in `found`.
    fn path(&mut self) -> Option<String> {
        match self.next()? {
            b'C' => self.identifier().map(|(name, _)| name),
            b'N' => {
                self.next()?;
                let outer = self.path()?;
                // What has no name is told from its like by a number: closures, mostly.
                Some(match self.identifier()? {
                    (name, number) if name.is_empty() => format!("{outer}::{{{number}}}"),
                    (name, _) => format!("{outer}::{name}"),
                })
            }
            b'M' => {
                self.impl_path()?;
                self.kind()
            }
            b'X' => {
                self.impl_path()?;
                let of = self.kind()?;
                let what = self.path()?;
                self.found.own.push(what);
                Some(of)
            }
            b'Y' => {
                let of = self.kind()?;
                let what = self.path()?;
                self.found.own.push(of);
                Some(what)
            }
            b'I' => {
                let path = self.path()?;
                while !self.eat(b'E') {
                    self.generic()?;
                }
                Some(path)
            }
            b'B' => self.back(Self::path),
            _ => None,
        }
    }

    fn impl_path(&mut self) -> Option<()> {
        self.disambiguator()?;
        let path = self.path()?;
        self.found.own.push(path);
        Some(())
    }

    fn generic(&mut self) -> Option<()> {
        if self.eat(b'L') {
            self.number()?;
        } else if self.eat(b'K') {
            self.constant()?;
        } else {
            let kind = self.kind()?;
            self.found.made_for.push(kind);
        }
        Some(())
    }

    /// A type: its path if it has one, else the paths of its parts count as made for.
    fn kind(&mut self) -> Option<String> {
        let first = *self.symbol.get(self.at)?;
        if first.is_ascii_lowercase() {
            self.at += 1;
            return Some(String::new());
        }
        match first {
            b'A' => {
                self.at += 1;
                let inner = self.kind();
                self.constant()?;
                inner
            }
            b'S' | b'P' | b'O' => {
                self.at += 1;
                self.kind()
            }
            b'R' | b'Q' => {
                self.at += 1;
                if self.eat(b'L') {
                    self.number()?;
                }
                self.kind()
            }
            b'T' => {
                self.at += 1;
                while !self.eat(b'E') {
                    let part = self.kind()?;
                    self.found.made_for.push(part);
                }
                Some(String::new())
            }
            b'F' => self.function(),
            b'D' => self.dynamic(),
            b'B' => {
                self.at += 1;
                self.back(Self::kind)
            }
            _ => self.path(),
        }
    }

    fn binder(&mut self) -> Option<()> {
        if self.eat(b'G') {
            self.number()?;
        }
        Some(())
    }

    fn function(&mut self) -> Option<String> {
        self.at += 1;
        self.binder()?;
        self.eat(b'U');
        if self.eat(b'K') && !self.eat(b'C') {
            self.identifier()?;
        }
        while !self.eat(b'E') {
            let part = self.kind()?;
            self.found.made_for.push(part);
        }
        self.kind()
    }

    fn dynamic(&mut self) -> Option<String> {
        self.at += 1;
        self.binder()?;
        while !self.eat(b'E') {
            let bound = self.path()?;
            self.found.made_for.push(bound);
            while self.eat(b'p') {
                self.identifier()?;
                let kind = self.kind()?;
                self.found.made_for.push(kind);
            }
        }
        if self.eat(b'L') {
            self.number()?;
        }
        Some(String::new())
    }

    fn constant(&mut self) -> Option<()> {
        if self.eat(b'p') {
            return Some(());
        }
        if self.eat(b'B') {
            return self.back(Self::constant);
        }
        self.kind()?;
        self.eat(b'n');
        while self.next()? != b'_' {}
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(name: &str) -> Vec<String> {
        paths(name).own
    }

    #[test]
    fn a_function_is_a_path() {
        assert_eq!(own("_RNvNtCs1234_7mycrate3foo3bar"), ["mycrate::foo::bar"]);
    }

    #[test]
    fn closures_are_numbered() {
        assert_eq!(own("_RNCNvC7mycrate3foo0B3_"), ["mycrate::foo::{0}"]);
        assert_eq!(own("_RNCNvC7mycrate3foos_0B3_"), ["mycrate::foo::{1}"]);
    }

    #[test]
    fn the_module_of_an_impl_is_told() {
        // In mycrate::foo: impl mycrate::Type { fn run() }
        let name = "_RNvMNtCs1234_7mycrate3fooNtB4_4Type3run";
        assert_eq!(own(name), ["mycrate::foo", "mycrate::Type::run"]);
    }

    #[test]
    fn what_generic_code_was_made_for_is_told() {
        // alloc::swap::<&[mycrate::Cell]>
        let found = paths("_RINvCs1_5alloc4swapRSNtCs2_7mycrate4CellE");
        assert_eq!(
            (found.own, found.made_for),
            (vec!["alloc::swap".into()], vec!["mycrate::Cell".into()])
        );
    }

    #[test]
    fn what_is_no_such_name_has_no_paths_and_ends() {
        for name in ["main", "_R", "_RB_", "_RNvB_3foo", "_RIB_B_B_", "_RNvC9shor"] {
            assert!(own(name).iter().all(|path| path.len() < 10), "{name}");
        }
    }
}
