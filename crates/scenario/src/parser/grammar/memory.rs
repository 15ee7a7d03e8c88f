//! The grammar of the statements about memory contexts and chunks.

use pgscope_core::op::AllocFlags;
use pgscope_core::views::View;

use super::{CHUNK, CONTEXT, FUNCTION};
use crate::ast::{Action, ContextKind, ContextSizes, Family, Name, Shown};
use crate::diagnostic::Problem;
use crate::highlight::Class;
use crate::lexer::TokenKind;
use crate::parser::Parser;
use crate::units::{MEMORY_UNITS, Quantity};

/// The word for a size of a new memory context, and where it is kept.
type Size = (&'static str, fn(&mut ContextSizes) -> &mut Option<Quantity>);

const SLAB_SYNTAX: &str = "syntax: create context NAME [in CONTEXT] slab [block=SIZE] chunk=SIZE";
const BLOCK_SIZES: [Size; 3] = [
    ("min", |sizes| &mut sizes.min),
    ("init", |sizes| &mut sizes.init),
    ("max", |sizes| &mut sizes.max),
];
const SLAB_SIZES: [Size; 2] =
    [("block", |sizes| &mut sizes.block), ("chunk", |sizes| &mut sizes.chunk)];

impl Parser<'_> {
    pub(crate) fn create_context(&mut self) -> Result<Action, Problem> {
        self.expect_keyword("context")?;
        let name = self.name(Class::Context, CONTEXT)?;
        let parent = self.in_context()?;
        let mut kinds = ContextKind::WORDS.iter();
        let kind = kinds.find(|(word, _)| self.keyword(word)).map(|(_, kind)| *kind);
        let mut sizes = Box::new(ContextSizes::default());
        let of_slab = kind == Some(ContextKind::Slab);
        sizes.small = !of_slab && !self.keyword("default") && self.keyword("small");
        let options: &[Size] = if of_slab { &SLAB_SIZES } else { &BLOCK_SIZES };
        while let Some(size) = self.context_size(options, &mut sizes)? {
            *size = Some(self.quantity(MEMORY_UNITS)?);
        }
        if of_slab && sizes.chunk.is_none() {
            return Err(self.unexpected().help(SLAB_SYNTAX));
        }
        Ok(Action::CreateContext { name, parent, kind, sizes })
    }

    /// The next of a new context's sizes.
    fn context_size<'s>(
        &mut self,
        options: &[Size],
        sizes: &'s mut ContextSizes,
    ) -> Result<Option<&'s mut Option<Quantity>>, Problem> {
        for (word, field) in options {
            if self.option(word, field(sizes).is_some())? {
                return Ok(Some(field(sizes)));
            }
        }
        Ok(None)
    }

    pub(crate) fn switch_to(&mut self) -> Result<Action, Problem> {
        self.expect_keyword("to")?;
        self.context_name().map(Action::SwitchTo)
    }

    pub(crate) fn palloc(&mut self) -> Result<Action, Problem> {
        self.palloc_zeroed(false)
    }

    pub(crate) fn palloc0(&mut self) -> Result<Action, Problem> {
        self.palloc_zeroed(true)
    }

    fn palloc_zeroed(&mut self, zero: bool) -> Result<Action, Problem> {
        let size = self.quantity(MEMORY_UNITS)?;
        let (mut align, mut flags) = (None, AllocFlags::default());
        let (mut context, mut chunk) = (None, None);
        loop {
            if align.is_none() && self.keyword("aligned") {
                align = Some(self.quantity(MEMORY_UNITS)?);
            } else if !zero && !flags.zero && self.keyword("zero") {
                flags.zero = true;
            } else if !self.alloc_flag(&mut flags) && !self.place(&mut context, &mut chunk)? {
                return Ok(Action::Palloc { size, zero, align, flags, context, chunk });
            }
        }
    }

    pub(crate) fn strdup(&mut self) -> Result<Action, Problem> {
        let text = self.quoted_text("the string in double quotes")?;
        let (mut context, mut chunk) = (None, None);
        while self.place(&mut context, &mut chunk)? {}
        Ok(Action::Strdup { text, context, chunk })
    }

    /// `in Work` or `as a`, each once.
    fn place(
        &mut self,
        context: &mut Option<Name>,
        chunk: &mut Option<Name>,
    ) -> Result<bool, Problem> {
        if context.is_none() && self.keyword("in") {
            *context = Some(self.context_name()?);
        } else if chunk.is_none() && self.keyword("as") {
            *chunk = Some(self.name(Class::Handle, "a name")?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// `huge` or `noerror`, each once.
    fn alloc_flag(&mut self, flags: &mut AllocFlags) -> bool {
        if !flags.huge && self.keyword("huge") {
            flags.huge = true;
        } else if !flags.no_oom && self.keyword("noerror") {
            flags.no_oom = true;
        } else {
            return false;
        }
        true
    }

    pub(crate) fn pfree(&mut self) -> Result<Action, Problem> {
        self.name(Class::Handle, CHUNK).map(Action::Pfree)
    }

    pub(crate) fn repalloc(&mut self) -> Result<Action, Problem> {
        let chunk = self.name(Class::Handle, CHUNK)?;
        let size = self.quantity(MEMORY_UNITS)?;
        let mut flags = AllocFlags::default();
        while self.alloc_flag(&mut flags) {}
        Ok(Action::Repalloc { chunk, size, flags })
    }

    pub(crate) fn peek_bytes(&mut self) -> Result<Action, Problem> {
        let chunk = self.name(Class::Handle, CHUNK)?;
        let sized = matches!(self.peek().kind, TokenKind::Number);
        let size = sized.then(|| self.quantity(MEMORY_UNITS)).transpose()?;
        let at = self.at_offset()?;
        let of = self.keyword("of").then(|| self.name(Class::Backend, "a backend")).transpose()?;
        Ok(Action::Peek { chunk, size, at, of })
    }

    pub(crate) fn poke_bytes(&mut self) -> Result<Action, Problem> {
        let chunk = self.name(Class::Handle, CHUNK)?;
        let size = self.quantity(MEMORY_UNITS)?;
        Ok(Action::Poke { chunk, size, at: self.at_offset()? })
    }

    /// `at 64`, if it is there.
    fn at_offset(&mut self) -> Result<Option<Quantity>, Problem> {
        self.keyword("at").then(|| self.quantity(MEMORY_UNITS)).transpose()
    }

    pub(crate) fn reset(&mut self) -> Result<Action, Problem> {
        let family = match () {
            () if self.before_a_name("only") => Family::Only,
            () if self.before_a_name("children") => Family::Children,
            () if self.names_follow() => return Err(self.unexpected()),
            () => Family::All,
        };
        self.context_name().map(|name| Action::Reset(family, name))
    }

    pub(crate) fn delete(&mut self) -> Result<Action, Problem> {
        let family = match () {
            () if self.before_a_name("children") => Family::Children,
            () if self.names_follow() => return Err(self.unexpected()),
            () => Family::All,
        };
        self.context_name().map(|name| Action::Delete(family, name))
    }

    /// A word that a name follows: without one it is a name itself.
    fn before_a_name(&mut self, word: &'static str) -> bool {
        self.names_follow() && self.keyword(word)
    }

    /// Whether the token after the next can be a context's name.
    fn names_follow(&self) -> bool {
        let next = self.tokens.get(self.at + 1);
        next.is_some_and(|token| matches!(token.kind, TokenKind::Word | TokenKind::Text))
    }

    pub(crate) fn move_under(&mut self) -> Result<Action, Problem> {
        let context = self.context_name()?;
        self.expect_keyword("under")?;
        let parent = self.context_name()?;
        Ok(Action::Move { context, parent })
    }

    pub(crate) fn on_reset(&mut self) -> Result<Action, Problem> {
        self.expect_keyword("reset")?;
        let context = self.context_name()?;
        self.expect_keyword("call")?;
        let callback = self.name(Class::Function, FUNCTION)?;
        Ok(Action::OnReset { context, callback })
    }

    pub(crate) fn identify(&mut self) -> Result<Action, Problem> {
        let context = self.context_name()?;
        let ident = self.quoted_text("the identifier in double quotes")?;
        Ok(Action::Identify { context, ident })
    }

    pub(crate) fn show(&mut self) -> Result<Action, Problem> {
        let mut known = Shown::WORDS.iter();
        let what = known.find(|(word, _)| self.keyword(word)).map(|(_, what)| *what);
        let mut views = View::ALL.iter();
        let what = what.or_else(|| {
            views.find(|view| self.keyword(view.name())).map(|view| Shown::View(*view))
        });
        let what = what.or_else(|| self.shown_setting());
        let what = what.ok_or_else(|| self.unexpected())?;
        let named = matches!(self.peek().kind, TokenKind::Word | TokenKind::Text);
        let named = named && what == Shown::Stats;
        let context = named.then(|| self.context_name()).transpose()?;
        Ok(Action::Show { what, context })
    }

    /// `in Work`, if it is there.
    fn in_context(&mut self) -> Result<Option<Name>, Problem> {
        let given = self.keyword("in");
        given.then(|| self.context_name()).transpose()
    }
}
