//! Who may publish and subscribe: decisions, without HTTP. Only [`TokenFile`] and [`Issuers`] read files.

mod ask;
mod authorizer;
mod certificate;
mod circuit;
mod grant;
#[cfg(feature = "jwt")]
mod issuers;
#[cfg(feature = "jwt")]
mod jwt;
#[cfg(feature = "jwt")]
mod remote_keys;
mod ticket;
mod token_file;
mod tokens;

use std::collections::HashSet;

pub(crate) use ask::Ask;
pub use authorizer::{Asked, Authorizer, Authorizing, Denial, Operation};
pub(crate) use certificate::{Certificates, ClientCertificate, ISSUER as CERTIFICATE, NoTokens};
pub use grant::Grant;
#[cfg(feature = "jwt")]
pub(crate) use issuers::Issuers;
pub(crate) use ticket::{KEY_BYTES, Ticket, TicketKey};
pub(crate) use token_file::TokenFile;
pub use tokens::{Issued, NewToken, Token, TokenError, Tokens};

/// The most selectors of a token, for publishing and for subscribing each.
const MAX_SELECTORS: usize = 1_000;

/// Decides by files, which are read again when they change.
pub(crate) trait ByFiles: Authorizer {
    /// Reads each file again if it has changed, or with `anyway` whether it has or not. It blocks.
    ///
    /// # Errors
    ///
    /// What is wrong with a file, in one line, when it is told first. What was known of it stays.
    fn reread(&self, anyway: bool) -> Result<Reread, String>;

    /// What the token is that `grant` comes from, if that can be looked up: two that differ are not the same.
    fn stamp(&self, grant: &Grant) -> Option<u64> {
        let _ = grant;
        None
    }

    /// What is left of `grant`, which came from a token that was `stamp`; `None` if it is nothing, or less than was selected.
    fn left_of(&self, grant: Grant, stamp: Option<u64>) -> Option<Grant> {
        let _ = stamp;
        Some(grant)
    }
}

/// What changed with files that were read again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reread {
    Nothing,
    /// Tokens with these names are gone, or grant something else.
    Tokens(HashSet<String>),
    /// The keys of issuers.
    #[cfg(feature = "jwt")]
    Keys,
}
