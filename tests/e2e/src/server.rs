//! A small web server: a folder of files, or one page given as text, on a free port of 127.0.0.1.
//!
//! The folder is served under `/pgscope/` and not at the root, as on GitHub Pages, so that a page
//! that works only at the root of a server does not pass. Each [`Server`] has a port and thereby an
//! origin of its own: a page from a second one is a foreign page to the first, which is what a host
//! with pgscope in an iframe is.

use std::net::TcpListener;
use std::path::PathBuf;
use std::thread::JoinHandle;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::Html;
use axum::routing::get;
use tokio::sync::oneshot;
use tower_http::compression::CompressionLayer;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::Result;

/// A running server; dropping it ends it.
pub struct Server {
    address: String,
    end: Option<oneshot::Sender<()>>,
    worker: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves the files of `folder`.
    pub fn of_folder(folder: impl Into<PathBuf>) -> Result<Self> {
        let files = Router::new().nest_service("/pgscope", ServeDir::new(folder.into()));
        // A sandboxed frame has an origin of its own, and modules are fetched by its rules: without
        // this header, which public hosts of static pages send, the embed would not load there.
        let everyone = HeaderValue::from_static("*");
        let allow = header::ACCESS_CONTROL_ALLOW_ORIGIN;
        // Public hosts compress too, and what a page weighs is what Lighthouse judges.
        let files = files.layer(CompressionLayer::new());
        Self::start(files.layer(SetResponseHeaderLayer::overriding(allow, everyone)), "/pgscope/")
    }

    /// Serves `html` as the only page.
    pub fn of_page(html: impl Into<String>) -> Result<Self> {
        let html = html.into();
        Self::start(Router::new().route("/", get(async move || Html(html))), "/")
    }

    /// The address of the first page, with a slash at its end.
    pub fn address(&self) -> &str {
        &self.address
    }

    fn start(router: Router, path: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = format!("http://{}{path}", listener.local_addr()?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (end, ended) = oneshot::channel();
        let worker = std::thread::spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                tokio::select! {
                    _ = axum::serve(listener, router) => {}
                    _ = ended => {}
                }
            });
        });
        Ok(Self { address, end: Some(end), worker: Some(worker) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A worker that is gone already has shown why.
        let _ = self.end.take().map(|end| end.send(()));
        let _ = self.worker.take().map(JoinHandle::join);
    }
}
