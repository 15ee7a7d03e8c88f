//! The camera behind `cargo xtask screenshots`: every panel of the page, dark and light, on a desk,
//! on a tablet and on a phone, and the embed. Takes one argument, the folder for the pictures, and
//! if wanted a second one, the beginning of the names of those to take.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use pgscope_e2e::{Bench, Result, Window, attempt};

/// Names of the sizes.
const SIZES: [(&str, Window); 3] = [
    ("desktop", Window::Desktop),
    ("tablet", Window::Exactly(820, 1180)),
    ("phone", Window::Phone),
];

const THEMES: [&str; 2] = ["dark", "light"];

/// A panel: its name, what is pressed to get there (role and name), and the element that has to be
/// seen.
struct Panel {
    name: &'static str,
    way: &'static [(&'static str, &'static str)],
    seen: &'static str,
    /// Sizes at which there is a way to it.
    sizes: usize,
}

const fn panel(
    name: &'static str,
    way: &'static [(&'static str, &'static str)],
    seen: &'static str,
) -> Panel {
    Panel { name, way, seen, sizes: SIZES.len() }
}

const PANELS: [Panel; 9] = [
    // As on a first visit.
    panel("", &[], ".top"),
    panel("-buffer", &[("gridcell", "buffer 8…")], ".buffer-card"),
    panel("-grid", &[("combobox", "shared_buffers")], ".grid"),
    panel("-views", &[("tab", "Views")], ".views"),
    panel("-bytes", &[("tab", "Bytes")], ".bytes"),
    panel("-map", &[("tab", "Map")], ".map"),
    panel("-memory", &[], ".memory"),
    panel("-script", &[], ".script"),
    Panel { sizes: 2, ..panel("-keys", &[("button", "Keyboard shortcuts")], "dialog") },
];

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1).map(PathBuf::from);
    let Some(folder) = words.next() else {
        eprintln!("say which folder the pictures go to, or use `cargo xtask screenshots`");
        return ExitCode::FAILURE;
    };
    let only = words.next().map(|only| only.to_string_lossy().into_owned()).unwrap_or_default();
    for (size, window) in SIZES {
        for theme in THEMES {
            let (folder, only) = (folder.clone(), only.clone());
            let taken = attempt("screenshots", async move |bench| {
                take(&bench, &folder, &only, size, window, theme).await
            });
            if let Err(failure) = taken {
                eprintln!("{failure}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

/// Every panel at one size in one theme; the embed with the first of the sizes.
async fn take(
    bench: &Bench,
    folder: &Path,
    only: &str,
    size: &str,
    window: Window,
    theme: &str,
) -> Result<()> {
    let reader = bench.reader(window).await?;
    for panel in PANELS.iter().filter(|panel| sized(size) < panel.sizes) {
        let name = format!("{size}-{theme}{}", panel.name);
        // In the grid's header the size can be chosen only where there is room for it.
        if !name.starts_with(only) || (panel.name == "-grid" && size == "phone") {
            continue;
        }
        // Every picture begins as a first visit.
        reader.visit(&format!("?theme={theme}")).await?;
        reader.script("localStorage.clear(); return null").await?;
        reader.visit(&format!("?theme={theme}")).await?;
        for (role, label) in panel.way {
            match *role {
                "combobox" => reader.by_role(role, label).await?.send_keys("8MB").await?,
                _ => reader.press(role, label).await?,
            }
        }
        reader.find(panel.seen).await?;
        let show = format!(
            "if ({:?} !== '.top') document.querySelector({:?}).scrollIntoView({{ block: 'nearest' }}); \
             return null",
            panel.seen, panel.seen
        );
        reader.script(&show).await?;
        match panel.name {
            "" => save(&reader, folder, &name).await?,
            _ => save_small(&reader, &folder.join("panels"), &name).await?,
        }
    }
    let name = format!("embed-{theme}");
    if size == "desktop" && name.starts_with(only) {
        reader.resize(Window::Exactly(640, 520)).await?;
        reader.visit(&format!("?embed&theme={theme}")).await?;
        save(&reader, folder, &name).await?;
    }
    let name = format!("projector-{theme}");
    if size == "desktop" && name.starts_with(only) {
        reader.resize(window).await?;
        reader.visit(&format!("?theme={theme}")).await?;
        reader.press("button", "Large type").await?;
        save_small(&reader, &folder.join("panels"), &name).await?;
    }
    Ok(())
}

fn sized(size: &str) -> usize {
    SIZES.iter().position(|(name, _)| *name == size).unwrap_or_default()
}

async fn save(reader: &pgscope_e2e::Reader, folder: &Path, name: &str) -> Result<()> {
    let path = folder.join(format!("{name}.png"));
    reader.photograph(&path).await?;
    println!("{}", path.display());
    Ok(())
}

/// As WebP, which is a quarter of a PNG's size.
async fn save_small(reader: &pgscope_e2e::Reader, folder: &Path, name: &str) -> Result<()> {
    let path = folder.join(format!("{name}.webp"));
    reader.photograph_small(&path).await?;
    println!("{}", path.display());
    Ok(())
}
