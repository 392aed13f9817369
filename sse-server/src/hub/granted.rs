//! Streams of which it is known who holds them, where access is controlled.

use std::{net::IpAddr, task::Waker};

use futures_util::task::AtomicWaker;
use sse_engine::{Millis, Selectors, Session, StreamName};

use crate::{
    auth::{CERTIFICATE, Grant},
    base::lock::Lock,
};

/// Who holds a stream, and until when.
#[derive(Debug)]
pub(crate) struct GrantedStream {
    name: StreamName,
    pub(crate) subject: Option<String>,
    issuer: Option<String>,
    pub(crate) selectors: Selectors,
    pub(crate) address: Option<IpAddr>,
    /// The number of the ticket that it was opened with.
    ticket: Option<u128>,
    /// The date at which it opened.
    pub(crate) opened: Millis,
    term: Lock<Term>,
    /// Whoever carries the stream.
    carrier: AtomicWaker,
}

/// How long a stream is granted.
#[derive(Debug)]
struct Term {
    /// The name of the token that the grant comes from.
    token: Option<String>,
    /// When it ends, on the hub's clock; [`Millis::MAX`] is never.
    until: Millis,
    revoked: bool,
}

impl GrantedStream {
    /// A stream of `selectors` that is held by `grant` until `until`.
    pub(super) fn new(
        name: StreamName,
        grant: &Grant,
        until: Millis,
        selectors: Selectors,
        address: Option<IpAddr>,
        opened: Millis,
    ) -> Self {
        Self {
            name,
            subject: grant.subject.clone(),
            issuer: grant.issuer.clone(),
            selectors,
            address,
            ticket: None,
            opened,
            term: Lock::new(Term { token: grant.token.clone(), until, revoked: false }),
            carrier: AtomicWaker::new(),
        }
    }

    /// Returns true if it is held by a certificate.
    pub(super) fn is_by_certificate(&self) -> bool {
        self.issuer.as_deref() == Some(CERTIFICATE)
    }

    /// The same, opened with the ticket of this number.
    pub(super) fn with_ticket(self, ticket: Option<u128>) -> Self {
        Self { ticket, ..self }
    }

    pub(super) const fn ticket(&self) -> Option<u128> {
        self.ticket
    }

    pub(crate) const fn name(&self) -> StreamName {
        self.name
    }

    /// The name of the token that the grant comes from.
    pub(crate) fn token(&self) -> Option<String> {
        self.term.lock_even_so().token.clone()
    }

    /// Tells `session` when its grant ends. `waker` is woken when that changes.
    pub(crate) fn apply_to(&self, session: &mut Session, waker: &Waker) {
        self.carrier.register(waker); // first, so that no change is missed
        let term = self.term.lock_even_so();
        if term.revoked {
            session.revoke();
        } else {
            session.grant(term.until);
        }
    }

    /// Ends the stream.
    pub(super) fn revoke(&self) {
        self.term.lock_even_so().revoked = true;
        self.carrier.wake();
    }

    /// Returns true if `grant` is of the same holder, and allows all that the stream selects.
    pub(super) fn is_covered_by(&self, grant: &Grant) -> bool {
        // who is nobody by name is not the same as another who is
        self.subject.is_some()
            && self.subject == grant.subject
            && self.issuer == grant.issuer
            && grant.excluded(self.selectors.iter()).is_none()
    }

    /// Moves the end of the stream. Returns false if it was revoked meanwhile.
    pub(super) fn renew(&self, grant: &Grant, until: Millis) -> bool {
        let mut term = self.term.lock_even_so();
        if term.revoked {
            return false;
        }
        (term.token, term.until) = (grant.token.clone(), until);
        drop(term);
        self.carrier.wake();
        true
    }
}

#[cfg(test)]
impl GrantedStream {
    pub(super) fn for_test() -> std::sync::Arc<Self> {
        let selectors = Selectors::new(vec![sse_engine::Selector::new("a").unwrap()], false);
        Self::new(StreamName::new(1), &Grant::default(), Millis::MAX, selectors, None, 0).into()
    }

    pub(super) fn is_revoked(&self) -> bool {
        self.term.lock_even_so().revoked
    }
}
