//! Addresses that change with what lies there, for the files of links and examples.
//!
//! Trunk gives a worker's files no hash in their names. A browser that kept an old copy would join it
//! with a newer page; so a release asks for them under an address that ends in their content's hash.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use crate::steps::Outcome;
use crate::trouble::Trouble;

/// Where index.html wants the hash.
const PLACE: &str = "LATER = \"\"";
const SCRIPT: &str = "later.js";
const WASM: &str = "later_bg.wasm";

/// Stamps the release in `dist`.
pub(crate) fn release(dist: &Path) -> Outcome {
    let stamped = in_folder(dist).map_err(|error| {
        Trouble::new(
            format!("{SCRIPT} in dist cannot be stamped: {error}"),
            "see xtask/src/stamp.rs, and what changed in index.html and in what wasm-bindgen writes",
        )
    });
    stamped.map(|hash| format!("?{hash}"))
}

fn in_folder(dist: &Path) -> Result<String, String> {
    let told = |error: std::io::Error| error.to_string();
    let (page, script) = (dist.join("index.html"), dist.join(SCRIPT));
    let code = fs::read_to_string(&script).map_err(told)?;
    let mut hasher = DefaultHasher::new();
    (&code, fs::read(dist.join(WASM)).map_err(told)?).hash(&mut hasher);
    let hash = format!("{:016x}", hasher.finish());
    let html = fs::read_to_string(&page).map_err(told)?;
    let html = replace_once(&html, PLACE, &format!("LATER = \"{hash}\""))?;
    let code = replace_once(&code, &format!("'{WASM}'"), &format!("'{WASM}?{hash}'"))?;
    fs::write(page, html).map_err(told)?;
    fs::write(script, code).map_err(told)?;
    Ok(hash)
}

fn replace_once(text: &str, from: &str, to: &str) -> Result<String, String> {
    match text.matches(from).count() {
        1 => Ok(text.replace(from, to)),
        count => Err(format!("{from} is there {count} times, not once")),
    }
}

#[cfg(test)]
mod tests {
    use super::replace_once;

    #[test]
    fn what_is_not_there_once_is_an_error() {
        assert_eq!(replace_once("a = 1", "1", "2").as_deref(), Ok("a = 2"));
        assert!(replace_once("a = 1", "b", "2").is_err());
        assert!(replace_once("1 = 1", "1", "2").is_err());
    }
}
