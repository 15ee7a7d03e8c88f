//! The harness of the end-to-end tests: the built page, served as on the web, in a real Chromium.
//!
//! # A test
//!
//! A test is an async closure given to [`run`], which gets a [`Bench`] to work at:
//!
//! ```no_run
//! use pgscope_e2e::{Window, run};
//!
//! // #[test]
//! fn a_step_moves_the_story() {
//!     run("a_step_moves_the_story", async |bench| {
//!         let reader = bench.reader(Window::Desktop).await?;
//!         reader.visit("?theme=dark").await?;
//!         reader.click("[data-action=step]").await?;
//!         reader.until_text(".story", |text| text.contains("evicts")).await?;
//!         Ok(())
//!     });
//! }
//! ```
//!
//! [`run`] gives each test a web server, a chromedriver and browsers of its own, so tests can run side
//! by side and in any order. It ends a test that takes longer than two minutes, and fails one that
//! left an error in a browser's console, whatever else it checked. A test that fails leaves what each
//! of its browsers showed in `target/e2e/<test>-<n>.png`, with the page's source and the console's
//! messages beside it.
//!
//! # The parts
//!
//! | module           | what it is                                                              |
//! |------------------|-------------------------------------------------------------------------|
//! | [`bench`]        | one test's server, driver and readers; [`run`]                          |
//! | [`reader`]       | one browser with a fresh profile: visit, click, type, wait, console     |
//! | [`server`]       | serves a folder, or a page given as text, on a free port                |
//! | [`chromedriver`] | the program that steers the browsers                                    |
//! | [`story`]        | what the core says of a scenario, to hold the page against              |
//! | [`settings`]     | where the page, the browser and its driver lie (environment variables)  |
//!
//! # Rules
//!
//! * No test sleeps. Whatever may take a moment is waited for by [`Reader::until`] or one of its
//!   relatives, which look again and again until a deadline and then say what they saw last.
//! * No test leaves this machine: every address is on 127.0.0.1.
//! * Browsers run with the reader's wish for reduced motion set, so that a picture shows a state and
//!   not a way to it.

pub mod bench;
pub mod chromedriver;
pub mod reader;
pub mod server;
pub mod settings;
pub mod story;

pub use bench::{Bench, attempt, run};
pub use reader::{Reader, Window};

/// Anything that can go wrong in a test; `?` makes one of every error, and of a text by `.into()`.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What the harness returns.
pub type Result<T, E = Failure> = std::result::Result<T, E>;
