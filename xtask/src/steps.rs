//! A command is a plan of named steps, run in order until one fails.
//!
//! Each step takes one line when all is well (`[2/4] Trunk 0.21.14 … target/tools/bin`), opens that
//! line to let a child process speak below it when there is work to do, and closes with what it did
//! and how long that took. A step that fails ends the plan with the step's name, the cause and the
//! way out.

use std::cell::Cell;
use std::io::Write;
use std::time::{Duration, Instant};

use crate::trouble::Trouble;

/// What a step returns: a few words on what it found or did.
pub(crate) type Outcome = Result<String, Trouble>;

/// The steps of one command over a shared context `C`, which earlier steps fill for later ones.
pub(crate) struct Plan<C> {
    steps: Vec<Step<C>>,
}

struct Step<C> {
    name: String,
    action: Action<C>,
}

type Action<C> = Box<dyn FnOnce(&mut C, &Screen) -> Outcome>;

impl<C> Plan<C> {
    pub(crate) fn new() -> Self {
        Self { steps: Vec::new() }
    }

    /// Adds a step to the end of the plan.
    pub(crate) fn step(
        mut self,
        name: impl Into<String>,
        action: impl FnOnce(&mut C, &Screen) -> Outcome + 'static,
    ) -> Self {
        self.steps.push(Step { name: name.into(), action: Box::new(action) });
        self
    }

    /// Runs all steps; the error is the whole message for the reader.
    pub(crate) fn run(self, context: &mut C) -> Result<(), String> {
        let total = self.steps.len();
        for (index, step) in self.steps.into_iter().enumerate() {
            let label = format!("[{}/{total}] {}", index + 1, step.name);
            let screen = Screen::open(&label);
            let started = Instant::now();
            match (step.action)(context, &screen) {
                Ok(outcome) => screen.close(&outcome, started.elapsed()),
                Err(trouble) => {
                    screen.break_line();
                    return Err(format!("{label} failed\n{trouble}"));
                }
            }
        }
        Ok(())
    }
}

/// The line of the running step, as far as it is written.
pub(crate) struct Screen {
    line_is_open: Cell<bool>,
}

impl Screen {
    fn open(label: &str) -> Self {
        print!("{label} … ");
        flush();
        Self { line_is_open: Cell::new(true) }
    }

    /// Says what the step is about to do, before it takes its time.
    pub(crate) fn note(&self, text: &str) {
        if !self.line_is_open.get() {
            print!("      ");
        }
        println!("{text}");
        self.line_is_open.set(false);
    }

    /// Gives a child process a fresh line to write on.
    pub(crate) fn break_line(&self) {
        if self.line_is_open.replace(false) {
            println!();
        }
        flush();
    }

    fn close(&self, outcome: &str, took: Duration) {
        let mark = if self.line_is_open.get() { "" } else { "      done: " };
        println!("{mark}{outcome}{}", in_words(took));
        flush();
    }
}

fn flush() {
    // A closed pipe at the other end is no reason to stop a build.
    let _ = std::io::stdout().flush();
}

/// ` (1 min 5 s)`, or nothing for what nobody had to wait for.
fn in_words(took: Duration) -> String {
    match took.as_secs() {
        0 if took.as_millis() < 100 => String::new(),
        0..10 => format!(" ({:.1} s)", took.as_secs_f32()),
        10..60 => format!(" ({} s)", took.as_secs()),
        seconds => format!(" ({} min {} s)", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_run_in_order_and_stop_at_the_first_failure() {
        let plan = Plan::new()
            .step("one", |seen: &mut Vec<u8>, _| {
                seen.push(1);
                Ok("fine".into())
            })
            .step("two", |_, _| Err(Trouble::new("it broke", "mend it")))
            .step("three", |seen, _| {
                seen.push(3);
                Ok("fine".into())
            });
        let mut seen = Vec::new();
        let message = plan.run(&mut seen).unwrap_err();
        assert_eq!(seen, [1]);
        assert_eq!(message, "[2/3] two failed\n  cause:   it broke\n  way out: mend it");
    }

    #[test]
    fn durations_read_as_a_person_would_say_them() {
        assert_eq!(in_words(Duration::from_millis(20)), "");
        assert_eq!(in_words(Duration::from_millis(1500)), " (1.5 s)");
        assert_eq!(in_words(Duration::from_secs(65)), " (1 min 5 s)");
    }
}
