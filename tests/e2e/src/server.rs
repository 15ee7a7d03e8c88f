//! A small web server: a folder of files, or one page given as text, on a free port of 127.0.0.1.
//!
//! The folder is served under `/pgscope/` and not at the root, as on GitHub Pages, so that a page
//! that works only at the root of a server does not pass. Nothing is cached. Each [`Server`] has a
//! port and thereby an origin of its own: a page from a second one is a foreign page to the first,
//! which is what a host with pgscope in an iframe is.

use std::fs::File;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use tiny_http::{Header, Request, Response, StatusCode};

use crate::Result;

/// The path under which a folder is served.
const FOLDER_PATH: &str = "/pgscope/";

/// A running server; dropping it ends it.
pub struct Server {
    http: Arc<tiny_http::Server>,
    address: String,
    worker: Option<JoinHandle<()>>,
}

enum Content {
    Folder(PathBuf),
    Page(String),
}

impl Server {
    /// Serves the files of `folder`.
    pub fn of_folder(folder: impl Into<PathBuf>) -> Result<Self> {
        Self::start(Content::Folder(folder.into()), FOLDER_PATH)
    }

    /// Serves `html` as the only page.
    pub fn of_page(html: impl Into<String>) -> Result<Self> {
        Self::start(Content::Page(html.into()), "/")
    }

    /// The address of the first page, with a slash at its end.
    pub fn address(&self) -> &str {
        &self.address
    }

    fn start(content: Content, path: &str) -> Result<Self> {
        let http = Arc::new(tiny_http::Server::http("127.0.0.1:0")?);
        let address = format!("http://{}{path}", http.server_addr());
        let served = Arc::clone(&http);
        let worker = std::thread::spawn(move || {
            for request in served.incoming_requests() {
                // A browser that closes the connection early is none of our business.
                let _ = answer(request, &content);
            }
        });
        Ok(Self { http, address, worker: Some(worker) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.http.unblock();
        if let Some(worker) = self.worker.take() {
            // A panic over there has shown itself already.
            let _ = worker.join();
        }
    }
}

fn answer(request: Request, content: &Content) -> std::io::Result<()> {
    let path = request.url().split(['?', '#']).next().unwrap_or_default();
    match content {
        Content::Page(html) if path == "/" => {
            request.respond(Response::from_string(html.as_str()).with_header(content_type("html")))
        }
        Content::Folder(folder) => match file_for(folder, path) {
            Some(file) => {
                let extension = file.extension().and_then(|text| text.to_str()).unwrap_or_default();
                let header = content_type(extension);
                request.respond(Response::from_file(File::open(&file)?).with_header(header))
            }
            None => request.respond(Response::empty(StatusCode(404))),
        },
        Content::Page(_) => request.respond(Response::empty(StatusCode(404))),
    }
}

/// The file that `path` names, never one outside of `folder`.
fn file_for(folder: &Path, path: &str) -> Option<PathBuf> {
    let relative = match path.strip_prefix(FOLDER_PATH)? {
        "" => Path::new("index.html"),
        name => Path::new(name),
    };
    let stays_inside = relative.components().all(|part| matches!(part, Component::Normal(_)));
    let file = folder.join(relative);
    (stays_inside && file.is_file()).then_some(file)
}

fn content_type(extension: &str) -> Header {
    let kind = match extension {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "webmanifest" => "application/json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };
    Header::from_bytes("Content-Type", kind).expect("every kind above is plain ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_inside_the_folder_are_found() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(file_for(folder, "/pgscope/Cargo.toml"), Some(folder.join("Cargo.toml")));
        assert_eq!(file_for(folder, "/pgscope/../e2e/Cargo.toml"), None);
        assert_eq!(file_for(folder, "/Cargo.toml"), None);
        assert_eq!(file_for(folder, "/pgscope/src"), None);
    }
}
