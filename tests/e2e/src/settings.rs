//! Where the page, the browser and its driver lie.
//!
//! `cargo xtask test` says so in four variables; without them the defaults fit a `cargo test -p
//! pgscope-e2e` after a `cargo xtask build`:
//!
//! | variable       | names                    | default                         |
//! |----------------|--------------------------|---------------------------------|
//! | `PGSCOPE_DIST` | the folder of the page   | `dist` in the repository        |
//! | `CHROME`       | Chromium or Chrome       | what chromedriver finds itself  |
//! | `CHROMEDRIVER` | the driver               | `chromedriver` on PATH          |
//! | `PGSCOPE_AXE`  | axe-core's `axe.min.js`  | what `cargo xtask test` installed |

use std::path::{Path, PathBuf};

use crate::Result;

/// The folder with the built page; an error when there is none.
pub fn dist() -> Result<PathBuf> {
    let folder = variable("PGSCOPE_DIST").unwrap_or_else(|| repository().join("dist"));
    if folder.join("index.html").is_file() {
        return Ok(folder);
    }
    Err(format!("there is no page in {}; run `cargo xtask build` first", folder.display()).into())
}

/// The browser, unless chromedriver is to choose one.
pub fn chrome() -> Option<PathBuf> {
    variable("CHROME")
}

/// The browser's driver.
pub fn chromedriver() -> PathBuf {
    variable("CHROMEDRIVER").unwrap_or_else(|| "chromedriver".into())
}

/// The rules of accessibility as a script; an error when nobody has installed them.
pub fn axe() -> Result<String> {
    let installed = "target/tools/npm/axe-core-4.14.1/node_modules/axe-core/axe.min.js";
    let file = variable("PGSCOPE_AXE").unwrap_or_else(|| repository().join(installed));
    std::fs::read_to_string(&file).map_err(|error| {
        format!("{}: {error}; `cargo xtask test` installs it", file.display()).into()
    })
}

/// Where a failing test leaves what its browsers showed.
pub fn evidence() -> PathBuf {
    repository().join("target").join("e2e")
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn repository() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("this crate lies in tests/e2e of the repository")
}
