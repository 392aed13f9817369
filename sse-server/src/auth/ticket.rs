//! Connect tickets: a part of a grant for one event stream, in the address, where a browser can send no header. They are signed,
//! so a hub knows its own again after a restart.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use sse_engine::Selector;

use super::{Denial, Grant};

/// What each ticket begins with, so that those who look for leaked secrets find it.
const PREFIX: &str = "sse_ticket_";

/// The most bytes of a ticket: it is a part of an address.
const MAX_BYTES: usize = 4 << 10;

/// The length of a key.
pub(crate) const KEY_BYTES: usize = 32;

/// Signs tickets.
#[derive(Clone)]
pub(crate) struct TicketKey {
    bytes: [u8; KEY_BYTES],
    /// What its tickets are for: those of a hub that decides in another way are none.
    purpose: String,
}

/// A key is no log's business.
impl fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketKey").finish_non_exhaustive()
    }
}

/// The right to one event stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// What tells it from all others.
    pub(crate) number: u128,
    /// In whole seconds.
    pub(crate) issued: SystemTime,
    /// Its stream has to open before this. In whole seconds.
    pub(crate) use_by: SystemTime,
    /// Who holds it, what they may subscribe to, and until when, in whole milliseconds.
    pub(crate) grant: Grant,
    /// What the token behind it was, if that can be looked up.
    pub(crate) stamp: Option<u64>,
}

/// A ticket as it is signed. Names are short, since it is a part of an address.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    n: u128,
    /// In seconds since 1970, as `u` is.
    a: u64,
    u: u64,
    /// In milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    i: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    t: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    f: Option<u64>,
    r: Vec<String>,
}

impl TicketKey {
    pub(crate) const fn new(bytes: [u8; KEY_BYTES], purpose: String) -> Self {
        Self { bytes, purpose }
    }

    /// The ticket as it is sent; `None` if it would be too long for an address.
    pub(crate) fn sign(&self, ticket: &Ticket) -> Option<String> {
        let Grant { subject, issuer, token, subscribe, until, .. } = &ticket.grant;
        let since = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let payload = Payload {
            n: ticket.number,
            a: since(ticket.issued).as_secs(),
            u: since(ticket.use_by).as_millis().div_ceil(1000).try_into().ok()?,
            e: until.map(|until| u64::try_from(since(until).as_millis()).unwrap_or(u64::MAX)),
            s: subject.clone(),
            i: issuer.clone(),
            t: token.clone(),
            f: ticket.stamp,
            r: subscribe.iter().map(ToString::to_string).collect(),
        };
        let payload = serde_json::to_vec(&payload).ok()?;
        let signature = self.mac(&payload)?.finalize().into_bytes();
        let text = format!("{PREFIX}{}.{}", URL_SAFE_NO_PAD.encode(payload), URL_SAFE_NO_PAD.encode(signature));
        (text.len() <= MAX_BYTES).then_some(text)
    }

    /// The ticket that `text` is, if this key has signed it.
    pub(crate) fn verify(&self, text: &str) -> Result<Ticket, Denial> {
        self.read(text).ok_or_else(|| Denial::invalid("the ticket is none of this hub's"))
    }

    fn read(&self, text: &str) -> Option<Ticket> {
        let (payload, signature) = text.strip_prefix(PREFIX).filter(|_| text.len() <= MAX_BYTES)?.split_once('.')?;
        let [payload, signature] = [payload, signature].map(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let payload = payload?;
        self.mac(&payload)?.verify_slice(&signature?).ok()?; // in constant time
        let Payload { n, a, u, e, s, i, t, f, r } = serde_json::from_slice(&payload).ok()?;
        let after = |time: Duration| UNIX_EPOCH.checked_add(time);
        let subscribe: Vec<_> = r.iter().map(|text| Selector::new(text)).collect::<Result<_, _>>().ok()?;
        let until = match e {
            Some(e) => Some(after(Duration::from_millis(e))?),
            None => None,
        };
        let grant =
            Grant { subject: s, issuer: i, token: t, publish: Arc::default(), subscribe: subscribe.into(), until };
        let (issued, use_by) = (after(Duration::from_secs(a))?, after(Duration::from_secs(u))?);
        Some(Ticket { number: n, issued, use_by, grant, stamp: f })
    }

    fn mac(&self, payload: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.bytes).ok()?;
        mac.update(format!("sse-server ticket 1 {}\n", self.purpose).as_bytes());
        mac.update(payload);
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> TicketKey {
        TicketKey::new([byte; KEY_BYTES], "tokens".into())
    }

    fn ticket(topics: &[&str]) -> Ticket {
        let subscribe = topics.iter().map(|text| Selector::new(text).unwrap()).collect();
        let until = UNIX_EPOCH.checked_add(Duration::from_millis(1_800_000_000_123));
        let grant =
            Grant { subject: Some("user 7".into()), token: Some("t1".into()), subscribe, until, ..Grant::default() };
        let (issued, use_by) =
            (UNIX_EPOCH + Duration::from_secs(1_700_000_000), UNIX_EPOCH + Duration::from_secs(1_700_000_060));
        Ticket { number: u128::MAX - 7, issued, use_by, grant, stamp: Some(u64::MAX) }
    }

    #[test]
    fn what_was_signed_is_read_again_and_nothing_else_is() {
        let own = key(7);
        for ticket in [
            ticket(&["a", "users/7/**", "é ü"]),
            Ticket { grant: Grant { until: None, subject: None, ..ticket(&[]).grant }, ..ticket(&["a"]) },
        ] {
            let text = own.sign(&ticket).unwrap();
            assert_eq!(own.verify(&text), Ok(ticket));
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "{text}");
            assert!(key(8).verify(&text).is_err(), "another hub's");
            assert!(TicketKey::new([7; KEY_BYTES], "jwt".into()).verify(&text).is_err(), "of other tokens");
            for at in 0..text.len() {
                let mut bytes = text.clone().into_bytes();
                bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
                assert!(own.verify(std::str::from_utf8(&bytes).unwrap()).is_err(), "changed at {at}");
                assert!(own.verify(&text[..at]).is_err(), "cut at {at}");
            }
        }
        for text in ["", ".", PREFIX, "sse_ticket_.", "sse_ticket_e30.e30"] {
            assert!(own.verify(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_ticket_fits_an_address() {
        let own = key(7);
        let long = "x".repeat(900);
        assert!(own.sign(&ticket(&[&long, &long, &long])).is_some());
        assert!(own.sign(&ticket(&[&long, &long, &long, &long])).is_none());
        assert_eq!(format!("{own:?}"), "TicketKey { .. }");
    }
}
