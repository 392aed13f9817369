//! What is served: the page, its module, and a hub beside them.
//!
//! | route | whose | |
//! |---|---|---|
//! | `GET /`, `/start.js`, `/style.css` | the dashboard's | the page's frame |
//! | `GET /dashboard.js`, `/dashboard_bg.wasm` | the dashboard's | the page, which `cargo xtask wasm` has built |
//! | `GET /events?topic=shop/orders` | the hub's | what happens |
//! | `POST /publish/shop/orders` | the hub's | makes something happen |

use std::{
    fs, io,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use sse_core::{EventId, typed};
use sse_server::{Hub, RouteSet, routes};
use warp::{
    Filter, Rejection, Reply,
    http::{HeaderValue, header},
    reply::Response,
};

use crate::event::{Event, TOPIC};

/// What wasm-bindgen makes of the page: the first loads the second.
const MODULE: [&str; 2] = ["dashboard.js", "dashboard_bg.wasm"];

/// Only what is served here runs in the page, and it speaks to nobody else.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// In the frame stands the time in place of this, so that the page goes by the shop's clock and not by its reader's.
const NOW: &str = "{now}";

/// A file, read once.
#[derive(Debug, Clone)]
struct File {
    name: &'static str,
    content: Bytes,
}

/// The page's files.
#[derive(Debug, Clone)]
pub struct Site(Vec<File>);

impl Site {
    /// The page, with the module from this directory.
    ///
    /// # Errors
    ///
    /// The module is not there, or can't be read.
    pub fn new(module: &Path) -> io::Result<Self> {
        let mut files = vec![
            File { name: "start.js", content: include_str!("../page/start.js").into() },
            File { name: "style.css", content: include_str!("../page/style.css").into() },
        ];
        for name in MODULE {
            let content = fs::read(module.join(name))
                .map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
            files.push(File { name, content: content.into() });
        }
        Ok(Self(files))
    }

    fn find(&self, path: &str) -> Option<Response> {
        match path {
            "" => Some(frame()),
            path => self.0.iter().find(|file| file.name == path).map(File::response),
        }
    }
}

impl File {
    fn response(&self) -> Response {
        let content_type = match self.name.rsplit_once('.') {
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            // With it the browser compiles the module while it arrives.
            _ => "application/wasm",
        };
        response(self.content.clone(), content_type, "no-cache")
    }
}

/// The page's frame. It is never kept, since the time in it would be wrong.
fn frame() -> Response {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis());
    let html = include_str!("../page/index.html").replace(NOW, &now.to_string());
    response(html.into(), "text/html; charset=utf-8", "no-store")
}

fn response(content: Bytes, content_type: &'static str, cache: &'static str) -> Response {
    let mut response = Response::new(content.into());
    response.headers_mut().extend(
        [
            (header::CONTENT_TYPE, content_type),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::CACHE_CONTROL, cache),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ]
        .map(|(name, value)| (name, HeaderValue::from_static(value))),
    );
    response
}

/// The whole program as one filter: the page's files, then the hub's routes.
pub fn program(hub: Hub, site: Site) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync {
    let file = warp::get().and(warp::path::full()).and_then(move |path: warp::path::FullPath| {
        let found = site.find(path.as_str().trim_start_matches('/'));
        async { found.ok_or_else(warp::reject::not_found) }
    });
    file.or(routes(hub, RouteSet::Public)).unify().map(Reply::into_response)
}

/// Publishes an event as the page reads it.
///
/// # Errors
///
/// The hub does not take it, or ends.
pub async fn publish(hub: &Hub, event: &Event) -> io::Result<EventId> {
    let event = typed::encode(event).map_err(io::Error::other)?.build();
    hub.publish(TOPIC, event).await.map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use sse_testkit::TestClient;

    use super::*;

    #[tokio::test]
    async fn the_frame_has_the_time_and_is_not_kept() {
        let answer = client().get("/").send().await.expect_status(200);
        let (_, rest) = answer.text().split_once("name=\"now\" content=\"").expect("it has the time");
        let (time, _) = rest.split_once('"').unwrap();
        assert!(time.parse::<u64>().unwrap() > 1_700_000_000_000, "{time}");
        let header = |name| answer.headers[name].to_str().unwrap();
        assert_eq!(header("cache-control"), "no-store");
        assert!(header("content-security-policy").contains("script-src 'self' 'wasm-unsafe-eval';"));
    }

    #[tokio::test]
    async fn the_module_comes_with_the_type_that_browsers_want_and_the_hub_is_there_too() {
        let answer = client().get("/dashboard_bg.wasm").send().await.expect_status(200);
        assert_eq!(answer.headers["content-type"], "application/wasm");
        assert_eq!(answer.text(), "wasm");
        client().get("/events").send().await.expect_status(400);
        client().get("/page.js").send().await.expect_status(404);
    }

    #[tokio::test]
    async fn an_event_is_published_under_its_name() {
        let (hub, client) = served();
        let mut stream = client.get("/events?topic=shop/orders").skip_events(["sse-cursor"]).connect().await;
        publish(&hub, &Event::Paid { order: 7, at: 1, cents: 5 }).await.unwrap();
        stream.expect_event(sse_testkit::event("paid").data(r#"{"order":7,"at":1,"cents":5}"#)).await;
    }

    #[test]
    fn a_module_that_is_not_there_is_named() {
        let empty = tempfile::tempdir().unwrap();
        let error = Site::new(empty.path()).unwrap_err();
        assert!(error.to_string().starts_with("dashboard.js: "), "{error}");
    }

    fn client() -> TestClient {
        served().1
    }

    fn served() -> (Hub, TestClient) {
        let hub = Hub::new(sse_server::Config::in_memory()).unwrap();
        let module = tempfile::tempdir().unwrap();
        for name in MODULE {
            fs::write(module.path().join(name), "wasm").unwrap();
        }
        let filter = program(hub.clone(), Site::new(module.path()).unwrap());
        (hub, TestClient::new(warp::service(filter)))
    }
}
