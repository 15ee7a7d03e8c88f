//! The words after the command's name.
//!
//! A command takes the options it knows out of the list and then calls [`Args::finish`], which
//! complains about whatever is left, so that a mistyped option is never passed over.

use std::str::FromStr;

/// What of the command line is not understood yet.
pub(crate) struct Args {
    words: Vec<String>,
}

impl Args {
    pub(crate) fn new(words: impl Iterator<Item = String>) -> Self {
        // `--port=1` is the same as `--port 1`.
        let words = words.flat_map(|word| match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => vec![name.into(), value.into()],
            _ => vec![word],
        });
        Self { words: words.collect() }
    }

    /// Takes the option `name` out; true when it was there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let before = self.words.len();
        self.words.retain(|word| word != name);
        self.words.len() < before
    }

    /// Takes the option `name` and the number after it out.
    pub(crate) fn number<N: FromStr>(&mut self, name: &str) -> Result<Option<N>, String> {
        let Some(at) = self.words.iter().position(|word| word == name) else { return Ok(None) };
        let value = self.words.get(at + 1).cloned().unwrap_or_default();
        let number = value.parse().map_err(|_| {
            format!("`{name}` needs a number after it, such as `{name} 8081`, not `{value}`")
        })?;
        self.words.drain(at..=at + 1);
        Ok(Some(number))
    }

    /// Takes the option `name` and the word after it out; the example is for who forgets the word.
    pub(crate) fn text(&mut self, name: &str, example: &str) -> Result<Option<String>, String> {
        let Some(at) = self.words.iter().position(|word| word == name) else { return Ok(None) };
        match self.words.get(at + 1) {
            Some(word) if !word.starts_with("--") => {}
            _ => return Err(format!("`{name}` needs a word after it, such as `{name} {example}`")),
        }
        Ok(self.words.drain(at..=at + 1).nth(1))
    }

    /// All the words that are left, none of which may look like an option.
    pub(crate) fn rest(self, command: &str) -> Result<Vec<String>, String> {
        match self.words.iter().find(|word| word.starts_with("--")) {
            None => Ok(self.words),
            Some(option) => {
                Self { words: vec![option.clone()] }.finish(command).map(|()| Vec::new())
            }
        }
    }

    /// An error that names the first word nobody took.
    pub(crate) fn finish(self, command: &str) -> Result<(), String> {
        match self.words.first() {
            None => Ok(()),
            Some(word) => Err(format!(
                "`cargo xtask {command}` does not know `{word}`\n  \
                 way out: `cargo xtask --help` shows what it knows"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Args {
        Args::new(line.split_whitespace().map(String::from))
    }

    #[test]
    fn known_options_are_taken_and_nothing_is_left() {
        let mut args = args("--port=81 --open");
        assert_eq!(args.number::<u16>("--port"), Ok(Some(81)));
        assert!(args.flag("--open"));
        assert!(!args.flag("--release"));
        assert_eq!(args.finish("serve"), Ok(()));
    }

    #[test]
    fn a_word_is_taken_with_its_option() {
        let mut given = args("--pg-bin /opt/pg/bin --install");
        assert_eq!(given.text("--pg-bin", "/opt/pg/bin"), Ok(Some("/opt/pg/bin".into())));
        assert!(given.flag("--install"));
        assert_eq!(given.finish("oracle"), Ok(()));
        assert!(args("--pg-bin").text("--pg-bin", "/opt/pg/bin").is_err());
    }

    #[test]
    fn a_mistyped_option_is_named() {
        assert!(args("--opne").finish("serve").unwrap_err().contains("`--opne`"));
    }

    #[test]
    fn an_option_with_a_word_takes_it_along() {
        let mut known = args("--features a,b --open");
        assert_eq!(known.text("--features", "c"), Ok(Some("a,b".into())));
        assert!(known.flag("--open"));
        assert_eq!(known.finish("serve"), Ok(()));
        assert!(args("--features").text("--features", "c").is_err());
        assert!(args("--features --open").text("--features", "c").is_err());
    }

    #[test]
    fn a_port_must_be_a_number_that_fits() {
        assert!(args("--port").number::<u16>("--port").is_err());
        assert!(args("--port 99999").number::<u16>("--port").is_err());
    }
}
