//! Building and serving the page, both by Trunk.
//!
//! Trunk's settings are in Trunk.toml and index.html, so that plain `trunk serve` and `trunk build`
//! do the same; here it only gets its helpers on PATH, and a release is made smaller. `serve` builds into a folder under target/,
//! so that a running server and a release build in dist/ stay out of each other's way.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::features::Features;
use crate::process;
use crate::rest;
use crate::setup::{self, Kit};
use crate::shorten;
use crate::size;
use crate::stamp;
use crate::steps::{Outcome, Plan, Screen};
use crate::trouble::Trouble;

/// What the reader asked `serve` for.
#[derive(Clone)]
pub(crate) struct ServeOptions {
    pub(crate) open: bool,
    pub(crate) release: bool,
    pub(crate) port: u16,
    pub(crate) features: Features,
}

/// Where the release build lies.
pub(crate) fn dist() -> PathBuf {
    process::root().join("dist")
}

/// `cargo xtask serve`: stays until it is interrupted.
pub(crate) fn serve(options: ServeOptions) -> Result<(), String> {
    setup::for_the_page(Plan::new())
        .step("the page, built and served", move |kit, screen| keep_serving(kit, screen, &options))
        .run(&mut Kit::default())
}

/// `cargo xtask build`.
pub(crate) fn build(features: Features) -> Result<(), String> {
    let plan = setup::for_the_page(Plan::new());
    let plan = if features.chosen() {
        // Not what is published, so what it weighs is nobody's concern.
        plan.step("release build of the page", move |kit, screen| {
            build_release(kit, screen, &features)
        })
    } else {
        for_release(plan)
    };
    plan.run(&mut Kit::default())
}

/// The step that makes dist/ as Trunk leaves it.
pub(crate) fn in_one_piece(plan: Plan<Kit>) -> Plan<Kit> {
    plan.step("release build of the page", |kit, screen| {
        build_release(kit, screen, &Features::default())
    })
}

/// The steps that make dist/ and weigh it.
pub(crate) fn for_release(plan: Plan<Kit>) -> Plan<Kit> {
    in_one_piece(plan)
        .step("the rest in a file of its own", |_, _| rest::release(&dist()))
        .step("short names for its imports", |_, _| shorten::release(&dist()))
        .step("addresses that change with the files of links", |_, _| stamp::release(&dist()))
        .step("size of the first load", |_, screen| size::check(screen))
}

fn build_release(kit: &Kit, screen: &Screen, features: &Features) -> Outcome {
    let mut trunk = trunk(kit);
    trunk.args(["build", "--release"]);
    // Names that say for which types generic code was made: that is what `rest` goes by.
    trunk.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", "-C symbol-mangling-version=v0");
    features.tell(&mut trunk);
    process::run(
        &mut trunk,
        screen,
        "the lines above come from cargo and Trunk; mend what they name",
    )?;
    Ok("in dist".into())
}

fn keep_serving(kit: &Kit, screen: &Screen, options: &ServeOptions) -> Outcome {
    let address = SocketAddr::from(([127, 0, 0, 1], options.port));
    if let Err(error) = TcpListener::bind(address) {
        return Err(Trouble::new(
            format!("port {} cannot be used: {error}", options.port),
            format!(
                "end the program that holds it, or choose another: cargo xtask serve --port {}",
                options.port.wrapping_add(1).max(1024)
            ),
        ));
    }
    screen.note("the first build takes about a minute; Ctrl-C ends it");

    let mut trunk = trunk(kit);
    trunk.arg("serve");
    trunk.args(["--address", "127.0.0.1", "--port", &options.port.to_string()]);
    trunk.arg("--dist").arg(process::root().join(format!("target/serve/{}", options.port)));
    options.features.tell(&mut trunk);
    if options.open {
        trunk.arg("--open");
    }
    if options.release {
        trunk.arg("--release");
    }
    // On its own thread, so that it can wait for the first build while Trunk has the screen.
    std::thread::spawn(move || announce(address));
    process::run(
        &mut trunk,
        screen,
        "the lines above come from cargo and Trunk; mend what they name",
    )?;
    Ok("stopped".into())
}

/// Trunk with its helpers first on PATH, so that it downloads nothing.
fn trunk(kit: &Kit) -> Command {
    let tool = kit.trunk();
    let mut trunk = process::command(tool.program("trunk"));
    trunk.env("PATH", process::path_with(&[kit.bindgen().folder(), tool.folder()]));
    trunk.env("TRUNK_SKIP_VERSION_CHECK", "true");
    // When a build fails, cargo's message is what helps; Trunk's own stack would bury it.
    trunk.env("RUST_BACKTRACE", "0");
    // Trunk reads NO_COLOR as the value of an option and takes only `true` and `false`.
    if std::env::var_os("NO_COLOR").is_some() {
        trunk.env("NO_COLOR", "true");
    }
    trunk
}

/// Prints the address once the page answers there.
fn announce(address: SocketAddr) {
    let started = Instant::now();
    while !answers(address) {
        std::thread::sleep(Duration::from_millis(100));
    }
    println!(
        "\n  pgscope is served at   http://{address}/   ({} s after the build began; Ctrl-C ends it)\n",
        started.elapsed().as_secs()
    );
}

fn answers(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(stream, "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}
