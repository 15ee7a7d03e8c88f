//! What the cargo features choose: which allocators there are, and what a plain context is.
//!
//! `cargo xtask test` runs this for each default and for each allocator alone. What is expected
//! follows from the features that the test itself was built with.

#![expect(clippy::unwrap_used, reason = "a test says what broke by panicking")]

use pgscope_core::ids::{BackendId, ChunkSlot, ContextSlot};
use pgscope_core::op::{Allocator, SLAB_CHUNK};
use pgscope_core::profile::Version;
use pgscope_core::server::Settings;
use pgscope_core::{Error, Op, Server, views};

const BACKEND: BackendId = BackendId(0);
const WORK: ContextSlot = ContextSlot(ContextSlot::FIRST_USER.0);
const CHUNK: ChunkSlot = ChunkSlot(0);

/// The allocators that this build has.
const BUILT: [(bool, Allocator); 4] = [
    (cfg!(feature = "aset"), Allocator::ALLOCSET_DEFAULT),
    (cfg!(feature = "generation"), Allocator::Generation { min: 0, init: 8192, max: 8 << 20 }),
    (cfg!(feature = "slab"), Allocator::Slab { block: 8192, chunk: SLAB_CHUNK }),
    (cfg!(feature = "bump"), Allocator::Bump { min: 0, init: 8192, max: 8 << 20 }),
];

/// What a plain context is to be: the choice, or the first allocator that there is.
fn plain() -> Allocator {
    let chosen = [
        cfg!(feature = "default-aset"),
        cfg!(feature = "default-generation"),
        cfg!(feature = "default-slab"),
        cfg!(feature = "default-bump"),
    ];
    let of = |index: usize| BUILT[index].1;
    let first = || BUILT.iter().position(|(built, _)| *built);
    of(chosen.iter().position(|chosen| *chosen).or_else(first).unwrap())
}

fn kind(allocator: Allocator) -> &'static str {
    match allocator {
        Allocator::AllocSet { .. } => "AllocSet",
        Allocator::Generation { .. } => "Generation",
        Allocator::Slab { .. } => "Slab",
        Allocator::Bump { .. } => "Bump",
    }
}

fn connect() -> Op {
    Op::Connect { backend: BACKEND, name: "alice".into() }
}

fn create(allocator: Allocator) -> Op {
    Op::CreateContext {
        backend: BACKEND,
        context: WORK,
        parent: None,
        name: "Work".into(),
        allocator,
    }
}

fn palloc(size: u64) -> Op {
    Op::Palloc { backend: BACKEND, context: Some(WORK), size, zero: false, chunk: Some(CHUNK) }
}

/// A server of each version that has what plain contexts are made of, with a backend.
fn servers() -> Vec<Server> {
    let of_bump = kind(plain()) == "Bump";
    let versions = Version::ALL.into_iter().filter(|v| !of_bump || v.profile().mmgr.bump);
    let start = |version| {
        let mut server = Server::start(version, Settings::default(), 1).unwrap();
        server.apply(&connect()).unwrap();
        server
    };
    versions.map(start).collect()
}

#[test]
fn a_plain_context_and_the_backends_own_are_of_the_chosen_kind() {
    assert_eq!(Allocator::PLAIN, plain());
    for mut server in servers() {
        let call = Op::CallBegin { backend: BACKEND, function: "f".into() };
        server.apply(&call).unwrap();
        server.apply(&create(Allocator::PLAIN)).unwrap();
        let rows = views::contexts(&server, BACKEND);
        assert!(rows.iter().any(|row| row.name == "TopMemoryContext"));
        assert!(rows.iter().any(|row| row.function.is_some()));
        assert!(rows.iter().any(|row| row.name == "Work"));
        for row in rows {
            assert_eq!(row.kind, kind(plain()), "{}", row.name);
        }
        server.apply(&Op::CallEnd { backend: BACKEND }).unwrap();
    }
}

#[test]
fn a_plain_context_serves_requests_as_its_kind_does() {
    for mut server in servers() {
        server.apply(&create(Allocator::PLAIN)).unwrap();
        server.apply(&palloc(SLAB_CHUNK)).unwrap();
        let freed = server.apply(&Op::Pfree { backend: BACKEND, chunk: CHUNK });
        let other = server.apply(&palloc(SLAB_CHUNK + 1));
        match kind(plain()) {
            "Slab" => {
                freed.unwrap();
                let said = other.unwrap_err().to_string();
                assert_eq!(said, "unexpected alloc chunk size 65 (expected 64)");
            }
            "Bump" => {
                let said = freed.unwrap_err().to_string();
                assert_eq!(said, "pfree is not supported by the bump memory allocator");
                other.unwrap();
            }
            _ => {
                freed.unwrap();
                other.unwrap();
            }
        }
        server.apply(&Op::Reset { backend: BACKEND, context: WORK }).unwrap();
        server.apply(&Op::Delete { backend: BACKEND, context: WORK }).unwrap();
    }
}

#[test]
fn each_allocator_is_there_or_says_what_to_build_with() {
    for mut server in servers() {
        for (built, allocator) in BUILT {
            let created = server.apply(&create(allocator));
            let feature = allocator.feature();
            if !built {
                let error = created.unwrap_err();
                assert_eq!(error, Error::AllocatorLeftOut(feature));
                assert!(error.hint().unwrap().contains(&format!("`{feature}`")));
            } else if kind(allocator) == "Bump" && !server.profile().mmgr.bump {
                assert!(matches!(created, Err(Error::NotInVersion(_))));
            } else {
                let context = created.unwrap().context().unwrap();
                assert_eq!(server.context(context).kind(), kind(allocator));
                server.apply(&palloc(SLAB_CHUNK)).unwrap();
                server.apply(&Op::Delete { backend: BACKEND, context: WORK }).unwrap();
            }
        }
    }
}

#[test]
fn without_its_default_a_version_starts_no_backend() {
    let mut server = Server::start(Version::V15, Settings::default(), 1).unwrap();
    let connected = server.apply(&connect());
    if kind(plain()) == "Bump" {
        let said = connected.unwrap_err().to_string();
        assert!(said.contains("Bump") && said.contains("default-bump"), "{said}");
        assert_eq!(server.backends().len(), 0);
    } else {
        connected.unwrap();
    }
}
