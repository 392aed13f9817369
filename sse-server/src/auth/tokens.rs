//! Tokens of the hub's own: a file has their hashes and what they grant.

use std::{
    collections::{BTreeMap, HashSet},
    fmt::{self, Write as _},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sse_engine::Selector;
use subtle::ConstantTimeEq;

use super::{Denial, Grant, MAX_SELECTORS};
use crate::base::clock::rfc3339;

/// What each token begins with, so that those who look for leaked secrets find it.
const PREFIX: &str = "sse_";

/// The most tokens of a file.
const MAX_TOKENS: usize = 100_000;

const ID_BYTES: usize = 6;
const SECRET_BYTES: usize = 32;

/// The tokens of a hub, by their IDs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens(BTreeMap<String, Token>);

/// A token as it is kept: what it grants, and the hash of its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Token {
    /// Its public name.
    pub id: String,
    /// Who holds it.
    pub subject: String,
    /// What may be published with it.
    pub publish: Arc<[Selector]>,
    /// What may be subscribed to with it.
    pub subscribe: Arc<[Selector]>,
    /// When it was made.
    pub created: SystemTime,
    /// When it ends; `None` is never.
    pub expires: Option<SystemTime>,
    hash: Hash,
}

/// What a new token is to grant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "it is made by whoever asks for a token")]
pub struct NewToken {
    /// Who holds it.
    pub subject: String,
    /// What may be published with it.
    pub publish: Vec<Selector>,
    /// What may be subscribed to with it.
    pub subscribe: Vec<Selector>,
    /// For how long; `None` is for ever.
    pub valid_for: Option<Duration>,
}

/// A token that was just made.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Issued {
    /// Its public name.
    pub id: String,
    /// The token itself, which nobody can tell again.
    pub token: String,
}

/// The token is a secret, and no log's business.
impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why a file of tokens can't be used, or a token can't be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TokenError(String);

/// The SHA-256 of a secret. The secret has 256 random bits, so nothing slower is needed.
type Hash = [u8; 32];

impl Tokens {
    /// Reads a file of tokens.
    ///
    /// # Errors
    ///
    /// One line that names the token, the member and what is allowed.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let file: File = toml::from_str(text).map_err(|error| {
            // not the line itself, in which there may be a secret
            let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].lines().count().max(1));
            let what = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
            TokenError(format!("line {line}: {what}"))
        })?;
        if file.tokens.len() > MAX_TOKENS {
            return Err(TokenError(format!("there are {} tokens; {MAX_TOKENS} are allowed", file.tokens.len())));
        }
        let mut tokens = BTreeMap::new();
        for row in file.tokens {
            let id = row.id.clone();
            let token = row.read()?;
            if tokens.insert(id.clone(), token).is_some() {
                return Err(TokenError(format!("the token {id:?} is there twice")));
            }
        }
        Ok(Self(tokens))
    }

    /// The file that [`parse`](Self::parse) reads.
    ///
    /// # Errors
    ///
    /// If the time of a token can't be written: it is after the year 9999.
    pub fn to_toml(&self) -> Result<String, TokenError> {
        let file = File { tokens: self.iter().map(Row::of).collect() };
        let text = toml::to_string(&file).map_err(|error| TokenError(error.to_string()))?;
        Ok(format!(
            "# The tokens of an sse-server: `sse-server token` writes this file, the hub reads it again.\n\n{text}"
        ))
    }

    /// The tokens, ordered by ID.
    pub fn iter(&self) -> impl Iterator<Item = &Token> {
        self.0.values()
    }

    /// Adds a token at `now`, with an ID and a secret of the system's randomness.
    ///
    /// # Errors
    ///
    /// If there are too many, the subject is empty, its time is beyond the calendar, or the system has no randomness.
    pub fn issue(&mut self, new: NewToken, now: SystemTime) -> Result<Issued, TokenError> {
        let NewToken { subject, publish, subscribe, valid_for } = new;
        if self.0.len() >= MAX_TOKENS {
            return Err(TokenError(format!("there are {MAX_TOKENS} tokens; revoke some")));
        }
        if subject.is_empty() || subject.chars().any(char::is_control) {
            return Err(TokenError(format!("the subject is {subject:?}; it takes a text without control characters")));
        }
        let now = whole_milliseconds(now);
        let expires = match valid_for {
            None => None,
            Some(time) => Some(now.checked_add(time).filter(|end| rfc3339(*end).is_some()).ok_or_else(|| {
                TokenError(
                    "the token would end after the year 9999; give a shorter time, or none for one without an end"
                        .into(),
                )
            })?),
        };
        if publish.len() > MAX_SELECTORS || subscribe.len() > MAX_SELECTORS {
            return Err(TokenError(format!("a token has {MAX_SELECTORS} selectors of each kind at most")));
        }
        let random = || TokenError("the system has no randomness to make a token of".into());
        let (mut id, mut secret) = ([0; ID_BYTES], [0; SECRET_BYTES]);
        getrandom::fill(&mut id).and_then(|()| getrandom::fill(&mut secret)).map_err(|_| random())?;
        let (id, secret) = (hex(&id), hex(&secret));
        let hash = Sha256::digest(&secret).into();
        let token = format!("{PREFIX}{id}_{secret}");
        let (publish, subscribe) = (publish.into(), subscribe.into());
        let kept = Token { id: id.clone(), subject, publish, subscribe, created: now, expires, hash };
        self.0.insert(id.clone(), kept);
        Ok(Issued { id, token })
    }

    /// Removes the token with this ID. Returns true if there was one.
    pub fn revoke(&mut self, id: &str) -> bool {
        self.0.remove(id).is_some()
    }

    /// What `token` grants, though it may have ended.
    pub(crate) fn grant(&self, token: &str) -> Result<Grant, Denial> {
        let unknown = || Denial::invalid("the token is not known here");
        let (id, secret) = token.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).ok_or_else(unknown)?;
        let known = self.0.get(id);
        // as long for an ID that there is as for one that there isn't
        let hash: Hash = Sha256::digest(secret).into();
        let is_it = hash.ct_eq(&known.map_or([0; 32], |known| known.hash));
        let known = known.filter(|_| is_it.into()).ok_or_else(unknown)?;
        Ok(Grant {
            issuer: None,
            subject: Some(known.subject.clone()),
            token: Some(known.id.clone()),
            publish: known.publish.clone(),
            subscribe: known.subscribe.clone(),
            until: known.expires,
        })
    }

    /// A part of the hash of the token with this ID.
    pub(crate) fn stamp(&self, id: &str) -> Option<u64> {
        // hashed once more, since it is shown: of the secret nothing can be told by it
        let hash = Sha256::digest(self.0.get(id)?.hash);
        hash.first_chunk().map(|first| u64::from_le_bytes(*first))
    }

    /// What is left of a `grant` that came from a token that was `stamp`; `None` if the token is another now, or may not
    /// subscribe to all of it.
    pub(crate) fn left_of(&self, grant: Grant, stamp: Option<u64>) -> Option<Grant> {
        let id = grant.token.as_ref()?;
        let token = self.0.get(id).filter(|_| self.stamp(id) == stamp)?;
        let covered = grant.subscribe.iter().all(|one| token.subscribe.iter().any(|granted| granted.covers(one)));
        let until = match (grant.until, token.expires) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        covered.then_some(Grant { until, ..grant })
    }

    /// The IDs of tokens that grant something else in `new`, or are not there.
    pub(crate) fn changed_in(&self, new: &Self) -> HashSet<String> {
        self.iter().filter(|token| new.0.get(&token.id) != Some(token)).map(|token| token.id.clone()).collect()
    }
}

/// What the file holds.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    tokens: Vec<Row>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    subject: String,
    sha256: String,
    #[serde(default)]
    publish: Vec<String>,
    #[serde(default)]
    subscribe: Vec<String>,
    created: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
}

impl Row {
    fn of(token: &Token) -> Self {
        let texts = |selectors: &[Selector]| selectors.iter().map(ToString::to_string).collect();
        // times that were read or checked when they were made
        let time = |time| rfc3339(time).unwrap_or_default();
        Self {
            id: token.id.clone(),
            subject: token.subject.clone(),
            sha256: hex(&token.hash),
            publish: texts(&token.publish),
            subscribe: texts(&token.subscribe),
            created: time(token.created),
            expires: token.expires.map(time),
        }
    }

    fn read(self) -> Result<Token, TokenError> {
        let Self { id, subject, sha256, publish, subscribe, created, expires } = self;
        let wrong = |member: &str, value: &str, allowed: &str| {
            TokenError(format!("the token {id:?} has {member} = {value:?}; it takes {allowed}"))
        };
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(wrong("id", &id, "letters and digits"));
        }
        let hash = unhex(&sha256).ok_or_else(|| {
            TokenError(format!("the token {id:?} has a sha256 that is none; it takes 64 hexadecimal digits")) // or a secret
        })?;
        let selectors = |member: &str, texts: Vec<String>| {
            if texts.len() > MAX_SELECTORS {
                return Err(wrong(member, &format!("{} selectors", texts.len()), &format!("{MAX_SELECTORS} at most")));
            }
            let one = |text: &String| Selector::new(text).map_err(|why| wrong(member, text, &why.to_string()));
            texts.iter().map(one).collect::<Result<Arc<[_]>, _>>()
        };
        let time = |member: &str, text: &str| {
            humantime::parse_rfc3339_weak(text).map_err(|_| wrong(member, text, "a time such as 2030-01-31T12:00:00Z"))
        };
        Ok(Token {
            publish: selectors("publish", publish)?,
            subscribe: selectors("subscribe", subscribe)?,
            created: time("created", &created)?,
            expires: expires.map(|text| time("expires", &text)).transpose()?,
            id: id.clone(),
            subject,
            hash,
        })
    }
}

/// `time` as exact as the file has it.
fn whole_milliseconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_millis(u64::try_from(since.as_millis()).unwrap_or_default())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to memory does not fail
        text
    })
}

fn unhex(text: &str) -> Option<Hash> {
    let mut hash = [0; 32];
    if text.len() != 2 * hash.len() || !text.is_ascii() {
        return None;
    }
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_900_000_000)
    }

    fn new(valid_for: Option<Duration>) -> NewToken {
        let selectors = |text| vec![Selector::new(text).unwrap()];
        NewToken { subject: "ci \"7\"".into(), publish: selectors("runs/**"), subscribe: Vec::new(), valid_for }
    }

    #[test]
    fn a_token_grants_what_it_was_made_for_until_its_end() {
        let mut tokens = Tokens::default();
        let Issued { id, token } = tokens.issue(new(Some(HOUR)), now()).unwrap();
        let grant = tokens.grant(&token).unwrap();
        assert!(!grant.has_ended(now()) && grant.has_ended(now() + HOUR));
        assert_eq!((grant.subject.as_deref(), grant.token.as_deref()), (Some("ci \"7\""), Some(&*id)));
        assert_eq!((&*grant.publish, grant.until), (&*new(None).publish, Some(now() + HOUR)));
        assert!(tokens.revoke(&id) && !tokens.revoke(&id));
        assert!(tokens.grant(&token).is_err());
    }

    #[test]
    fn what_is_not_the_token_is_not_known() {
        let mut tokens = Tokens::default();
        let Issued { token, .. } = tokens.issue(new(None), now()).unwrap();
        let other = tokens.issue(new(None), now()).unwrap().token;
        let mixed = format!("{}{}", &token[..16], &other[16..]);
        let all_zero = format!("{}{}", &token[..17], "0".repeat(64));
        for wrong in ["", "sse_", "sse__", &token[1..], &token[..80], &format!("{token} "), &mixed, &all_zero] {
            assert_eq!(tokens.grant(wrong), Err(Denial::invalid("the token is not known here")), "{wrong}");
        }
    }

    #[test]
    fn the_file_is_read_as_it_was_written_and_holds_no_token() {
        let mut tokens = Tokens::default();
        let first = tokens.issue(new(Some(HOUR)), now()).unwrap().token;
        let second = tokens.issue(new(None), now()).unwrap().token;
        let text = tokens.to_toml().unwrap();
        assert_eq!(Tokens::parse(&text).unwrap(), tokens);
        for token in [first, second] {
            assert!(!text.contains(&token[17..]), "a secret is in {text}");
        }
        assert_eq!(Tokens::parse("").unwrap(), Tokens::default());
    }

    #[test]
    fn what_is_wrong_with_a_file_is_named() {
        let row = |id: &str, more: &str| {
            format!(
                "[[tokens]]\nid = \"{id}\"\nsubject = \"s\"\nsha256 = \"{}\"\ncreated = \"2026-01-01T00:00:00Z\"\n{more}",
                "0a".repeat(32)
            )
        };
        assert!(Tokens::parse(&row("a1", "")).is_ok());
        for (text, named) in [
            (row("a b", ""), "the token \"a b\" has id = \"a b\"; it takes letters and digits"),
            (row("a", "subscribe = [\"**/a\"]"), "has subscribe = \"**/a\""),
            (row("a", "expires = \"soon\""), "has expires = \"soon\"; it takes a time"),
            (row("a", "sujbect = 1"), "sujbect"),
            (row("a", "").replace("0a0a", "0g0a"), "64 hexadecimal digits"),
            (format!("{}{}", row("a", ""), row("a", "")), "the token \"a\" is there twice"),
            ("tokens = 7".into(), "line 1: invalid type: integer `7`"),
        ] {
            let error = Tokens::parse(&text).unwrap_err().to_string();
            assert!(error.contains(named) && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn what_can_not_be_issued_is_told() {
        let mut tokens = Tokens::default();
        for subject in ["", "a\nb"] {
            let error = tokens.issue(NewToken { subject: subject.into(), ..new(None) }, now()).err().unwrap();
            assert!(error.to_string().contains("the subject is"), "{error}");
        }
        for time in [Duration::MAX, Duration::from_secs(300_000_000_000)] {
            assert!(tokens.issue(new(Some(time)), now()).is_err(), "{time:?}");
        }
    }

    #[test]
    fn what_changed_is_known_by_its_id() {
        let mut tokens = Tokens::default();
        let [kept, gone, changed] = [0; 3].map(|_| tokens.issue(new(None), now()).unwrap().id);
        let mut later = tokens.clone();
        later.revoke(&gone);
        later.0.get_mut(&changed).unwrap().subscribe = [Selector::new("a").unwrap()].into();
        later.issue(new(None), now()).unwrap();
        assert_eq!(tokens.changed_in(&later), HashSet::from([gone, changed]));
        assert!(later.0.contains_key(&kept));
    }
}
