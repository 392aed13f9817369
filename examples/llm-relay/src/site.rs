//! The page's files and the package's, read once.

use std::{collections::HashMap, fs, io, path::Path};

use axum::{
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use reqwest::Url;

/// Where the page says which hub it reads.
const HUB: &str = r#"data-hub="""#;

#[derive(Debug, Clone)]
pub(crate) struct Site {
    files: HashMap<String, Bytes>,
    policy: String,
}

impl Site {
    /// The page of this hub, with the package from a directory.
    pub(crate) fn new(package: &Path, hub: &Url) -> io::Result<Self> {
        let hub = hub.as_str().trim_end_matches('/');
        let page = include_str!("../page/index.html").replacen(HUB, &format!("data-hub=\"{hub}\""), 1);
        let mut files = HashMap::from([
            ("/".to_owned(), Bytes::from(page)),
            ("/relay.js".to_owned(), include_str!("../page/relay.js").into()),
            ("/style.css".to_owned(), include_str!("../page/style.css").into()),
        ]);
        add(&mut files, package, "/sse-wasm-client/")?;
        // only what is served here runs in the page, and it speaks to nobody else but its hub
        let policy = format!(
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self' {hub}; \
             img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        Ok(Self { files, policy })
    }

    pub(crate) fn answer(&self, method: &Method, path: &str) -> Response {
        let Some(content) = self.files.get(path).filter(|_| method == Method::GET) else {
            return StatusCode::NOT_FOUND.into_response();
        };
        let content_type = match path.rsplit_once('.') {
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "wasm")) => "application/wasm", // with it the browser compiles the module while it arrives
            _ => "text/html; charset=utf-8",
        };
        let headers = [
            (header::CONTENT_TYPE, content_type),
            (header::CONTENT_SECURITY_POLICY, &self.policy),
            (header::CACHE_CONTROL, "no-cache"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
        ];
        (headers, content.clone()).into_response()
    }
}

/// Adds the scripts and modules in a directory and those in it, under `path`.
fn add(files: &mut HashMap<String, Bytes>, directory: &Path, path: &str) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if entry.file_type()?.is_dir() {
            add(files, &entry.path(), &format!("{path}{name}/"))?;
        } else if name.ends_with(".js") || name.ends_with(".wasm") {
            files.insert(format!("{path}{name}"), fs::read(entry.path())?.into());
        }
    }
    Ok(())
}
