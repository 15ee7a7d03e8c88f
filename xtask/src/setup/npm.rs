//! Tools of the registry npm: axe-core, which the end-to-end tests ask about accessibility, and
//! Lighthouse, which measures.
//!
//! Each lies in a folder of its own under target/tools/npm, with its version fixed here. Nothing of
//! them becomes part of the page.

use std::path::PathBuf;

use crate::process;
use crate::steps::Screen;
use crate::trouble::Trouble;

/// A package and its version.
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// The file that is wanted of it.
    file: &'static str,
}

/// The rules of accessibility, as one script.
pub(crate) const AXE: Package = Package { name: "axe-core", version: "4.14.1", file: "axe.min.js" };

/// The measurements of a page's load.
pub(crate) const LIGHTHOUSE: Package =
    Package { name: "lighthouse", version: "12.8.2", file: "cli/index.js" };

impl Package {
    /// Finds the package's file or has npm install it.
    pub(crate) fn ensure(&self, screen: &Screen) -> Result<PathBuf, Trouble> {
        let Self { name, version, file } = self;
        let folder = process::root().join("target/tools/npm").join(format!("{name}-{version}"));
        let wanted = folder.join("node_modules").join(name).join(file);
        if wanted.is_file() {
            return Ok(wanted);
        }
        let Some(npm) = process::on_path("npm") else {
            return Err(Trouble::new(
                format!("{name} is not there yet, and there is no npm on PATH to install it"),
                "install Node.js with npm (Debian: apt-get install npm)",
            ));
        };
        screen.note("not there yet; npm installs it (some seconds)");
        let made = std::fs::create_dir_all(&folder);
        made.map_err(|error| {
            Trouble::new(format!("{}: {error}", process::shown(&folder)), "make room or rights")
        })?;
        let mut npm = process::command(npm);
        npm.args(["install", "--no-audit", "--no-fund", "--no-package-lock", "--prefix"])
            .arg(&folder)
            .arg(format!("{name}@{version}"));
        process::run_quietly(&mut npm, "run this again when the registry npm can be reached")?;
        if wanted.is_file() {
            return Ok(wanted);
        }
        Err(Trouble::new(
            format!("npm installed {name} {version}, but it has no {file}"),
            format!("look into {}", process::shown(&folder)),
        ))
    }
}
