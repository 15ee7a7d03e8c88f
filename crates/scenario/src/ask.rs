//! Questions to the reader, which the machine answers.
//!
//! A question stands before the operation that it is about: "which buffer will go?" The answer is
//! what the machine says right after the next operation. Nobody writes it down, so that it is right
//! for every version, size and seed.

use std::rc::Rc;

use pgscope_core::Server;
use pgscope_core::op::Name;
use pgscope_core::views::View;

use crate::decimal::Decimal;
use crate::expect::{holds, measure, measure_view};
use crate::markdown::{self, Inline};
use crate::metrics::Metric;
use crate::program::{Expectation, Program, StepKind};

/// Steps between a question and the operation that answers it, at most.
const MOST_BETWEEN: u64 = 64;

/// A question.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Its words.
    pub text: Rc<[Inline]>,
    /// How its answer is found.
    pub answer: Answer,
}

/// How an answer is found.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It is a number of the machine.
    Number {
        /// Which.
        number: Number,
        /// The numbers to choose from; none if the reader is to write one.
        among: Vec<f64>,
    },
    /// It is one of these, or several.
    Choices(Vec<Choice>),
}

/// A number that a question can be about.
#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    /// One that `expect` knows.
    Metric(Metric),
    /// One of a view: in the row with the keys before it, the column that is the last word.
    View(View, Vec<Name>),
}

/// A choice.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// What it says.
    pub text: Rc<[Inline]>,
    /// When it is right; without it, if no other is.
    pub when: Option<Expectation>,
}

/// What is right.
#[derive(Clone, Debug, PartialEq)]
pub enum Solution {
    /// This number; nothing if what it is a number of is not there.
    Number(Option<f64>),
    /// The choices at these places.
    Choices(Vec<usize>),
}

impl Question {
    /// What is right, by the machine after the operation that the question is about.
    pub fn solve(&self, server: &Server) -> Solution {
        match &self.answer {
            Answer::Number { number: Number::Metric(metric), .. } => {
                Solution::Number(measure(*metric, server))
            }
            Answer::Number { number: Number::View(view, words), .. } => {
                Solution::Number(measure_view(*view, words, server))
            }
            Answer::Choices(choices) => {
                let right =
                    |choice: &Choice| choice.when.as_ref().is_some_and(|when| holds(when, server));
                let places = (0..).zip(choices);
                let found: Vec<usize> =
                    places.clone().filter(|(_, it)| right(it)).map(|(place, _)| place).collect();
                if !found.is_empty() {
                    return Solution::Choices(found);
                }
                let other = places.filter(|(_, it)| it.when.is_none()).map(|(place, _)| place);
                Solution::Choices(other.collect())
            }
        }
    }

    /// What there is to choose from, in words; nothing if the reader is to write a number.
    pub fn choices(&self) -> Vec<String> {
        match &self.answer {
            Answer::Number { among, .. } => {
                among.iter().map(|number| Decimal(*number).to_string()).collect()
            }
            Answer::Choices(choices) => {
                choices.iter().map(|choice| markdown::plain(&choice.text)).collect()
            }
        }
    }

    /// What is right, in words.
    pub fn in_words(&self, solution: &Solution) -> String {
        match solution {
            Solution::Number(Some(number)) => Decimal(*number).to_string(),
            Solution::Number(None) => "there is no such thing".to_owned(),
            Solution::Choices(right) => {
                let choices = self.choices();
                let right: Vec<_> =
                    right.iter().filter_map(|place| choices.get(*place)).cloned().collect();
                match right.is_empty() {
                    true => "none of these".to_owned(),
                    false => right.join("; "),
                }
            }
        }
    }

    /// Whether this choice, by its place, or this number, as it is written, is right.
    pub fn is_right(&self, solution: &Solution, pick: &Pick) -> bool {
        match (solution, pick, &self.answer) {
            (Solution::Choices(right), Pick::Choice(place), _) => right.contains(place),
            (Solution::Number(right), Pick::Choice(place), Answer::Number { among, .. }) => {
                right.is_some() && among.get(*place).copied() == *right
            }
            (Solution::Number(right), Pick::Number(number), _) => *right == Some(*number),
            _ => false,
        }
    }
}

/// What a reader thinks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pick {
    /// The choice at this place.
    Choice(usize),
    /// This number.
    Number(f64),
}

impl Program {
    /// The operation that answers the question at step `ask`.
    pub(crate) fn answered_by(&self, ask: u64) -> Option<u64> {
        let steps =
            (ask + 1..=ask.saturating_add(MOST_BETWEEN)).map_while(|i| Some((i, self.step(i)?)));
        steps.into_iter().find(|(_, step)| matches!(step.kind, StepKind::Op(_))).map(|(i, _)| i)
    }

    /// The questions that the operation at step `op` answers, in their order.
    pub(crate) fn answers(&self, op: u64) -> Vec<Rc<Question>> {
        let mut questions = Vec::new();
        let mut before = op;
        while let Some(at) = before.checked_sub(1).filter(|at| op - at <= MOST_BETWEEN) {
            match self.step(at).map(|step| step.kind) {
                Some(StepKind::Ask(question)) => questions.push(question),
                Some(StepKind::Op(_)) | None => break,
                Some(_) => {}
            }
            before = at;
        }
        questions.reverse();
        questions
    }
}
