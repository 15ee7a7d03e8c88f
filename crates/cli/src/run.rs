//! `pgscope run`: a scenario from begin to end, told or as events.

use std::io::{BufWriter, Write};

use pgscope_scenario::{Breakpoint, History, Position, StepKind, Story, Teller, Told, narrate};

use crate::args::RunArgs;
use crate::input::Source;
use crate::json::Line;
use crate::outcome::{Outcome, Trouble, say};
use crate::paint;

pub(crate) fn run(args: &RunArgs) -> Result<Outcome, Trouble> {
    let source = Source::read(&args.source)?;
    let mut history = source.history()?;
    let breakpoints = breakpoints(args, &history)?;
    let end = match breakpoints.is_empty() {
        true => Position { op: history.len(), event: 0 },
        false => match source.history()?.stopped_at(&breakpoints) {
            Some((end, place)) => {
                let what = args.breaks.get(place).map_or("", |what| what);
                say(format_args!(
                    "stops at {}.{} (operations, events of the next): {what}",
                    end.op, end.event
                ));
                end
            }
            None => {
                say("it comes to no breakpoint");
                let end = Position { op: history.len(), event: 0 };
                tell(args, &mut history, end)?;
                judge(&source.name, &history);
                return Ok(Outcome::Unfulfilled);
            }
        },
    };
    tell(args, &mut history, end)?;
    Ok(judge(&source.name, &history))
}

fn breakpoints(args: &RunArgs, history: &History) -> Result<Vec<Breakpoint>, Trouble> {
    let parse = |text: &String| {
        Breakpoint::parse(text, history.program()).map_err(|wrong| {
            say(paint::diagnostic("--break", &wrong));
            Trouble::Shown
        })
    };
    args.breaks.iter().map(parse).collect()
}

/// Run to `end` and tell of it.
fn tell(args: &RunArgs, history: &mut History, end: Position) -> Result<(), Trouble> {
    if args.json {
        // No colours to take out: the lock is much faster than anstream.
        let mut out = BufWriter::new(std::io::stdout().lock());
        events(history, end, &mut out)?;
        out.flush()?;
    } else {
        let mut out = BufWriter::new(anstream::stdout().lock());
        match args.all {
            true => every_step(history, end, &mut out)?,
            false => {
                let story = Story::up_to(history, end);
                for entry in story.entries() {
                    out.write_all(paint::entry(&entry).as_bytes())?;
                }
            }
        }
        out.flush()?;
    }
    Ok(())
}

/// What came of the expectations.
pub(crate) fn judge(name: &str, history: &History) -> Outcome {
    let failures = history.failures();
    for failure in failures {
        say(format_args!("{name}, line {}: {}", failure.line, failure.message));
    }
    Outcome::fine_if(failures.is_empty())
}

/// Each step as it happens.
fn every_step(history: &mut History, end: Position, out: &mut impl Write) -> Result<(), Trouble> {
    use pgscope_scenario::Entry;
    while history.step_towards(end) {
        let line = history.shown_line().unwrap_or_default();
        out.write_all(paint::entry(&Entry::Step(line, &narrate(history))).as_bytes())?;
    }
    write!(out, "{}", Entry::End(history.totals()))?;
    Ok(())
}

/// Each event, each expectation, and at the end the sums.
fn events(history: &mut History, end: Position, out: &mut impl Write) -> Result<(), Trouble> {
    while history.step_towards(end) {
        let Some((number, step)) = history.shown().zip(history.shown_step()) else { break };
        let begin = || Line::new().number("step", number).number("line", step.line.into());
        match step.kind {
            StepKind::Op(_) => {
                let teller = Teller { names: history.program().names(), server: history.server() };
                for event in history.events() {
                    let Told { kind, fields } = teller.tell(event);
                    let line = begin().text("kind", kind);
                    let line =
                        fields.iter().fold(line, |line, (name, value)| line.value(name, value));
                    out.write_all(line.end().as_bytes())?;
                }
                if let Some(error) = history.error() {
                    let line = begin().text("kind", "error").text("message", &error.to_string());
                    out.write_all(line.end().as_bytes())?;
                }
            }
            StepKind::Expect(_) => {
                let failure = history.failures().iter().find(|failure| failure.op == number);
                let line = begin().text("kind", "expect").flag("holds", failure.is_none());
                let line = match failure {
                    Some(failure) => line.text("message", &failure.message),
                    None => line,
                };
                out.write_all(line.end().as_bytes())?;
            }
            StepKind::Note(_) | StepKind::Ask(_) => {
                let kind = if matches!(step.kind, StepKind::Ask(_)) { "ask" } else { "note" };
                let line = begin().text("kind", kind).text("text", &narrate(history).text());
                let line = match &step.kind {
                    StepKind::Ask(question) => {
                        let solution = history.solution();
                        let answer = solution.map(|it| question.in_words(&it)).unwrap_or_default();
                        line.text("answer", &answer)
                    }
                    _ => line,
                };
                out.write_all(line.end().as_bytes())?;
            }
            StepKind::Show { .. } => {
                let narration = narrate(history);
                let line = begin().text("kind", "show").text("title", &narration.text());
                let line = line.text("text", &narration.listing.join("\n"));
                out.write_all(line.end().as_bytes())?;
            }
        }
    }
    let totals = history.totals();
    let line = Line::new()
        .text("kind", "totals")
        .number("hits", totals.hits)
        .number("misses", totals.misses)
        .number("evictions", totals.evictions)
        .number("writes", totals.writes);
    out.write_all(line.end().as_bytes())?;
    Ok(())
}
