//! Client certificates, as TLS has verified them, and what is granted to whom they name.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use sse_engine::Selector;

use super::{Asked, Authorizer, Authorizing, Denial, Grant};
use crate::config::CertificateGrant;

/// What stands for every name.
const ANY: &str = "*";

/// Who vouches for a subject that a certificate names.
pub(crate) const ISSUER: &str = "certificate";

/// A certificate that a client has shown and proved to be its own.
#[derive(Debug, Clone)]
pub(crate) struct ClientCertificate {
    /// Its names of hosts and its URIs (`subjectAltName`), in their order.
    pub(crate) names: Box<[Box<str>]>,
    /// When it ends; `None` if that is not known.
    pub(crate) until: Option<SystemTime>,
    /// False once somebody who vouched for clients, perhaps for this one, does so no more.
    pub(crate) vouched: Arc<AtomicBool>,
}

impl ClientCertificate {
    /// Returns true if it has ended at `now`.
    #[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "nothing verifies one"))]
    pub(crate) fn has_ended(&self, now: SystemTime) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// Returns true if it still counts, but for its end.
    pub(crate) fn is_vouched(&self) -> bool {
        self.vouched.load(Ordering::Acquire)
    }
}

/// Decides where certificates alone count.
#[derive(Debug)]
pub(crate) struct NoTokens;

impl Authorizer for NoTokens {
    fn authorize<'a>(&'a self, _: Asked<'a>) -> Authorizing<'a> {
        Box::pin(async { Err(Denial::invalid("no token is taken here; show a certificate")) })
    }
}

/// What is granted to clients by the names in their certificates.
#[derive(Debug, Default)]
pub(crate) struct Certificates(Vec<(String, Grant)>);

impl Certificates {
    pub(crate) fn new(grants: &[CertificateGrant]) -> Self {
        let selectors = |texts: &[String]| -> Arc<[Selector]> {
            texts.iter().filter_map(|text| Selector::new(text).ok()).collect() // they have been checked
        };
        let grant = |one: &CertificateGrant| Grant {
            issuer: Some(ISSUER.to_owned()),
            publish: selectors(&one.publish),
            subscribe: selectors(&one.subscribe),
            ..Grant::default()
        };
        Self(grants.iter().map(|one| (one.name.clone(), grant(one))).collect())
    }

    /// What the client with `certificate` may do, by the first entry that names it.
    pub(crate) fn grant(&self, certificate: &ClientCertificate) -> Option<Grant> {
        self.0.iter().find_map(|(name, grant)| {
            let mut names = certificate.names.iter();
            let subject = names.find(|one| name == ANY || is_same(one, name))?;
            Some(Grant { subject: Some(subject.to_string()), until: certificate.until, ..grant.clone() })
        })
    }
}

/// Returns true if they are the same: names of hosts in whatever case, URIs as they are written.
fn is_same(one: &str, other: &str) -> bool {
    if one.contains(':') { one == other } else { one.eq_ignore_ascii_case(other) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_entry_that_names_a_client_decides() {
        let entry = |name: &str, publish: &str| CertificateGrant {
            name: name.into(),
            publish: vec![publish.into()],
            subscribe: Vec::new(),
        };
        let all = [entry("a.example", "a/**"), entry("spiffe://x/Job", "job"), entry("*", "rest")];
        let granted = |entries: &[CertificateGrant], names: &[&str]| {
            let names = names.iter().map(|name| Box::from(*name)).collect();
            let grant =
                Certificates::new(entries).grant(&ClientCertificate { names, until: None, vouched: Arc::default() })?;
            Some((grant.subject?, grant.publish[0].to_string()))
        };
        let some = |subject: &str, publish: &str| Some((subject.to_owned(), publish.to_owned()));
        assert_eq!(granted(&all, &["b.example", "A.example"]), some("A.example", "a/**"));
        assert_eq!(granted(&all, &["spiffe://x/Job"]), some("spiffe://x/Job", "job"));
        assert_eq!(granted(&all, &["spiffe://x/job"]), some("spiffe://x/job", "rest"));
        assert_eq!(granted(&all, &[]), None, "without a name it is nobody");
        assert_eq!(granted(&all[..2], &["b.example"]), None);
    }
}
