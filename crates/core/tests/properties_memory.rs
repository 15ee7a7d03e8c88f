//! Properties of memory contexts that hold whatever is done to them.
//!
//! Random operations over all allocators and versions, sizes that no machine has among them;
//! after each one the backend's whole heap is taken apart and has to add up: each byte has one
//! owner and one use, each context's counters are what a walk through its blocks finds, and
//! nothing leads to a context that is gone. Going back gives the same bytes, and so does going
//! forward again.

#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use pgscope_core::event::MemoryEvent;
use pgscope_core::ids::{BackendId, ChunkSlot, ContextSlot};
use pgscope_core::memory::Addr;
use pgscope_core::mmgr::inspect::BlockView;
use pgscope_core::op::{AllocFlags, Allocator};
use pgscope_core::profile::{ChunkHeaders, Version};
use pgscope_core::server::{Outcome, Settings};
use pgscope_core::views::Ledger;
use pgscope_core::{Error, Event, Op, Server, views};
use proptest::prelude::*;

const BACKEND: BackendId = BackendId(0);
const CONTEXTS: u32 = 7;
const CHUNKS: u32 = 24;
/// `MAXALIGN(sizeof(BumpContext))`, which Bump's statistics leave out.
const BUMP_CONTEXT: u64 = 112;

fn context() -> impl Strategy<Value = ContextSlot> {
    (0..CONTEXTS).prop_map(|number| ContextSlot(ContextSlot::FIRST_USER.0 + number))
}

fn chunk() -> impl Strategy<Value = ChunkSlot> {
    (0..CHUNKS).prop_map(ChunkSlot)
}

/// Sizes around what the allocators decide by; 64 is what the slabs below take.
fn size() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => 0..300u64,
        4 => Just(64),
        3 => 300..9000u64,
        1 => 9000..200_000u64,
        1 => prop::sample::select(vec![1 << 30, 1 << 46, u64::MAX / 2, u64::MAX - 7, u64::MAX]),
    ]
}

fn allocator() -> impl Strategy<Value = Allocator> {
    let sizes = prop::sample::select(vec![
        (0, 1024, 8192),
        (0, 8192, 8 << 20),
        (1024, 1024, 1024),
        (4096, 2048, 65_536),
    ]);
    (0..4, sizes, prop::sample::select(vec![160, 512, 1024, 8192])).prop_map(
        |(kind, (min, init, max), block)| match kind {
            0 => Allocator::AllocSet { min, init, max },
            1 => Allocator::Generation { min, init, max },
            2 => Allocator::Bump { min, init, max },
            _ => Allocator::Slab { block, chunk: 64 },
        },
    )
}

fn flags() -> impl Strategy<Value = AllocFlags> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(huge, no_oom, zero)| AllocFlags {
        huge,
        no_oom,
        zero,
    })
}

fn op() -> impl Strategy<Value = Op> {
    let backend = BACKEND;
    let at = || context().prop_map(Some);
    let to = || chunk().prop_map(Some);
    prop_oneof![
        6 => (context(), prop::option::of(context()), allocator()).prop_map(
            move |(context, parent, allocator)| Op::CreateContext {
                backend, context, parent, name: "ctx".into(), allocator,
            }),
        24 => (at(), size(), any::<bool>(), to()).prop_map(
            move |(context, size, zero, chunk)| Op::Palloc { backend, context, size, zero, chunk }),
        4 => (at(), size(), flags(), to()).prop_map(
            move |(context, size, flags, chunk)| Op::PallocExtended {
                backend, context, size, flags, chunk,
            }),
        4 => (at(), size(), 0..13u32, flags(), to()).prop_map(
            move |(context, size, align, flags, chunk)| Op::PallocAligned {
                backend, context, size, align: 1 << align, flags, chunk,
            }),
        6 => (at(), 0..200usize, to()).prop_map(
            move |(context, length, chunk)| Op::Strdup {
                backend, context, text: "x".repeat(length).into(), chunk,
            }),
        18 => chunk().prop_map(move |chunk| Op::Pfree { backend, chunk }),
        5 => (chunk(), size()).prop_map(
            move |(chunk, size)| Op::Repalloc { backend, chunk, size }),
        3 => (chunk(), size(), flags()).prop_map(
            move |(chunk, size, flags)| Op::RepallocExtended { backend, chunk, size, flags }),
        2 => context().prop_map(move |context| Op::Reset { backend, context }),
        1 => context().prop_map(move |context| Op::ResetOnly { backend, context }),
        1 => context().prop_map(move |context| Op::ResetChildren { backend, context }),
        2 => context().prop_map(move |context| Op::Delete { backend, context }),
        1 => context().prop_map(move |context| Op::DeleteChildren { backend, context }),
        2 => (context(), context()).prop_map(
            move |(context, parent)| Op::SetParent { backend, context, parent }),
        1 => (context(), any::<u32>()).prop_map(
            move |(context, callback)| Op::RegisterResetCallback { backend, context, callback }),
        2 => (context(), 0..150usize).prop_map(
            move |(context, length)| Op::SetIdentifier {
                backend, context, ident: "i".repeat(length).into(),
            }),
    ]
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(op(), 1..120)
}

fn version() -> impl Strategy<Value = Version> {
    // A build whose plain contexts are Bump starts no backend of a version without it.
    let needs_bump = matches!(Allocator::PLAIN, Allocator::Bump { .. });
    let starts = |version: &Version| !needs_bump || version.profile().mmgr.bump;
    prop::sample::select(Version::ALL.into_iter().filter(starts).collect::<Vec<_>>())
}

fn server(version: Version) -> Server {
    let mut server = Server::start(version, Settings::default(), 1).unwrap();
    server.apply(&Op::Connect { backend: BACKEND, name: "alice".into() }).unwrap();
    server
}

/// Each byte of a block has one use: its headers, a chunk with its header, or none yet.
fn check_block(block: &BlockView, chunk_header: u64) {
    let mut at = block.addr.offset(block.header);
    for chunk in &block.chunks {
        assert_eq!(chunk.pointer, at.offset(chunk_header), "in {block:?}");
        at = chunk.pointer.offset(chunk.size);
    }
    assert_eq!(at.offset(block.unused), block.addr.offset(block.size), "in {block:?}");
    let headers = block.header + chunk_header * block.chunks.len() as u64;
    assert_eq!(headers + block.used() + block.free(), block.size);
}

/// What a context counts is what a walk through its blocks finds.
fn check_counters(server: &Server, context: Addr, blocks: &[BlockView], chunk_header: u64) {
    let mmgr = &server.profile().mmgr;
    let context = server.context(context);
    let counters = context.stats(server.profile());
    let allocated = context.mem_allocated(false);
    let total: u64 = blocks.iter().map(|block| block.size).sum();
    let unused: u64 = blocks.iter().map(|block| block.unused).sum();
    let chunks = || blocks.iter().flat_map(|block| &block.chunks);
    let free = chunks().filter(|chunk| chunk.free).count() as u64;
    match context.kind() {
        "AllocSet" => {
            assert_eq!((counters.totalspace, allocated), (total, total));
            assert_eq!((counters.nblocks, counters.freechunks), (blocks.len() as u64, free));
            let sizes = chunks().filter(|chunk| chunk.free).map(|chunk| chunk.size + chunk_header);
            assert_eq!(counters.freespace, unused + sizes.sum::<u64>());
        }
        "Generation" => {
            let header = mmgr.generation.context;
            assert_eq!((counters.totalspace, allocated), (total, total - header));
            assert_eq!((counters.nblocks, counters.freespace), (blocks.len() as u64, unused));
            if mmgr.chunk_headers == ChunkHeaders::Owner {
                assert_eq!(counters.freechunks, free);
            }
        }
        "Bump" => {
            assert_eq!((counters.totalspace + BUMP_CONTEXT, allocated), (total, total));
            assert_eq!((counters.nblocks, counters.freespace), (blocks.len() as u64, unused));
        }
        "Slab" => {
            let per_block = chunks_per_block(server, context.addr);
            let header = (mmgr.slab.context)(per_block);
            assert_eq!((counters.totalspace, allocated), (total + header, total));
            // Empty blocks that are kept count in the total only.
            let full = |block: &&BlockView| !block.chunks.iter().all(|chunk| chunk.free);
            let in_use: Vec<_> = blocks.iter().filter(full).collect();
            assert_eq!(counters.nblocks, in_use.len() as u64);
            let used = in_use.iter().flat_map(|block| &block.chunks).filter(|chunk| !chunk.free);
            let free = in_use.len() as u64 * per_block - used.count() as u64;
            assert_eq!(counters.freechunks, free);
            if let Some(chunk) = chunks().next() {
                assert_eq!(counters.freespace, free * (chunk.size + chunk_header));
            }
        }
        kind => panic!("a context of kind {kind}"),
    }
}

/// What a stretch of the heap is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    MallocHeader,
    /// A context's header and a block's.
    Header,
    ChunkHeader,
    Chunk,
    FreeChunk,
    /// Behind the last chunk of a block.
    Unused,
    Callback,
    /// Of a mapping, before malloc's header.
    BeforeHeader,
    /// What malloc gave more than it was asked for.
    Rounding,
    FreeHeap,
}

/// Stretches of the heap, each with its one use.
#[derive(Default)]
struct Map {
    uses: Vec<(Addr, u64, Use)>,
    /// What contexts have of malloc: where, and how many bytes they asked for.
    owned: BTreeMap<Addr, u64>,
}

impl Map {
    fn put(&mut self, from: Addr, size: u64, what: Use) -> Addr {
        if size > 0 {
            self.uses.push((from, size, what));
        }
        from.offset(size)
    }

    fn own(&mut self, pointer: Addr, size: u64) {
        assert!(self.owned.insert(pointer, size).is_none(), "{pointer} has two owners");
    }

    fn block(&mut self, block: &BlockView, chunk_header: u64) {
        self.own(block.addr, block.size);
        let mut at = self.put(block.addr, block.header, Use::Header);
        for chunk in &block.chunks {
            at = self.put(at, chunk_header, Use::ChunkHeader);
            let used = if chunk.free { Use::FreeChunk } else { Use::Chunk };
            at = self.put(at, chunk.size, used);
        }
        self.put(at, block.unused, Use::Unused);
    }

    /// All of what malloc handed out has an owner, and every byte has exactly one use.
    fn check(mut self, server: &Server) {
        let heap = &server.backend(BACKEND).unwrap().memory.heap;
        let chunks = heap.chunks(server.arena());
        for chunk in &chunks {
            if chunk.mapped {
                self.put(chunk.pointer.back(16), 8, Use::BeforeHeader);
            }
            self.put(chunk.pointer.back(8), 8, Use::MallocHeader);
            if chunk.free {
                self.put(chunk.pointer, chunk.room, Use::FreeHeap);
                continue;
            }
            let owned = self.owned.remove(&chunk.pointer);
            let owned = owned.unwrap_or_else(|| panic!("{} is nobody's", chunk.pointer));
            let rounding = chunk.room.checked_sub(owned).unwrap();
            assert!(rounding < if chunk.mapped { 8192 + 16 } else { 48 }, "{chunk:?}: {owned}");
            self.put(chunk.pointer.offset(owned), rounding, Use::Rounding);
        }
        assert_eq!(self.owned, BTreeMap::new(), "malloc did not hand this out");

        self.uses.sort_unstable_by_key(|(from, ..)| *from);
        for pair in self.uses.windows(2) {
            let [(from, size, what), (next, _, next_what)] = *pair else { unreachable!() };
            let end = from.offset(size);
            // Between the heap proper and mappings, and between mappings, there may be nothing.
            let gap = next_what == Use::BeforeHeader && end < next;
            assert!(end == next || gap, "{what:?} to {end}, {next_what:?} from {next}");
        }
        let bytes = |mapped: bool| {
            let of = chunks.iter().filter(|chunk| chunk.mapped == mapped);
            of.map(|chunk| chunk.room + if mapped { 16 } else { 8 }).sum::<u64>()
        };
        assert_eq!(bytes(true) + bytes(false), heap.stats().obtained);
    }
}

// struct MemoryContextData (nodes/memnodes.h): offsets of its links.
const PARENT: u64 = 24;
const LINKS: [u64; 4] = [PARENT, 32, 40, 48];
#[cfg(feature = "aset")]
const NEXTCHILD: u64 = 48;
const RESET_CBS: u64 = 72;

/// `sizeof(MemoryContextCallback)`, and where its link to the next is.
const CALLBACK: (u64, u64) = (24, 16);

/// Deleted contexts that are kept for the next creation.
#[cfg(feature = "aset")]
fn stored(server: &Server) -> Vec<Addr> {
    let lists = server.backend(BACKEND).unwrap().memory.context_freelists;
    let next = |addr: &Addr| Some(server.arena().read_ptr(addr.offset(NEXTCHILD)));
    let some = |addr: &Addr| !addr.is_null();
    let chain = |first| std::iter::successors(Some(first), next).take_while(some);
    lists.into_iter().flat_map(|list| chain(list.first_free)).collect()
}

#[cfg(not(feature = "aset"))]
fn stored(_: &Server) -> Vec<Addr> {
    Vec::new()
}

/// `chunksPerBlock` of a Slab context.
fn chunks_per_block(server: &Server, slab: Addr) -> u64 {
    let at = if server.profile().mmgr.size_field == 4 { 92 } else { 112 };
    server.arena().read_u32(slab.offset(at)).into()
}

/// Take the backend's memory apart.
fn check(server: &Server) {
    let backend = server.backend(BACKEND).unwrap();
    let rows = views::contexts(server, BACKEND);
    if backend.end().is_some() {
        // It was killed, and its memory went with it.
        assert!(rows.is_empty() && backend.chunks().next().is_none());
        assert!(backend.memory.current.is_null());
        return;
    }
    let mut map = Map::default();
    let mut blocks_of = HashMap::new();
    for row in &rows {
        let view = views::open_context(server, BACKEND, row.addr, &[]);
        for block in &view.blocks {
            check_block(block, view.chunk_header);
            map.block(block, view.chunk_header);
        }
        if row.kind == "Slab" {
            let per_block = chunks_per_block(server, row.addr);
            let header = (server.profile().mmgr.slab.context)(per_block);
            map.own(row.addr, header);
            map.put(row.addr, header, Use::Header);
        }
        let mut callback = server.arena().read_ptr(row.addr.offset(RESET_CBS));
        while !callback.is_null() {
            map.own(callback, CALLBACK.0);
            map.put(callback, CALLBACK.0, Use::Callback);
            callback = server.arena().read_ptr(callback.offset(CALLBACK.1));
        }
        check_counters(server, row.addr, &view.blocks, view.chunk_header);
        blocks_of.insert(row.addr, view.blocks);
    }
    let stored = stored(server);
    for &context in &stored {
        let view = views::open_context(server, BACKEND, context, &[]);
        let [ref keeper] = view.blocks[..] else { panic!("more than the keeper is kept") };
        assert_eq!(keeper.chunks, []);
        map.block(keeper, view.chunk_header);
    }
    map.check(server);

    // The tree has the contexts that variables hold, and nothing leads to a deleted one.
    let reachable: BTreeSet<Addr> = rows.iter().map(|row| row.addr).collect();
    assert_eq!(reachable.len(), rows.len(), "a context has two parents");
    for row in &rows {
        let link = |at: u64| server.arena().read_ptr(row.addr.offset(at));
        assert_eq!(Some(link(PARENT)).filter(|addr| !addr.is_null()), row.parent);
        for linked in LINKS.map(link) {
            assert!(linked.is_null() || reachable.contains(&linked), "{linked} is gone");
        }
    }
    assert!(stored.iter().all(|context| !reachable.contains(context)));
    assert!(reachable.contains(&backend.memory.current));
    let slots = (0..CONTEXTS).map(|number| ContextSlot(ContextSlot::FIRST_USER.0 + number));
    for held in slots.filter_map(|slot| backend.context(slot)) {
        assert!(reachable.contains(&held), "{held} is in use but not in the tree");
    }
    for (_, var) in backend.chunks() {
        let owner = |blocks: &&Vec<BlockView>| blocks.iter().any(|b| b.contains(var.pointer));
        assert!(blocks_of.values().any(|blocks| owner(&blocks)), "{} is nobody's", var.pointer);
    }
    // Whoever stays within what was asked for is never warned.
    let warned = |event: &Event| matches!(event, Event::Memory(_, MemoryEvent::Warning { .. }));
    assert!(!server.events().iter().any(warned));
}

/// Each byte of a context is a header's, asked for, lost within a chunk, or free. How much is
/// asked for.
fn check_ledger(server: &Server, ledger: &Ledger) -> u64 {
    let mut asked = 0;
    for row in views::contexts(server, BACKEND) {
        let found = views::fragmentation(server, row.addr, ledger);
        assert_eq!(found.total, found.headers + found.asked + found.rounding + found.free());
        assert!(found.total >= row.total_bytes && found.largest <= found.free());
        asked += found.asked;
    }
    let (with, without) = (ledger.contexts(), ledger.plain());
    assert!(with.peak >= with.obtained && without.peak >= without.obtained);
    assert_eq!(without.returns, without.frees);
    asked
}

/// The bytes of the heap, of what is mapped the first thousand.
fn heap_bytes(server: &Server) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut add = |from: Addr, size: u64| {
        let start = bytes.len();
        bytes.resize(start + usize::try_from(size).unwrap(), 0);
        server.peek(from, &mut bytes[start..]);
    };
    let chunks = server.backend(BACKEND).unwrap().memory.heap.chunks(server.arena());
    let start = Addr::local(BACKEND);
    let proper = chunks.iter().rfind(|chunk| !chunk.mapped);
    let end = proper.map_or(start, |chunk| chunk.pointer.offset(chunk.room));
    add(start, end.since(start).min(4 << 20));
    for chunk in chunks.iter().filter(|chunk| chunk.mapped) {
        add(chunk.pointer.back(16), 1000);
    }
    bytes
}

/// The strings that variables hold have to stay as they are while they live.
fn check_strings(
    server: &Server,
    strings: &mut HashMap<ChunkSlot, (Addr, usize)>,
    op: &Op,
    pointer: Option<Addr>,
) {
    let backend = server.backend(BACKEND).unwrap();
    if let Op::Strdup { ref text, chunk: Some(chunk), .. } = *op
        && let Some(pointer) = pointer
    {
        strings.insert(chunk, (pointer, text.len()));
    }
    strings.retain(|chunk, (pointer, _)| {
        backend.chunk(*chunk).is_some_and(|var| var.pointer == *pointer)
    });
    match *op {
        Op::Palloc { chunk: Some(chunk), .. }
        | Op::PallocExtended { chunk: Some(chunk), .. }
        | Op::PallocAligned { chunk: Some(chunk), .. }
        | Op::Repalloc { chunk, .. }
        | Op::RepallocExtended { chunk, .. } => {
            strings.remove(&chunk);
        }
        _ => {}
    }
    for (pointer, length) in strings.values() {
        let mut text = vec![0; length + 1];
        server.peek(*pointer, &mut text);
        let (last, letters) = text.split_last().unwrap();
        assert!(*last == 0 && letters.iter().all(|b| *b == b'x'), "{pointer} was overwritten");
    }
}

/// Whether an operation uses a chunk that is gone: what then happens to the bytes is the business
/// of another test.
fn misuses(server: &Server, op: &Op) -> bool {
    let (Op::Pfree { chunk, .. } | Op::Repalloc { chunk, .. } | Op::RepallocExtended { chunk, .. }) =
        op
    else {
        return false;
    };
    server.backend(BACKEND).is_some_and(|backend| backend.chunk(*chunk).is_none())
}

/// Apply an operation, unless it misuses memory.
fn apply(server: &mut Server, op: &Op) -> Result<Outcome, Error> {
    if misuses(server, op) { Ok(Outcome::Done) } else { server.apply(op) }
}

proptest! {
    #[test]
    fn everything_adds_up(version in version(), ops in ops()) {
        let mut server = server(version);
        let mut strings = HashMap::new();
        let mut ledger = Ledger::new(&server, BACKEND);
        let before = check_ledger(&server, &ledger);
        for op in &ops {
            if misuses(&server, op) {
                continue;
            }
            // Errors are part of the game; what they leave behind has to add up too.
            let outcome = server.apply(op);
            check(&server);
            if server.backend(BACKEND).unwrap().end().is_some() {
                break;
            }
            ledger.note(op, &server);
            prop_assert_eq!(check_ledger(&server, &ledger), before + ledger.asked());
            let pointer = outcome.ok().and_then(|outcome| outcome.pointer());
            check_strings(&server, &mut strings, op, pointer);
        }
    }

    #[test]
    fn each_operation_can_be_undone_and_done_again(version in version(), ops in ops()) {
        let mut server = server(version);
        let mut bytes = heap_bytes(&server);
        for op in &ops {
            let mut before = server.clone();
            let outcome = apply(&mut server, op);
            prop_assert!(heap_bytes(&before) == bytes, "{:?} reached into a snapshot", op);
            prop_assert_eq!(&apply(&mut before, op), &outcome);
            bytes = heap_bytes(&server);
            prop_assert!(heap_bytes(&before) == bytes, "{:?} did something else", op);
        }
    }

    #[test]
    fn with_and_without_events_the_bytes_are_the_same(version in version(), ops in ops()) {
        let mut watched = server(version);
        let mut unwatched = watched.clone();
        unwatched.log_mut().off();
        for op in &ops {
            prop_assert_eq!(apply(&mut watched, op), apply(&mut unwatched, op), "{:?}", op);
        }
        prop_assert!(heap_bytes(&watched) == heap_bytes(&unwatched));
        check(&unwatched);
    }

    #[test]
    fn a_snapshot_replays_to_the_same_bytes(
        version in version(),
        before in ops(),
        after in ops(),
    ) {
        let mut server = server(version);
        for op in &before {
            let _ = apply(&mut server, op);
        }
        let mut snapshot = server.clone();
        let then = heap_bytes(&server);
        let first: Vec<Result<_, Error>> = after.iter().map(|op| apply(&mut server, op)).collect();
        prop_assert_eq!(heap_bytes(&snapshot), then);
        let second: Vec<Result<_, Error>> = after.iter().map(|op| apply(&mut snapshot, op)).collect();
        prop_assert_eq!(first, second);
        prop_assert!(heap_bytes(&server) == heap_bytes(&snapshot));
        prop_assert_eq!(views::contexts(&server, BACKEND), views::contexts(&snapshot, BACKEND));
    }

    #[test]
    fn an_operation_can_be_stopped_anywhere(version in version(), ops in ops()) {
        let mut server = server(version);
        let (last, before) = ops.split_last().unwrap();
        for op in before {
            let _ = apply(&mut server, op);
        }
        prop_assume!(!misuses(&server, last));
        let mut whole = server.clone();
        let _ = whole.apply(last);
        for count in 0..whole.events().len() {
            let mut part = server.clone();
            part.log_mut().stop_after(count);
            let _ = part.apply(last);
            prop_assert_eq!(part.events(), &whole.events()[..count]);
            // Looking at a half-done machine must be possible.
            for row in views::contexts(&part, BACKEND) {
                views::open_context(&part, BACKEND, row.addr, &[]);
            }
        }
    }
}
