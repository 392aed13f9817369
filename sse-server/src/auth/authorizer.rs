//! The contract of those who decide.

use std::{fmt, future::Future, pin::Pin};

use sse_engine::{Selector, Topic};

use super::Grant;

/// Decides what somebody may do. A program that embeds the hub can bring its own.
///
/// The hub asks for each request before it reads a body, and again for the rest of one if a grant was taken back or has ended
/// meanwhile; for a stream when it opens, and whenever its end is to be moved. It holds what it is told against everything that is asked for: an answer may grant more than that, and what it
/// does not grant is refused with 403.
///
/// - An answer takes as long as it takes, and is given up with its request: put a bound on what waits.
/// - It is called from many threads at once, and must not block them.
/// - Who shows nothing is not asked for: they may what `auth.anonymous` says.
/// - Denied is denied: nobody with a bad token becomes anonymous.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use sse_server::{Asked, Authorizer, Authorizing, Config, Denial, Grant, Hub, Selector};
///
/// #[derive(Debug)]
/// struct Sessions; // of the program: who is signed in
///
/// impl Sessions {
///     async fn user_of(&self, token: &str) -> Option<u64> {
///         token.strip_prefix("session-")?.parse().ok()
///     }
/// }
///
/// impl Authorizer for Sessions {
///     fn authorize<'a>(&'a self, asked: Asked<'a>) -> Authorizing<'a> {
///         Box::pin(async move {
///             let Some(user) = self.user_of(asked.token).await else {
///                 return Err(Denial::Invalid("nobody is signed in".into()));
///             };
///             let own = Selector::new(&format!("users/{user}/**")).map_err(|why| Denial::Invalid(why.to_string()))?;
///             let mut grant = Grant::default();
///             grant.subject = Some(format!("user {user}"));
///             grant.subscribe = [own].into();
///             grant.until = SystemTime::now().checked_add(Duration::from_secs(3600));
///             Ok(grant)
///         })
///     }
/// }
///
/// let hub = Hub::with_authorizer(Config::in_memory(), Sessions)?;
/// # drop(hub);
/// # Ok::<(), sse_server::HubError>(())
/// ```
pub trait Authorizer: fmt::Debug + Send + Sync + 'static {
    /// Returns what the one who asks may do.
    ///
    /// # Errors
    ///
    /// [`Denial`] if that is nobody known, or nothing can be said at the moment.
    fn authorize<'a>(&'a self, asked: Asked<'a>) -> Authorizing<'a>;
}

/// What an [`Authorizer`] will say.
pub type Authorizing<'a> = Pin<Box<dyn Future<Output = Result<Grant, Denial>> + Send + 'a>>;

/// What a request shows, and what it is for.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Asked<'a> {
    /// The token that it carries, in `Authorization: Bearer` or in the cookie `auth.cookie`.
    pub token: &'a str,
    /// What it is for.
    pub operation: Operation<'a>,
    /// The headers `Authorization` and `Cookie` as they were sent, for who asks somebody else. Then there is no token.
    pub(crate) authorization: Option<&'a [u8]>,
    pub(crate) cookie: Option<&'a [u8]>,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation<'a> {
    /// To publish to these topics: those of the path or the query. The events of a body may have others, or all of them.
    Publish(&'a [Topic]),
    /// To read what these select.
    Subscribe(&'a [Selector]),
}

impl<'a> Asked<'a> {
    pub(crate) const fn new(token: &'a str, operation: Operation<'a>) -> Self {
        Self { token, operation, authorization: None, cookie: None }
    }

    /// Returns true if there is nothing but the header `Cookie`, for somebody else to understand.
    pub(crate) const fn is_cookies_only(&self) -> bool {
        self.cookie.is_some() && self.authorization.is_none()
    }
}

/// The token is a secret, and no log's business.
impl fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").field("operation", &self.operation).finish_non_exhaustive()
    }
}

/// Why nothing is granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denial {
    /// The token is none that is known here, or not any more. The text says why; it is told to the client.
    #[error("{0}")]
    Invalid(String),
    /// Nothing can be said at the moment. The text says why; it is told to the client.
    #[error("{0}")]
    Unavailable(String),
}

impl Denial {
    pub(crate) fn invalid(why: &str) -> Self {
        Self::Invalid(why.to_owned())
    }
}
