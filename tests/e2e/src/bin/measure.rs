//! How fast the page is, behind `cargo xtask bench --kind page`: from a key to the painted change,
//! letters typed into a long script, frames while a large pool is busy, and ten million reads.
//!
//! Keys and frames are measured in a browser that draws as fast as it can (`--disable-frame-rate-limit`):
//! what the page takes, not how long it waits for a display's next refresh. From a key to the painted
//! change is from the event to the first task behind the frame that shows it: script, style, layout,
//! paint and its commit, but not the compositor's raster. A figure that misses its goal is printed
//! like any other; everything that is waited for has an end.

use std::process::ExitCode;
use std::rc::Rc;

use pgscope_e2e::{Bench, Reader, Result, Window, attempt};
use serde_json::{Value, json};

const UNLIMITED: [&str; 2] = ["--disable-frame-rate-limit", "--disable-gpu-vsync"];
const DIAL: &str = "server 18 shared_buffers=512kB\ntable t pages=300\nbackend a\n\
                    repeat 400 { a: read t zipf(1.1) }\n";
const GRID: &str = "server 18 shared_buffers=128MB\ntable t pages=100000\nbackend a\n\
                    repeat 19000000 { a: read t zipf(1.1) }\n";
const READS: &str = "server 18 shared_buffers=128MB\ntable t pages=100000\nbackend a\n\
                     repeat 10000000 { a: read t zipf(1.1) }\n";
/// Milliseconds from each key to the frame that shows what it did.
const KEYS: &str = "const done = arguments[0], times = [], place = document.querySelector('#position');
    const press = () => {
        const before = place.textContent, begun = performance.now();
        document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));
        const wait = () => requestAnimationFrame(() => {
            const channel = new MessageChannel();
            channel.port1.onmessage = () => {
                if (place.textContent === before) return wait();
                times.push(performance.now() - begun);
                times.length < 200 ? setTimeout(press, times.length * 7 % 17) : done(times);
            };
            channel.port2.postMessage(0);
        });
        wait();
    };
    press();";
/// Milliseconds from each letter typed in the middle of the script to the task behind the frame that
/// shows it; in between the script is compiled, when the typist pauses.
const TYPING: &str = "const done = arguments[0], times = [];
    const field = document.querySelector('textarea[aria-label=Scenario]');
    const middle = field.value.indexOf('\\n', field.value.length / 2);
    field.focus(); field.setSelectionRange(middle, middle);
    const type = () => {
        const begun = performance.now();
        document.execCommand('insertText', false, 'x');
        requestAnimationFrame(() => {
            const channel = new MessageChannel();
            channel.port1.onmessage = () => {
                times.push(performance.now() - begun);
                times.length < 60 ? setTimeout(type, 20 + times.length % 5 * 60) : done(times);
            };
            channel.port2.postMessage(0);
        });
    };
    type();";
/// Milliseconds from frame to frame, for a while. A pixel changes in each: a frame in which nothing does
/// is given every 17 ms only, however fast the browser may draw, and that is not what the page takes.
const FRAMES: &str = "const done = arguments[0], times = [], dot = document.body.appendChild(document.createElement('i'));
    dot.style = 'position:fixed;left:0;top:0;width:1px;height:1px';
    let last = performance.now(); const end = last + 2000;
    const frame = now => { times.push(now - last); last = now;
        dot.style.background = times.length % 2 ? '#111' : '#222';
        now < end ? requestAnimationFrame(frame) : done(times); };
    requestAnimationFrame(frame);";
/// Runs to the end, for a minute at most: the operation it came to, the milliseconds it took, those
/// of them within the callbacks that execute slices, and the longest task.
const READS_RUN: &str = "const done = arguments[0], place = document.querySelector('#position');
    const at = () => Number(place.textContent.replaceAll(',', '').match(/\\d+/)[0]);
    let computing = 0;
    const real = window.requestAnimationFrame.bind(window);
    window.requestAnimationFrame = call => real(now => {
        const begun = performance.now();
        call(now);
        computing += performance.now() - begun;
    });
    longTasks.length = 0;
    const begun = performance.now();
    document.querySelector('button[aria-label=\"To end\"]').click();
    const look = () => {
        const took = performance.now() - begun;
        if (at() < 10000002 && took < 60000) return setTimeout(look, 20);
        window.requestAnimationFrame = real;
        done([at(), took, computing, Math.max(0, ...longTasks)]);
    };
    look();";
/// Notes tasks of more than 50 ms.
const TASKS: &str = "window.longTasks = []; new PerformanceObserver(list =>
    list.getEntries().forEach(it => longTasks.push(it.duration))).observe({ type: 'longtask' });";

fn main() -> ExitCode {
    println!("{:44}{:>10}{:>10}{:>10}", "milliseconds", "median", "95 %", "goal");
    // Each on its own, so that one that can't be measured keeps none of the others back.
    let outcomes = [
        attempt("measure-keys", async |bench| keys(&*browser(&bench).await?).await),
        attempt("measure-typing", async |bench| typing(&*browser(&bench).await?).await),
        attempt("measure-frames", async |bench| frames(&*browser(&bench).await?).await),
        attempt("measure-reads", async |bench| reads(&*browser(&bench).await?).await),
    ];
    let failures: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
    for failure in &failures {
        eprintln!("{failure}");
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn browser(bench: &Bench) -> Result<Rc<Reader>> {
    let reader = bench.reader_with(Window::Desktop, &UNLIMITED).await?;
    reader.driver().set_script_timeout(std::time::Duration::from_secs(90)).await?;
    reader.at_each_start(TASKS).await?;
    Ok(reader)
}

async fn keys(reader: &Reader) -> Result<()> {
    open(reader, DIAL, 402).await?;
    reader.press("button", "To start").await?;
    line("a key to the painted change, 64 buffers", &numbers(reader, KEYS).await?, 16.0);
    Ok(())
}

async fn typing(reader: &Reader) -> Result<()> {
    let lines = (0..996).map(|i| format!("a: read t {} -- and why\n", i % 300)).collect::<String>();
    let text = format!("server 18 shared_buffers=512kB\ntable t pages=300\nbackend a\n\n{lines}");
    open(reader, &text, 998).await?;
    reader.ask("Emulation.setCPUThrottlingRate", json!({ "rate": 4 })).await?;
    line("a letter in 1,000 lines, 4x slower", &numbers(reader, TYPING).await?, 16.0);
    reader.ask("Emulation.setCPUThrottlingRate", json!({ "rate": 1 })).await?;
    Ok(())
}

async fn frames(reader: &Reader) -> Result<()> {
    for (slower, goal) in [(1, 16.7), (4, 33.0)] {
        open(reader, GRID, 19_000_002).await?;
        let rate = json!({ "rate": slower });
        reader.ask("Emulation.setCPUThrottlingRate", rate).await?;
        reader.press("button", "To end").await?;
        let name = format!("frames, 16,384 buffers, zipf, {slower}x slower");
        line(&name, &numbers(reader, FRAMES).await?, goal);
        reader.ask("Emulation.setCPUThrottlingRate", json!({ "rate": 1 })).await?;
    }
    Ok(())
}

async fn reads(reader: &Reader) -> Result<()> {
    open(reader, READS, 10_000_002).await?;
    let run = reader.driver().execute_async(READS_RUN, Vec::new()).await?.json().clone();
    let [reached, took, computing, longest] = of(&run)[..] else {
        return Err(format!("the ten million reads came to {run}").into());
    };
    let name = if reached >= 10_000_002.0 {
        "10,000,000 reads, to the end".to_owned()
    } else {
        format!("not at the end in a minute: {reached} reads")
    };
    println!("{name:44}{took:10.0}");
    println!("{:44}{computing:10.0}{:>10}{:10.0}", "  of it the slices' computing", "", 2000.0);
    println!("{:44}{longest:10.0}{:>10}{:10.0}", "  longest task (0: none over 50)", "", 50.0);
    Ok(())
}

/// Puts a scenario in and waits until it is understood.
async fn open(reader: &Reader, text: &str, ops: u64) -> Result<()> {
    reader.visit("").await?;
    let set = format!(
        "const field = document.querySelector('textarea[aria-label=Scenario]');
         field.value = {}; field.dispatchEvent(new InputEvent('input', {{ bubbles: true }}));
         return null",
        json!(text)
    );
    reader.script(&set).await?;
    let plain = |text: &str| text.replace(',', "");
    reader.until_text("#position", |place| plain(place).contains(&format!(" of {ops}"))).await?;
    // Keys are the page's.
    reader.script("document.activeElement.blur(); return null").await?;
    Ok(())
}

async fn numbers(reader: &Reader, script: &str) -> Result<Vec<f64>> {
    Ok(of(reader.driver().execute_async(script, Vec::new()).await?.json()))
}

fn of(value: &Value) -> Vec<f64> {
    value.as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
}

fn line(name: &str, times: &[f64], goal: f64) {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or(0.0);
    println!("{name:44}{:10.1}{:10.1}{goal:10.1}", at(0.5), at(0.95));
}
