//! What a step says when it cannot go on: the cause and the way out.
//!
//! The reader of these messages has just cloned the repository and knows nothing of its tooling, so
//! a [`Trouble`] without a way out cannot be made. The name of the step is added by
//! [`crate::steps`], which is the only place that prints one.

use std::fmt;

/// A failure in words for people.
#[derive(Debug)]
pub(crate) struct Trouble {
    cause: String,
    way_out: String,
}

impl Trouble {
    /// `cause` says what happened, `way_out` what the reader can do now.
    pub(crate) fn new(cause: impl Into<String>, way_out: impl Into<String>) -> Self {
        Self { cause: cause.into(), way_out: way_out.into() }
    }

    /// What happened.
    pub(crate) fn cause(&self) -> &str {
        &self.cause
    }

    /// The same, with more to know about what happened.
    pub(crate) fn and(mut self, more: &str) -> Self {
        self.cause.push('\n');
        self.cause.push_str(more);
        self
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  cause:   {}", indent(&self.cause))?;
        write!(f, "  way out: {}", indent(&self.way_out))
    }
}

/// Later lines stand under the first one.
fn indent(text: &str) -> String {
    text.replace('\n', "\n           ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_lines_stand_under_the_first() {
        let trouble = Trouble::new("one\ntwo", "three");
        assert_eq!(trouble.to_string(), "  cause:   one\n           two\n  way out: three");
    }
}
