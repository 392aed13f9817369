//! Who may speak to the hub: no web page that was not allowed to, whatever name it calls the hub by.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header, uri::Authority};

use super::{problem::Problem, request::Request, response::ResponseBody};
use crate::{config::Config, metrics::RefusalKind};

const ALLOWED_HEADERS: &str = "Content-Type, Last-Event-ID, Authorization, Idempotency-Key";
const EXPOSED_HEADERS: &str = "sse-heartbeat, retry-after";

/// The rules, read off the configuration once.
#[derive(Debug)]
pub(super) struct Guard {
    /// Where the hub listens, operators' routes included.
    listen: Vec<IpAddr>,
    hosts: Vec<String>,
    public_origin: Option<String>,
    origins: Vec<String>,
    any_origin: bool,
    credentials: bool,
    max_age: HeaderValue,
}

/// Who asks, as far as CORS wants to know.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// The hub's own page, or no page.
    Own,
    /// A page of a listed origin.
    Listed(HeaderValue),
    /// A page of any origin, where any is allowed.
    Any,
}

impl Guard {
    pub(super) fn new(config: &Config) -> Self {
        let own_host = config.server.public_origin.as_deref().and_then(|origin| origin.split_once("://"));
        let own_host = own_host.map(|(_, authority)| without_port(authority).to_owned());
        Self {
            listen: [Some(config.server.listen), config.server.admin_listen]
                .iter()
                .flatten()
                .map(SocketAddr::ip)
                .collect(),
            hosts: config.server.hosts.iter().cloned().chain(own_host).collect(),
            public_origin: config.server.public_origin.clone(),
            origins: config.cors.origins.clone(),
            any_origin: config.cors.origins.iter().any(|origin| origin == "*"),
            credentials: config.cors.credentials,
            max_age: HeaderValue::from(config.cors.max_age.as_secs()),
        }
    }

    /// Lets the request pass, or says why not. A link to the page may be followed from anywhere.
    pub(super) fn check(&self, request: &Request, page: bool) -> Result<Caller, Problem> {
        let headers = &request.headers;
        if request.peer.is_some_and(|peer| peer.needs_host) && !headers.contains_key(header::HOST) {
            return Err(Problem::invalid("there is no header Host, which HTTP/1.1 demands"));
        }
        self.check_headers(headers, &request.method, page)
    }

    fn check_headers(&self, headers: &HeaderMap, method: &Method, page: bool) -> Result<Caller, Problem> {
        if headers.get_all(header::HOST).iter().count() > 1 {
            return Err(Problem::invalid("the header Host is given twice; give it once"));
        }
        let host = headers.get(header::HOST).map(|host| host.to_str().unwrap_or_default());
        if let Some(host) = host
            && !self.knows(host)
        {
            let detail =
                format!("the hub is not known as {host:?}; call it by its address, or add the name to server.hosts");
            return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, RefusalKind::host, detail));
        }
        let refused = |who: &str| {
            let detail = format!("{who} may not use this hub; add the page's origin to cors.origins");
            Err(Problem::new(StatusCode::FORBIDDEN, RefusalKind::origin, detail))
        };
        let Some(origin) = headers.get(header::ORIGIN) else {
            let cross = headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
            let followed =
                page && *method == Method::GET && headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate");
            return if cross && !followed { refused("a page of another site") } else { Ok(Caller::Own) };
        };
        let text = origin.to_str().unwrap_or_default();
        if self.is_own(text, host) {
            return Ok(Caller::Own);
        }
        if self.origins.iter().any(|listed| listed == text) {
            return Ok(Caller::Listed(origin.clone()));
        }
        if self.any_origin && text != "null" {
            return Ok(Caller::Any);
        }
        refused(&format!("the origin {text:?}"))
    }

    fn is_own(&self, origin: &str, host: Option<&str>) -> bool {
        match (&self.public_origin, host) {
            (Some(own), _) if origin == own => true,
            (None, Some(host)) => origin.strip_prefix("http://").is_some_and(|named| named.eq_ignore_ascii_case(host)),
            _ => false,
        }
    }

    /// Loopback, the listen address, or a listed name; the port does not matter.
    fn knows(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        let name = authority.host();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        // A name can be made to lead anywhere, an address cannot.
        let own_address = address.is_some_and(|address| {
            let address = address.to_canonical();
            address.is_loopback() || self.listen.iter().any(|own| own.is_unspecified() || *own == address)
        });
        own_address
            || name.eq_ignore_ascii_case("localhost")
            || self.hosts.iter().any(|known| name.eq_ignore_ascii_case(known))
    }

    /// The answer to a preflight; `stamp` adds who it is for.
    pub(super) fn preflight(&self) -> Response<ResponseBody> {
        let mut response = Response::new(ResponseBody::whole(Bytes::new()));
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, POST"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED_HEADERS));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        response
    }

    /// Says for whom an answer is.
    pub(super) fn stamp(&self, caller: &Caller, headers: &mut HeaderMap) {
        let mut allow = |name: HeaderName, value: HeaderValue| {
            headers.insert(name, value);
        };
        match caller {
            Caller::Own => return,
            Caller::Listed(origin) => {
                allow(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                if self.credentials {
                    allow(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
                }
            }
            Caller::Any => {
                allow(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
        }
        allow(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
    }
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(set: impl FnOnce(&mut Config)) -> Guard {
        let mut config = Config::default();
        set(&mut config);
        Guard::new(&config)
    }

    fn check(guard: &Guard, headers: &[(&'static str, &str)]) -> Result<Caller, u16> {
        check_page(guard, headers, false)
    }

    fn check_page(guard: &Guard, headers: &[(&'static str, &str)], page: bool) -> Result<Caller, u16> {
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        guard.check_headers(&headers.collect(), &Method::GET, page).map_err(|problem| problem.status().as_u16())
    }

    #[test]
    fn the_hub_answers_only_to_its_own_names() {
        let guard = guard(|config| {
            config.server.listen = "192.0.2.1:80".parse().unwrap();
            config.server.hosts = vec!["hub.example".into(), "198.51.100.7".into(), "[2001:db8::7]".into()];
            config.server.admin_listen = Some("192.0.2.9:81".parse().unwrap());
            config.server.public_origin = Some("https://public.example:8443".into());
        });
        for host in [
            "localhost",
            "LOCALHOST:9",
            "127.0.0.1:8080",
            "127.9.9.9",
            "[::1]:8080",
            "192.0.2.1",
            "Hub.example:1",
            "public.example",
            "192.0.2.9:81",
            "198.51.100.7:1",
            "[2001:db8::7]:1",
            "[::ffff:127.0.0.1]",
        ] {
            assert_eq!(check(&guard, &[("host", host)]), Ok(Caller::Own), "{host}");
        }
        for host in ["evil.example", "192.0.2.2", "localhost.evil.example", "", "a b", "hub.example.evil"] {
            assert_eq!(check(&guard, &[("host", host)]), Err(421), "{host}");
        }
    }

    #[test]
    fn pages_of_other_origins_are_refused() {
        let none = guard(|_| {});
        let host = ("host", "localhost:8080");
        assert_eq!(check(&none, &[host, ("origin", "http://localhost:8080")]), Ok(Caller::Own));
        for origin in ["http://localhost:3000", "https://localhost:8080", "http://evil.example", "null"] {
            assert_eq!(check(&none, &[host, ("origin", origin)]), Err(403), "{origin}");
        }
        assert_eq!(check(&none, &[host, ("sec-fetch-site", "cross-site")]), Err(403));
        assert_eq!(check(&none, &[host, ("sec-fetch-site", "same-origin")]), Ok(Caller::Own));
        let navigation = [host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
        assert_eq!(check_page(&none, &navigation, true), Ok(Caller::Own));
        assert_eq!(check_page(&none, &navigation, false), Err(403));
    }

    #[test]
    fn listed_origins_are_allowed() {
        let app = ("origin", "https://app.example");
        let listed = guard(|config| config.cors.origins = vec!["https://app.example".into()]);
        assert_eq!(check(&listed, &[app]), Ok(Caller::Listed(HeaderValue::from_static("https://app.example"))));
        assert_eq!(check(&listed, &[("origin", "https://app.example.evil")]), Err(403));
        let any = guard(|config| config.cors.origins = vec!["*".into()]);
        assert_eq!(check(&any, &[app]), Ok(Caller::Any));
        assert_eq!(check(&any, &[("origin", "null")]), Err(403));
    }

    #[test]
    fn behind_a_proxy_the_own_origin_is_the_public_one() {
        let guard = guard(|config| config.server.public_origin = Some("https://hub.example".into()));
        let host = ("host", "127.0.0.1:8080");
        assert_eq!(check(&guard, &[host, ("origin", "https://hub.example")]), Ok(Caller::Own));
        assert_eq!(check(&guard, &[host, ("origin", "http://127.0.0.1:8080")]), Err(403));
    }
}
