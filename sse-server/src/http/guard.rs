//! Which web pages may use the hub: only those allowed to, under whatever name they address it.

use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use sse_core::hub::names;

use super::{
    problem::Problem,
    request::{Request, forwarded::Forwarded},
    response::ResponseBody,
};
use crate::{
    config::{Config, Host, HostPattern, OriginPattern},
    metrics::RefusalKind,
};

/// The headers that pages of the allowed origins may send: those that the hub reads, and those that tracing and common
/// HTTP libraries add to every request.
const ALLOWED_HEADERS: [&str; 10] = [
    "content-type",
    "authorization",
    names::header::LAST_EVENT_ID,
    names::header::IDEMPOTENCY_KEY,
    "cache-control",
    "x-requested-with",
    "traceparent",
    "tracestate",
    "baggage",
    "sentry-trace",
];

/// The headers of responses that they may read.
const EXPOSED_HEADERS: [&str; 4] = [names::header::HEARTBEAT, names::header::GAP, names::header::STREAM, "retry-after"];

/// The rules, derived from the configuration once.
#[derive(Debug)]
pub(super) struct Guard {
    /// The addresses the hub listens on, including that of the operator's routes.
    listen: Vec<IpAddr>,
    hosts: Vec<HostPattern>,
    public_origin: Option<String>,
    origins: Vec<OriginPattern>,
    credentials: bool,
    allowed_headers: HeaderValue,
    exposed_headers: HeaderValue,
    max_age: HeaderValue,
    hsts: Option<HeaderValue>,
    forwarded: Forwarded,
}

/// The origin of a request, as far as CORS is concerned.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// The hub's own page, or not a page.
    Own,
    /// A page from a listed origin.
    Listed(HeaderValue),
    /// A page from any origin, if any is allowed.
    Any,
}

impl Guard {
    pub(super) fn new(config: &Config) -> Self {
        let public_origin = config.server.public_origin.as_deref().and_then(OriginPattern::http);
        let own_host = public_origin.as_deref().and_then(HostPattern::of_origin);
        let own_headers: Vec<_> = config.cors.headers.iter().map(|name| name.to_ascii_lowercase()).collect();
        let mut origins: Vec<_> =
            config.cors.origins.iter().filter_map(|origin| OriginPattern::parse(origin)).collect();
        // one that is listed by its name has more than one that is listed with all others
        origins.sort_by_key(|origin| matches!(origin, OriginPattern::Any | OriginPattern::Null));
        Self {
            listen: { &config.server.listen }
                .iter()
                .chain(&config.server.admin_listen)
                .filter_map(|listen| Some(listen.address()?.ip()))
                .collect(),
            hosts: config.server.hosts.iter().filter_map(|host| HostPattern::parse(host)).chain(own_host).collect(),
            public_origin,
            origins,
            credentials: config.cors.credentials,
            allowed_headers: list(ALLOWED_HEADERS.into_iter().chain(own_headers.iter().map(String::as_str))),
            exposed_headers: list(EXPOSED_HEADERS),
            max_age: HeaderValue::from(config.cors.max_age.as_secs()),
            hsts: hsts(config.tls.hsts.as_secs()),
            forwarded: Forwarded::new(config),
        }
    }

    /// Admits `request`, which is well formed and calls `host`, or returns the refusal. The hub's page itself may be linked
    /// from anywhere.
    pub(super) fn check(&self, host: Option<&Host>, request: &Request, page: bool) -> Result<Caller, Problem> {
        let scheme = if request.peer.as_ref().is_some_and(|peer| peer.is_tls) { "https://" } else { "http://" };
        self.check_headers((host, request.host()), scheme, &request.headers, &request.method, page)
    }

    /// The address of the client that a request comes from, perhaps by way of proxies.
    pub(super) fn client(&self, request: &Request) -> Option<IpAddr> {
        let peer = request.peer.as_ref()?;
        self.forwarded.client(peer.address.map(|address| address.ip()), &request.headers)
    }

    /// For how long browsers are to come back over TLS only, as `Strict-Transport-Security` says it.
    pub(super) const fn hsts(&self) -> Option<&HeaderValue> {
        self.hsts.as_ref()
    }

    fn check_headers(
        &self,
        (host, authority): (Option<&Host>, Option<&str>),
        scheme: &str,
        headers: &HeaderMap,
        method: &Method,
        page: bool,
    ) -> Result<Caller, Problem> {
        if let Some(text) = authority
            && !host.is_some_and(|host| self.knows(host))
        {
            let detail =
                format!("the hub is not known as {text:?}; call it by its address, or add the name to server.hosts");
            return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, RefusalKind::host, detail));
        }
        let refused = |who: &str| {
            let detail = format!("{who} may not use this hub; add the page's origin to cors.origins");
            Err(Problem::new(StatusCode::FORBIDDEN, RefusalKind::origin, detail))
        };
        let Some(origin) = headers.get(header::ORIGIN) else {
            let cross = headers.get_all(FETCH_SITE).iter().any(|site| site == "cross-site");
            let followed =
                page && *method == Method::GET && headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate");
            return if cross && !followed { refused("a page of another site") } else { Ok(Caller::Own) };
        };
        let text = origin.to_str().unwrap_or_default();
        if self.is_own(text, scheme, authority) {
            return Ok(Caller::Own);
        }
        match self.origins.iter().find(|listed| listed.matches(text)) {
            Some(OriginPattern::Exactly(_) | OriginPattern::Below { .. }) => Ok(Caller::Listed(origin.clone())),
            // The browser knows, and no page can make it say so. A proxy that rewrites Host has hidden it from the hub.
            // A page whose name was made to lead here did not get past its Host.
            _ if is_same_origin(headers) => Ok(Caller::Own),
            Some(OriginPattern::Any | OriginPattern::Null) => Ok(Caller::Any),
            None => refused(&format!("the origin {text:?}")),
        }
    }

    fn is_own(&self, origin: &str, scheme: &str, host: Option<&str>) -> bool {
        match (&self.public_origin, host) {
            (Some(own), _) if origin == own => true,
            (None, Some(host)) => origin.strip_prefix(scheme).is_some_and(|named| named.eq_ignore_ascii_case(host)),
            _ => false,
        }
    }

    /// Returns true if `host` is loopback, a listen address or a listed name.
    fn knows(&self, host: &Host) -> bool {
        // A name can be made to resolve to anything (DNS rebinding), an address can't.
        let own_address = match host {
            Host::Address(address) => self.listen.iter().any(|own| own.is_unspecified() || own == address),
            Host::Name(_) => false,
        };
        own_address || host.is_loopback() || self.hosts.iter().any(|known| known.matches(host))
    }

    /// The response to a preflight; [`stamp`](Self::stamp) adds the origin.
    pub(super) fn preflight(&self) -> Response<ResponseBody> {
        let mut response = Response::new(ResponseBody::whole(Bytes::new()));
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, POST"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, self.allowed_headers.clone());
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        response
    }

    /// Adds the CORS headers for `caller` to a response.
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
        allow(header::ACCESS_CONTROL_EXPOSE_HEADERS, self.exposed_headers.clone());
    }
}

const FETCH_SITE: &str = "sec-fetch-site";

fn hsts(seconds: u64) -> Option<HeaderValue> {
    (seconds > 0).then(|| HeaderValue::try_from(format!("max-age={seconds}")).ok()).flatten()
}

/// Returns true if the browser says that the page and what it calls have one origin.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all(FETCH_SITE).iter();
    sites.next().is_some_and(|site| site == "same-origin") && sites.next().is_none()
}

/// Names of headers as one value.
fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> HeaderValue {
    let names: Vec<_> = names.into_iter().collect();
    HeaderValue::from_str(&names.join(", ")).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Listen;

    fn guard(set: impl FnOnce(&mut Config)) -> Guard {
        let mut config = Config::default();
        set(&mut config);
        Guard::new(&config)
    }

    fn check(guard: &Guard, headers: &[(&'static str, &str)]) -> Result<Caller, u16> {
        check_page(guard, headers, false)
    }

    fn check_page(guard: &Guard, headers: &[(&'static str, &str)], page: bool) -> Result<Caller, u16> {
        let host = headers.iter().find(|(name, _)| *name == "host").map(|(_, host)| *host);
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let called = (host.and_then(Host::of), host);
        let called = (called.0.as_ref(), called.1);
        guard
            .check_headers(called, "http://", &headers.collect(), &Method::GET, page)
            .map_err(|problem| problem.status().as_u16())
    }

    #[test]
    fn the_hub_answers_only_to_its_own_names() {
        let guard = guard(|config| {
            config.server.listen = vec![Listen::Tcp("192.0.2.1:80".parse().unwrap())];
            config.server.hosts = vec!["hub.example".into(), "198.51.100.7".into(), "[2001:db8::7]".into()];
            config.server.hosts.extend(["*.edge.example".into(), "Bücher.example".into()]);
            config.server.admin_listen = Some(Listen::Tcp("192.0.2.9:81".parse().unwrap()));
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
            "localhost.",
            "app.localhost:8080",
            "hub.example.",
            "eu.edge.example",
            "a.eu.edge.example:1",
            "xn--bcher-kva.example",
        ] {
            assert_eq!(check(&guard, &[("host", host)]), Ok(Caller::Own), "{host}");
        }
        for host in [
            "evil.example",
            "192.0.2.2",
            "localhost.evil.example",
            "",
            "hub.example.evil",
            "edge.example",
            "evillocalhost",
        ] {
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
        let both = guard(|config| config.cors.origins = vec!["*".into(), "https://app.example".into()]);
        assert!(matches!(check(&both, &[app]), Ok(Caller::Listed(_))), "in whatever order");
        let null = guard(|config| config.cors.origins = vec!["null".into()]);
        assert_eq!(check(&null, &[("origin", "null")]), Ok(Caller::Any), "never with credentials");
        assert_eq!(check(&null, &[app]), Err(403));
    }

    #[test]
    fn listed_patterns_and_other_schemes_are_allowed() {
        let listed = guard(|config| {
            config.cors.origins =
                ["https://*.app.example", "tauri://localhost", "https://bücher.example"].map(Into::into).into();
        });
        let origins =
            ["https://a.app.example", "https://b.a.app.example", "tauri://localhost", "https://xn--bcher-kva.example"];
        for origin in origins {
            let expected = Caller::Listed(HeaderValue::from_static(origin));
            assert_eq!(check(&listed, &[("origin", origin)]), Ok(expected), "{origin}");
        }
        for origin in
            ["https://app.example", "http://a.app.example", "capacitor://localhost", "https://a.app.example:1"]
        {
            assert_eq!(check(&listed, &[("origin", origin)]), Err(403), "{origin}");
        }
    }

    #[test]
    fn a_browser_s_word_that_the_origin_is_the_same_is_enough_under_a_known_host() {
        let (none, public) =
            (guard(|_| {}), guard(|config| config.server.public_origin = Some("https://hub.example".into())));
        let (proxied, site) = (("origin", "http://localhost:5173"), "sec-fetch-site");
        for guard in [&none, &public] {
            assert_eq!(check(guard, &[("host", "localhost:8080"), proxied, (site, "same-origin")]), Ok(Caller::Own));
            assert_eq!(check(guard, &[("host", "rebound.example"), proxied, (site, "same-origin")]), Err(421));
            for other in ["same-site", "cross-site", "none", ""] {
                assert_eq!(check(guard, &[("host", "localhost:8080"), proxied, (site, other)]), Err(403), "{other}");
            }
        }
        let listed = guard(|config| config.cors.origins = vec!["http://localhost:5173".into()]);
        let caller = check(&listed, &[("host", "localhost:8080"), proxied, (site, "same-origin")]);
        assert_eq!(caller, Ok(Caller::Listed(HeaderValue::from_static("http://localhost:5173"))));
        let mut twice = HeaderMap::new();
        twice.append(FETCH_SITE, HeaderValue::from_static("same-origin"));
        twice.append(FETCH_SITE, HeaderValue::from_static("cross-site"));
        assert!(!is_same_origin(&twice));
    }

    #[test]
    fn behind_a_proxy_the_own_origin_is_the_public_one() {
        let guard = guard(|config| config.server.public_origin = Some("https://hub.example".into()));
        let host = ("host", "127.0.0.1:8080");
        assert_eq!(check(&guard, &[host, ("origin", "https://hub.example")]), Ok(Caller::Own));
        assert_eq!(check(&guard, &[host, ("origin", "http://127.0.0.1:8080")]), Err(403));
    }
}
