//! What each statement compiles to.

use pgscope_core::Op;
use pgscope_core::bufmgr::localbuf::MAX_TEMP_BUFFERS;
use pgscope_core::ids::{BackendId, BlockNumber, BufferTag, PinSlot, RelId};
use pgscope_core::op::{BgWriterRound, DirtyKind, Persistence};
use pgscope_core::profile::Version;
use pgscope_core::server::settings::MAX_SHARED_BUFFERS;

use super::{Backend, Checker, Compiled, Place, TableSize};
use crate::ast::{Action, Dirtying, Generator, Measured, Name, PageRange, Pages, Purpose, Server};
use crate::decimal::Decimal;
use crate::diagnostic::{Problem, Span};
use crate::limits::MAX_BACKENDS;
use crate::metrics::Metric;
use crate::names::Locals;
use crate::program::{Blocks, Body, Expectation, Read, StepKind};
use crate::random::{Distribution, Zipf};
use crate::units::{BGWRITER_DELAY, BGWRITER_LRU_MAXPAGES, Quantity, SHARED_BUFFERS, TEMP_BUFFERS};

/// Steeper than this, nearly all draws are block 0.
const MAX_EXPONENT: f64 = 10.0;

impl Checker {
    pub(super) fn action(
        &mut self,
        action: &Action,
        span: Span,
        place: Place,
        first: bool,
    ) -> Compiled {
        match action {
            Action::Server(server) => {
                if !first {
                    self.problems.push(
                        Problem::new(span, "\"server\" must be the first statement")
                            .help("a scenario runs on one server, from its start"),
                    );
                }
                self.server(server);
                self.server_settings(&server.settings, span);
                None
            }
            Action::Table { name, pages, unlogged, temporary } => {
                self.only_at_top(span, place, "a table is created");
                let persistence = match (temporary, unlogged) {
                    (true, _) => Persistence::Temporary(place.backend.known()?),
                    (_, true) => Persistence::Unlogged,
                    _ => Persistence::Permanent,
                };
                self.create_table(name, *pages, persistence).and_then(op)
            }
            Action::Index { name, table } => {
                self.only_at_top(span, place, "an index is created");
                self.create_index(name, table)
            }
            Action::Backend(name) => {
                self.only_at_top(span, place, "a backend connects");
                self.connect(name, false)
            }
            Action::Superuser(name) => {
                self.only_at_top(span, place, "a backend connects");
                self.connect(name, true)
            }
            Action::Set { system: true, .. }
            | Action::AlterSystemReset(_)
            | Action::Reload
            | Action::Restart => self.server_action(action),
            Action::Checkpoint(None) => op(Op::Checkpoint { all: false }),
            Action::Checkpoint(Some(part)) => op(Op::CheckpointPart(*part)),
            Action::PgbenchTables { scale } => self.pgbench_tables(*scale, span, place),
            Action::Pgbench { times } => self.pgbench(times.unwrap_or(1), span, place),
            Action::WalFlush => op(Op::WalFlush { end: None }),
            Action::BgWriter { maxpages, multiplier, delay } => {
                let round = self.bgwriter(maxpages, multiplier, delay)?;
                op(Op::BackgroundWriter { backend: None, round })
            }
            Action::Repeat { times, body } => self.repeat(*times, body, span, place),
            Action::Lock(action) => self.lock_action(action, span, place),
            Action::Begin
            | Action::Commit
            | Action::Rollback(_)
            | Action::Savepoint(_)
            | Action::Release(_) => self.transaction(action, span, place),
            Action::Query { utility, body } => self.query(*utility, body, span, place),
            Action::Session(session) => self.session(session, span, place),
            Action::Plan(body) => self.plan(body, span, place),
            Action::Tuple(body) => self.tuple(body, span, place),
            Action::Spi(body) => self.spi(body, span, place),
            Action::Call { function, body } => self.call(&function.text, body, span, place),
            Action::As { backend, body } => self.as_backend(backend, body, place),
            Action::Lesson(lesson) => self.lesson(lesson, span, first),
            Action::Expect(condition) => self.condition(condition).and_then(expect),
            Action::ExpectError(text) => expect(Expectation::Error(text.clone())),
            action => match place.backend {
                Backend::Known(backend)
                    if matches!(action, Action::Bulk { .. } | Action::Drop(_)) =>
                {
                    self.bulk_action(action, backend, span, place)
                }
                Backend::Known(backend) => self.backend_action(action, backend),
                Backend::Unknown | Backend::None => None,
            },
        }
    }

    /// What a backend does. Names that the statement defines are defined first, so that an
    /// error in it doesn't make them unknown.
    fn backend_action(&mut self, action: &Action, backend: BackendId) -> Compiled {
        match action {
            Action::Read { purpose, table, pages, ring, hold } => {
                let pin = self.define_pin(backend, hold.as_ref());
                let strategy = self.given_ring(backend, ring)?;
                let by_index = matches!(purpose, Purpose::IndexScan { .. });
                let rel = self.table_or_index(table, by_index)?;
                let dirty = match purpose {
                    Purpose::Read | Purpose::IndexScan { update: false } => None,
                    Purpose::Update | Purpose::IndexScan { update: true } => {
                        Some(DirtyKind::Wal { end: None })
                    }
                    Purpose::Hint => Some(DirtyKind::Hint),
                };
                let size = self.fixed_size(&table.text, rel);
                let read = Read { backend, rel, strategy, dirty, pin, by_index };
                let (body, steps) = self.read(read, table, pages, size)?;
                match hold {
                    Some(name) if steps != 1 => {
                        let message = format!("one name can't hold {steps} pins");
                        let help = "hold the pin of a single page";
                        self.problems.push(Problem::new(name.span, message).help(help));
                        None
                    }
                    _ => Some((body, steps)),
                }
            }
            Action::Dirty { pin, how } => {
                let kind = match how {
                    Dirtying::Wal => DirtyKind::Wal { end: None },
                    Dirtying::Hint => DirtyKind::Hint,
                    Dirtying::NoWal => DirtyKind::Plain,
                };
                op(Op::MarkDirty { backend, pin: self.pin(backend, pin)?, kind })
            }
            Action::Extend { table, by, ring, hold } => {
                let pin = self.define_pin(backend, hold.as_ref());
                let strategy = self.given_ring(backend, ring)?;
                let rel = self.table_or_index(table, false)?;
                op(match by {
                    Some(by) => {
                        let count = u32::try_from(*by).unwrap_or(u32::MAX);
                        Op::ExtendBy { backend, rel, count, strategy }
                    }
                    None => Op::Extend { backend, rel, strategy, dirty: None, pin },
                })
            }
            Action::ReadRange { table, pages, ring } => {
                self.read_together(backend, table, pages, ring)
            }
            Action::Cleanup { pin, nowait } => {
                op(Op::CleanupLock { backend, pin: self.pin(backend, pin)?, wait: !nowait })
            }
            Action::Unpin(pin) => op(Op::Unpin { backend, pin: self.pin(backend, pin)? }),
            Action::Flush(name) => {
                let table = self.names.find_table(&name.text);
                op(match table.filter(|_| self.names.find_pin(backend, &name.text).is_none()) {
                    Some(rel) => Op::FlushRelation { backend, rel },
                    None => Op::FlushBuffer { backend, pin: self.pin(backend, name)? },
                })
            }
            Action::Set { .. } | Action::Connect | Action::Disconnect => {
                self.session_action(action, backend)
            }
            Action::Insert { .. }
            | Action::Truncate { .. }
            | Action::Ring { .. }
            | Action::Free(_)
            | Action::Evict(_) => self.page_action(action, backend),
            action => self.memory_action(action, backend),
        }
    }

    fn server(&mut self, server: &Server) {
        if let Some(version) = &server.version {
            let known = Version::OFFERED.iter().find(|it| f64::from(it.number()) == version.value);
            match known {
                Some(&version) => self.config.version = version,
                None => {
                    let all = Version::OFFERED.iter().map(|it| it.number().to_string());
                    let all = all.collect::<Vec<_>>().join(", ");
                    let message = format!("there is no PostgreSQL {version} here");
                    let problem = Problem::new(version.span, message);
                    self.problems.push(problem.help(format!("choose one of these: {all}")));
                }
            }
        }
        if let Some(size) = &server.shared_buffers
            && let Some(buffers) = self.noted(size.setting(&SHARED_BUFFERS))
        {
            if buffers > MAX_SHARED_BUFFERS {
                let message =
                    format!("pgscope has room for {MAX_SHARED_BUFFERS} buffers, not {buffers}");
                self.problems.push(Problem::new(size.span, message).help("at most 1GB"));
            }
            self.config.shared_buffers = buffers;
        }
        if let Some(size) = &server.temp_buffers
            && let Some(buffers) = self.noted(size.setting(&TEMP_BUFFERS))
        {
            if buffers > MAX_TEMP_BUFFERS {
                let message =
                    format!("pgscope has room for {MAX_TEMP_BUFFERS} local buffers, not {buffers}");
                self.problems.push(Problem::new(size.span, message).help("at most 1GB"));
            }
            self.config.temp_buffers = buffers;
        }
        self.config.seed = server.seed.unwrap_or_default();
    }

    pub(super) fn only_at_top(&mut self, span: Span, place: Place, what: &str) {
        if !place.top {
            let message = format!("{what} outside of braces only");
            self.problems.push(Problem::new(span, message));
        }
    }

    pub(super) fn create_table(
        &mut self,
        name: &Name,
        pages: BlockNumber,
        persistence: Persistence,
    ) -> Option<Op> {
        let rel = self.new_relation(name, TableSize { pages, index: false })?;
        Some(Op::CreateRelation { rel, name: name.text.clone(), nblocks: pages, persistence })
    }

    pub(super) fn new_relation(&mut self, name: &Name, size: TableSize) -> Option<RelId> {
        if self.names.find_table(&name.text).is_some() {
            let message = format!("there is a table \"{name}\" already");
            self.problems.push(Problem::new(name.span, message));
            return None;
        }
        self.tables.push(size);
        Some(RelId(self.names.tables.define(&name.text)))
    }

    fn connect(&mut self, name: &Name, superuser: bool) -> Compiled {
        let count = self.names.backends.len();
        let problem = if self.names.find_backend(&name.text).is_some() {
            format!("there is a backend \"{name}\" already")
        } else if count >= MAX_BACKENDS {
            format!("a scenario may have {MAX_BACKENDS} backends, not more")
        } else {
            let backend = BackendId(u16::try_from(self.names.backends.define(&name.text)).ok()?);
            self.names.locals.push(Locals::default());
            let name = name.text.clone();
            if superuser {
                self.superusers.insert(backend);
                return op(Op::ConnectSuperuser { backend, name });
            }
            return op(Op::Connect { backend, name });
        };
        self.problems.push(Problem::new(name.span, problem));
        None
    }

    #[inline(never)]
    fn bgwriter(
        &mut self,
        maxpages: &Option<Quantity>,
        multiplier: &Option<Quantity>,
        delay: &Option<Quantity>,
    ) -> Option<BgWriterRound> {
        let mut round = BgWriterRound::default();
        if let Some(value) = maxpages {
            round.maxpages = Some(self.noted(value.setting(&BGWRITER_LRU_MAXPAGES))?);
        }
        if let Some(number) = multiplier {
            if number.value > 10.0 {
                let value = Decimal(number.value);
                let message = format!(
                    "{value} is outside the valid range for parameter \
                     \"bgwriter_lru_multiplier\" (0 .. 10)"
                );
                self.problems.push(Problem::new(number.span, message));
            }
            round.multiplier = Some(number.value);
        }
        if let Some(value) = delay {
            round.delay_ms = Some(self.noted(value.setting(&BGWRITER_DELAY))?);
        }
        Some(round)
    }

    fn read(
        &mut self,
        read: Read,
        table: &Name,
        pages: &Pages,
        size: Option<BlockNumber>,
    ) -> Compiled {
        match pages {
            Pages::Listed(ranges) => {
                let mut blocks = Blocks::default();
                for range in ranges {
                    self.check_block(table, range, size)?;
                    blocks.push(range.first, range.last);
                }
                let steps = blocks.len();
                Some((Body::Listed(read, blocks), steps))
            }
            Pages::Drawn { generator, times, span } => {
                let rel = usize::try_from(read.rel.0).ok()?;
                let pages = self.tables.get(rel).map_or(0, |size| size.pages);
                if pages == 0 {
                    let message = format!("table \"{table}\" has no pages to draw from");
                    self.problems.push(Problem::new(*span, message));
                    return None;
                }
                let distribution = match *generator {
                    Generator::Uniform => Distribution::Uniform { pages },
                    Generator::Sequential => Distribution::Loop { pages },
                    Generator::Loop { pages: most } => {
                        Distribution::Loop { pages: pages.min(most) }
                    }
                    Generator::Hot { pages: hot, share } if hot > 0 && share <= 1.0 => {
                        Distribution::Hot { hot: hot.min(pages), pages, share }
                    }
                    Generator::Hot { .. } => {
                        let message = "hot takes some pages, and a part of the reads up to 1";
                        self.problems.push(Problem::new(*span, message));
                        return None;
                    }
                    Generator::Zipf { exponent } if exponent > 0.0 && exponent <= MAX_EXPONENT => {
                        Distribution::Zipf(Zipf::new(exponent, pages))
                    }
                    Generator::Zipf { .. } => {
                        let max = Decimal(MAX_EXPONENT);
                        let message = format!("zipf takes a number over 0, up to {max}");
                        self.problems.push(Problem::new(*span, message));
                        return None;
                    }
                };
                Some((Body::Drawn(read, distribution), times.unwrap_or(1)))
            }
        }
    }

    /// A block past the end of a table that never grows can't be meant.
    pub(super) fn check_block(
        &mut self,
        table: &Name,
        range: &PageRange,
        size: Option<BlockNumber>,
    ) -> Option<()> {
        let Some(size) = size.filter(|size| range.last >= *size) else { return Some(()) };
        let block = range.last;
        let message = format!("table \"{table}\" has no block {block}");
        let help = match size.checked_sub(1) {
            Some(last) => format!("it has {size} pages: blocks 0..{last}"),
            None => "it has no pages".to_owned(),
        };
        self.problems.push(Problem::new(range.span, message).help(help));
        None
    }

    pub(super) fn metric(&mut self, metric: &Measured) -> Option<Metric> {
        Some(match metric {
            Measured::View(..) => return None,
            Measured::Server(metric) => Metric::Server(*metric),
            Measured::Page(metric, table, page) => {
                let rel = self.table(table)?;
                self.check_block(table, page, self.fixed_size(&table.text, rel))?;
                Metric::Page(*metric, BufferTag { rel, block: page.first })
            }
            Measured::Relation(metric, table) => Metric::Relation(*metric, self.table(table)?),
            Measured::Context(metric, backend, context) => {
                let backend = self.backend(backend)?;
                Metric::Context(*metric, backend, self.context(backend, context)?)
            }
            Measured::Chunk(metric, backend, chunk) => {
                let backend = self.backend(backend)?;
                Metric::Chunk(*metric, backend, self.chunk(backend, chunk)?)
            }
            Measured::Backend(metric, backend) => Metric::Backend(*metric, self.backend(backend)?),
        })
    }

    // Names that a statement defines.

    fn define_pin(&mut self, backend: BackendId, name: Option<&Name>) -> Option<PinSlot> {
        let pins = &mut self.names.locals_mut(backend)?.pins;
        Some(PinSlot(pins.define(&name?.text)))
    }
}

pub(super) fn op(op: Op) -> Compiled {
    Some((Body::Once(StepKind::Op(op)), 1))
}

fn expect(expectation: Expectation) -> Compiled {
    Some((Body::Once(StepKind::Expect(expectation)), 1))
}
