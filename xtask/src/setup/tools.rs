//! The build tools that come as crates: wasm-bindgen and Trunk, and for `fuzz` cargo-fuzz.
//!
//! A fitting version on PATH is taken as it is. Otherwise cargo builds one into `target/tools`,
//! unoptimised and with one build folder for both, which brings the wait from eleven minutes to
//! under four; on a page of this size the tools are no slower for it that anyone could notice.

use std::path::{Path, PathBuf};

use crate::process;
use crate::steps::Screen;
use crate::trouble::Trouble;

/// A tool as the registry of crates knows it.
pub(crate) struct Recipe {
    pub(crate) name: &'static str,
    /// The programs it brings; each must be there in the right version.
    programs: &'static [&'static str],
    version: Version,
    /// How long the build takes on two cores when nothing of it is there.
    wait: &'static str,
}

enum Version {
    Fixed(&'static str),
    /// The version of the library of this name in Cargo.lock, which the tool must equal.
    Locked(&'static str),
}

/// Makes the JavaScript half of the page, and runs the wasm tests.
pub(crate) const BINDGEN: Recipe = Recipe {
    name: "wasm-bindgen-cli",
    programs: &["wasm-bindgen", "wasm-bindgen-test-runner"],
    version: Version::Locked("wasm-bindgen"),
    wait: "1 to 3 minutes",
};

/// Builds and serves the page.
pub(crate) const TRUNK: Recipe = Recipe {
    name: "trunk",
    programs: &["trunk"],
    version: Version::Fixed("0.21.14"),
    wait: "2 to 4 minutes",
};

/// Builds what libFuzzer runs.
pub(crate) const FUZZ: Recipe = Recipe {
    name: "cargo-fuzz",
    programs: &["cargo-fuzz"],
    version: Version::Fixed("0.13.2"),
    wait: "half a minute",
};

/// A tool that is there.
pub(crate) struct Tool {
    folder: PathBuf,
}

impl Tool {
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }

    /// Where it was found, in words.
    pub(crate) fn place(&self) -> String {
        format!("in {}", process::shown(&self.folder))
    }
}

impl Recipe {
    pub(crate) fn version(&self) -> String {
        match self.version {
            Version::Fixed(version) => version.to_owned(),
            Version::Locked(library) => {
                locked_version(include_str!("../../../Cargo.lock"), library)
                    .expect("Cargo.lock names every library of the page")
                    .to_owned()
            }
        }
    }

    /// Finds the tool or builds it.
    pub(crate) fn ensure(&self, screen: &Screen) -> Result<Tool, Trouble> {
        if let Some(tool) = self.find() {
            return Ok(tool);
        }
        screen.note(&format!("not there yet; cargo builds it ({} on two cores)", self.wait));
        self.install(screen)?;
        self.find().ok_or_else(|| {
            Trouble::new(
                format!("cargo installed {}, but it does not run here", self.name),
                "try the programs in target/tools/bin by hand and see what they say",
            )
        })
    }

    fn find(&self) -> Option<Tool> {
        let from_path = process::on_path(self.programs[0])
            .and_then(|program| program.parent().map(Path::to_path_buf));
        [Some(home().join("bin")), from_path]
            .into_iter()
            .flatten()
            .map(|folder| Tool { folder })
            .find(|tool| self.programs.iter().all(|name| self.fits(&tool.program(name))))
    }

    fn fits(&self, program: &Path) -> bool {
        let answer = process::answer(process::command(program).arg("--version"));
        answer.is_some_and(|text| text.split_whitespace().nth(1) == Some(&self.version()))
    }

    fn install(&self, screen: &Screen) -> Result<(), Trouble> {
        let mut cargo = process::cargo();
        cargo
            .args(["install", "--locked", "--force", self.name])
            .args(["--version", &self.version()])
            .arg("--root")
            .arg(home())
            .arg("--target-dir")
            .arg(build_folder())
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "64")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0");
        let way_out = format!(
            "if the lines above speak of the network, run this again when the registry of crates can be reached\n\
             (what is built so far is kept); if they speak of cc or a linker, install a C compiler;\n\
             or put {} {} on PATH yourself",
            self.name,
            self.version()
        );
        process::run(&mut cargo, screen, &way_out)
    }
}

/// Removes the half-products of the tools (some hundred megabytes) once both tools are there.
pub(crate) fn forget_the_build() {
    // Nothing depends on it being gone.
    let _ = std::fs::remove_dir_all(build_folder());
}

fn home() -> PathBuf {
    process::root().join("target").join("tools")
}

fn build_folder() -> PathBuf {
    process::root().join("target").join("tools-build")
}

/// The version of `library` in the text of a Cargo.lock.
fn locked_version<'a>(lock: &'a str, library: &str) -> Option<&'a str> {
    let name = format!("name = \"{library}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_gives_the_version_of_exactly_that_library() {
        let lock = "[[package]]\nname = \"wasm-bindgen-shared\"\nversion = \"1.0.0\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.126\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen"), Some("0.2.126"));
        assert_eq!(locked_version(lock, "wasm"), None);
    }
}
