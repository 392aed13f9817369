//! What those who ask may do, and refusals as HTTP says them.

use std::{collections::HashSet, net::IpAddr};

use http::{HeaderMap, StatusCode, header};
use sse_engine::{Draft, Selector, StreamName, Topic};

use super::{
    credential::{Credential, invalid_token},
    problem::{Problem, quoted},
    request::Sender,
};
use crate::{
    auth::{Denial, Operation},
    base::network::network,
    config::AuthMode,
    hub::{self, Access, Amount, Decided, Hub, Publishing},
    metrics::RefusalKind,
    store::Fingerprint,
};

/// Decides what somebody may do who sends `request`; `None` if everybody may do everything.
async fn decide(
    hub: &Hub,
    credential: Option<&Credential>,
    operation: Operation<'_>,
) -> Result<Option<Decided>, Problem> {
    hub.authorize(credential.map_or(hub::Shown::Nothing, |credential| credential.show(operation))).await.map_err(
        |denial| match denial {
            Denial::Unavailable(why) => {
                let after = hub.config().stream.retry;
                Problem::later(StatusCode::SERVICE_UNAVAILABLE, RefusalKind::unauthorized, why, after)
            }
            denial => invalid_token(&denial.to_string()),
        },
    )
}

/// Refuses what is not granted: 401 to who showed nothing, else 403. `verb` and `what` say what that is.
fn refuse(hub: &Hub, is_known: bool, verb: &str, what: &str) -> Problem {
    let (what, is_by_certificate) = (quoted(what), hub.config().auth.mode == AuthMode::Certificates);
    match (is_known, is_by_certificate) {
        (true, by_certificate) => {
            let shown = if by_certificate { "certificate" } else { "token" };
            let detail = format!("the {shown} may not {verb} {what}");
            Problem::new(StatusCode::FORBIDDEN, RefusalKind::forbidden, detail)
        }
        (false, true) => no_token(format!("without a certificate that is granted something nobody may {verb} {what}")),
        (false, false) => {
            no_token(format!("without a token nobody may {verb} {what}; send one as Authorization: Bearer TOKEN"))
        }
    }
}

/// 401: a token is wanted, and `detail` says what for.
fn no_token(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, RefusalKind::unauthorized, detail).challenging(None)
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
    sender: Sender<'_>,
    ticket: Option<ShownTicket>,
    selectors: &[Selector],
) -> Result<Option<Decided>, Problem> {
    let Some(ticket) = ticket else {
        let credential = Credential::shown_to(hub, sender)?;
        let decided = decide(hub, credential.as_ref(), Operation::Subscribe(selectors)).await?;
        check_read(hub, decided.as_ref(), is_known(credential.as_ref(), decided.as_ref()), selectors)?;
        return Ok(decided);
    };
    if sender.headers.contains_key(header::AUTHORIZATION) {
        return Err(Problem::invalid("there are a ticket and the header Authorization; send one of them"));
    }
    let redeemed = hub.redeem(&ticket.text, ticket.has_position).await;
    let decided = redeemed.map_err(|denial| invalid_token(&denial.to_string()))?;
    check_read(hub, decided.as_ref(), true, selectors)?;
    Ok(decided)
}

/// Returns true if it is known who asks: they showed something, and it is somebody's.
fn is_known(credential: Option<&Credential>, decided: Option<&Decided>) -> bool {
    credential.is_some() && decided.is_none_or(|decided| !decided.is_anonymous)
}

fn check_read(hub: &Hub, decided: Option<&Decided>, is_known: bool, selectors: &[Selector]) -> Result<(), Problem> {
    match decided.and_then(|decided| decided.grant.excluded(selectors)) {
        Some(excluded) => {
            let excluded = excluded.to_string();
            Err(refuse(hub, is_known, "read", &excluded).with("selector", excluded))
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
    check_read(hub, Some(&decided), true, selectors)?;
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
    /// The topics that were new when they were counted, if they are: what is published to them may still be on its way.
    begun: HashSet<Topic>,
}

impl Publisher {
    /// Refuses who may not publish at all, or not to `topics`, which are those that are known already.
    pub(super) async fn admit(hub: &Hub, sender: Sender<'_>, topics: &[Topic]) -> Result<Self, Problem> {
        let credential = Credential::shown_to(hub, sender)?;
        if credential.as_ref().is_some_and(|credential| credential.is_ambient()) && !sender.has_own_origin {
            let detail = "a cookie or a client's certificate publishes only for pages whose Origin is allowed; add it to \
                          cors.origins, or send a token as Authorization: Bearer TOKEN";
            return Err(Problem::new(StatusCode::FORBIDDEN, RefusalKind::origin, detail));
        }
        let decided = decide(hub, credential.as_ref(), Operation::Publish(topics)).await?;
        // nobody is asked again who may do everything
        let topics_again = if decided.is_some() { topics.into() } else { Box::default() };
        let publisher = Self {
            hub: hub.clone(),
            credential,
            decided,
            topics: topics_again,
            client: sender.client,
            begun: HashSet::new(),
        };
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
    pub(super) fn check_rate<'a>(&mut self, drafts: impl IntoIterator<Item = &'a Draft>) -> Result<(), Problem> {
        let rates = self.hub.rates();
        if rates.are_none() {
            return Ok(());
        }
        let (mut amount, mut new) = (Amount::default(), HashSet::new());
        for draft in drafts {
            amount.events += 1;
            amount.bytes += draft.data.len();
            if rates.count_topics() {
                let is_unseen = |topic: &&Topic| !self.begun.contains(*topic) && !new.contains(*topic);
                let unseen: Vec<_> = draft.topics().filter(is_unseen).collect();
                if !unseen.is_empty() {
                    new.extend(self.hub.new_of(unseen).unwrap_or_default()); // what is wrong is told by the publish
                }
            }
        }
        amount.new_topics = new.len();
        rates.check(who(self.decided.as_ref(), self.client), amount).map_err(|quick| match quick.after {
            Some(after) => {
                let detail =
                    format!("more was published than {} allows; come again later, or more slowly", quick.limit);
                Problem::later(StatusCode::TOO_MANY_REQUESTS, RefusalKind::rate, detail, after)
            }
            None => {
                let detail = format!("this is more at once than {} ever allows; publish it in parts", quick.limit);
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, RefusalKind::rate, detail)
            }
        })?;
        self.begun.extend(new.into_iter().cloned());
        Ok(())
    }

    /// What was counted so far is published.
    pub(super) fn forget_begun(&mut self) {
        self.begun = HashSet::new();
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
        refuse(&self.hub, is_known(self.credential.as_ref(), self.decided.as_ref()), "publish to", topic)
    }
}
