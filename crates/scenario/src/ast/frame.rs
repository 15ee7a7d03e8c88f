//! What a scenario says about settings.

use std::fmt;
use std::rc::Rc;

use crate::diagnostic::Span;

use super::Name;

/// `work_mem = 4MB`
#[derive(Clone, Debug, PartialEq)]
pub struct GivenSetting {
    /// The setting.
    pub name: Name,
    /// Its value.
    pub value: SettingValue,
}

/// A setting's value: a word, a number with its unit, or a text in quotes.
#[derive(Clone, Debug, PartialEq)]
pub struct SettingValue {
    /// The text without its quotes.
    pub text: Rc<str>,
    /// It stands in quotes.
    pub quoted: bool,
    /// Where it stands.
    pub span: Span,
}

impl SettingValue {
    /// `DEFAULT`, and not the text of that name.
    pub fn is_default(&self) -> bool {
        !self.quoted && self.text.eq_ignore_ascii_case("default")
    }
}

impl fmt::Display for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.quoted {
            true => write!(f, "\"{}\"", self.text),
            false => f.write_str(&self.text),
        }
    }
}
