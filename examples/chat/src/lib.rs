//! A chat without a line of code for chatting on the server: a page, the npm package that it imports, and a hub.
//!
//! | route | whose | |
//! |---|---|---|
//! | `GET /`, `/chat.js`, `/style.css` | the chat's | the page |
//! | `GET /sse-wasm-client/…` | the package's | what `cargo xtask wasm` has built |
//! | `POST /publish/chat/{room}` | the hub's | says something |
//! | `GET /events?topic=chat/{room}` | the hub's | hears it |

use std::{fs, io, path::Path};

use bytes::Bytes;
use sse_server::{Hub, RouteSet, routes};
use warp::{
    Filter, Rejection, Reply,
    http::{HeaderValue, header},
    reply::Response,
};

/// Where the page finds the package.
const PACKAGE: &str = "sse-wasm-client/";

/// Only what is served here runs in the page, and it speaks to nobody else.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page or the package.
#[derive(Debug, Clone)]
struct File {
    /// Its path without the first slash.
    path: String,
    content: Bytes,
}

/// The page and the package, read once.
#[derive(Debug, Clone)]
pub struct Site(Vec<File>);

impl Site {
    /// The page, with the package from this directory.
    ///
    /// # Errors
    ///
    /// The package is not there, or can't be read.
    pub fn new(package: &Path) -> io::Result<Self> {
        let mut files = vec![
            File::of_page("", include_str!("../page/index.html")),
            File::of_page("chat.js", include_str!("../page/chat.js")),
            File::of_page("style.css", include_str!("../page/style.css")),
        ];
        add(&mut files, package, PACKAGE)?;
        if !files.iter().any(|file| file.path.ends_with("/index.js")) {
            return Err(io::Error::new(io::ErrorKind::NotFound, "there is no index.js in it"));
        }
        Ok(Self(files))
    }

    fn find(&self, path: &str) -> Option<Response> {
        self.0.iter().find(|file| file.path == path).map(File::response)
    }
}

/// Adds the scripts and modules in a directory and those in it, under `path`.
fn add(files: &mut Vec<File>, directory: &Path, path: &str) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if entry.file_type()?.is_dir() {
            add(files, &entry.path(), &format!("{path}{name}/"))?;
        } else if name.ends_with(".js") || name.ends_with(".wasm") {
            files.push(File { path: format!("{path}{name}"), content: fs::read(entry.path())?.into() });
        }
    }
    Ok(())
}

impl File {
    fn of_page(path: &str, content: &'static str) -> Self {
        Self { path: path.to_owned(), content: content.into() }
    }

    fn response(&self) -> Response {
        let content_type = match self.path.rsplit_once('.') {
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            // With it the browser compiles the module while it arrives.
            Some((_, "wasm")) => "application/wasm",
            _ => "text/html; charset=utf-8",
        };
        let mut response = Response::new(self.content.clone().into());
        response.headers_mut().extend(
            [
                (header::CONTENT_TYPE, content_type),
                (header::CONTENT_SECURITY_POLICY, POLICY),
                (header::CACHE_CONTROL, "no-cache"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ]
            .map(|(name, value)| (name, HeaderValue::from_static(value))),
        );
        response
    }
}

/// The whole program as one filter: the page's files, then the hub's routes.
pub fn program(hub: Hub, site: Site) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync {
    let file = warp::get().and(warp::path::full()).and_then(move |path: warp::path::FullPath| {
        let found = site.find(path.as_str().trim_start_matches('/'));
        async { found.ok_or_else(warp::reject::not_found) }
    });
    file.or(routes(hub, RouteSet::Public)).unify().map(Reply::into_response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_without_its_script_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let refused = || Site::new(directory.path()).unwrap_err().to_string();
        assert_eq!(refused(), "there is no index.js in it");
        fs::write(directory.path().join("index.js"), "").unwrap();
        fs::create_dir(directory.path().join("tabs")).unwrap();
        fs::write(directory.path().join("tabs/tab.js"), "").unwrap();
        assert!(Site::new(directory.path()).unwrap().find("sse-wasm-client/tabs/tab.js").is_some());
    }
}
