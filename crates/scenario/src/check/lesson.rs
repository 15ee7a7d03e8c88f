//! What is checked of a lesson: the language's version, one title, questions with an answer.

use std::rc::Rc;

use pgscope_core::views::View;

use super::{Checker, Compiled};
use crate::ask::{Answer, Choice, Number, Question};
use crate::ast::{Asked, Condition, Lesson, Measured, Name};
use crate::diagnostic::{Problem, Span};
use crate::limits::LANGUAGE;
use crate::markdown;
use crate::program::{Body, Expectation, StepKind};

impl Checker {
    /// `first`: no other statement stands before it.
    #[inline(never)]
    pub(super) fn lesson(&mut self, lesson: &Lesson, span: Span, first: bool) -> Compiled {
        match lesson {
            Lesson::Language(version) => {
                if !first {
                    let message = "\"pgscope\" must be the first statement";
                    self.problems.push(Problem::new(span, message));
                }
                let known = (1..=LANGUAGE).any(|known| version.digits == Some(known.into()));
                if !known {
                    let message = format!("there is no version {version} of the language here");
                    let help = format!(
                        "this pgscope knows versions 1 to {LANGUAGE}; a newer one may know more"
                    );
                    self.problems.push(Problem::new(version.span, message).help(help));
                }
                None
            }
            Lesson::Title(text) => {
                if self.title.is_some() {
                    let message = "a scenario has one title";
                    self.problems.push(Problem::new(span, message));
                }
                self.title = Some(markdown::parse(text));
                None
            }
            Lesson::Note(text) => once(StepKind::Note(markdown::parse(text))),
            Lesson::Ask { question, asked } => {
                self.asked = Some(span);
                let text = markdown::parse(question);
                let answer = self.asked(asked, span)?;
                once(StepKind::Ask(Rc::new(Question { text, answer })))
            }
        }
    }

    fn asked(&mut self, asked: &Asked, span: Span) -> Option<Answer> {
        Some(match asked {
            Asked::Number { number, among, span } => Answer::Number {
                number: self.number(number, *span)?,
                among: among.iter().map(|value| value.amount(1)).collect(),
            },
            Asked::Choices(asked) => {
                let mut choices = Vec::new();
                for choice in asked {
                    let when = match &choice.when {
                        Some(condition) => Some(self.condition(condition)?),
                        None => None,
                    };
                    choices.push(Choice { text: markdown::parse(&choice.text), when });
                }
                let open = choices.iter().filter(|choice| choice.when.is_none()).count();
                if open > 1 || choices.len() < 2 {
                    let message = match open {
                        0 | 1 => "a question needs two choices or more",
                        _ => "only one choice can be right when no other is",
                    };
                    let help = "write when a choice is right: \"yes\" if dirty_buffers > 0, \"no\"";
                    self.problems.push(Problem::new(span, message).help(help));
                    return None;
                }
                Answer::Choices(choices)
            }
        })
    }

    fn number(&mut self, number: &Measured, span: Span) -> Option<Number> {
        if let Measured::View(view, words, column) = number {
            self.check_column(*view, words, span, *column)?;
            if let (View::BackendMemoryContexts, [name, _, ..]) = (*view, &**words) {
                self.backend(&Name { text: name.clone(), span })?;
            }
            return Some(Number::View(*view, words.clone()));
        }
        self.metric(number).map(Number::Metric)
    }

    /// What an `expect`, a choice and a breakpoint look at.
    #[inline(never)]
    pub(super) fn condition(&mut self, condition: &Condition) -> Option<Expectation> {
        let Condition { metric, comparison, negative, value, span } = condition;
        let value = if *negative { -value.amount(1) } else { value.amount(1) };
        let comparison = *comparison;
        Some(match self.number(metric, *span)? {
            Number::Metric(metric) => Expectation::Compare { metric, comparison, value },
            Number::View(view, words) => Expectation::View { view, words, comparison, value },
        })
    }
}

fn once(kind: StepKind) -> Compiled {
    Some((Body::Once(kind), 1))
}
