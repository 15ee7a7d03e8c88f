//! The camera behind `cargo xtask screenshots`: the page on a desk and on a phone, dark and light,
//! and the embed. Takes one argument, the folder for the pictures.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use pgscope_e2e::{Bench, Result, Window, attempt};

/// Name of the picture, window, and what follows the page's address.
const PICTURES: [(&str, Window, &str); 5] = [
    ("desktop-dark", Window::Desktop, "?theme=dark"),
    ("desktop-light", Window::Desktop, "?theme=light"),
    ("phone-dark", Window::Phone, "?theme=dark"),
    ("phone-light", Window::Phone, "?theme=light"),
    ("embed-light", Window::Exactly(640, 520), "?embed&theme=light"),
];

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("say which folder the pictures go to, or use `cargo xtask screenshots`");
        return ExitCode::FAILURE;
    };
    match attempt("screenshots", async move |bench| take_all(&bench, &folder).await) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

async fn take_all(bench: &Bench, folder: &Path) -> Result<()> {
    let reader = bench.reader(Window::Desktop).await?;
    for (name, window, rest) in PICTURES {
        let path = folder.join(format!("{name}.png"));
        reader.resize(window).await?;
        reader.visit(rest).await?;
        reader.photograph(&path).await?;
        println!("{}", path.display());
    }
    Ok(())
}
