//! `cargo xtask screenshots`: the pictures in docs/screenshots/, taken from a release build.
//!
//! The camera is a program of the crate tests/e2e, because it drives the page as the tests do; it
//! lives there so that xtask need not be built with a WebDriver client.

use crate::checks;
use crate::page;
use crate::process;
use crate::setup::{self, Kit};
use crate::steps::{Outcome, Plan, Screen};

/// Builds the page and has its pictures taken.
pub(crate) fn take() -> Result<(), String> {
    page::for_release(setup::for_the_browser(setup::for_the_page(Plan::new())))
        .step("pictures of the page", photograph)
        .run(&mut Kit::default())
}

fn photograph(kit: &mut Kit, screen: &Screen) -> Outcome {
    let folder = process::root().join("docs").join("screenshots");
    let mut camera = process::cargo();
    camera.args(["run", "-p", "pgscope-e2e", "--bin", "screenshots", "--"]).arg(&folder);
    checks::with_browser(&mut camera, kit);
    let way_out = "the page did not become ready; `cargo xtask serve` shows it in your own browser";
    process::run(&mut camera, screen, way_out)?;
    Ok(format!("in {}", process::shown(&folder)))
}
