//! What a request shows of who sends it: a token, headers that somebody else understands, a certificate.

use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{problem::Problem, request::Sender};
use crate::{
    auth::{Asked, ClientCertificate, Operation},
    hub::{self, Hub},
    metrics::RefusalKind,
    store::Fingerprint,
};

/// What a request shows of who sends it.
#[derive(Clone)]
pub(super) struct Credential {
    shown: Shown,
    /// A browser sends it by itself, whoever made it ask, as it does a cookie.
    is_ambient: bool,
}

#[derive(Clone)]
enum Shown {
    Token(String),
    /// The headers `Authorization` and `Cookie`, which are somebody else's to understand.
    Headers(Option<Vec<u8>>, Option<Vec<u8>>),
    Certificate(Arc<ClientCertificate>),
}

/// A token is no log's business.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("is_ambient", &self.is_ambient).finish_non_exhaustive()
    }
}

impl Credential {
    /// What counts of all that `sender` shows.
    pub(super) fn shown_to(hub: &Hub, sender: Sender<'_>) -> Result<Option<Self>, Problem> {
        let credential = match hub.access() {
            Some(access) if access.is_by_headers() => Self::of_headers(sender.headers)?,
            Some(_) => Self::of(sender.headers, hub.config().auth.cookie.as_deref())?,
            None => return Ok(None), // whatever is sent is for somebody before the hub
        };
        Ok(credential.or_else(|| Self::of_certificate(sender)))
    }

    /// Returns true if a browser sends it by itself, whoever made it ask.
    pub(super) const fn is_ambient(&self) -> bool {
        self.is_ambient
    }

    /// The token that a request carries: in `Authorization`, or else in the cookie that is configured.
    pub(super) fn of(headers: &HeaderMap, cookie: Option<&str>) -> Result<Option<Self>, Problem> {
        let mut lines = headers.get_all(header::AUTHORIZATION).iter();
        if let Some(line) = lines.next() {
            if lines.next().is_some() {
                return Err(Problem::invalid("the header Authorization is given twice; give it once"));
            }
            let token = bearer(line).ok_or_else(|| invalid_token("Authorization takes `Bearer` and a token"))?;
            return Ok(Some(Self { shown: Shown::Token(token.to_owned()), is_ambient: false }));
        }
        let Some(name) = cookie else { return Ok(None) };
        let mut tokens = cookies(headers, name);
        let Some(token) = tokens.next() else { return Ok(None) };
        if tokens.next().is_some() {
            // one of them is perhaps another's, set from a name beside this one
            return Err(invalid_token("the cookie that carries the token is there twice"));
        }
        let token =
            std::str::from_utf8(token).map_err(|_| invalid_token("the cookie that carries the token is not UTF-8"))?;
        Ok(Some(Self { shown: Shown::Token(token.to_owned()), is_ambient: true }))
    }

    /// The headers that are somebody else's to understand, if there is one of them.
    pub(super) fn of_headers(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut lines = headers.get_all(header::AUTHORIZATION).iter();
        let authorization = lines.next().map(|line| line.as_bytes().to_vec());
        if lines.next().is_some() {
            return Err(Problem::invalid("the header Authorization is given twice; give it once"));
        }
        let cookies: Vec<_> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
        let cookie = (!cookies.is_empty()).then(|| cookies.join(&b"; "[..])); // HTTP/2 may cut them (RFC 9113, 8.2.3)
        if authorization.is_none() && cookie.is_none() {
            return Ok(None);
        }
        // a browser sends Basic by itself as well; but it says then where the page comes from
        let is_deliberate = authorization.as_ref().is_some_and(|line| {
            line.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "))
                || !headers.contains_key(header::ORIGIN)
        });
        Ok(Some(Self { is_ambient: !is_deliberate, shown: Shown::Headers(authorization, cookie) }))
    }

    /// The certificate of a client, which it shows if it shows nothing else.
    fn of_certificate(sender: Sender<'_>) -> Option<Self> {
        let certificate = sender.certificate?.clone();
        // a browser sends it by itself; but it says then where the page comes from
        let is_ambient = sender.headers.contains_key(header::ORIGIN);
        Some(Self { shown: Shown::Certificate(certificate), is_ambient })
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        match &self.shown {
            Shown::Token(token) => Fingerprint::of([&b"token"[..], token.as_bytes()]),
            Shown::Headers(authorization, cookie) => Fingerprint::of([
                &b"headers"[..],
                authorization.as_deref().unwrap_or_default(),
                cookie.as_deref().unwrap_or_default(),
            ]),
            Shown::Certificate(certificate) => {
                let names = certificate.names.iter().map(|name| name.as_bytes());
                Fingerprint::of(std::iter::once(&b"certificate"[..]).chain(names))
            }
        }
    }

    pub(super) fn show<'a>(&'a self, operation: Operation<'a>) -> hub::Shown<'a> {
        match &self.shown {
            Shown::Token(token) => hub::Shown::Asked(Asked::new(token, operation)),
            Shown::Headers(authorization, cookie) => hub::Shown::Asked(Asked {
                authorization: authorization.as_deref(),
                cookie: cookie.as_deref(),
                ..Asked::new("", operation)
            }),
            Shown::Certificate(certificate) => hub::Shown::Certificate(certificate),
        }
    }
}

/// The token behind `Bearer`, whose case does not matter (RFC 9110, 11.1; RFC 6750, 2.1).
fn bearer(line: &HeaderValue) -> Option<&str> {
    let (scheme, token) = line.to_str().ok()?.split_once(' ')?;
    let token = token.trim_matches(' ');
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    (scheme.eq_ignore_ascii_case("bearer") && is_token).then_some(token)
}

/// The values of the cookies with this name, whatever those beside it are.
fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let pairs = headers.get_all(header::COOKIE).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(move |pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

/// 401: the token is no good. `why` is told, and names no token.
pub(super) fn invalid_token(why: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, RefusalKind::unauthorized, why).challenging(Some(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(headers: &[(&'static str, &str)], cookie: Option<&str>) -> Result<Option<(String, bool)>, u16> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let credential = Credential::of(&map, cookie).map_err(|problem| problem.status().as_u16())?;
        Ok(credential.map(|credential| match credential.shown {
            Shown::Token(token) => (token, credential.is_ambient),
            _ => panic!("there are tokens"),
        }))
    }

    #[test]
    fn a_token_is_where_it_may_be_and_once() {
        let auth = |value| ("authorization", value);
        let (bare, cookie) = (Ok(Some(("t".to_owned(), false))), Ok(Some(("t".to_owned(), true))));
        assert_eq!(token(&[], None), Ok(None));
        for value in ["Bearer t", "bearer t", "BEARER  t "] {
            assert_eq!(token(&[auth(value)], None), bare, "{value:?}");
        }
        for value in ["Bearer", "Bearer ", "t", "Basic t", "Bearer t u", "Bearer\tt", ""] {
            assert_eq!(token(&[auth(value)], None), Err(401), "{value:?}");
        }
        assert_eq!(token(&[auth("Bearer t"), auth("Bearer t")], None), Err(400));
        for value in ["s=t", "a=b; s=t", "s=t;x", "a=b;s=t; c=d", "=; s=t", "ü=é; s=t"] {
            assert_eq!(token(&[("cookie", value)], Some("s")), cookie, "{value:?}");
            assert_eq!(token(&[("cookie", value)], None), Ok(None), "{value:?}");
        }
        assert_eq!(token(&[("cookie", "S=t; as=t; s")], Some("s")), Ok(None));
        assert_eq!(
            token(&[("cookie", "s=\u{ff}; a=b")], Some("s")),
            Ok(Some(("\u{ff}".into(), true))),
            "to be refused"
        );
        assert_eq!(token(&[("cookie", "s=t; s=u")], Some("s")), Err(401));
        assert_eq!(token(&[("cookie", "s=t"), ("cookie", "s=t")], Some("s")), Err(401));
        assert_eq!(
            token(&[auth("Bearer t"), ("cookie", "s=u")], Some("s")),
            bare,
            "what is meant beats what is sent along"
        );
        assert_eq!(token(&[auth("Basic t"), ("cookie", "s=u")], Some("s")), Err(401), "never somebody else");
    }

    #[test]
    fn a_credential_shows_no_token() {
        let shown = format!("{:?}", Credential { shown: Shown::Token("secret".into()), is_ambient: false });
        assert!(!shown.contains("secret"), "{shown}");
    }
}
