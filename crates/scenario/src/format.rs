//! The one canonical form of a scenario, from what was read.
//!
//! Each statement gets its own line, what is in braces is indented by four spaces, braces
//! written on one line stay on one line, several empty lines become one. Reading the form
//! gives the same script again.

use std::fmt;

use pgscope_core::op::{AllocFlags, CheckpointPart};

use crate::ast::{
    Action, Block, BulkKind, ContextKind, Dirtying, Generator, GivenSetting, Item, Measured,
    PageRange, Pages, Purpose, RING_WORDS, Script, Server, Statement,
};
use crate::decimal::Decimal;
use crate::diagnostic::Diagnostic;
use crate::lexer::is_word;
use crate::limits::MAX_NAME;
use crate::metrics::MetricKind;
use crate::parser::parse;

/// Bring a scenario into its canonical form.
///
/// # Errors
/// A text that can't be read is better left alone: what is wrong with it.
pub fn format(source: &str) -> Result<String, Vec<Diagnostic>> {
    let parsed = parse(source);
    match parsed.diagnostics.is_empty() {
        true => Ok(parsed.script.to_string()),
        false => Err(parsed.diagnostics),
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Lines { items: &self.items, depth: 0 }.fmt(f)
    }
}

/// Items on lines of their own.
struct Lines<'a> {
    items: &'a [Item],
    depth: usize,
}

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let indent = self.depth * 4;
        for item in self.items {
            match item {
                Item::Blank => f.write_str("\n")?,
                Item::Comment(comment) => writeln!(f, "{:indent$}{comment}", "")?,
                Item::Statement(statement) => {
                    write!(f, "{:indent$}{}", "", Indented { statement, depth: self.depth })?;
                    let comment = statement.comment.as_deref();
                    let gap = if comment.is_some() { "  " } else { "" };
                    writeln!(f, "{gap}{}", comment.unwrap_or_default())?;
                }
            }
        }
        Ok(())
    }
}

/// A statement without its comment.
struct Indented<'a> {
    statement: &'a Statement,
    depth: usize,
}

impl fmt::Display for Indented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(backend) = &self.statement.backend {
            write!(f, "{}: ", backend.text)?;
        }
        self.statement.action.fmt(f)?;
        match self.statement.action.block() {
            Some(body) => braces(body, self.depth, f),
            None => Ok(()),
        }
    }
}

fn braces(block: &Block, depth: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if !fits_on_a_line(block) {
        return write!(
            f,
            " {{\n{}{:indent$}}}",
            Lines { items: &block.items, depth: depth + 1 },
            "",
            indent = depth * 4
        );
    }
    f.write_str(" {")?;
    let mut separator = " ";
    for item in &block.items {
        if let Item::Statement(statement) = item {
            write!(f, "{separator}{}", Indented { statement, depth })?;
            separator = "; ";
        }
    }
    f.write_str(" }")
}

fn fits_on_a_line(block: &Block) -> bool {
    block.inline
        && block.items.iter().all(|item| match item {
            Item::Statement(Statement { action, comment: None, .. }) => {
                action.block().is_none_or(fits_on_a_line)
            }
            _ => false,
        })
}

/// What may be left out, with what stands before it.
struct Maybe<'a, T>(&'a str, &'a Option<T>);

impl<T: fmt::Display> fmt::Display for Maybe<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Maybe(before, Some(value)) => write!(f, "{before}{value}"),
            Maybe(_, None) => Ok(()),
        }
    }
}

/// Whether a name can stand without quotes.
fn is_bare(name: &str) -> bool {
    is_word(name) && name.len() <= MAX_NAME
}

impl fmt::Display for crate::ast::Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match is_bare(&self.text) {
            true => f.write_str(&self.text),
            false => write!(f, "\"{}\"", self.text.replace('"', "\"\"")),
        }
    }
}

/// The statement without its prefix and its braces.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.keyword())?;
        match self {
            Action::Server(Server { version, shared_buffers, temp_buffers, seed, settings }) => {
                Maybe(" ", version).fmt(f)?;
                Maybe(" shared_buffers=", shared_buffers).fmt(f)?;
                Maybe(" temp_buffers=", temp_buffers).fmt(f)?;
                for GivenSetting { name, value } in settings {
                    write!(f, " {name}={value}")?;
                }
                Maybe(" seed=", seed).fmt(f)
            }
            Action::Table { name, pages, unlogged, .. } => {
                let unlogged = if *unlogged { " unlogged" } else { "" };
                write!(f, " {name} pages={pages}{unlogged}")
            }
            Action::Index { name, table } => write!(f, " {name} on {table}"),
            Action::Read { purpose, table, pages, ring, hold } => {
                let update = *purpose == Purpose::IndexScan { update: true };
                let update = if update { " update" } else { "" };
                let (ring, hold) = (Maybe(" ring ", ring), Maybe(" hold as ", hold));
                write!(f, " {table} {pages}{update}{ring}{hold}")
            }
            Action::Bulk { what, table, pages, count, limit } => {
                write!(f, " {table}")?;
                match what {
                    BulkKind::BitmapScan => write_ranges(pages, " ", f),
                    BulkKind::CopyIn => write!(f, " pages={count}"),
                    BulkKind::CreateTableAs => write!(f, " as pages={count}"),
                    BulkKind::Vacuum { freeze: true } => {
                        write!(f, " freeze{}", Maybe(" buffer_usage_limit=", limit))
                    }
                    _ => Maybe(" buffer_usage_limit=", limit).fmt(f),
                }
            }
            Action::ReadRange { table, pages, ring } => {
                write!(f, " {table}")?;
                write_ranges(std::slice::from_ref(pages), " ", f)?;
                Maybe(" ring ", ring).fmt(f)
            }
            Action::PgbenchTables { scale } => write!(f, " tables{}", Maybe(" scale=", scale)),
            Action::Pgbench { times } => Maybe(" times ", times).fmt(f),
            Action::Cleanup { pin, nowait } => {
                write!(f, " {pin}{}", if *nowait { " nowait" } else { "" })
            }
            Action::Insert { table, times } => write!(f, " {table}{}", Maybe(" times ", times)),
            Action::Truncate { table, to } => write!(f, " {table}{}", Maybe(" to ", to)),
            Action::Ring { name, kind, size } => {
                let kind = RING_WORDS.iter().find(|(_, it)| it == kind).map_or("", |it| it.0);
                write!(f, " {name} {kind}{}", Maybe(" size=", size))
            }
            Action::Evict(buffer) => write!(f, " {buffer}"),
            Action::Dirty { pin, how } => {
                let how = match how {
                    Dirtying::Wal => "",
                    Dirtying::Hint => " hint",
                    Dirtying::NoWal => " nowal",
                };
                write!(f, " {pin}{how}")
            }
            Action::Extend { table, by, ring, hold } => {
                let (ring, hold) = (Maybe(" ring ", ring), Maybe(" hold as ", hold));
                write!(f, " {table}{}{ring}{hold}", Maybe(" by ", by))
            }
            Action::Checkpoint(Some(part)) => match part {
                CheckpointPart::Begin => f.write_str(" begin"),
                CheckpointPart::Write(pages) => write!(f, " write {pages}"),
                CheckpointPart::End => f.write_str(" end"),
            },
            Action::Connect
            | Action::Disconnect
            | Action::Reload
            | Action::Restart
            | Action::Checkpoint(None)
            | Action::WalFlush
            | Action::Begin
            | Action::Commit
            | Action::Query { .. }
            | Action::Plan(_)
            | Action::Tuple(_)
            | Action::Spi(_) => Ok(()),
            Action::Lock(action) => action.fmt(f),
            Action::Session(session) => session.fmt(f),
            Action::Rollback(to) => Maybe(" to ", to).fmt(f),
            Action::BgWriter { maxpages, multiplier, delay } => {
                Maybe(" maxpages=", maxpages).fmt(f)?;
                Maybe(" multiplier=", multiplier).fmt(f)?;
                Maybe(" delay=", delay).fmt(f)
            }
            Action::CreateContext { name, parent, kind, sizes } => {
                write!(f, " {name}{}", Maybe(" in ", parent))?;
                Maybe(" ", &kind.map(ContextKind::word)).fmt(f)?;
                f.write_str(if sizes.small { " small" } else { "" })?;
                Maybe(" min=", &sizes.min).fmt(f)?;
                Maybe(" init=", &sizes.init).fmt(f)?;
                Maybe(" max=", &sizes.max).fmt(f)?;
                Maybe(" block=", &sizes.block).fmt(f)?;
                Maybe(" chunk=", &sizes.chunk).fmt(f)
            }
            Action::Palloc { size, align, flags, context, chunk, .. } => {
                write!(f, " {size}{}", Maybe(" aligned ", align))?;
                write_flags(*flags, f)?;
                write!(f, "{}{}", Maybe(" in ", context), Maybe(" as ", chunk))
            }
            Action::Strdup { text, context, chunk } => {
                write!(f, " {}{}{}", Quoted(text), Maybe(" in ", context), Maybe(" as ", chunk))
            }
            Action::Repalloc { chunk, size, flags } => {
                write!(f, " {chunk} {size}")?;
                write_flags(*flags, f)
            }
            Action::Peek { chunk, size, at, of } => {
                write!(f, " {chunk}{}{}{}", Maybe(" ", size), Maybe(" at ", at), Maybe(" of ", of))
            }
            Action::Poke { chunk, size, at } => write!(f, " {chunk} {size}{}", Maybe(" at ", at)),
            Action::Reset(family, name) | Action::Delete(family, name) => {
                write!(f, "{} {name}", family.word())
            }
            Action::Show { what, context } => write!(f, " {}{}", what.word(), Maybe(" ", context)),
            Action::Move { context, parent } => write!(f, " {context} under {parent}"),
            Action::OnReset { context, callback } => write!(f, " {context} call {callback}"),
            Action::Identify { context, ident } => write!(f, " {context} {}", Quoted(ident)),
            Action::Superuser(name) => write!(f, " {name} superuser"),
            Action::Set { local, setting: GivenSetting { name, value }, system } => {
                let words = match (system, local) {
                    (true, _) => " set",
                    (false, true) => " local",
                    (false, false) => "",
                };
                write!(f, "{words} {name} = {value}")
            }
            Action::AlterSystemReset(name) => write!(f, " reset {name}"),
            Action::Backend(name)
            | Action::Unpin(name)
            | Action::Flush(name)
            | Action::Drop(name)
            | Action::Free(name)
            | Action::SwitchTo(name)
            | Action::Pfree(name)
            | Action::Savepoint(name)
            | Action::Release(name)
            | Action::Call { function: name, .. } => write!(f, " {name}"),
            Action::Repeat { times, .. } => write!(f, " {times}"),
            Action::As { backend, .. } => write!(f, " {backend}"),
            Action::Lesson(lesson) => lesson.fmt(f),
            Action::Expect(condition) => write!(f, " {condition}"),
            Action::ExpectError(text) => write!(f, " error {}", Quoted(text)),
        }
    }
}

/// A text as a scenario writes it.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('"', "\"\""))
    }
}

fn write_flags(flags: AllocFlags, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(if flags.zero { " zero" } else { "" })?;
    f.write_str(if flags.huge { " huge" } else { "" })?;
    f.write_str(if flags.no_oom { " noerror" } else { "" })
}

fn write_ranges(ranges: &[PageRange], before: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut separator = before;
    for PageRange { first, last, .. } in ranges {
        write!(f, "{separator}{first}")?;
        if first != last {
            write!(f, "..{last}")?;
        }
        separator = ", ";
    }
    Ok(())
}

impl fmt::Display for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pages::Listed(ranges) => write_ranges(ranges, "", f),
            Pages::Drawn { generator, times, .. } => {
                match generator {
                    Generator::Uniform => f.write_str("uniform")?,
                    Generator::Sequential => f.write_str("sequential")?,
                    Generator::Loop { pages } => write!(f, "loop({pages})")?,
                    Generator::Hot { pages, share } => {
                        write!(f, "hot({pages}, {})", Decimal(*share))?;
                    }
                    Generator::Zipf { exponent } => write!(f, "zipf({})", Decimal(*exponent))?,
                }
                Maybe(" times ", times).fmt(f)
            }
        }
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Measured::Server(metric) => f.write_str(MetricKind::Server(*metric).name()),
            Measured::Page(metric, table, page) => {
                write!(f, "{}({table}, {})", MetricKind::Page(*metric).name(), page.first)
            }
            Measured::Relation(metric, table) => {
                write!(f, "{}({table})", MetricKind::Relation(*metric).name())
            }
            Measured::Context(metric, backend, context) => {
                write!(f, "{}({backend}, {context})", MetricKind::Context(*metric).name())
            }
            Measured::Chunk(metric, backend, chunk) => {
                write!(f, "{}({backend}, {chunk})", MetricKind::Chunk(*metric).name())
            }
            Measured::View(view, words, _) => {
                write!(f, "{}(", view.name())?;
                for (number, word) in words.iter().enumerate() {
                    f.write_str(if number > 0 { ", " } else { "" })?;
                    match is_bare(word) || word.parse::<u64>().is_ok() {
                        true => f.write_str(word)?,
                        false => Quoted(word).fmt(f)?,
                    }
                }
                f.write_str(")")
            }
            Measured::Backend(metric, backend) => {
                write!(f, "{}({backend})", MetricKind::Backend(*metric).name())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::format;

    /// A context may be called more than fits in a name, but then only in quotes.
    #[test]
    fn a_long_name_keeps_its_quotes() {
        for (length, quote) in [(63, ""), (64, "\"")] {
            let name = "x".repeat(length);
            let canonical = format!("reset {quote}{name}{quote}\n");
            assert_eq!(format(&format!("reset \"{name}\"")), Ok(canonical.clone()));
            assert_eq!(format(&canonical), Ok(canonical));
        }
    }

    #[test]
    fn canonical_form() {
        let source = "
-- head
SERVER  18 seed = 7;table t  pages=20 -- small

 

repeat 3 {  a:read t 3,5 ,9..11 ; checkpoint }
a: call f  { -- in
  palloc   8kB;palloc0 1.50kB as x -- kept

  create context W generation default init=8kB; a: palloc 9 as x noerror in W aligned 1kB
}   -- out
expect error \"say \"\"hi\"\"\"; expect used(a , W)!=0.0
";
        let canonical = "\
-- head
server 18 seed=7
table t pages=20  -- small

repeat 3 { a: read t 3, 5, 9..11; checkpoint }
a: call f {
    -- in
    palloc 8kB
    palloc0 1.5kB as x  -- kept

    create context W generation init=8kB
    a: palloc 9 aligned 1kB noerror in W as x
}  -- out
expect error \"say \"\"hi\"\"\"
expect used(a, W) <> 0
";
        assert_eq!(format(source).unwrap(), canonical);
        assert_eq!(format(canonical).unwrap(), canonical);
    }
}
