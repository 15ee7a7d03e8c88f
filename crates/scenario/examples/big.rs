#![allow(missing_docs, clippy::unwrap_used)]
use pgscope_scenario::*;
use std::rc::Rc;
use std::time::Instant;
fn main() {
    let which = std::env::args().nth(1).unwrap();
    let mut s = String::from("backend a\n");
    match which.as_str() {
        "names" => {
            for i in 0..4000 {
                s += &format!("table aaaa{i} pages=1\n");
            }
            for i in 0..4500 {
                s += &format!("a: read bbbb{i} 1\n");
            }
        }
        "handles" => {
            for i in 0..4000 {
                s += &format!("a: palloc 1 as aaaa{i}\n");
            }
            for i in 0..4500 {
                s += &format!("a: pfree bbbb{i}\n");
            }
        }
        "long" => {
            let l = "x".repeat(55);
            for i in 0..1000 {
                s += &format!("table {l}{i} pages=1\n");
            }
            for i in 0..1000 {
                s += &format!("a: read {l}b{i} 1\n");
            }
        }
        "written" => {
            s += "table t pages=16777216\na: hint t uniform times 19000000\n";
        }
        "deep" => {
            s += "repeat 1000000 { a: create context D small; a: switch to D }\n";
        }
        "wide" => {
            s += "repeat 1000000 { a: create context D small }\n";
        }
        "sweep" => {
            s = "server 18 shared_buffers=1GB\nbackend a\ntable t pages=16777216\n".into();
            for _ in 0..5 {
                s += "a: hint t 0..131071\n";
            }
            s += "a: hint t 131072\ncheckpoint\n";
        }
        "lines" => {
            s += &"}".repeat(190000);
        }
        "repeat" => {
            s += &"repeat 1 {\n".repeat(15000);
        }
        _ => {}
    }
    let t = Instant::now();
    let p = match compile(&s) {
        Ok(p) => p,
        Err(e) => {
            println!("{} bytes, {} errors, {:?}", s.len(), e.len(), t.elapsed());
            return;
        }
    };
    println!("compile {:?} steps {}", t.elapsed(), p.len());
    let mut h = History::new(Rc::new(p)).unwrap();
    let mut slow = std::time::Duration::ZERO;
    let t = Instant::now();
    while {
        let t = Instant::now();
        let go = h.step_op();
        slow = slow.max(t.elapsed());
        go
    } {}
    println!(
        "ran {:?}, slowest step {slow:?}, error {:?}",
        t.elapsed(),
        h.error().map(|e| e.to_string())
    );
    let t = Instant::now();
    h.back_event();
    println!("back_event {:?}", t.elapsed());
    let t = Instant::now();
    h.back_event();
    println!("back_event {:?}", t.elapsed());
    let t = Instant::now();
    println!("{} {:?}", narrate(&h).text().len(), t.elapsed());
    let t = Instant::now();
    let c = pgscope_core::views::contexts(h.server(), pgscope_core::ids::BackendId(0));
    println!("contexts {} {:?}", c.len(), t.elapsed());
    let rss = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", rss.lines().find(|l| l.starts_with("VmHWM")).unwrap());
}
