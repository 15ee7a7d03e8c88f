//! A Chromium (or Chrome) and the chromedriver of the same major version.
//!
//! Looked for in the variables CHROME and CHROMEDRIVER, then on PATH. Where both are missing and the
//! system is a Debian or Ubuntu whose root we are, apt installs them, with a font or two so that a
//! screenshot shows text and not boxes. Elsewhere a message says what to install.

use std::path::PathBuf;

use super::apt;
use crate::process;
use crate::steps::Screen;
use crate::trouble::Trouble;

const BROWSERS: [&str; 4] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const DRIVERS: [&str; 2] = ["chromedriver", "chromium.chromedriver"];

/// The programs that show a page and that steer the showing.
pub(crate) struct Browser {
    pub(crate) browser: PathBuf,
    pub(crate) driver: PathBuf,
    version: String,
}

impl Browser {
    pub(crate) fn in_words(&self) -> String {
        format!("{} in {}", self.version, process::shown(&self.browser))
    }

    /// Finds browser and driver or has apt install them.
    pub(crate) fn ensure(screen: &Screen) -> Result<Self, Trouble> {
        if let Some(found) = find() {
            return check(found);
        }
        let packages = packages();
        let missing = "no Chromium or Chrome with its chromedriver was found on PATH";
        if !apt::is_there() {
            return Err(Trouble::new(missing, by_hand()));
        }
        let command = apt::typed(&packages);
        let way_out = format!("run `{command}` by hand (apt-get update first), or {}", by_hand());
        if !apt::is_root() {
            return Err(Trouble::new(
                format!("{missing}, and only root may install one"),
                format!("sudo apt-get update && sudo {command}\nor {}", by_hand()),
            ));
        }
        screen.note("not there yet; apt installs it (about 1 minute)");
        apt::install(&packages, screen, &way_out)?;
        match find() {
            Some(found) => check(found),
            None => Err(Trouble::new(
                "apt installed the packages, but still: ".to_owned() + missing,
                by_hand(),
            )),
        }
    }
}

fn find() -> Option<(PathBuf, PathBuf)> {
    Some((choose("CHROME", &BROWSERS)?, choose("CHROMEDRIVER", &DRIVERS)?))
}

/// What the variable names, else the first of `names` on PATH.
fn choose(variable: &str, names: &[&str]) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_file());
    named.or_else(|| names.iter().find_map(|name| process::on_path(name)))
}

/// A driver steers only the browser of its own major version; better said now than by a test.
fn check((browser, driver): (PathBuf, PathBuf)) -> Result<Browser, Trouble> {
    let ask = |program: &PathBuf| {
        process::answer(process::command(program).arg("--version")).ok_or_else(|| {
            Trouble::new(
                format!("`{} --version` gives no answer", process::shown(program)),
                format!("reinstall it, or {}", by_hand()),
            )
        })
    };
    let (of_browser, of_driver) = (ask(&browser)?, ask(&driver)?);
    if major(&of_browser) != major(&of_driver) {
        return Err(Trouble::new(
            format!("the browser is {of_browser}, but its driver is {of_driver}"),
            by_hand(),
        ));
    }
    let version = number(&of_browser).unwrap_or("of unknown version").to_owned();
    Ok(Browser { browser, driver, version })
}

/// The version number in what a program says of itself.
fn number(answer: &str) -> Option<&str> {
    answer.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
}

fn major(answer: &str) -> Option<&str> {
    number(answer)?.split('.').next()
}

fn packages() -> [&'static str; 4] {
    let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let [browser, driver] = if system.lines().any(|line| line == "ID=ubuntu") {
        ["chromium-browser", "chromium-chromedriver"]
    } else {
        ["chromium", "chromium-driver"]
    };
    [browser, driver, "fonts-dejavu-core", "fonts-inter"]
}

fn by_hand() -> &'static str {
    "install Chromium or Chrome and the chromedriver of the same version, and put both on PATH\n\
     or name them in the variables CHROME and CHROMEDRIVER"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_the_programs_say() {
        assert_eq!(major("Chromium 156.0.8078.79 built on Debian"), Some("156"));
        assert_eq!(major("ChromeDriver 156.0.8078.79 (0a1b2c-refs/heads)"), Some("156"));
        assert_eq!(major("no number"), None);
    }
}
