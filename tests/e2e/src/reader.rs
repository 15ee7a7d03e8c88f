//! A reader of the page: one Chromium with a fresh profile, and hands and eyes to use it.
//!
//! What is here are the few things every test does. For anything rarer, [`Reader::driver`] is the
//! whole WebDriver client.

use std::cell::RefCell;
use std::path::Path;
use std::time::{Duration, Instant};

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};
use thirtyfour::common::command::FormatRequestData;
use thirtyfour::extensions::cdp::ChromeDevTools;
use thirtyfour::prelude::*;
use thirtyfour::{RequestData, SessionId};

use crate::chromedriver::Chromedriver;
use crate::{Failure, Result, settings};

/// How long [`Reader::until`] waits.
const DEADLINE: Duration = Duration::from_secs(10);
/// How often it looks.
const PAUSE: Duration = Duration::from_millis(20);

/// What Chromium is started with: no screen, no questions, no traffic of its own, no motion.
const ARGUMENTS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-prefers-reduced-motion",
];

/// The size of what a reader sees, in CSS pixels.
#[derive(Clone, Copy, Debug)]
pub enum Window {
    /// 1440 by 900.
    Desktop,
    /// 390 by 844, with touch.
    Phone,
    /// 360 by 740, with touch: as narrow as the page promises to be right.
    SmallPhone,
    /// Width and height of your choice.
    Exactly(u32, u32),
}

/// One browser.
pub struct Reader {
    driver: WebDriver,
    page: String,
    console: RefCell<Vec<String>>,
}

impl Reader {
    /// Opens a browser whose [`Reader::visit`] goes to the page at the address `page`.
    pub(crate) async fn open(
        at: &Chromedriver,
        page: &str,
        window: Window,
        further: &[&str],
    ) -> Result<Self> {
        let mut wishes = DesiredCapabilities::chrome();
        for argument in ARGUMENTS.iter().chain(further) {
            wishes.add_arg(argument)?;
        }
        if let Some(program) = settings::chrome() {
            wishes.set_binary(&program.to_string_lossy())?;
        }
        wishes.set_base_capability("goog:loggingPrefs", json!({ "browser": "ALL" }))?;
        let driver = WebDriver::new(at.address(), wishes).await?;
        let reader = Self { driver, page: page.into(), console: RefCell::default() };
        reader.resize(window).await?;
        Ok(reader)
    }

    /// The whole WebDriver client.
    pub fn driver(&self) -> &WebDriver {
        &self.driver
    }

    /// Makes the window another size.
    pub async fn resize(&self, window: Window) -> Result<()> {
        let (width, height, mobile) = match window {
            Window::Desktop => (1440, 900, false),
            Window::Phone => (390, 844, true),
            Window::SmallPhone => (360, 740, true),
            Window::Exactly(width, height) => (width, height, false),
        };
        // By the DevTools protocol, because a window of the system cannot be as narrow as a phone.
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await?;
        self.devtools("Emulation.setTouchEmulationEnabled", json!({ "enabled": mobile })).await
    }

    /// Lets the page read and write the clipboard, as a reader who has agreed to it.
    pub async fn allow_clipboard(&self) -> Result<()> {
        let allowed = json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
        self.devtools("Browser.grantPermissions", allowed).await
    }

    /// Runs `script` from now on at the start of each page, before anything of its own.
    pub async fn at_each_start(&self, script: &str) -> Result<()> {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await
    }

    /// From now on, files with such addresses (`*` stands for anything) can't be loaded.
    pub async fn block(&self, addresses: &[&str]) -> Result<()> {
        self.devtools("Network.enable", json!({})).await?;
        self.devtools("Network.setBlockedURLs", json!({ "urls": addresses })).await
    }

    /// Goes to the page with `rest` (query, fragment) behind its address and waits until it is ready.
    pub async fn visit(&self, rest: &str) -> Result<()> {
        self.go(&format!("{}{rest}", self.page)).await?;
        self.until_ready().await
    }

    /// Goes to any address and does not wait for more than its load.
    pub async fn go(&self, address: &str) -> Result<()> {
        // By way of nothing: a new fragment alone would not load the page anew.
        self.driver.goto("about:blank").await?;
        self.driver.goto(address).await?;
        Ok(())
    }

    /// Waits until the page (or the frame the driver is in) says that it is ready.
    pub async fn until_ready(&self) -> Result<()> {
        self.until("the page to be ready", async || {
            let ready =
                self.script("return document.documentElement.dataset.ready ?? null").await?;
            if ready == "true" { Ok(()) } else { Err(format!("data-ready is {ready}").into()) }
        })
        .await
    }

    /// The address in the address bar.
    pub async fn address(&self) -> Result<String> {
        Ok(self.driver.current_url().await?.into())
    }

    /// Runs `script` as the body of a function in the page and returns what it returns.
    pub async fn script(&self, script: &str) -> Result<Value> {
        Ok(self.driver.execute(script, Vec::new()).await?.json().clone())
    }

    /// The first element that `css` selects, as soon as there is one.
    pub async fn find(&self, css: &str) -> Result<WebElement> {
        self.until(css, async || Ok(self.driver.find(By::Css(css)).await?)).await
    }

    /// The first element that assistive technology knows by this role and name, as soon as there
    /// is one. The name is all of it, or its beginning if it ends with `…`.
    pub async fn by_role(&self, role: &str, name: &str) -> Result<WebElement> {
        self.until(&format!("the {role} {name:?}"), async || {
            let node = self.in_the_tree(role, name).await?;
            let object = self.ask("DOM.resolveNode", json!({ "backendNodeId": node })).await?;
            let mark = "function () { document.querySelectorAll('[data-found]').forEach(it =>
                it.removeAttribute('data-found')); this.setAttribute('data-found', ''); }";
            let call =
                json!({ "objectId": object["object"]["objectId"], "functionDeclaration": mark });
            self.ask("Runtime.callFunctionOn", call).await?;
            Ok(self.driver.find(By::Css("[data-found]")).await?)
        })
        .await
    }

    /// Which node of the page that is.
    async fn in_the_tree(&self, role: &str, name: &str) -> Result<Value> {
        let tree = self.ask("Accessibility.getFullAXTree", json!({})).await?;
        let fits = |node: &&Value| {
            let said = node["name"]["value"].as_str().unwrap_or_default();
            let named = match name.strip_suffix('…') {
                Some(beginning) => said.starts_with(beginning),
                None => said == name,
            };
            node["role"]["value"] == role && node["ignored"] != true && named
        };
        let found = tree["nodes"].as_array().into_iter().flatten().find(fits);
        let node = found.map(|node| node["backendDOMNodeId"].clone());
        node.ok_or_else(|| format!("there is no {role} {name:?}").into())
    }

    /// Clicks on what has this role and name, as soon as that can be clicked.
    pub async fn press(&self, role: &str, name: &str) -> Result<()> {
        self.until(&format!("a click on the {role} {name:?}"), async || {
            let found = self.by_role(role, name).await?;
            let clicked = found.click().await;
            if clicked.is_err() {
                // On a phone the story stays at the bottom, above what lies behind it.
                let show =
                    "document.querySelector('[data-found]').scrollIntoView({ block: 'center' });";
                self.script(show).await?;
            }
            Ok(clicked?)
        })
        .await
    }

    /// Presses keys where the focus is.
    pub async fn keys(&self, keys: impl Into<thirtyfour::TypingData>) -> Result<()> {
        Ok(self.driver.action_chain().send_keys(keys).perform().await?)
    }

    /// The role and the name of what has the focus.
    pub async fn focused(&self) -> Result<(String, String)> {
        let tree = self.ask("Accessibility.getFullAXTree", json!({})).await?;
        let focused = |node: &&Value| {
            let properties = node["properties"].as_array().into_iter().flatten();
            let mut focus = properties.filter(|it| it["name"] == "focused");
            node["role"]["value"] != "RootWebArea" && focus.any(|it| it["value"]["value"] == true)
        };
        let node = tree["nodes"].as_array().into_iter().flatten().find(focused);
        let text = |node: &Value| node["value"].as_str().unwrap_or_default().to_owned();
        node.map(|node| (text(&node["role"]), text(&node["name"])))
            .ok_or_else(|| "nothing has the focus".into())
    }

    /// Clicks on the first element that `css` selects, as soon as that can be clicked.
    pub async fn click(&self, css: &str) -> Result<()> {
        self.until(&format!("a click on {css}"), async || {
            Ok(self.driver.find(By::Css(css)).await?.click().await?)
        })
        .await
    }

    /// Empties the field that `css` selects and types `text` into it, key by key.
    pub async fn write(&self, css: &str, text: &str) -> Result<()> {
        let field = self.find(css).await?;
        field.click().await?;
        field.send_keys(Key::Control + "a").await?;
        field.send_keys(Key::Delete + "").await?;
        field.send_keys(text).await?;
        Ok(())
    }

    /// The visible text of the first element that `css` selects.
    pub async fn text(&self, css: &str) -> Result<String> {
        self.until(css, async || Ok(self.driver.find(By::Css(css)).await?.text().await?)).await
    }

    /// Waits until the text of the element that `css` selects is as `wanted`, and returns it.
    pub async fn until_text(&self, css: &str, wanted: impl Fn(&str) -> bool) -> Result<String> {
        self.until(&format!("the wanted text in {css}"), async || {
            let text = self.driver.find(By::Css(css)).await?.text().await?;
            if wanted(&text) { Ok(text) } else { Err(format!("it says {text:?}").into()) }
        })
        .await
    }

    /// Tries `look` until it succeeds; after ten seconds its last failure is the failure. `what`
    /// completes "waited in vain for …".
    pub async fn until<T>(
        &self,
        what: &str,
        mut look: impl AsyncFnMut() -> Result<T>,
    ) -> Result<T> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            match look().await {
                Ok(found) => return Ok(found),
                Err(last) if Instant::now() > deadline => {
                    return Err(format!("waited in vain for {what}: {last}").into());
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Everything the browser's console has said so far, one line a message, level first.
    pub async fn console(&self) -> Result<Vec<String>> {
        let news = self.driver.cmd(ReadLog).await?.value_json()?;
        for entry in news.as_array().into_iter().flatten() {
            let level = entry["level"].as_str().unwrap_or_default();
            let message = entry["message"].as_str().unwrap_or_default();
            self.console.borrow_mut().push(format!("{level} {message}"));
        }
        Ok(self.console.borrow().clone())
    }

    /// The errors among them: uncaught exceptions, `console.error`, files that could not be loaded.
    pub async fn console_errors(&self) -> Result<Vec<String>> {
        let mut messages = self.console().await?;
        messages.retain(|message| message.starts_with("SEVERE "));
        Ok(messages)
    }

    /// The errors so far, which are forgotten with that: for a test that causes them.
    pub async fn take_console_errors(&self) -> Result<Vec<String>> {
        let errors = self.console_errors().await?;
        self.console.borrow_mut().clear();
        Ok(errors)
    }

    /// Takes a picture of the window as WebP once the page is drawn.
    pub async fn photograph_small(&self, path: &Path) -> Result<()> {
        self.until_drawn().await?;
        let wish = json!({ "format": "webp", "quality": 65 });
        let picture = self.ask("Page.captureScreenshot", wish).await?;
        let bytes = Base64::decode_vec(picture["data"].as_str().unwrap_or_default())?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(std::fs::write(path, bytes)?)
    }

    /// Takes a picture of the window once fonts are there and the page is drawn.
    pub async fn photograph(&self, path: &Path) -> Result<()> {
        self.until_drawn().await?;
        self.picture(path).await
    }

    async fn until_drawn(&self) -> Result<()> {
        let drawn = "const done = arguments[0]; document.fonts.ready.then(() =>
            requestAnimationFrame(() => requestAnimationFrame(() => done(null))));";
        self.driver.execute_async(drawn, Vec::new()).await?;
        Ok(())
    }

    async fn picture(&self, path: &Path) -> Result<()> {
        let png = self.driver.screenshot_as_png().await?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(std::fs::write(path, png)?)
    }

    /// Saves picture, source and console under `folder/name`.
    pub(crate) async fn keep_evidence(&self, folder: &Path, name: &str) -> Result<()> {
        self.picture(&folder.join(format!("{name}.png"))).await?;
        std::fs::write(folder.join(format!("{name}.html")), self.driver.source().await?)?;
        std::fs::write(folder.join(format!("{name}.log")), self.console().await?.join("\n"))?;
        Ok(())
    }

    /// Ends the browser.
    pub(crate) async fn close(&self) {
        // One that is gone already is as closed as can be.
        let _ = self.driver.clone().quit().await;
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Result<(), Failure> {
        self.ask(command, parameters).await.map(drop)
    }

    /// Asks the browser by the DevTools protocol.
    pub async fn ask(&self, command: &str, parameters: Value) -> Result<Value> {
        let tools = ChromeDevTools::new(self.driver.handle.clone());
        Ok(tools.execute_cdp_with_params(command, parameters).await?)
    }
}

/// Chromedriver's own command for the console's messages since the last time it was asked.
#[derive(Debug)]
struct ReadLog;

impl FormatRequestData for ReadLog {
    fn format_request(&self, session: &SessionId) -> RequestData {
        let post = "POST".parse().expect("POST is a method");
        RequestData::new(post, format!("/session/{session}/se/log"))
            .add_body(json!({ "type": "browser" }))
    }
}
