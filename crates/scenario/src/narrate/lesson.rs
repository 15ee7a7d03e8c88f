//! Words for the reader: notes, questions, and their answers.

use std::rc::Rc;

use crate::ask::Question;
use crate::history::History;
use crate::markdown::{Inline, plain};
use crate::narrate::{Narration, Tone};

#[inline(never)]
pub(super) fn note(narration: &mut Narration, text: &Rc<[Inline]>) {
    narration.say(Tone::Plain, plain(text));
    narration.prose = Rc::clone(text);
}

#[inline(never)]
pub(super) fn question(narration: &mut Narration, question: &Question) {
    narration.say(Tone::Who, "A question: ");
    narration.say(Tone::Plain, plain(&question.text));
    narration.listing = question.choices().iter().map(|choice| format!("( ) {choice}")).collect();
}

/// The answers to what was asked right before this operation, if it is complete.
#[inline(never)]
pub(super) fn answers(narration: &mut Narration, history: &History, op: u64) {
    if history.position().event > 0 {
        return;
    }
    for question in history.program().answers(op) {
        let solution = question.solve(history.server());
        narration.say(Tone::Plain, format!(" “{}” ", plain(&question.text)));
        narration.say(Tone::Hit, format!("Answer: {}.", question.in_words(&solution)));
    }
}
