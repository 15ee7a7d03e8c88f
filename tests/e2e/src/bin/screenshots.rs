//! The camera behind `cargo xtask screenshots`: every panel of the page, dark and light, on a phone,
//! on a laptop and for a projector, and the embed; and the page of the docs that shows them all. Takes one
//! argument, the folder for the pictures, and if wanted a second one, the name of the only panel to take.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use pgscope_e2e::{Bench, Reader, Result, Window, attempt};
use pgscope_scenario::link::{Link, encode};
use pgscope_scenario::{History, compile};
use thirtyfour::prelude::*;

/// The sizes: a name, what the docs say, the window, whether type is large.
const SIZES: [(&str, &str, Window, bool); 3] = [
    ("laptop", "Laptop, 1440 × 900", Window::Desktop, false),
    ("phone", "Phone, 390 × 844", Window::Phone, false),
    ("projector", "Projector with large type, 1600 × 900", Window::Exactly(1600, 900), true),
];

const THEMES: [&str; 2] = ["dark", "light"];

/// A golden scenario, the line behind which it is shown, and how many operations before that.
type Scene = (&'static str, u32, u64);

const DEADLOCK: Scene = (include_str!("../../../scenarios/lock-deadlock.pgscope"), 16, 0);
const LESSON: Scene = (include_str!("../../../scenarios/lesson.pgscope"), 15, 0);
const GRID: Scene = (
    "-- Two hot sets in a larger pool\nserver 18 shared_buffers=8MB\ntable orders pages=4000\n\
     table customers pages=600\nbackend alice\nbackend bob\n\nrepeat 2000 {\n  \
     alice: read orders zipf(1.05)\n  bob: update customers zipf(1.2)\n}\n",
    3_600,
    0,
);
const RING: Scene = (include_str!("../../../scenarios/seqscan-ring.pgscope"), 19, 20);

/// One step on the way to a panel.
enum Way {
    Press(&'static str, &'static str),
    Keys(&'static str),
    /// Typed at the end of the script.
    Type(&'static str),
}

/// A panel: its name, what the docs say of it, the scenario unless it is the guide, the way there,
/// and the element that has to be seen.
struct Panel {
    name: &'static str,
    about: &'static str,
    scene: Option<Scene>,
    way: &'static [Way],
    seen: &'static str,
}

const fn panel(
    name: &'static str,
    about: &'static str,
    scene: Option<Scene>,
    way: &'static [Way],
    seen: &'static str,
) -> Panel {
    Panel { name, about, scene, way, seen }
}

use Way::{Keys, Press, Type};

const PANELS: [Panel; 15] = [
    panel("page", "A first visit: the hand has just taken a dirty victim", None, &[], ".top"),
    panel("buffer", "A buffer, looked at", None, &[Press("gridcell", "buffer 8…")], ".buffer-card"),
    panel("ring", "A sequential scan in its ring", Some(RING), &[], ".shared"),
    panel("grid", "A larger pool", Some(GRID), &[], ".grid"),
    panel("views", "The server's views", None, &[Press("tab", "Views")], ".views"),
    panel("bytes", "Bytes, and what they mean", None, &[Press("tab", "Bytes")], ".bytes"),
    panel(
        "locks",
        "Two that wait for each other",
        Some(DEADLOCK),
        &[Press("tab", "Locks")],
        ".locks",
    ),
    panel("map", "All memory by owner", None, &[Press("tab", "Map")], ".map"),
    panel("memory", "A backend's memory contexts", None, &[], ".memory"),
    panel("script", "The script and its buttons", None, &[Press("button", "More……")], ".actions"),
    panel(
        "typing",
        "What is offered, and what is wrong",
        None,
        &[Type("alice: pal")],
        ".completions",
    ),
    panel("question", "A lesson that asks", Some(LESSON), &[], ".question"),
    panel(
        "versions",
        "Every version side by side",
        None,
        &[Keys("0")],
        "table[aria-label=Versions]",
    ),
    panel("share", "The code that embeds", None, &[Press("button", "Embed")], "dialog"),
    panel("keys", "The keys", None, &[Keys("?")], "dialog"),
];

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1).map(PathBuf::from);
    let Some(folder) = words.next() else {
        eprintln!("say which folder the pictures go to, or use `cargo xtask screenshots`");
        return ExitCode::FAILURE;
    };
    let only = words.next().map(|only| only.to_string_lossy().into_owned());
    for (size, _, window, large) in SIZES {
        for theme in THEMES {
            let (folder, only) = (folder.clone(), only.clone());
            let taken = attempt("screenshots", async move |bench| {
                let reader = bench.reader(window).await?;
                let wanted = |panel: &&Panel| only.as_ref().is_none_or(|only| only == panel.name);
                for panel in PANELS.iter().filter(wanted) {
                    let name = format!("{}-{size}-{theme}", panel.name);
                    show(&reader, panel, theme, large).await?;
                    save(&reader, &folder, &name).await?;
                }
                if size == "laptop" && only.is_none_or(|only| only == "embed") {
                    embed(&bench, &folder, theme).await?;
                }
                Ok(())
            });
            if let Err(failure) = taken {
                eprintln!("{failure}");
                return ExitCode::FAILURE;
            }
        }
    }
    if let Err(error) = std::fs::write(folder.join("README.md"), page()) {
        eprintln!("{}: {error}", folder.display());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Goes to a panel, as on a first visit.
async fn show(reader: &Reader, panel: &Panel, theme: &str, large: bool) -> Result<()> {
    let fragment = panel.scene.map(fragment).transpose()?.unwrap_or_default();
    reader.visit(&format!("?theme={theme}{fragment}")).await?;
    reader.script("localStorage.clear(); sessionStorage.clear(); return null").await?;
    reader.visit(&format!("?theme={theme}{fragment}")).await?;
    if large {
        reader.keys("z").await?;
        reader.find(":root[data-projector]").await?;
    }
    for way in panel.way {
        match *way {
            Press(role, label) => reader.press(role, label).await?,
            Keys(keys) => reader.keys(keys).await?,
            Type(text) => {
                let field = reader.find("textarea[aria-label=Scenario]").await?;
                field.send_keys(Key::Control + Key::End).await?;
                field.send_keys(text).await?;
                reader.find(".problems li").await?;
            }
        }
    }
    reader.find(panel.seen).await?;
    // In one column the panel is what is looked at; elsewhere it is there already.
    let seen = format!(
        "const it = document.querySelector({:?});
         if (innerWidth < 900 && !it.closest('.top, .completions, dialog, .story'))
             (it.closest('.buffer-card, .actions') ?? it.closest('.panel')).scrollIntoView({{ block:
                 it.closest('.buffer-card, .actions') ? 'nearest' : 'start' }});
         return null",
        panel.seen
    );
    reader.script(&seen).await?;
    Ok(())
}

/// The embed, as wide as a column of text.
async fn embed(bench: &Bench, folder: &Path, theme: &str) -> Result<()> {
    let reader = bench.reader(Window::Exactly(640, 520)).await?;
    for (name, panel) in [("embed", ""), ("embed-memory", "&panel=memory")] {
        reader.visit(&format!("?embed&theme={theme}{panel}")).await?;
        save(&reader, folder, &format!("{name}-{theme}")).await?;
    }
    Ok(())
}

/// The link to a scene, behind the line that it names.
fn fragment((text, line, back): Scene) -> Result<String> {
    let told = |it: &&str| !it.starts_with("--= ") && !it.starts_with("expect ");
    let lines: Vec<&str> = text.lines().collect();
    let above = lines.iter().take(line as usize).filter(|it| told(it)).count() as u32;
    let text = lines.into_iter().filter(told).collect::<Vec<_>>().join("\n");
    let program = compile(&text).map_err(|wrong| format!("a scene does not compile: {wrong:?}"))?;
    let mut history = History::new(Rc::new(program)).map_err(|error| error.to_string())?;
    let mut op = 0;
    while history.step_op() {
        if history.shown_line().is_some_and(|shown| shown <= above) {
            op = history.position().op;
        }
    }
    Ok(format!(
        "#{}",
        encode(&Link { text: text.trim_end().into(), op: op - back, ..Link::default() })
    ))
}

/// As WebP, which is a quarter of a PNG's size.
async fn save(reader: &Reader, folder: &Path, name: &str) -> Result<()> {
    let path = folder.join(format!("{name}.webp"));
    reader.photograph_small(&path).await?;
    println!("{}", path.display());
    Ok(())
}

/// The page that shows them.
fn page() -> String {
    let mut out = String::from(
        "# The page in pictures\n\nEvery panel in both themes, on a laptop, on a phone and for a projector. \
         `cargo xtask screenshots` takes them from a release\nbuild, and writes this page.\n",
    );
    // Writing to a String cannot fail.
    for (size, about, _, _) in SIZES {
        let _ = write!(out, "\n## {about}\n");
        for panel in &PANELS {
            let _ = write!(out, "\n{}:\n\n", panel.about);
            for theme in THEMES {
                let name = format!("{}-{size}-{theme}", panel.name);
                let _ = writeln!(out, "![{}, {size}, {theme}]({name}.webp)", panel.about);
            }
        }
    }
    let _ = write!(out, "\n## In a page of somebody's\n\n");
    for (name, about) in [("embed", "Shared memory"), ("embed-memory", "Local memory")] {
        for theme in THEMES {
            let _ = writeln!(out, "![{about}, embedded, {theme}]({name}-{theme}.webp)");
        }
    }
    out
}
