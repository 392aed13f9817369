//! Access: who decides what somebody may do, and the streams that are held by what was decided.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    ops::Bound,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use sse_engine::{Millis, Selector, Selectors, StreamName, millis};
use tokio::time::{MissedTickBehavior, interval};

use super::{
    Hub, Shared,
    granted::GrantedStream,
    tickets::{Claim, Tickets},
};
#[cfg(feature = "jwt")]
use crate::auth::Issuers;
use crate::{
    auth::{
        Ask, Asked, Authorizer, ByFiles, Certificates, ClientCertificate, Denial, Grant, NoTokens, Reread, Ticket,
        TokenFile,
    },
    base::{lock::Lock, random, watched_files::WATCH},
    config::{Auth, AuthMode, Config},
};

/// The longest time that a ticket grants if nobody can be asked again about who holds it.
const UNASKED: Duration = Duration::from_secs(24 * 3600);

/// Who decides.
#[derive(Debug)]
pub(crate) struct Authority {
    authorizer: Arc<dyn Authorizer>,
    /// The same, if it decides by files, which are read again when they change.
    files: Option<Arc<dyn ByFiles>>,
    /// It decides by the headers of a request as they were sent, and knows no tokens.
    by_headers: bool,
}

/// The access control of a hub.
#[derive(Debug)]
pub(crate) struct Access {
    authority: Authority,
    is_watched: AtomicBool,
    tickets: Tickets,
    /// Who shows nothing.
    anonymous: Grant,
    certificates: Certificates,
    streams: Lock<BTreeMap<StreamName, Arc<GrantedStream>>>,
    /// How often streams were ended for what they rest on. A stream that opens meanwhile, or a body that is read, may rest on
    /// the same, and is decided anew. To end one stream by its name takes nothing back.
    revocations: AtomicU64,
}

/// What somebody may do, and how often something had been taken back before that was decided.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) grant: Grant,
    /// Nothing was shown.
    pub(crate) is_anonymous: bool,
    revocations: u64,
    /// What was shown is a ticket, whose stream is about to open.
    claim: Option<Claim>,
}

/// What somebody shows who asks for something.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shown<'a> {
    Nothing,
    /// TLS has verified it.
    Certificate(&'a ClientCertificate),
    /// Who decides is asked about it.
    Asked(Asked<'a>),
}

/// Why the end of a stream is not moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotRenewed {
    /// There is no such stream.
    NoStream,
    /// The stream is another's, or more than what is granted.
    NotCovered,
}

impl Authority {
    /// What the configuration says, if access is controlled at all.
    pub(super) fn of(config: &Config) -> Result<Option<Self>, String> {
        let (ask, config) = (&config.ask, &config.auth);
        match config.mode {
            AuthMode::Open => Ok(None),
            AuthMode::Ask => {
                let ask = Ask::open(ask)?;
                Ok(Some(Self { by_headers: true, ..Self::by(Arc::new(ask)) }))
            }
            AuthMode::Certificates => Ok(Some(Self::by(Arc::new(NoTokens)))),
            AuthMode::Tokens => Ok(Some(Self::by_files(TokenFile::open(&config.tokens)?))),
            #[cfg(feature = "jwt")]
            AuthMode::Jwt => Ok(Some(Self::by_files(Issuers::open(config)?))),
            #[cfg(not(feature = "jwt"))]
            AuthMode::Jwt => Err("auth.mode is jwt, and this program was built without the feature jwt".to_owned()),
        }
    }

    fn by_files(files: impl ByFiles) -> Self {
        let files = Arc::new(files);
        Self { files: Some(files.clone()), ..Self::by(files) }
    }

    /// `authorizer` decides.
    pub(super) fn by(authorizer: Arc<dyn Authorizer>) -> Self {
        Self { authorizer, files: None, by_headers: false }
    }
}

impl Access {
    /// `authority` decides.
    pub(super) fn new(authority: Authority, tickets: Tickets, config: &Auth) -> Self {
        let subscribe = config.anonymous.iter().filter_map(|text| Selector::new(text).ok()).collect();
        Self {
            authority,
            is_watched: AtomicBool::new(false),
            tickets,
            anonymous: Grant { subscribe, ..Grant::default() },
            certificates: Certificates::new(&config.certificates),
            streams: Lock::default(),
            revocations: AtomicU64::new(0),
        }
    }

    /// Returns true if it decides by the headers of a request as they were sent, not by a token in one of them.
    pub(crate) const fn is_by_headers(&self) -> bool {
        self.authority.by_headers
    }

    /// Takes a stream that has ended off the list.
    pub(super) fn forget(&self, name: StreamName) {
        self.streams.lock_even_so().remove(&name);
    }

    /// Up to `count` streams after the one named `after`, ordered by name.
    pub(crate) fn streams_after(&self, after: Option<StreamName>, count: usize) -> Vec<Arc<GrantedStream>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let streams = self.streams.lock_even_so();
        streams.range((from, Bound::Unbounded)).take(count).map(|(_, stream)| stream.clone()).collect()
    }

    /// Ends the streams that `is_one` is true for, and their tickets. Returns how many.
    pub(crate) fn revoke(&self, is_one: impl Fn(&GrantedStream) -> bool) -> usize {
        self.end_all(is_one, |stream| self.end(stream))
    }

    fn end_all(&self, is_one: impl Fn(&GrantedStream) -> bool, end: impl Fn(&GrantedStream)) -> usize {
        self.revocations.fetch_add(1, Ordering::AcqRel); // first, for those that are not on the list yet
        let streams = self.streams.lock_even_so();
        let all: Vec<_> = streams.values().filter(|stream| is_one(stream)).cloned().collect();
        drop(streams);
        all.iter().for_each(|stream| end(stream));
        all.len()
    }

    /// What the stream with this name selects; nothing if there is none.
    pub(crate) fn selectors_of(&self, name: StreamName) -> Vec<Selector> {
        let stream = self.streams.lock_even_so().get(&name).cloned();
        stream.map(|stream| stream.selectors.iter().cloned().collect()).unwrap_or_default()
    }

    /// Ends the stream with this name. Returns true if there is one.
    pub(crate) fn revoke_one(&self, name: StreamName) -> bool {
        let stream = self.streams.lock_even_so().get(&name).cloned();
        stream.inspect(|stream| self.end(stream)).is_some()
    }

    fn end(&self, stream: &GrantedStream) {
        if let Some(number) = stream.ticket() {
            self.tickets.revoke(number); // first, or it comes back with it
        }
        stream.revoke();
    }
}

impl Hub {
    /// The access control of the hub, if it has one.
    pub(crate) fn access(&self) -> Option<&Access> {
        self.0.access.as_ref()
    }

    /// Decides what somebody may do who shows this; `None` if there is no access control.
    pub(crate) async fn authorize(&self, shown: Shown<'_>) -> Result<Option<Decided>, Denial> {
        let Some(access) = self.access() else { return Ok(None) };
        self.watch(access).await;
        let revocations = access.revocations.load(Ordering::Acquire);
        let anonymous = || (access.anonymous.clone(), true);
        let (grant, is_anonymous) = match shown {
            Shown::Asked(asked) => match access.authority.authorizer.authorize(asked).await {
                Ok(grant) => (grant, false),
                // Browsers send cookies of all kinds, also of those whom the application does not know.
                Err(Denial::Invalid(_)) if asked.is_cookies_only() => anonymous(),
                Err(denial) => {
                    if matches!(denial, Denial::Unavailable(_)) {
                        self.metrics().auth_unavailable.inc();
                    }
                    return Err(denial);
                }
            },
            Shown::Certificate(certificate) if !certificate.is_vouched() => {
                return Err(Denial::invalid(
                    "somebody who vouched for clients does so no more; show the certificate on a new connection",
                ));
            }
            Shown::Certificate(certificate) => {
                access.certificates.grant(certificate).map_or_else(anonymous, |grant| (grant, false))
            }
            Shown::Nothing => anonymous(),
        };
        // whoever decided
        if grant.has_ended(SystemTime::now()) {
            return Err(Denial::invalid("the token or the certificate has expired"));
        }
        Ok(Some(Decided { grant, is_anonymous, revocations, claim: None }))
    }

    /// A ticket for what `selectors` select, which is held by what was `decided`, and the time in which it is to be used;
    /// `None` if it would be too long.
    pub(crate) fn ticket(&self, decided: &Decided, selectors: Arc<[Selector]>, ttl: Duration) -> Option<String> {
        let access = self.access()?;
        let mut grant = Grant { publish: Arc::default(), subscribe: selectors, ..decided.grant.clone() };
        let now = SystemTime::now();
        let stamp = access.authority.files.as_ref().and_then(|files| files.stamp(&grant));
        if stamp.is_none() {
            // nobody can be asked about it later
            let day = now.checked_add(UNASKED)?;
            grant.until = Some(grant.until.map_or(day, |until| until.min(day)));
        }
        let (number, use_by) = (random::number_once(), now.checked_add(ttl)?);
        access.tickets.key().sign(&Ticket { number, issued: now, use_by, grant, stamp })
    }

    /// Decides what somebody may do who shows `ticket`, for a stream that is about to open. `has_position` says that it goes on
    /// after an event of this log.
    pub(crate) async fn redeem(&self, ticket: &str, has_position: bool) -> Result<Option<Decided>, Denial> {
        let Some(access) = self.access() else { return Ok(None) };
        self.watch(access).await;
        let revocations = access.revocations.load(Ordering::Acquire);
        let (ticket, now) = (access.tickets.key().verify(ticket)?, SystemTime::now());
        let left = match &access.authority.files {
            Some(files) => files.left_of(ticket.grant.clone(), ticket.stamp),
            None => Some(ticket.grant.clone()),
        };
        let grant = left.ok_or_else(|| {
            Denial::invalid("the token that the ticket comes from is not known here any more, or grants less")
        })?;
        if grant.has_ended(now) {
            return Err(Denial::invalid("the ticket has expired"));
        }
        let claim = access.tickets.claim(&ticket, has_position, now)?;
        Ok(Some(Decided { grant, is_anonymous: false, revocations, claim: Some(claim) }))
    }

    /// Ends the streams of clients that were let in by certificates: somebody who vouched for clients does so no more.
    #[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "there are no certificates"))]
    pub(crate) fn certificates_changed(&self) {
        let Some(access) = self.access() else { return };
        let streams = access.end_all(GrantedStream::is_by_certificate, GrantedStream::revoke);
        tracing::info!(streams, "fewer vouch for clients than before, and the streams of certificates end");
    }

    /// Returns true if what was `decided` holds for sure: it has not ended, and nothing was taken back since.
    pub(crate) fn still_holds(&self, decided: &Decided) -> bool {
        let revocations = self.access().map_or(0, |access| access.revocations.load(Ordering::Acquire));
        decided.revocations == revocations && !decided.grant.has_ended(SystemTime::now())
    }

    /// Lists a stream of `selectors` that opens now, held by what was `decided`.
    pub(super) fn hold(
        &self,
        decided: &Decided,
        selectors: Selectors,
        address: Option<IpAddr>,
    ) -> Option<Arc<GrantedStream>> {
        let access = self.access()?;
        let (until, random) = (self.until(&decided.grant), random::name());
        let mut streams = access.streams.lock_even_so();
        let names = (0..).map(|more| StreamName::new(random.wrapping_add(more)));
        let name = { names }.find(|name| !streams.contains_key(name))?;
        let stream = GrantedStream::new(name, &decided.grant, until, selectors, address, self.clock().date());
        let stream = Arc::new(stream.with_ticket(decided.claim.as_ref().map(Claim::number)));
        if let Some(claim) = &decided.claim {
            claim.opened(&stream);
        }
        streams.insert(name, stream.clone());
        drop(streams);
        if access.revocations.load(Ordering::Acquire) != decided.revocations {
            stream.revoke(); // perhaps not meant; it comes back, and is decided anew
        }
        Some(stream)
    }

    /// Moves the end of the stream with this name to that of what was `decided`.
    pub(crate) fn renew(&self, name: StreamName, decided: &Decided) -> Result<(), NotRenewed> {
        let access = self.access().ok_or(NotRenewed::NoStream)?;
        let stream = access.streams.lock_even_so().get(&name).cloned().ok_or(NotRenewed::NoStream)?;
        if !stream.is_covered_by(&decided.grant) {
            return Err(NotRenewed::NotCovered);
        }
        if !stream.renew(&decided.grant, self.until(&decided.grant)) {
            return Err(NotRenewed::NoStream);
        }
        if access.revocations.load(Ordering::Acquire) != decided.revocations {
            stream.revoke(); // what was taken back is perhaps what it has only now
        }
        Ok(())
    }

    /// When `grant` ends on the hub's clock, whatever happens to the system's.
    fn until(&self, grant: &Grant) -> Millis {
        let Some(until) = grant.until else { return Millis::MAX };
        let left = until.duration_since(SystemTime::now()).unwrap_or_default();
        self.clock().now().saturating_add(millis(left))
    }

    /// Has the files read again and again, if they are not.
    async fn watch(&self, access: &Access) {
        let Some(files) = &access.authority.files else { return };
        // first without a write, which all requests would share
        if access.is_watched.load(Ordering::Acquire) || access.is_watched.swap(true, Ordering::AcqRel) {
            return;
        }
        let watched = Watched(Arc::downgrade(&self.0));
        // nobody has looked since they were opened, or since the last watcher ended
        self.look_again(files.clone(), true).await;
        tokio::spawn(watch(watched));
    }

    /// Looks at the files, and ends the streams of tokens that are gone or changed.
    async fn look_again(&self, files: Arc<dyn ByFiles>, anyway: bool) {
        let Ok(reread) = tokio::task::spawn_blocking(move || files.reread(anyway)).await else { return };
        match reread {
            Ok(Reread::Nothing) => {}
            #[cfg(feature = "jwt")]
            Ok(Reread::Keys) => tracing::info!("the keys of the issuers of tokens were read again"),
            Ok(Reread::Tokens(changed)) => {
                let is_one = |stream: &GrantedStream| stream.token().is_some_and(|token| changed.contains(&token));
                let streams = self.access().map_or(0, |access| access.end_all(is_one, GrantedStream::revoke)); // tickets are decided anew
                tracing::info!(
                    tokens = changed.len(),
                    streams,
                    "tokens were revoked or changed, and their streams end"
                );
            }
            Err(error) => {
                self.metrics().auth_reload_failures.inc();
                tracing::warn!(%error, "a file that decides on access can't be read; what was known before stays valid");
            }
        }
    }
}

/// The files of a hub are watched until this is dropped: by the next request they are watched anew.
struct Watched(Weak<Shared>);

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(access) = self.0.upgrade().as_ref().and_then(|shared| shared.access.as_ref()) {
            access.is_watched.store(false, Ordering::Release);
        }
    }
}

/// Reads the files again when they change, as long as the hub is there.
async fn watch(watched: Watched) {
    let mut ticks = interval(WATCH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(hub) = watched.0.upgrade().map(Hub) else { return };
        let Some(files) = hub.access().and_then(|access| access.authority.files.clone()) else { return };
        hub.look_again(files, false).await;
    }
}
