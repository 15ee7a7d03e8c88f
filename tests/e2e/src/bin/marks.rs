//! What readers who open the page call of its functions, behind `cargo xtask rest`: the folder is a
//! page whose functions tell their numbers, and gets a file with those of them that were called.

use std::process::ExitCode;

use pgscope_e2e::{Bench, Result, Window, attempt, settings};

/// By a wide window, by a phone, and as an embed.
const VISITS: [(Window, &str); 4] = [
    (Window::Desktop, ""),
    (Window::Desktop, "?theme=light"),
    (Window::Phone, ""),
    (Window::Phone, "?embed=1"),
];

/// Notes what was called until the page asks for the rest.
const NOTE: &str = "let real;
    Object.defineProperty(window, 'pgscopeRest', {
        get: () => real && ((exports, now, heed) => {
            window.called ??= [...marks].join(',');
            real(exports, now, heed);
        }),
        set: given => { real = given; },
    });";

fn main() -> ExitCode {
    match attempt("marks", async |bench| collect(&bench).await) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

async fn collect(bench: &Bench) -> Result<()> {
    let mut called = Vec::new();
    for (window, address) in VISITS {
        let reader = bench.reader(window).await?;
        reader.at_each_start(NOTE).await?;
        reader.visit(address).await?;
        let marks = reader.script("return window.called").await?;
        called.push(marks.as_str().unwrap_or_default().to_owned());
    }
    std::fs::write(settings::dist()?.join("marks"), called.join(","))?;
    Ok(())
}
