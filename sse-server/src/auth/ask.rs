//! Asking the application who may do what.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::{HeaderMap, HeaderValue, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use sse_engine::Selector;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

use super::{Asked, Authorizer, Authorizing, Denial, Grant, MAX_SELECTORS, Operation, circuit::Circuit};
use crate::{base::lock::Lock, config, fetch::Fetch};

/// The questions that are asked at once. More wait, within the time for an answer.
const AT_ONCE: usize = 64;

/// The most answers that are kept, and the most bytes that they have.
const MAX_KEPT: usize = 10_000;
const MAX_KEPT_BYTES: usize = 32 << 20;

/// What an answer has besides its selectors, and each of them besides its text.
const BYTES: usize = 300;
const SELECTOR_BYTES: usize = 200;

/// An answer that ends as soon as this is asked for again: a stream that rests on it would have to come back at once.
const LAST_MOMENT: Duration = Duration::from_millis(100);

/// The longest address that is asked at.
const MAX_ADDRESS: usize = 16 << 10;

/// How long an answer holds that does not say so, and the longest time that one may say.
const DEFAULT_TTL: Duration = Duration::from_secs(60);
const MIN_TTL: Duration = Duration::from_secs(1);
const MAX_TTL: Duration = Duration::from_secs(24 * 3600);

/// Decides by asking the application.
#[derive(Debug)]
pub(crate) struct Ask {
    url: String,
    timeout: Duration,
    fetch: Fetch,
    places: Semaphore,
    circuit: Lock<Circuit>,
    kept: Lock<Kept>,
}

/// What a question is known by: what the caller showed, and what for.
type Question = [u8; 32];

/// Answers that hold, the oldest first.
#[derive(Debug, Default)]
struct Kept {
    answers: HashMap<Question, Grant>,
    order: VecDeque<Question>,
    bytes: usize,
}

/// What the application says. What else it says is its own business.
#[derive(Deserialize)]
struct Answer {
    subject: Option<String>,
    #[serde(default)]
    publish: Vec<String>,
    #[serde(default)]
    subscribe: Vec<String>,
    /// In seconds.
    ttl: Option<f64>,
}

impl Ask {
    /// Asks at the address that is configured.
    ///
    /// # Errors
    ///
    /// Why nothing can be asked, in one line.
    pub(crate) fn open(config: &config::Ask) -> Result<Self, String> {
        let url = config.url.clone().ok_or("auth.ask.url is empty, and auth.mode is ask")?;
        Ok(Self {
            fetch: Fetch::new(&url)?,
            url,
            timeout: config.timeout,
            places: Semaphore::new(AT_ONCE),
            circuit: Lock::default(),
            kept: Lock::default(),
        })
    }

    async fn answer(&self, asked: &Asked<'_>) -> Result<Grant, Denial> {
        let question = question(asked);
        if let Some(grant) = self.kept.lock_even_so().get(&question, SystemTime::now()) {
            return Ok(grant);
        }
        let address = self.address(&asked.operation);
        if address.len() > MAX_ADDRESS {
            return Err(Denial::invalid("what is wanted is too long to ask the application about; name fewer topics"));
        }
        let unavailable = || Denial::Unavailable("the application can't say at the moment who may do what".to_owned());
        // to wait for others says nothing of the application
        let place = timeout(self.timeout, self.places.acquire()).await;
        let (Ok(_place), Some(attempt)) = (place, self.circuit.lock_even_so().admits(Instant::now())) else {
            return Err(unavailable());
        };
        let answered = timeout(self.timeout, self.fetch.get(&address, headers(asked))).await;
        let why = match answered {
            Ok(Ok((status, _))) if status.is_server_error() => format!("the answer is {status}"),
            Ok(Ok((status, body))) => {
                self.circuit.lock_even_so().succeeded();
                return self.understand(status, &body, question);
            }
            Ok(Err(error)) => error,
            Err(_) => format!("it took longer than {} s", self.timeout.as_secs_f32()),
        };
        self.circuit.lock_even_so().failed(attempt, Instant::now());
        tracing::warn!(error = why, "the application was asked who may do what, and did not answer");
        Err(unavailable())
    }

    /// What an answer says, which is kept if it is a grant. It may be one that only this caller's headers have provoked.
    fn understand(&self, status: StatusCode, body: &[u8], question: Question) -> Result<Grant, Denial> {
        match status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(Denial::invalid("the application knows nobody by what was sent"));
            }
            status => {
                tracing::debug!(%status, "the application was asked who may do what: 200, 401 and 403 are answers");
                return Err(Denial::Invalid(format!("the application answered {status} to what was sent")));
            }
        }
        let grant = grant(body, SystemTime::now()).map_err(|error| {
            tracing::warn!(error, "the application was asked who may do what, and gave no grant");
            Denial::Unavailable("the application's answer is no grant".to_owned())
        })?;
        self.kept.lock_even_so().keep(question, &grant);
        Ok(grant)
    }

    /// The address with what is asked for.
    fn address(&self, operation: &Operation<'_>) -> String {
        let (action, names): (_, Vec<String>) = match operation {
            Operation::Publish(topics) => ("publish", topics.iter().map(ToString::to_string).collect()),
            Operation::Subscribe(selectors) => ("subscribe", selectors.iter().map(ToString::to_string).collect()),
        };
        let separator = if self.url.contains('?') { '&' } else { '?' };
        let mut address = format!("{}{separator}action={action}", self.url);
        for name in names {
            address.push_str("&topic=");
            address.extend(utf8_percent_encode(&name, NON_ALPHANUMERIC));
        }
        address
    }
}

impl Authorizer for Ask {
    fn authorize<'a>(&'a self, asked: Asked<'a>) -> Authorizing<'a> {
        Box::pin(async move { self.answer(&asked).await })
    }
}

impl Kept {
    fn get(&self, question: &Question, now: SystemTime) -> Option<Grant> {
        self.answers.get(question).filter(|grant| !grant.has_ended(now + LAST_MOMENT)).cloned()
    }

    fn keep(&mut self, question: Question, grant: &Grant) {
        self.bytes += weight(grant);
        match self.answers.insert(question, grant.clone()) {
            Some(before) => self.bytes -= weight(&before), // it has its place in the order
            None => self.order.push_back(question),
        }
        while self.order.len() > MAX_KEPT || self.bytes > MAX_KEPT_BYTES {
            let Some(oldest) = self.order.pop_front() else { return };
            self.bytes -= self.answers.remove(&oldest).as_ref().map_or(0, weight);
        }
    }
}

/// About how many bytes an answer takes.
fn weight(grant: &Grant) -> usize {
    let selectors = grant.publish.iter().chain(grant.subscribe.iter());
    selectors.fold(BYTES, |bytes, selector| bytes + SELECTOR_BYTES + selector.to_string().len())
}

/// What the caller showed: what a browser sends by itself, and what the caller says.
fn headers(asked: &Asked<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    for (name, sent) in [(header::AUTHORIZATION, asked.authorization), (header::COOKIE, asked.cookie)] {
        if let Some(mut value) = sent.and_then(|sent| HeaderValue::from_bytes(sent).ok()) {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    headers
}

fn question(asked: &Asked<'_>) -> Question {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    for sent in [asked.authorization, asked.cookie] {
        part(&[u8::from(sent.is_some())]);
        part(sent.unwrap_or_default());
    }
    match asked.operation {
        Operation::Publish(topics) => {
            part(b"publish");
            topics.iter().for_each(|topic| part(topic.as_str().as_bytes()));
        }
        Operation::Subscribe(selectors) => {
            part(b"subscribe");
            selectors.iter().for_each(|selector| part(selector.to_string().as_bytes()));
        }
    }
    hash.finalize().into()
}

/// The grant in an answer that comes at `now`.
fn grant(body: &[u8], now: SystemTime) -> Result<Grant, String> {
    let answer: Answer = serde_json::from_slice(body).map_err(|error| format!("its answer is no grant: {error}"))?;
    let ttl = match answer.ttl {
        None => DEFAULT_TTL,
        Some(seconds) => Duration::try_from_secs_f64(seconds)
            .map_err(|_| "its `ttl` is no number of seconds".to_owned())?
            .clamp(MIN_TTL, MAX_TTL),
    };
    Ok(Grant {
        subject: answer.subject,
        issuer: None,
        token: None,
        publish: selectors("publish", &answer.publish)?,
        subscribe: selectors("subscribe", &answer.subscribe)?,
        until: now.checked_add(ttl),
    })
}

fn selectors(name: &str, texts: &[String]) -> Result<Arc<[Selector]>, String> {
    if texts.len() > MAX_SELECTORS {
        return Err(format!("its `{name}` has more than {MAX_SELECTORS} topics and patterns"));
    }
    let selectors = texts.iter().map(|text| Selector::new(text)).collect::<Result<_, _>>();
    selectors.map_err(|why| format!("its `{name}` has something that is no topic or pattern: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_grant_or_it_is_told_what_is_wrong() {
        let now = SystemTime::now();
        let grant = |body: &[u8]| super::grant(body, now);
        let lasts = |grant: &Grant| grant.until.unwrap().duration_since(now).unwrap();
        let found = grant(br#"{"subject":"7","subscribe":["users/7/**"],"ttl":1.5,"more":{}}"#).unwrap();
        assert_eq!((found.subject.as_deref(), lasts(&found)), (Some("7"), Duration::from_millis(1500)));
        assert_eq!((found.subscribe.len(), found.publish.len()), (1, 0));
        assert_eq!(lasts(&grant(b"{}").unwrap()), DEFAULT_TTL);
        assert_eq!(lasts(&grant(br#"{"ttl":1e9}"#).unwrap()), MAX_TTL);
        for (body, says) in [
            (&b"<html>"[..], "is no grant"),
            (br#"{"ttl":-1}"#, "no number of seconds"),
            (br#"{"publish":["a**"]}"#, "`publish` has something"),
            (br#"{"subscribe":"a"}"#, "is no grant"),
        ] {
            let why = grant(body).unwrap_err();
            assert!(why.contains(says), "{why}");
        }
    }

    #[test]
    fn answers_are_kept_while_they_hold_and_the_oldest_go() {
        let (mut kept, now) = (Kept::default(), SystemTime::now());
        let grant = Grant { until: now.checked_add(Duration::from_secs(2)), ..Grant::default() };
        let number = |i: usize| -> Question {
            let mut question = [0; 32];
            question[..8].copy_from_slice(&i.to_le_bytes());
            question
        };
        for i in 0..=MAX_KEPT {
            kept.keep(number(i), &Grant { until: Some(now), ..Grant::default() });
            kept.keep(number(i), &grant);
        }
        assert!(kept.get(&number(0), now).is_none() && kept.get(&number(1), now).is_some());
        assert!(kept.get(&number(1), now + Duration::from_secs(2)).is_none());
        assert_eq!((kept.answers.len(), kept.order.len()), (MAX_KEPT, MAX_KEPT));
        let long = Selector::new(&"x".repeat(1000)).unwrap();
        let large = Grant { subscribe: vec![long; MAX_SELECTORS].into(), ..grant };
        (0..100).for_each(|i| kept.keep(number(i), &large));
        assert!(kept.bytes <= MAX_KEPT_BYTES && kept.answers.len() < 100, "{}", kept.answers.len());
        assert_eq!(kept.bytes, kept.answers.values().map(weight).sum::<usize>());
    }

    #[test]
    fn who_shows_something_else_or_asks_for_something_else_has_another_answer() {
        let topics = [Selector::new("a").unwrap(), Selector::new("b").unwrap()];
        let asked = |authorization: Option<&'static [u8]>, cookie: Option<&'static [u8]>, operation| Asked {
            authorization,
            cookie,
            ..Asked::new("", operation)
        };
        let all = Operation::Subscribe(&topics);
        let questions = [
            asked(None, Some(b"ab"), all),
            asked(Some(b"ab"), None, all),
            asked(Some(b"a"), Some(b"b"), all),
            asked(Some(b"ab"), Some(b""), all),
            asked(None, Some(b"ab"), Operation::Subscribe(&topics[..1])),
            asked(None, Some(b"ab"), Operation::Publish(&[])),
            asked(None, Some(b"ab"), Operation::Subscribe(&[])),
        ];
        let mut prints: Vec<_> = questions.iter().map(question).collect();
        prints.sort_unstable();
        prints.dedup();
        assert_eq!(prints.len(), questions.len());
    }
}
