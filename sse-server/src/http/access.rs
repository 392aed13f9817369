//! Who asks, and what they may do: tokens out of requests, and refusals as HTTP says them.

use std::{fmt, net::IpAddr};

use http::{HeaderMap, HeaderValue, StatusCode, header};
use sse_engine::{Draft, Selector, StreamName, Topic};

use super::{
    problem::{Problem, quoted},
    request::Sender,
};
use crate::{
    auth::{Asked, Denial, Operation},
    base::network::network,
    hub::{Access, Decided, Hub, Publishing},
    metrics::RefusalKind,
    store::Fingerprint,
};

/// What a request shows of who sends it.
#[derive(Clone)]
struct Credential {
    shown: Shown,
    /// It came in a cookie, which a browser sends whoever made it ask.
    is_cookie: bool,
}

#[derive(Clone)]
enum Shown {
    Token(String),
    /// The headers `Authorization` and `Cookie`, which are somebody else's to understand.
    Headers(Option<Vec<u8>>, Option<Vec<u8>>),
}

/// A token is no log's business.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("is_cookie", &self.is_cookie).finish_non_exhaustive()
    }
}

impl Credential {
    /// The token that a request carries: in `Authorization`, or else in the cookie that is configured.
    fn of(headers: &HeaderMap, cookie: Option<&str>) -> Result<Option<Self>, Problem> {
        let mut lines = headers.get_all(header::AUTHORIZATION).iter();
        if let Some(line) = lines.next() {
            if lines.next().is_some() {
                return Err(Problem::invalid("the header Authorization is given twice; give it once"));
            }
            let token = bearer(line).ok_or_else(|| invalid_token("Authorization takes `Bearer` and a token"))?;
            return Ok(Some(Self { shown: Shown::Token(token.to_owned()), is_cookie: false }));
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
        Ok(Some(Self { shown: Shown::Token(token.to_owned()), is_cookie: true }))
    }

    /// The headers that are somebody else's to understand, if there is one of them.
    fn of_headers(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
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
        Ok(Some(Self { is_cookie: !is_deliberate, shown: Shown::Headers(authorization, cookie) }))
    }

    fn fingerprint(&self) -> Fingerprint {
        match &self.shown {
            Shown::Token(token) => Fingerprint::of([&b"token"[..], token.as_bytes()]),
            Shown::Headers(authorization, cookie) => Fingerprint::of([
                &b"headers"[..],
                authorization.as_deref().unwrap_or_default(),
                cookie.as_deref().unwrap_or_default(),
            ]),
        }
    }

    fn asked<'a>(&'a self, operation: Operation<'a>) -> Asked<'a> {
        match &self.shown {
            Shown::Token(token) => Asked::new(token, operation),
            Shown::Headers(authorization, cookie) => Asked {
                authorization: authorization.as_deref(),
                cookie: cookie.as_deref(),
                ..Asked::new("", operation)
            },
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

/// Decides what somebody may do who sends `request`; `None` if everybody may do everything.
async fn decide(
    hub: &Hub,
    credential: Option<&Credential>,
    operation: Operation<'_>,
) -> Result<Option<Decided>, Problem> {
    hub.authorize(credential.map(|credential| credential.asked(operation))).await.map_err(|denial| match denial {
        Denial::Unavailable(why) => {
            let after = hub.config().stream.retry;
            Problem::later(StatusCode::SERVICE_UNAVAILABLE, RefusalKind::unauthorized, why, after)
        }
        denial => invalid_token(&denial.to_string()),
    })
}

/// 401: the token is no good. `why` is told, and names no token.
fn invalid_token(why: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, RefusalKind::unauthorized, why).challenging(Some(why))
}

/// Refuses what is not granted: 401 to who showed nothing, else 403. `verb` and `what` say what that is.
fn refuse(is_known: bool, verb: &str, what: &str) -> Problem {
    let what = quoted(what);
    if is_known {
        let detail = format!("the token may not {verb} {what}");
        return Problem::new(StatusCode::FORBIDDEN, RefusalKind::forbidden, detail);
    }
    no_token(format!("without a token nobody may {verb} {what}; send one as Authorization: Bearer TOKEN"))
}

/// 401: a token is wanted, and `detail` says what for.
fn no_token(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, RefusalKind::unauthorized, detail).challenging(None)
}

fn credential(hub: &Hub, headers: &HeaderMap) -> Result<Option<Credential>, Problem> {
    match hub.access() {
        Some(access) if access.is_by_headers() => Credential::of_headers(headers),
        Some(_) => Credential::of(headers, hub.config().auth.cookie.as_deref()),
        None => Ok(None), // whatever is sent is for somebody before the hub
    }
}

/// What the address of a stream says of who asks for it.
pub(super) struct ShownTicket {
    pub(super) text: String,
    /// The stream goes on after an event of this log.
    pub(super) has_position: bool,
}

/// Refuses who may not read all that `selectors` select.
pub(super) async fn subscriber(
    hub: &Hub,
    headers: &HeaderMap,
    ticket: Option<ShownTicket>,
    selectors: &[Selector],
) -> Result<Option<Decided>, Problem> {
    let Some(ticket) = ticket else {
        let credential = credential(hub, headers)?;
        let decided = decide(hub, credential.as_ref(), Operation::Subscribe(selectors)).await?;
        check_read(decided.as_ref(), is_known(credential.as_ref(), decided.as_ref()), selectors)?;
        return Ok(decided);
    };
    if headers.contains_key(header::AUTHORIZATION) {
        return Err(Problem::invalid("there are a ticket and the header Authorization; send one of them"));
    }
    let redeemed = hub.redeem(&ticket.text, ticket.has_position).await;
    let decided = redeemed.map_err(|denial| invalid_token(&denial.to_string()))?;
    check_read(decided.as_ref(), true, selectors)?;
    Ok(decided)
}

/// Returns true if it is known who asks: they showed something, and it is somebody's.
fn is_known(credential: Option<&Credential>, decided: Option<&Decided>) -> bool {
    credential.is_some() && decided.is_none_or(|decided| !decided.is_anonymous)
}

fn check_read(decided: Option<&Decided>, is_known: bool, selectors: &[Selector]) -> Result<(), Problem> {
    match decided.and_then(|decided| decided.grant.excluded(selectors)) {
        Some(excluded) => {
            let excluded = excluded.to_string();
            Err(refuse(is_known, "read", &excluded).with("selector", excluded))
        }
        None => Ok(()),
    }
}

/// Refuses who may not read all that `selectors` select by the token in `Authorization`.
pub(super) async fn bearer_subscriber(
    hub: &Hub,
    headers: &HeaderMap,
    selectors: &[Selector],
) -> Result<Decided, Problem> {
    let decided = decide_by_bearer(hub, headers, selectors).await?;
    check_read(Some(&decided), true, selectors)?;
    Ok(decided)
}

async fn decide_by_bearer(hub: &Hub, headers: &HeaderMap, selectors: &[Selector]) -> Result<Decided, Problem> {
    let is_by_headers = hub.access().is_some_and(Access::is_by_headers);
    let credential = if is_by_headers { Credential::of_headers(headers)? } else { Credential::of(headers, None)? };
    let missing = || no_token("there is no token; send one as Authorization: Bearer TOKEN");
    let credential = credential.ok_or_else(missing)?;
    decide(hub, Some(&credential), Operation::Subscribe(selectors)).await?.ok_or_else(missing)
}

/// The grant of a fresh token, with which the stream of this name is to go on: it must be in `Authorization`.
pub(super) async fn renewal(hub: &Hub, headers: &HeaderMap, name: StreamName) -> Result<Decided, Problem> {
    let selectors = hub.access().map(|access| access.selectors_of(name)).unwrap_or_default();
    decide_by_bearer(hub, headers, &selectors).await
}

/// Whose rate counts: the subject's, or that of the client's address.
fn who(decided: Option<&Decided>, client: Option<IpAddr>) -> Publishing {
    let grant = decided.map(|decided| &decided.grant);
    let print = match grant.and_then(|grant| Some((grant.subject.as_ref()?, grant.issuer.as_deref()))) {
        Some((subject, issuer)) => {
            Fingerprint::of([&b"subject"[..], subject.as_bytes(), issuer.unwrap_or_default().as_bytes()])
        }
        None => {
            let address = client.map(|client| network(client).to_string()).unwrap_or_default();
            Fingerprint::of([&b"address"[..], address.as_bytes()])
        }
    };
    print.0
}

/// Somebody who publishes.
#[derive(Debug)]
pub(super) struct Publisher {
    hub: Hub,
    credential: Option<Credential>,
    decided: Option<Decided>,
    /// The topics of the address: what is allowed may depend on them.
    topics: Box<[Topic]>,
    /// The address that it comes from.
    client: Option<IpAddr>,
}

impl Publisher {
    /// Refuses who may not publish at all, or not to `topics`, which are those that are known already.
    pub(super) async fn admit(hub: &Hub, sender: Sender<'_>, topics: &[Topic]) -> Result<Self, Problem> {
        let credential = credential(hub, sender.headers)?;
        if credential.as_ref().is_some_and(|credential| credential.is_cookie) && !sender.has_own_origin {
            let detail = "a token in a cookie publishes only for pages whose Origin is allowed; add it to cors.origins, or \
                          send the token as Authorization: Bearer TOKEN";
            return Err(Problem::new(StatusCode::FORBIDDEN, RefusalKind::origin, detail));
        }
        let decided = decide(hub, credential.as_ref(), Operation::Publish(topics)).await?;
        // nobody is asked again who may do everything
        let topics_again = if decided.is_some() { topics.into() } else { Box::default() };
        let publisher = Self { hub: hub.clone(), credential, decided, topics: topics_again, client: sender.client };
        if let Some(decided) = &publisher.decided
            && decided.grant.publish.is_empty()
        {
            let what = topics.first().map_or("anything", Topic::as_str);
            return Err(publisher.refused(what));
        }
        publisher.check(topics)?;
        Ok(publisher)
    }

    pub(super) const fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Refuses an event that is for a topic that may not be published to.
    pub(super) fn check_draft(&self, draft: &Draft) -> Result<(), Problem> {
        self.check(draft.topics())
    }

    fn check<'a>(&self, topics: impl IntoIterator<Item = &'a Topic>) -> Result<(), Problem> {
        let Some(decided) = &self.decided else { return Ok(()) };
        match decided.grant.unpublishable(topics) {
            Some(topic) => Err(self.refused(topic.as_str()).with("topic", topic.as_str())),
            None => Ok(()),
        }
    }

    /// Refuses `drafts`, which were allowed when they were read, if they are not any more: the grant has ended, or is less than
    /// it was.
    pub(super) async fn go_on<'a>(&mut self, mut drafts: impl Iterator<Item = &'a Draft>) -> Result<(), Problem> {
        let Some(decided) = &self.decided else { return Ok(()) };
        if self.hub.still_holds(decided) {
            return Ok(());
        }
        self.decided = decide(&self.hub, self.credential.as_ref(), Operation::Publish(&self.topics)).await?;
        drafts.try_for_each(|draft| self.check_draft(draft))
    }

    /// Refuses `drafts`, which are to be published as a whole, if their publisher is too quick.
    pub(super) fn check_rate<'a>(&self, drafts: impl IntoIterator<Item = &'a Draft>) -> Result<(), Problem> {
        let rates = self.hub.rates();
        if rates.are_none() {
            return Ok(());
        }
        let (events, bytes) =
            drafts.into_iter().fold((0, 0), |(events, bytes), draft| (events + 1, bytes + draft.data.len()));
        rates.check(who(self.decided.as_ref(), self.client), events, bytes).map_err(|quick| match quick.after {
            Some(after) => {
                let detail =
                    format!("more was published than {} allows; come again later, or more slowly", quick.limit);
                Problem::later(StatusCode::TOO_MANY_REQUESTS, RefusalKind::rate, detail, after)
            }
            None => {
                let detail =
                    format!("this is more at once than {} allows in a second; publish it in parts", quick.limit);
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, RefusalKind::rate, detail)
            }
        })
    }

    /// The idempotency key of a whole request as one of this publisher's: others have others, whatever they are called. That of
    /// a single event is one of its topic, for all who may publish there.
    pub(super) fn key_of_subject(&self, key: String) -> String {
        let Some(grant) = self.decided.as_ref().map(|decided| &decided.grant) else { return key };
        // no key of an event or of the open hub has a space
        match (&grant.subject, &grant.issuer) {
            (Some(subject), Some(issuer)) => {
                format!("{key} {}", Fingerprint::of([subject.as_bytes(), issuer.as_bytes()]))
            }
            (Some(subject), None) => format!("{key} {}", Fingerprint::of([subject.as_bytes()])),
            // nobody says who that is: whoever shows the same
            (None, _) => match &self.credential {
                Some(credential) => format!("{key} {}", credential.fingerprint()),
                None => key,
            },
        }
    }

    fn refused(&self, topic: &str) -> Problem {
        refuse(is_known(self.credential.as_ref(), self.decided.as_ref()), "publish to", topic)
    }
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
            Shown::Token(token) => (token, credential.is_cookie),
            Shown::Headers(..) => panic!("there are tokens"),
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
        let shown = format!("{:?}", Credential { shown: Shown::Token("secret".into()), is_cookie: false });
        assert!(!shown.contains("secret"), "{shown}");
    }
}
