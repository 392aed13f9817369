//! The program: it reads what it needs, listens, and answers.

use std::{
    fs::{self, File},
    io,
    net::SocketAddr,
    path::Path,
    sync::Arc,
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use reqwest::Url;
use tokio::net::TcpListener;

use crate::{mock, options::Options, pour::Sink, provider::Provider, runs::Runs, site::Site, stops};

/// The longest prompt in bytes.
const PROMPT: usize = 16 << 10;

/// A relay that listens.
#[derive(Debug)]
pub struct Relay {
    listener: TcpListener,
    address: SocketAddr,
    options: Options,
    site: Site,
    runs: Arc<Runs>,
    /// Locked: two relays on one journal would spoil it.
    _lock: File,
}

impl Relay {
    /// Listens, and reads the page's files.
    ///
    /// # Errors
    ///
    /// A file or the address can't be had; a sentence says which.
    pub async fn bind(options: Options) -> io::Result<Self> {
        let Options { listen, data, package, hub, .. } = &options;
        let site = Site::new(package, hub).map_err(|error| {
            named(&error, &format!("{}: the npm package; build it by `cargo xtask wasm`", package.display()))
        })?;
        let lock = lock(data).map_err(|error| named(&error, &format!("{}: the journals", data.display())))?;
        let listener =
            TcpListener::bind(listen).await.map_err(|error| named(&error, &format!("can't listen on {listen}")))?;
        let address = listener.local_addr()?;
        let provider = Provider::new(&options, address).map_err(io::Error::other)?;
        let sink = Sink::new(hub.clone()).map_err(io::Error::other)?;
        let runs = Arc::new(Runs::new(data.clone(), provider, sink));
        Ok(Self { listener, address, options, site, runs, _lock: lock })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its hub.
    #[must_use]
    pub const fn hub(&self) -> &Url {
        &self.options.hub
    }

    /// Goes on with the runs of the journals, and serves. Its tasks end with the runtime.
    pub async fn run(self) {
        let Self { listener, options, site, runs, _lock, .. } = self;
        runs.go_on();
        let mut routes = Router::new().route("/prompts", post(prompt).layer(DefaultBodyLimit::max(PROMPT)));
        if options.provider.is_none() {
            let complete = async move |body: Bytes| mock::complete(&body, options.delay);
            routes = routes.route("/v1/chat/completions", post(complete));
        }
        let routes = routes
            .fallback(async move |request: Request| site.answer(request.method(), request.uri().path()))
            .layer(from_fn(own_pages_only))
            .with_state(runs.clone());
        tokio::select! {
            _ = axum::serve(listener, routes) => {}
            () = stops::heed(&options.hub, |id| runs.stop(id)) => {}
        }
    }
}

/// `POST /prompts`
async fn prompt(State(runs): State<Arc<Runs>>, prompt: String) -> Response {
    if prompt.trim().is_empty() {
        return (StatusCode::BAD_REQUEST, "a prompt has a text\n").into_response();
    }
    match runs.begin(prompt).await {
        Ok(Some(id)) => {
            ([(header::CONTENT_TYPE, "application/json")], format!("{{\"run\":\"{id}\"}}\n")).into_response()
        }
        Ok(None) => (StatusCode::SERVICE_UNAVAILABLE, "too many answers are under way\n").into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("there is no journal: {error}\n")).into_response(),
    }
}

/// Pages of others may not spend this one's money, nor under a name of their own that leads here.
async fn own_pages_only(request: Request, next: Next) -> Response {
    if is_own(request.headers()) { next.run(request).await } else { StatusCode::FORBIDDEN.into_response() }
}

fn is_own(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    let numeric = host.strip_prefix("localhost").map_or(host.to_owned(), |port| format!("127.0.0.1{port}"));
    let own = text(header::ORIGIN).is_none_or(|origin| origin.strip_prefix("http://") == Some(host));
    own && numeric.parse::<SocketAddr>().is_ok()
}

/// Makes the directory, and locks it.
fn lock(data: &Path) -> io::Result<File> {
    fs::create_dir_all(data)?;
    let file = File::create(data.join("lock"))?;
    file.try_lock().map_err(|error| io::Error::other(format!("{error}; is another relay there?")))?;
    Ok(file)
}

fn named(error: &io::Error, what: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}
