//! What the statements about memory contexts and chunks compile to.

use pgscope_core::Op;
use pgscope_core::ids::{BackendId, ChunkSlot, ContextSlot};
use pgscope_core::op::{AllocFlags, Allocator};

use super::statement::op;
use super::{Checker, Compiled};
use crate::ast::{Action, ContextKind, ContextSizes, Family, Name};
use crate::diagnostic::Problem;
use crate::names::user_context;
use crate::program::{Body, StepKind};
use crate::units::Quantity;

/// `SLAB_DEFAULT_BLOCK_SIZE` (`memutils.h`).
const SLAB_DEFAULT_BLOCK_SIZE: u64 = 8 * 1024;

/// Contexts whose names a scenario can't give to its own. The others got their names later:
/// in a text that uses one for a context of its own, it is that.
const RESERVED: [&str; 6] = [
    "TopMemoryContext",
    "ErrorContext",
    "CacheMemoryContext",
    "MessageContext",
    "TopPortalContext",
    "FunctionCallContext",
];

impl Checker {
    /// What a backend does with its memory. Names are defined as in `backend_action`.
    pub(super) fn memory_action(&mut self, action: &Action, backend: BackendId) -> Compiled {
        match action {
            Action::CreateContext { name, parent, kind, sizes } => {
                let parent = parent.as_ref().map(|parent| self.context(backend, parent));
                let allocator = self.allocator(*kind, sizes);
                let context = self.define_context(backend, name)?;
                let parent = match parent {
                    Some(parent) => Some(parent?),
                    None => None,
                };
                let (name, allocator) = (name.text.clone(), allocator?);
                op(Op::CreateContext { backend, context, parent, name, allocator })
            }
            Action::SwitchTo(name) => {
                op(Op::SwitchTo { backend, context: self.context(backend, name)? })
            }
            Action::Palloc { size, zero, align, flags, context, chunk } => {
                let chunk = self.define_chunk(backend, chunk.as_ref());
                let context = self.given_context(backend, context)?;
                let size = self.noted(size.whole("a size in bytes"))?;
                let zero = *zero || flags.zero;
                let flags = AllocFlags { zero, ..*flags };
                if let Some(align) = align {
                    let align = self.noted(align.whole("an alignment in bytes"))?;
                    return op(Op::PallocAligned { backend, context, size, align, flags, chunk });
                }
                op(match flags {
                    AllocFlags { huge: false, no_oom: false, zero } => {
                        Op::Palloc { backend, context, size, zero, chunk }
                    }
                    flags => Op::PallocExtended { backend, context, size, flags, chunk },
                })
            }
            Action::Strdup { text, context, chunk } => {
                let chunk = self.define_chunk(backend, chunk.as_ref());
                let context = self.given_context(backend, context)?;
                op(Op::Strdup { backend, context, text: text.clone(), chunk })
            }
            Action::Pfree(chunk) => op(Op::Pfree { backend, chunk: self.chunk(backend, chunk)? }),
            Action::Repalloc { chunk, size, flags } => {
                let chunk = self.chunk(backend, chunk)?;
                let size = self.noted(size.whole("a size in bytes"))?;
                op(if *flags == AllocFlags::default() {
                    Op::Repalloc { backend, chunk, size }
                } else {
                    Op::RepallocExtended { backend, chunk, size, flags: *flags }
                })
            }
            Action::Peek { chunk, size, at, of } => {
                let owner = match of {
                    Some(of) => self.backend(of)?,
                    None => backend,
                };
                let chunk = self.chunk(owner, chunk)?;
                let size = size.as_ref().map_or(Some(8), |size| self.bytes_of(size))?;
                let offset = at.as_ref().map_or(Some(0), |at| self.bytes_of(at))?;
                op(Op::Peek { backend, owner, chunk, offset, size })
            }
            Action::Poke { chunk, size, at } => {
                let chunk = self.chunk(backend, chunk)?;
                let size = self.bytes_of(size)?;
                let offset = at.as_ref().map_or(Some(0), |at| self.bytes_of(at))?;
                op(Op::Poke { backend, chunk, offset, size })
            }
            Action::Reset(family, name) => {
                if let Some(reset) = self.reset_setting(name, backend)
                    && *family == Family::All
                {
                    return op(reset);
                }
                let context = self.context(backend, name)?;
                op(match family {
                    Family::All => Op::Reset { backend, context },
                    Family::Only => Op::ResetOnly { backend, context },
                    Family::Children => Op::ResetChildren { backend, context },
                })
            }
            Action::Delete(family, name) => {
                let context = self.context(backend, name)?;
                op(match family {
                    Family::Children => Op::DeleteChildren { backend, context },
                    Family::All | Family::Only => Op::Delete { backend, context },
                })
            }
            Action::Move { context, parent } => {
                let context = self.context(backend, context);
                let parent = self.context(backend, parent)?;
                op(Op::SetParent { backend, context: context?, parent })
            }
            Action::OnReset { context, callback } => {
                let callbacks = &mut self.names.locals_mut(backend)?.callbacks;
                let callback = callbacks.define(&callback.text);
                let context = self.context(backend, context)?;
                op(Op::RegisterResetCallback { backend, context, callback })
            }
            Action::Identify { context, ident } => {
                let context = self.context(backend, context)?;
                op(Op::SetIdentifier { backend, context, ident: ident.clone() })
            }
            Action::Show { what, context } => {
                let context = self.given_context(backend, context)?;
                let show = StepKind::Show { backend, what: *what, context };
                Some((Body::Once(show), 1))
            }
            // The others are no backend's, or have to do with pages.
            _ => None,
        }
    }

    fn allocator(&mut self, kind: Option<ContextKind>, sizes: &ContextSizes) -> Option<Allocator> {
        let (min, init, max) =
            if sizes.small { (0, 1024, 8 * 1024) } else { (0, 8 * 1024, 8 * 1024 * 1024) };
        let mut size = |given: &Option<Quantity>, preset| match given {
            Some(size) => self.noted(size.whole("a size in bytes")),
            None => Some(preset),
        };
        if kind == Some(ContextKind::Slab) {
            let block = size(&sizes.block, SLAB_DEFAULT_BLOCK_SIZE)?;
            return Some(Allocator::Slab { block, chunk: size(&sizes.chunk, 0)? });
        }
        let (min, init, max) =
            (size(&sizes.min, min)?, size(&sizes.init, init)?, size(&sizes.max, max)?);
        Some(match kind {
            Some(ContextKind::Generation) => Allocator::Generation { min, init, max },
            Some(ContextKind::Bump) => Allocator::Bump { min, init, max },
            Some(ContextKind::AllocSet) => Allocator::AllocSet { min, init, max },
            _ => Allocator::plain(min, init, max),
        })
    }

    /// The context that a statement names, if it names one.
    fn given_context(
        &mut self,
        backend: BackendId,
        name: &Option<Name>,
    ) -> Option<Option<ContextSlot>> {
        match name {
            Some(name) => self.context(backend, name).map(Some),
            None => Some(None),
        }
    }

    // Names that a statement defines.

    fn define_chunk(&mut self, backend: BackendId, name: Option<&Name>) -> Option<ChunkSlot> {
        let chunks = &mut self.names.locals_mut(backend)?.chunks;
        Some(ChunkSlot(chunks.define(&name?.text)))
    }

    fn define_context(&mut self, backend: BackendId, name: &Name) -> Option<ContextSlot> {
        if RESERVED.contains(&&*name.text) {
            let message = format!("\"{name}\" is a memory context of PostgreSQL's own");
            self.problems.push(Problem::new(name.span, message));
            return None;
        }
        let contexts = &mut self.names.locals_mut(backend)?.contexts;
        Some(user_context(contexts.define(&name.text)))
    }

    /// Bytes of an access, or to its first byte.
    fn bytes_of(&mut self, quantity: &Quantity) -> Option<u32> {
        let bytes = self.noted(quantity.whole("a number of bytes"))?;
        let too_many = || Problem::new(quantity.span, "at most 4 GB from the pointer".to_owned());
        self.noted(u32::try_from(bytes).map_err(|_| too_many()))
    }
}
