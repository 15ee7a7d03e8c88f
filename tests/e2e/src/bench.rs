//! One test's surroundings, and the function that runs a test in them.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::{JoinError, LocalSet};

use crate::chromedriver::Chromedriver;
use crate::reader::{Reader, Window};
use crate::server::Server;
use crate::{Failure, Result, settings};

/// How long a whole test may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server with the page, a chromedriver, and the readers a test has opened so far.
pub struct Bench {
    page: Server,
    driver: Chromedriver,
    readers: RefCell<Vec<Rc<Reader>>>,
}

impl Bench {
    fn set_up() -> Result<Self> {
        let page = Server::of_folder(settings::dist()?)?;
        Ok(Self { page, driver: Chromedriver::start()?, readers: RefCell::default() })
    }

    /// The address of the page, with a slash at its end.
    pub fn address(&self) -> &str {
        self.page.address()
    }

    /// A new reader: a browser that has never seen the page, with a profile of its own.
    pub async fn reader(&self, window: Window) -> Result<Rc<Reader>> {
        self.reader_with(window, &[]).await
    }

    /// The same, started with further arguments.
    pub async fn reader_with(&self, window: Window, arguments: &[&str]) -> Result<Rc<Reader>> {
        let reader = Reader::open(&self.driver, self.address(), window, arguments).await?;
        let reader = Rc::new(reader);
        self.readers.borrow_mut().push(Rc::clone(&reader));
        Ok(reader)
    }

    /// A page of another origin, such as a host that has pgscope in an iframe. It is served as long
    /// as the returned server lives.
    pub fn foreign_page(&self, html: impl Into<String>) -> Result<Server> {
        Server::of_page(html)
    }

    /// Fails when any console of any reader has an error.
    async fn check_consoles(&self) -> Result<()> {
        for reader in self.opened() {
            let errors = reader.console_errors().await?;
            if !errors.is_empty() {
                return Err(format!("errors in the console:\n{}", errors.join("\n")).into());
            }
        }
        Ok(())
    }

    /// Saves what every reader saw.
    async fn keep_evidence(&self, test: &str) {
        for (index, reader) in self.opened().into_iter().enumerate() {
            let name = format!("{test}-{}", index + 1);
            match reader.keep_evidence(&settings::evidence(), &name).await {
                Ok(()) => eprintln!("what it looked like: target/e2e/{name}.png, .html, .log"),
                Err(error) => eprintln!("no picture of {name}: {error}"),
            }
        }
    }

    async fn close(&self) {
        for reader in self.readers.take() {
            reader.close().await;
        }
    }

    fn opened(&self) -> Vec<Rc<Reader>> {
        self.readers.borrow().clone()
    }
}

/// Runs one test and panics, as the test harness wants it, when the test fails in any way.
#[track_caller]
pub fn run<T>(name: &str, test: T)
where
    T: AsyncFnOnce(Rc<Bench>) -> Result<()> + 'static,
{
    if let Err(failure) = attempt(name, test) {
        panic!("{name}: {failure}");
    }
}

/// As [`run`], for programs that are no tests: the failure is returned.
pub fn attempt<T>(name: &str, test: T) -> Result<()>
where
    T: AsyncFnOnce(Rc<Bench>) -> Result<()> + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let bench = Rc::new(Bench::set_up()?);
        let at_work = Rc::clone(&bench);
        // A task of its own, so that a panic (a failed assertion) ends the test and not the harness.
        let mut task = tokio::task::spawn_local(async move { test(at_work).await });
        let mut verdict = match tokio::time::timeout(PATIENCE, &mut task).await {
            Ok(ended) => ended.unwrap_or_else(|error| Err(panic_message(error))),
            Err(_) => {
                task.abort();
                Err(format!("not done after {PATIENCE:?}").into())
            }
        };
        if verdict.is_ok() {
            verdict = bench.check_consoles().await;
        }
        if verdict.is_err() {
            bench.keep_evidence(name).await;
        }
        bench.close().await;
        verdict
    })
}

fn panic_message(error: JoinError) -> Failure {
    let Ok(payload) = error.try_into_panic() else { return "the test was cancelled".into() };
    match payload.downcast::<String>() {
        Ok(text) => (*text).into(),
        Err(payload) => match payload.downcast::<&str>() {
            Ok(text) => (*text).into(),
            Err(_) => "a panic without words".into(),
        },
    }
}
