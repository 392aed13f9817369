//! Many scripts on one port, installed over HTTP.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::{Buf, Bytes, BytesMut};
use http::{
    HeaderValue, Method, StatusCode,
    header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE, LOCATION},
};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::{
    Script,
    answer::BrokenOff,
    body::ScriptBody,
    log::ScriptReport,
    machine::RequestHead,
    plan,
    serve::{Serving, serve},
    service::{ScriptedService, head_of, is_preflight, preflight, read},
};
use crate::escape::quoted;

/// The number of scripts that a host holds.
const SCRIPTS: usize = 1000;

/// The largest script that a client may send, in bytes.
const SCRIPT: usize = 1 << 20;

/// The longest name, in bytes.
const NAME: usize = 100;

const HELP: &str = "\
PUT    /scripts/NAME   installs the script in the body, JSON, and begins to run it; again: replaces it
GET    /scripts/NAME   how far it is: {\"finished\", \"failed\", \"step\", \"steps\", \"requests\"}
GET    /scripts/NAME/timeline   the same for a person
DELETE /scripts/NAME   removes it
GET    /scripts        the names
any    /run/NAME/...   the server that the script is; it sees what follows /run/NAME as the path
";

/// A server on loopback that holds many scripts, for tests that can't run Rust beside the client, such as in a browser.
///
/// | request | |
/// |---|---|
/// | `PUT /scripts/NAME`, or `POST` | Installs the script in the body, as [JSON](super#json), and starts it. One of the same name is stopped and replaced. 201 or 200, `{"url": "/run/NAME"}` |
/// | `GET /scripts/NAME` | How far it is: [`ScriptReport::to_json`] |
/// | `GET /scripts/NAME/timeline` | What happened, as text |
/// | `DELETE /scripts/NAME` | Stops and removes it: 204 |
/// | `GET /scripts` | The names, as an array |
/// | any `/run/NAME`, and below it | The scripted server |
///
/// The script sees what follows `/run/NAME` as the path, or `/` if nothing follows. A `location` that begins with a
/// single `/` is prefixed with `/run/NAME`, so that a redirect stays with its script. A refusal is a text that gives
/// the reason. Pages of every origin may send requests. There are at most 1000 scripts of at most 1 MiB each. A name
/// has up to 100 characters of `A-Z a-z 0-9 . _ -`.
///
/// ```
/// use sse_testkit::{TestClient, script::ScriptHost};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let host = ScriptHost::start("127.0.0.1:0".parse().unwrap()).await?;
///
/// // what a test in a browser does, with fetch and EventSource
/// let client = TestClient::tcp(host.address());
/// let script = r#"["accept", {"head": 200}, {"event": "hello"}, "stall"]"#;
/// client.post("/scripts/greeting").body(script).send().await.expect_status(201);
/// let mut stream = client.get("/run/greeting/events").connect().await;
/// stream.expect_event("hello").await;
///
/// let report = client.get("/scripts/greeting").send().await.json();
/// assert_eq!((&report["step"], &report["finished"], &report["failed"]), (&4.into(), &false.into(), &().into()));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ScriptHost {
    scripts: Arc<Scripts>,
    serving: Serving,
}

impl ScriptHost {
    /// Starts to listen at a loopback address; with port 0 the system chooses the port. The host and its scripts stop
    /// when it is dropped.
    ///
    /// ```
    /// use sse_testkit::script::ScriptHost;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let host = ScriptHost::start("127.0.0.1:0".parse().unwrap()).await?;
    /// println!("http://{}", host.address());
    /// assert!(ScriptHost::start("0.0.0.0:0".parse().unwrap()).await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for an address that is not loopback, or the error of the system.
    pub async fn start(address: SocketAddr) -> io::Result<Self> {
        let scripts = Arc::new(Scripts::default());
        let held = Arc::clone(&scripts);
        let serving = serve(address, move |request| {
            let scripts = Arc::clone(&held);
            async move { scripts.answer(request).await }
        })
        .await?;
        Ok(Self { scripts, serving })
    }

    /// The address that it listens at.
    ///
    /// ```
    /// # use sse_testkit::script::ScriptHost;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let host = ScriptHost::start("127.0.0.1:0".parse().unwrap()).await?;
    /// assert_ne!(host.address().port(), 0);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.serving.address
    }

    /// Installs a script, as `PUT` does.
    ///
    /// ```
    /// # use sse_testkit::{TestClient, script, script::ScriptHost};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let host = ScriptHost::start("127.0.0.1:0".parse().unwrap()).await?;
    /// host.install("gone", &script![accept, status(204)])?;
    /// assert_eq!(TestClient::tcp(host.address()).get("/run/gone").send().await.status, 204);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if the name or the script is not allowed, or there are too many
    /// scripts.
    pub fn install(&self, name: &str, script: &Script) -> io::Result<()> {
        let installed = self.scripts.install(name, script);
        installed.map(|_| ()).map_err(|(_, why)| io::Error::new(io::ErrorKind::InvalidInput, why))
    }

    /// The report of a script; `None` if there is none of this name.
    ///
    /// ```
    /// # use sse_testkit::{script, script::ScriptHost};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let host = ScriptHost::start("127.0.0.1:0".parse().unwrap()).await?;
    /// host.install("gone", &script![accept, status(204)])?;
    /// assert_eq!(host.report("gone").unwrap().step(), 1);
    /// assert!(host.report("other").is_none());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn report(&self, name: &str) -> Option<ScriptReport> {
        self.scripts.of(name).map(|script| script.report())
    }
}

#[derive(Debug, Default)]
struct Scripts {
    /// Locked to look up or to change it, never longer. At most [`SCRIPTS`].
    by_name: Mutex<BTreeMap<String, ScriptedService>>,
}

type HostAnswer = http::Response<ScriptBody>;
type Refusal = (StatusCode, String);

impl Scripts {
    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, ScriptedService>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, name: &str) -> Option<ScriptedService> {
        self.locked().get(name).cloned()
    }

    async fn answer<B>(&self, request: http::Request<B>) -> Result<HostAnswer, BrokenOff>
    where
        B: http_body::Body + Unpin,
    {
        let head = head_of(&request);
        let path = request.uri().path().to_owned();
        if let Some(below) = path.strip_prefix("/run/") {
            let name = below.split('/').next().unwrap_or_default();
            let Some(script) = self.of(name) else {
                return Ok(refusal((StatusCode::NOT_FOUND, unknown(name))));
            };
            read(request.into_body()).await?;
            return run(&script, name, head).await;
        }
        if is_preflight(&head) {
            return Ok(preflight(&head));
        }
        Ok(self.manage(&head.method, &path, request.into_body()).await?.unwrap_or_else(refusal))
    }

    async fn manage<B>(&self, method: &Method, path: &str, body: B) -> Result<Result<HostAnswer, Refusal>, BrokenOff>
    where
        B: http_body::Body + Unpin,
    {
        let mut parts = path.strip_prefix('/').unwrap_or_default().split('/');
        let (first, name, more, rest) = (parts.next(), parts.next(), parts.next(), parts.next());
        let is = |allowed: &[Method]| allowed.contains(method);
        Ok(match (first, name, more, rest) {
            (Some(""), None, ..) if is(&[Method::GET]) => Ok(text(StatusCode::OK, HELP)),
            (Some("scripts"), None | Some(""), None, None) if is(&[Method::GET]) => {
                let names: Vec<Value> = self.locked().keys().map(|name| Value::from(&**name)).collect();
                Ok(json(StatusCode::OK, &names.into()))
            }
            (Some("scripts"), Some(name), None, None) if is(&[Method::PUT, Method::POST]) => match whole(body).await? {
                Some(script) => self.installed(name, &script),
                None => {
                    let why = format!("the script has more than {SCRIPT} bytes");
                    Err((StatusCode::PAYLOAD_TOO_LARGE, why))
                }
            },
            (Some("scripts"), Some(name), None, None) if is(&[Method::GET]) => match self.of(name) {
                Some(script) => Ok(json(StatusCode::OK, &script.report().to_json())),
                None => Err((StatusCode::NOT_FOUND, unknown(name))),
            },
            (Some("scripts"), Some(name), Some("timeline"), None) if is(&[Method::GET]) => match self.of(name) {
                Some(script) => Ok(text(StatusCode::OK, script.report().to_string())),
                None => Err((StatusCode::NOT_FOUND, unknown(name))),
            },
            (Some("scripts"), Some(name), None, None) if is(&[Method::DELETE]) => {
                // dropped after the lock is released
                let removed = self.locked().remove(name);
                match removed {
                    Some(script) => Ok({
                        script.stop();
                        text(StatusCode::NO_CONTENT, "")
                    }),
                    None => Err((StatusCode::NOT_FOUND, unknown(name))),
                }
            }
            _ => Err((StatusCode::NOT_FOUND, format!("there is no {method} {path}; there is\n\n{HELP}"))),
        })
    }

    /// Installs a script that came over HTTP.
    fn installed(&self, name: &str, script: &[u8]) -> Result<HostAnswer, Refusal> {
        let bad = |why: String| (StatusCode::BAD_REQUEST, why);
        let script = std::str::from_utf8(script).map_err(|error| bad(format!("the script is not UTF-8: {error}")))?;
        let script = Script::from_json(script).map_err(|error| bad(error.to_string()))?;
        let new = self.install(name, &script)?;
        let status = if new { StatusCode::CREATED } else { StatusCode::OK };
        Ok(json(status, &json!({ "url": format!("/run/{name}") })))
    }

    /// Installs a script. Returns true if there was none of this name.
    fn install(&self, name: &str, script: &Script) -> Result<bool, Refusal> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || name.len() > NAME || !name.bytes().all(allowed) {
            let why = format!("the name is {}; allowed is 1 to {NAME} of A-Z a-z 0-9 . _ -", quoted(name));
            return Err((StatusCode::BAD_REQUEST, why));
        }
        let plan = plan::plan(script.steps()).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
        let replaced = {
            let mut scripts = self.locked();
            if scripts.len() >= SCRIPTS && !scripts.contains_key(name) {
                let why = format!("there are {SCRIPTS} scripts already; DELETE one before");
                return Err((StatusCode::INSUFFICIENT_STORAGE, why));
            }
            scripts.insert(name.to_owned(), ScriptedService::start(plan))
        };
        if let Some(replaced) = &replaced {
            replaced.stop(); // its answers may still be read, which would keep it running
        }
        Ok(replaced.is_none())
    }
}

/// Passes a request to its script, with the prefix removed from the path and added to a redirect.
async fn run(script: &ScriptedService, name: &str, mut head: RequestHead) -> Result<HostAnswer, BrokenOff> {
    let prefix = format!("/run/{name}");
    let below = head.target.strip_prefix(&prefix).unwrap_or_default();
    head.target = if below.starts_with('/') { below.to_owned() } else { format!("/{below}") };
    let mut answer = script.answer(head).await?;
    let location = answer.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    if let Some(location) = location.filter(|location| location.starts_with('/') && !location.starts_with("//"))
        && let Ok(location) = HeaderValue::try_from(format!("{prefix}{location}"))
    {
        answer.headers_mut().insert(LOCATION, location);
    }
    Ok(answer)
}

/// The whole body; `None` if it is too long for a script.
async fn whole<B: http_body::Body + Unpin>(mut body: B) -> Result<Option<Bytes>, BrokenOff> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BrokenOff { reset: false })?;
        if let Ok(mut data) = frame.into_data() {
            if whole.len() + data.remaining() > SCRIPT {
                read(body).await?; // a client that is still writing would not read the answer
                return Ok(None);
            }
            whole.extend_from_slice(&data.copy_to_bytes(data.remaining()));
        }
    }
    Ok(Some(whole.freeze()))
}

fn unknown(name: &str) -> String {
    format!("there is no script {}; PUT it at /scripts/NAME", quoted(name))
}

fn refusal((status, why): Refusal) -> HostAnswer {
    text(status, format!("{why}\n"))
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> HostAnswer {
    answer(status, HeaderValue::from_static("text/plain; charset=utf-8"), text)
}

fn json(status: StatusCode, value: &Value) -> HostAnswer {
    answer(status, HeaderValue::from_static("application/json"), format!("{value}\n"))
}

fn answer(status: StatusCode, kind: HeaderValue, body: impl Into<Bytes>) -> HostAnswer {
    let mut answer = http::Response::new(ScriptBody::whole(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    answer
}
