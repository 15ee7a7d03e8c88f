//! What makes a lesson of a scenario: its language's version, a title, notes, questions.

use std::fmt;
use std::rc::Rc;

use super::{Condition, Measured};
use crate::diagnostic::Span;
use crate::format::Quoted;
use crate::units::Quantity;

/// A statement for the reader, not for the machine.
#[derive(Clone, Debug, PartialEq)]
pub enum Lesson {
    /// `pgscope 1`: the version of the language.
    Language(Quantity),
    /// `title "The clock sweep"`
    Title(Rc<str>),
    /// `note "The hand *never* waits."`
    Note(Rc<str>),
    /// `ask "Which buffer will go?" victim among 1, 2, 3`
    Ask {
        /// The question.
        question: Rc<str>,
        /// How its answer is found.
        asked: Asked,
    },
}

impl Lesson {
    /// The word that the statement begins with.
    pub fn keyword(&self) -> &'static str {
        match self {
            Self::Language(_) => "pgscope",
            Self::Title(_) => "title",
            Self::Note(_) => "note",
            Self::Ask { .. } => "ask",
        }
    }
}

/// How the machine finds an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// It is a number of the machine.
    Number {
        /// Which.
        number: Measured,
        /// The numbers to choose from; none if the reader is to write one.
        among: Vec<Quantity>,
        /// Where the number stands.
        span: Span,
    },
    /// It is one of these.
    Choices(Vec<AskedChoice>),
}

/// A choice.
#[derive(Clone, Debug, PartialEq)]
pub struct AskedChoice {
    /// What it says.
    pub text: Rc<str>,
    /// When it is right. Without it, it is right if no other is.
    pub when: Option<Condition>,
}

/// What stands behind the keyword.
impl fmt::Display for Lesson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Language(version) => write!(f, " {version}"),
            Self::Title(text) | Self::Note(text) => write!(f, " {}", Quoted(text)),
            Self::Ask { question, asked } => write!(f, " {} {asked}", Quoted(question)),
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { number, among, .. } => {
                write!(f, "{number}")?;
                let mut before = " among ";
                for number in among {
                    write!(f, "{before}{number}")?;
                    before = ", ";
                }
            }
            Self::Choices(choices) => {
                let mut before = "";
                for AskedChoice { text, when } in choices {
                    write!(f, "{before}{}", Quoted(text))?;
                    if let Some(when) = when {
                        write!(f, " if {when}")?;
                    }
                    before = ", ";
                }
            }
        }
        Ok(())
    }
}
