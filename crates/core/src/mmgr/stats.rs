//! The statistics of memory contexts as text (`MemoryContextStatsDetail`).
//!
//! This is what a server writes to its log when it runs out of memory, and when somebody calls
//! `pg_log_backend_memory_contexts`: a line for each context, indented by its depth, then the
//! grand total. What is too deep or too many is summed up in a line of its own.

use std::fmt::{self, Write};

use super::{Context, Counters};
use crate::memory::{Addr, AddrSet, Arena, ProgramText};
use crate::profile::{ContextRows, Profile, StatsDetail};

/// Bytes of an identifier that are shown.
const IDENT_SHOWN: usize = 100;

/// Counters in the usual words, with what a kind of context has to add.
pub(super) struct StatsText {
    counters: Counters,
    blocks: String,
    free: String,
}

impl StatsText {
    /// With this behind the number of blocks.
    pub(super) fn behind_blocks(self, blocks: String) -> Self {
        Self { blocks, ..self }
    }

    /// Without the number of free chunks.
    pub(super) fn without_free_chunks(self) -> Self {
        Self { free: String::new(), ..self }
    }
}

impl From<Counters> for StatsText {
    fn from(counters: Counters) -> Self {
        let free = format!(" ({} chunks)", counters.freechunks);
        Self { counters, blocks: String::new(), free }
    }
}

impl fmt::Display for StatsText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counters { nblocks, totalspace, freespace, .. } = self.counters;
        let Self { blocks, free, .. } = self;
        let used = totalspace.wrapping_sub(freespace);
        write!(
            f,
            "{totalspace} total in {nblocks} blocks{blocks}; {freespace} free{free}; {used} used"
        )
    }
}

/// Where the statistics go, which decides how a line says its context's depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatsForm {
    /// To `stderr`, as `MemoryContextStats` writes them: indented.
    Stderr,
    /// To the server log, as `pg_log_backend_memory_contexts` has it: by its level's number.
    Log,
}

/// `MemoryContextStatsDetail`: a context and what is below it, up to a depth and a number of
/// children each.
pub(crate) fn memory_context_stats_detail(
    arena: &Arena,
    program: &ProgramText,
    profile: &Profile,
    context: Addr,
    (max_level, max_children): (u32, usize),
    form: StatsForm,
) -> String {
    let mut printer = Printer { arena, program, profile, form, text: String::new() };
    printer.print(context, max_level, max_children);
    printer.text
}

struct Printer<'a> {
    arena: &'a Arena,
    program: &'a ProgramText,
    profile: &'a Profile,
    form: StatsForm,
    text: String,
}

/// What is still to be printed (`MemoryContextStatsInternal` calls itself instead).
enum Todo {
    Context(Addr, usize),
    LeftOut(Addr, usize),
}

impl Printer<'_> {
    fn print(&mut self, top: Addr, max_level: u32, max_children: usize) {
        let mut totals = Counters::default();
        let mut seen = AddrSet::default();
        let mut todo = vec![Todo::Context(top, 0)];
        while let Some(next) = todo.pop() {
            match next {
                Todo::Context(addr, _) if !seen.insert(addr) => {}
                Todo::Context(addr, level) => {
                    let context = Context::at(self.arena, addr);
                    totals += context.stats(self.profile);
                    self.line(context, level);
                    let deep = self.profile.mmgr.stats_detail == StatsDetail::Limited
                        && level >= max_level as usize;
                    let listed = if deep { 0 } else { max_children };
                    if let Some(first) = context.children().nth(listed) {
                        todo.push(Todo::LeftOut(first.addr, level + 1));
                    }
                    let children: Vec<Addr> =
                        context.children().take(listed).map(|child| child.addr).collect();
                    let children = children.into_iter().rev();
                    todo.extend(children.map(|child| Todo::Context(child, level + 1)));
                }
                Todo::LeftOut(first, level) => totals += self.left_out(first, level),
            }
        }
        let Counters { nblocks, freechunks, totalspace, freespace } = totals;
        let used = totalspace.wrapping_sub(freespace);
        self.write(format_args!(
            "Grand total: {totalspace} bytes in {nblocks} blocks; \
             {freespace} free ({freechunks} chunks); {used} used\n"
        ));
    }

    /// `MemoryContextStatsPrint`.
    fn line(&mut self, context: Context<'_>, level: usize) {
        let (name, ident) = context.label(self.program.text(context.name()));
        let ident = ident.map_or_else(String::new, |ident| shown(&ident));
        let stats = context.stats_text(self.profile);
        self.depth(level);
        self.write(format_args!("{name}: {stats}{ident}\n"));
    }

    /// The line for a child that is not listed, its siblings behind it, and all below them.
    fn left_out(&mut self, first: Addr, level: usize) -> Counters {
        let first = Context::at(self.arena, first);
        let top = first.parent().map_or(Addr::NULL, |parent| parent.addr);
        let mut sum = Counters::default();
        let mut count = 0;
        for context in first.walk(top) {
            sum += context.stats(self.profile);
            let direct = context.parent().is_some_and(|parent| parent.addr == top);
            count += match self.profile.mmgr.stats_detail {
                StatsDetail::AnyDepth => usize::from(direct),
                StatsDetail::Limited => 1,
            };
        }
        // The log has the level of their parent here.
        self.depth(if self.form == StatsForm::Log { level - 1 } else { level });
        let stats = StatsText::from(sum);
        self.write(format_args!("{count} more child contexts containing {stats}\n"));
        sum
    }

    /// What a line begins with, by its depth below the first.
    fn depth(&mut self, depth: usize) {
        match (self.form, self.profile.mmgr.context_rows) {
            (StatsForm::Stderr, _) => self.text.extend(std::iter::repeat_n("  ", depth)),
            (StatsForm::Log, ContextRows::Parent) => self.write(format_args!("level: {depth}; ")),
            (StatsForm::Log, ContextRows::Path) => {
                self.write(format_args!("level: {}; ", depth + 1));
            }
        }
    }

    fn write(&mut self, text: fmt::Arguments<'_>) {
        // Writing to a string can't fail.
        let _ = self.text.write_fmt(text);
    }
}

/// An identifier as the line shows it: cut, and without control characters.
fn shown(ident: &str) -> String {
    let cut = ident.floor_char_boundary(IDENT_SHOWN);
    let visible = |c: char| if c < ' ' { ' ' } else { c };
    let start: String = ident[..cut].chars().map(visible).collect();
    let dots = if ident.len() > IDENT_SHOWN { "..." } else { "" };
    format!(": {start}{dots}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_identifier_is_cut_between_characters() {
        assert_eq!(shown("a\nb"), ": a b");
        assert_eq!(shown(&"x".repeat(100)), format!(": {}", "x".repeat(100)));
        assert_eq!(shown(&format!("{}é", "x".repeat(99))), format!(": {}...", "x".repeat(99)));
    }
}
