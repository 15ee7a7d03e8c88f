#![allow(missing_docs, clippy::unwrap_used)]
use pgscope_core::memory::Addr;
use pgscope_core::{Server, views};
use pgscope_scenario::{History, Position, StepKind, compile, format, link, measure, narrate};
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::time::{Duration, Instant};

struct R(u64);
impl R {
    fn n(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
    fn b(&mut self, n: u64) -> u64 {
        (self.n() >> 11) % n
    }
    fn of<'a>(&mut self, v: &[&'a str]) -> &'a str {
        v[self.b(v.len() as u64) as usize]
    }
    fn p(&mut self, pct: u64) -> bool {
        self.b(100) < pct
    }
}
fn size(r: &mut R) -> String {
    match r.b(12) {
        0 => "0".into(),
        1..=4 => r.b(200).to_string(),
        5..=6 => r.b(9000).to_string(),
        7 => (1u64 << r.b(31)).to_string(),
        8 => ((1u64 << r.b(64)).wrapping_sub(r.b(3))).to_string(),
        9 => {
            let u = r.of(&["B", "kB", "MB", "GB", "TB"]);
            format!("{}{}", r.b(70), u)
        }
        10 => r
            .of(&[
                "1073741823",
                "1073741824",
                "18446744073709551615",
                "4294967295",
                "4294967296",
                "8192",
                "8191",
                "8208",
                "1GB",
                "16777216TB",
                "9223372036854775807",
                "9223372036854775808",
                "1e19",
                "1048576",
                "262144",
                "1000000000000000000000",
            ])
            .into(),
        _ => {
            let m = r.of(&["1", "7", "100", "1000"]).parse::<u64>().unwrap();
            (r.b(m) * 1024).to_string()
        }
    }
}
const B: [&str; 3] = ["alice", "bob", "eve"];
struct G {
    pages: Vec<u64>,
    ctx: [Vec<String>; 3],
    pin: [Vec<String>; 3],
    chunk: [Vec<String>; 3],
    count: u64,
}
fn pages(g: &G, r: &mut R, t: usize, one: bool) -> String {
    let n = g.pages[t].max(1);
    if one {
        return if r.p(50) {
            r.b(n).to_string()
        } else {
            r.of(&["uniform", "zipf(1.1)", "zipf(0.01)", "zipf(10)", "zipf(1)"]).into()
        };
    }
    match r.b(5) {
        0 => r.b(n).to_string(),
        1 => {
            let a = r.b(n);
            format!("{a}..{}", (a + r.b(20)).min(n - 1))
        }
        2 => format!("{}, {}", r.b(n), r.b(n)),
        3 => format!("uniform times {}", r.b(30)),
        _ => format!("zipf({}.{}) times {}", r.b(9), 1 + r.b(8), r.b(30)),
    }
}
fn ctxname(g: &G, r: &mut R, b: usize) -> String {
    let own = &g.ctx[b];
    if own.is_empty() || r.p(25) {
        r.of(&[
            "TopMemoryContext",
            "CacheMemoryContext",
            "MessageContext",
            "ErrorContext",
            "TopPortalContext",
        ])
        .into()
    } else {
        own[r.b(own.len() as u64) as usize].clone()
    }
}
fn stmt(g: &mut G, r: &mut R, b: usize, depth: u32, out: &mut String) {
    g.count += 1;
    let t = r.b(g.pages.len() as u64) as usize;
    let pre = format!("{}: ", B[b]);
    let id = r.b(5);
    let hold = |g: &mut G, r: &mut R| -> String {
        if r.p(60) {
            let p = format!("p{}", r.b(6));
            g.pin[b].push(p.clone());
            format!(" hold as {p}")
        } else {
            String::new()
        }
    };
    let asv = |g: &mut G, r: &mut R| -> String {
        if r.p(70) {
            let p = format!("c{}", r.b(8));
            g.chunk[b].push(p.clone());
            format!(" as {p}")
        } else {
            String::new()
        }
    };
    match r.b(26) {
        0..=2 => {
            let v = r.of(&["read", "update", "hint"]);
            if g.pages[t] == 0 {
                return;
            }
            let p = pages(g, r, t, false);
            writeln!(out, "{pre}{v} t{t} {p}").unwrap();
        }
        3 => {
            let v = r.of(&["read", "update", "hint"]);
            if g.pages[t] == 0 {
                return;
            }
            let p = pages(g, r, t, true);
            let h = hold(g, r);
            writeln!(out, "{pre}{v} t{t} {p}{h}").unwrap();
        }
        4 => {
            let h = hold(g, r);
            writeln!(out, "{pre}extend t{t}{h}").unwrap();
        }
        5 => {
            if g.pin[b].is_empty() {
                return;
            }
            let i = r.b(g.pin[b].len() as u64) as usize;
            writeln!(out, "{pre}dirty {}{}", g.pin[b][i], r.of(&["", " hint", " nowal"])).unwrap();
        }
        6..=7 => {
            if g.pin[b].is_empty() {
                return;
            }
            let i = r.b(g.pin[b].len() as u64) as usize;
            writeln!(out, "{pre}unpin {}", g.pin[b][i]).unwrap();
        }
        8 => {
            if g.pin[b].is_empty() {
                return;
            }
            let i = r.b(g.pin[b].len() as u64) as usize;
            writeln!(out, "{pre}flush {}", g.pin[b][i]).unwrap();
        }
        9 => writeln!(
            out,
            "{}",
            r.of(&[
                "checkpoint",
                "walflush",
                "bgwriter",
                "bgwriter maxpages=1073741823 multiplier=10 delay=10000ms",
                "bgwriter maxpages=0",
                "bgwriter delay=10ms multiplier=0",
                "bgwriter maxpages=1 multiplier=0.1"
            ])
        )
        .unwrap(),
        10..=11 => {
            let inn = if r.p(60) { format!(" in {}", ctxname(g, r, b)) } else { String::new() };
            let o = match r.b(4) {
                0 => " small".into(),
                1 => format!(" min={} init={} max={}", size(r), size(r), size(r)),
                2 => {
                    let i = 1024u64 << r.b(12);
                    format!(
                        " min={} init={} max={}",
                        r.of(&["0", "1024", "1kB", "8kB", "512"]),
                        i,
                        i << r.b(8)
                    )
                }
                _ => String::new(),
            };
            let name = format!("x{id}");
            writeln!(out, "{pre}create context {name}{inn}{o}").unwrap();
            g.ctx[b].push(name);
        }
        12 => {
            let c = ctxname(g, r, b);
            writeln!(out, "{pre}switch to {c}").unwrap();
        }
        13..=16 => {
            let s = size(r);
            let z = r.of(&["palloc", "palloc", "palloc0"]);
            let inn = if r.p(60) { format!(" in {}", ctxname(g, r, b)) } else { String::new() };
            let a = asv(g, r);
            writeln!(out, "{pre}{z} {s}{inn}{a}").unwrap();
        }
        17..=18 => {
            if g.chunk[b].is_empty() {
                return;
            }
            let i = r.b(g.chunk[b].len() as u64) as usize;
            writeln!(out, "{pre}pfree {}", g.chunk[b][i]).unwrap();
        }
        19..=20 => {
            if g.chunk[b].is_empty() {
                return;
            }
            let i = r.b(g.chunk[b].len() as u64) as usize;
            let s = size(r);
            writeln!(out, "{pre}repalloc {} {s}", g.chunk[b][i]).unwrap();
        }
        21 => {
            let c = ctxname(g, r, b);
            let v = r.of(&["reset", "delete"]);
            writeln!(out, "{pre}{v} {c}").unwrap();
        }
        22 => {
            let m = r.of(&["used", "total", "free_chunks", "blocks"]);
            let c = ctxname(g, r, b);
            writeln!(out, "expect {m}({}, {c}) >= {}", B[b], r.b(100)).unwrap();
        }
        23 => {
            let m = match r.b(3) {
                0 => r
                    .of(&[
                        "hits",
                        "hit_ratio",
                        "misses",
                        "evictions",
                        "writes",
                        "hand",
                        "passes",
                        "allocs",
                        "dirty_buffers",
                        "victim",
                    ])
                    .into(),
                1 if g.pages[t] > 0 => format!(
                    "{}(t{t}, {})",
                    r.of(&["usage", "pins", "dirty", "buffer"]),
                    r.b(g.pages[t])
                ),
                _ => format!("buffers(t{t})"),
            };
            writeln!(out, "expect {m} >= {}", r.b(5)).unwrap();
        }
        24 if depth < 6 => {
            writeln!(out, "{pre}call f{id} {{").unwrap();
            for _ in 0..r.b(6) {
                let who = if r.p(90) { b } else { r.b(3) as usize };
                stmt(g, r, who, depth + 1, out)
            }
            writeln!(out, "}}").unwrap();
        }
        25 if depth < 6 => {
            writeln!(out, "repeat {} {{", r.b(9)).unwrap();
            for _ in 0..r.b(6) {
                let who = r.b(3) as usize;
                stmt(g, r, who, depth + 1, out)
            }
            writeln!(out, "}}").unwrap();
        }
        _ => {}
    }
}
fn scenario(r: &mut R) -> String {
    let mut s = String::new();
    writeln!(
        s,
        "server 18 shared_buffers={} seed={}",
        r.of(&["128kB", "136kB", "16", "17", "40", "1MB"]),
        r.n()
    )
    .unwrap();
    let mut g = G {
        pages: vec![],
        ctx: Default::default(),
        pin: Default::default(),
        chunk: Default::default(),
        count: 0,
    };
    for t in 0..1 + r.b(3) {
        let n: u64 =
            r.of(&["0", "1", "5", "20", "60", "4294967294", "4294967295", "200"]).parse().unwrap();
        let n = n.min(4294967294);
        g.pages.push(n);
        writeln!(s, "table t{t} pages={n}{}", r.of(&["", " unlogged"])).unwrap();
    }
    for b in B {
        writeln!(s, "backend {b}").unwrap();
    }
    for t in 0..g.pages.len() {
        if r.p(50) {
            writeln!(s, "alice: extend t{t}").unwrap();
        }
    }
    let n = 5 + r.b(60);
    while g.count < n {
        let who = r.b(3) as usize;
        stmt(&mut g, r, who, 0, &mut s)
    }
    s
}
fn state(server: &Server) -> u64 {
    let mut h = DefaultHasher::new();
    (
        server.pool().strategy().hand(),
        server.pool().strategy().passes(),
        server.pool().wal.flushed(),
        server.evictions(),
    )
        .hash(&mut h);
    format!("{:?}", server.usage()).hash(&mut h);
    for region in server.regions() {
        (region.size, region.addr.0).hash(&mut h);
        let mut part = vec![0; (region.size as usize).min(1 << 18)];
        server.peek(region.addr, &mut part);
        part.hash(&mut h);
    }
    h.finish()
}
fn look(h: &History, deep: bool) {
    let s = h.server();
    let names = h.program().names();
    std::hint::black_box(format!("{:?}", narrate(h)));
    if deep {
        for (id, be) in s.backends() {
            let rows = views::contexts(s, id);
            if be.memory.top == Addr::NULL {
                continue;
            }
            for row in &rows {
                assert!(row.free_bytes <= row.total_bytes, "{row:?}");
                let v = views::open_context(s, id, row.addr);
                let sum: u64 = v.blocks.iter().map(|b| b.size).sum();
                assert_eq!(sum, row.total_bytes, "{row:?}");
                let free: u64 = v.blocks.iter().map(|b| b.unused).sum();
                assert!(free <= row.free_bytes, "{row:?} {v:?}");
                for b in &v.blocks {
                    let c: u64 = b.chunks.iter().map(|c| c.size + v.chunk_header).sum();
                    assert_eq!(b.header + c + b.unused, b.size, "{b:?}");
                }
                for c in v.blocks.iter().flat_map(|b| &b.chunks).take(5) {
                    views::chunk_bytes(s, c.pointer, c.size, 256);
                }
            }
            let _ = be;
        }
        let _ = names;
        let _ = Addr::NULL;
        for t in 0..h.program().names().tables().count() {
            let _ = t;
        }
    }
}
fn go(text: &str, r: &mut R) -> Result<(u64, u64), String> {
    let p = match compile(text) {
        Ok(p) => p,
        Err(e) => return Err(format!("{:?}", e[0])),
    };
    let p2 = compile(&format(text).map_err(|e| format!("{e:?}"))?)
        .map_err(|e| format!("formatted: {e:?}"))?;
    assert_eq!(p.len(), p2.len());
    for i in 0..p.len().min(50) {
        assert_eq!(p.step(i).unwrap().kind, p2.step(i).unwrap().kind);
    }
    let l = link::Link { text: text.to_owned(), op: 3, event: 1, panels: 0 };
    assert_eq!(link::decode(&link::encode(&l)).unwrap(), l);
    let mut h = History::new(Rc::new(p)).map_err(|e| format!("start {e:?}"))?;
    let mut fwd = vec![(h.position(), state(h.server()))];
    let mut ev = 0;
    while ev < 900 && h.step_event() {
        ev += 1;
        fwd.push((h.position(), state(h.server())));
        look(&h, r.b(10) == 0);
    }
    let err = h.error().is_some();
    let _ = err;
    for e in fwd.iter().rev().skip(1).take(150) {
        assert!(h.back_event());
        assert_eq!(h.position(), e.0);
        assert_eq!(state(h.server()), e.1, "back {:?}", e.0);
    }
    for _ in 0..25 {
        let e = fwd[r.b(fwd.len() as u64) as usize];
        h.seek(e.0);
        assert_eq!(h.position(), e.0);
        assert_eq!(state(h.server()), e.1, "seek {:?}", e.0);
        look(&h, true);
    }
    h.seek(Position { op: 0, event: 0 });
    let n = 1 + r.b(5000);
    h.run_slice(n);
    for _ in 0..5 {
        h.seek(Position { op: r.b(h.len() + 2), event: r.b(20) as u32 });
        look(&h, true);
    }
    h.run_slice(20000);
    let end = (h.position(), state(h.server()));
    look(&h, true);
    h.back_op();
    h.back_op();
    h.seek(end.0);
    assert_eq!(state(h.server()), end.1);
    for i in 0..h.len().min(200) {
        if let Some(StepKind::Expect(pgscope_scenario::Expectation::Compare { metric, .. })) =
            h.program().step(i).map(|s| s.kind)
        {
            let _ = measure(metric, h.server());
        }
    }
    for f in h.failures() {
        let _ = f.message.len();
    }
    Ok((ev, h.position().op))
}
fn main() {
    let a: Vec<u64> = std::env::args().skip(1).map(|a| a.parse().unwrap()).collect();
    let (first, secs) = (a[0], a[1]);
    let t0 = Instant::now();
    let (mut seed, mut runs, mut events, mut steps, mut bad) = (first, 0u64, 0u64, 0u64, 0u64);
    let mut slow = Duration::ZERO;
    let one = a.len() > 2;
    while t0.elapsed() < Duration::from_secs(secs) {
        let mut r = R(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..5 {
            r.n();
        }
        let text = scenario(&mut r);
        let t = Instant::now();
        let got = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| go(&text, &mut r)));
        match got {
            Ok(Ok((e, s))) => {
                events += e;
                steps += s;
            }
            Ok(Err(e)) => {
                bad += 1;
                if bad < 4 {
                    println!("seed {seed}: {e}");
                }
            }
            Err(_) => {
                println!("PANIC seed {seed}");
                std::fs::write(format!("/tmp/fuzz-{seed}.txt"), &text).unwrap();
            }
        }
        if t.elapsed() > slow {
            slow = t.elapsed();
            println!("slowest seed {seed} {slow:?}");
            std::fs::write(format!("/tmp/slow-{seed}.txt"), &text).unwrap();
        }
        runs += 1;
        seed += 1;
        if one {
            println!("{text}");
            break;
        }
    }
    println!(
        "runs {runs} seeds {first}..{seed} events {events} steps {steps} not compiled {bad} in {:?}",
        t0.elapsed()
    );
}
