//! Debian's and Ubuntu's package manager, for what cargo cannot bring.

use std::process::Command;

use crate::process;
use crate::steps::Screen;
use crate::trouble::Trouble;

/// Whether packages can be installed without a password.
pub(crate) fn can_install() -> bool {
    is_there() && is_root()
}

/// Whether there is an apt at all.
pub(crate) fn is_there() -> bool {
    process::on_path("apt-get").is_some()
}

pub(crate) fn is_root() -> bool {
    process::answer(process::command("id").arg("-u")).as_deref() == Some("0")
}

/// The command that a reader would type.
pub(crate) fn typed(packages: &[&str]) -> String {
    format!("apt-get install -y --no-install-recommends {}", packages.join(" "))
}

/// Install them, from a fresh list of what there is.
pub(crate) fn install(packages: &[&str], screen: &Screen, way_out: &str) -> Result<(), Trouble> {
    process::run(apt().arg("update"), screen, way_out)?;
    let mut install = apt();
    install.args(["install", "-y", "--no-install-recommends"]).args(packages);
    process::run(&mut install, screen, way_out)
}

fn apt() -> Command {
    let mut apt = process::command("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive").args(["-q", "-o", "Dpkg::Use-Pty=0"]);
    apt
}
