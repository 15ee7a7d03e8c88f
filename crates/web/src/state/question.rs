//! The question that a scenario asks its reader at this place, and what the reader thinks.

use std::rc::Rc;

use pgscope_scenario::{History, Pick, Question, Solution, StepKind};

/// A question, with its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The step that asks it.
    pub step: u64,
    /// It.
    pub question: Rc<Question>,
    /// What is right, if an operation follows that says so.
    solution: Option<Solution>,
}

impl Asked {
    /// The one that is asked at a history's position.
    pub fn at(history: &History) -> Option<Self> {
        let StepKind::Ask(question) = history.shown_step()?.kind else { return None };
        Some(Self { step: history.shown()?, question, solution: history.solution() })
    }

    /// Whether the reader is right; nothing while nobody knows.
    pub fn is_right(&self, pick: &Pick) -> Option<bool> {
        Some(self.question.is_right(self.solution.as_ref()?, pick))
    }

    /// The answer in words.
    pub fn answer(&self) -> Option<String> {
        Some(self.question.in_words(self.solution.as_ref()?))
    }
}
