//! Set-up: what the page and its tests need besides cargo, found or installed.
//!
//! Each part first looks for what is already there, which takes milliseconds, and installs only what
//! is missing. Tools are built into `target/tools`, never into the reader's home; only the browser
//! and PostgreSQL come from the system's package manager, and only where that needs no password.
//!
//! An interrupted run can be repeated: cargo puts a tool in place only once it is complete.

pub(crate) mod apt;
pub(crate) mod browser;
pub(crate) mod npm;
pub(crate) mod target;
pub(crate) mod tools;

use crate::steps::Plan;
use browser::Browser;
use npm::AXE;
use tools::{BINDGEN, TRUNK, Tool};

/// What set-up found, for the steps after it.
#[derive(Default)]
pub(crate) struct Kit {
    bindgen: Option<Tool>,
    trunk: Option<Tool>,
    browser: Option<Browser>,
    axe: Option<std::path::PathBuf>,
}

impl Kit {
    pub(crate) fn bindgen(&self) -> &Tool {
        self.bindgen.as_ref().expect("every plan sets wasm-bindgen up before using it")
    }

    pub(crate) fn trunk(&self) -> &Tool {
        self.trunk.as_ref().expect("every plan sets Trunk up before using it")
    }

    pub(crate) fn browser(&self) -> &Browser {
        self.browser.as_ref().expect("every plan sets a browser up before using it")
    }

    /// The rules of accessibility, where a plan has set them up.
    pub(crate) fn axe(&self) -> Option<&std::path::Path> {
        self.axe.as_deref()
    }
}

/// The steps without which no page can be built.
pub(crate) fn for_the_page(plan: Plan<Kit>) -> Plan<Kit> {
    plan.step("target wasm32-unknown-unknown", |_, screen| target::ensure(screen))
        .step(format!("{} {}", BINDGEN.name, BINDGEN.version()), |kit, screen| {
            let tool = BINDGEN.ensure(screen)?;
            let place = tool.place();
            kit.bindgen = Some(tool);
            Ok(place)
        })
        .step(format!("{} {}", TRUNK.name, TRUNK.version()), |kit, screen| {
            let tool = TRUNK.ensure(screen)?;
            tools::forget_the_build();
            let place = tool.place();
            kit.trunk = Some(tool);
            Ok(place)
        })
}

/// The step without which no page can be looked at.
pub(crate) fn for_the_browser(plan: Plan<Kit>) -> Plan<Kit> {
    plan.step("Chromium and its driver", |kit, screen| {
        let browser = Browser::ensure(screen)?;
        let words = browser.in_words();
        kit.browser = Some(browser);
        Ok(words)
    })
}

/// The step without which nobody knows whether the page is accessible.
pub(crate) fn for_axe(plan: Plan<Kit>) -> Plan<Kit> {
    plan.step(format!("{} {}", AXE.name, AXE.version), |kit, screen| {
        let file = AXE.ensure(screen)?;
        let place = format!("in {}", crate::process::shown(&file));
        kit.axe = Some(file);
        Ok(place)
    })
}
