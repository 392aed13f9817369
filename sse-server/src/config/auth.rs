//! `[auth]`

use std::{path::PathBuf, time::Duration};

use super::{
    certificate::CertificateGrant,
    error::ConfigError,
    issuer::Issuer,
    listen::Listen,
    section::{MINUTE, SECOND, section},
    server::Server,
    setting::{TextRule, choices},
};

section! {
    /// Who may publish and subscribe.
    pub struct Auth {
        /// How it is decided who may do what.
        pub mode: AuthMode = AuthMode::Open, see "[access](access.md)";

        /// Allows `mode = "open"` where `server.listen` is not loopback, and `server.admin_listen` that is not: whoever
        /// reaches an open hub can publish and read everything, and the operator's routes ask for no token in any mode.
        pub allow_open_on_public: bool = false;

        /// The file of tokens, with `mode = "tokens"`. `sse-server token` writes it, and the hub reads it again when it
        /// changes.
        pub tokens: PathBuf = PathBuf::from("sse-tokens.toml");

        /// Who issues the JSON Web Tokens that are taken with `mode = "jwt"`.
        pub issuers: Vec<Issuer> = Vec::new(), see "[access](access.md#json-web-tokens)";

        /// By how much an issuer's clock may differ: a token is taken for so much longer, and before its time.
        pub leeway: Duration = 10 * SECOND, takes Duration::ZERO..=10 * MINUTE;

        /// The file with the key of connect tickets, made if there is none. Empty: `tickets.key` beside the log. With a log in
        /// memory the key is as young as the log.
        ///
        /// Who can read it can make tickets.
        pub ticket_key: Option<PathBuf> = None, see "[connect tickets](access.md#connect-tickets)";

        /// The cookie that carries a token, for browsers. Empty: none does.
        ///
        /// Publishing with it needs an `Origin` that is the hub's own or in `cors.origins` by its name.
        pub cookie: Option<String> = None, takes TextRule::CookieName;

        /// What clients may do by the certificates that they show, beside what tokens grant. It takes `server.tls.client_ca`, and
        /// a `mode` other than `open`.
        pub certificates: Vec<CertificateGrant> = Vec::new(), see "[access](access.md#client-certificates)";

        /// What may be subscribed to without a token: topics and patterns, such as `public/**`. Empty: nothing.
        pub anonymous: Vec<String> = Vec::new(), takes TextRule::Selector;
    }
}

choices! {
    /// How it is decided who may do what.
    pub enum AuthMode {
        /// Everybody may do everything, as is right on loopback and behind a proxy that decides.
        Open = "open",
        /// Tokens of the hub's own, in a file.
        Tokens = "tokens",
        /// JSON Web Tokens, which others issue.
        Jwt = "jwt",
        /// The application is asked.
        Ask = "ask",
        /// Certificates of clients alone, as `auth.certificates` has them; in all modes but `open` they count beside the rest.
        Certificates = "certificates",
    }
}

impl Auth {
    /// Refuses issuers that could not be told apart, and a mode without what it goes by.
    pub(super) fn check_known(&self) -> Result<(), ConfigError> {
        let certificates = !self.certificates.is_empty();
        match self.mode {
            AuthMode::Open if certificates => {
                let what =
                    "is open, and auth.certificates is to say who may do what: take certificates, or another mode";
                return Err(ConfigError::conflict("auth.mode", what));
            }
            AuthMode::Certificates if !certificates => {
                let what = "is empty and auth.mode is certificates: nobody could do anything";
                return Err(ConfigError::conflict("auth.certificates", what));
            }
            _ => {}
        }
        if self.mode == AuthMode::Jwt && self.issuers.is_empty() {
            return Err(ConfigError::conflict(
                "auth.issuers",
                "is empty and auth.mode is jwt: nobody's token is taken",
            ));
        }
        for (place, issuer) in self.issuers.iter().enumerate() {
            if self.issuers[..place].iter().any(|other| other.issuer == issuer.issuer) {
                let what = format!("has the issuer {:?} twice; give each a name of its own", issuer.issuer);
                return Err(ConfigError::conflict("auth.issuers", what));
            }
        }
        Ok(())
    }

    /// Refuses a hub that is open to a network by mistake.
    pub(super) fn check(&self, server: &Server, is_controlled: bool) -> Result<(), ConfigError> {
        if self.allow_open_on_public {
            return Ok(());
        }
        if self.mode == AuthMode::Open && !is_controlled && server.listen.iter().any(Listen::is_public) {
            return Err(ConfigError::conflict(
                "server.listen",
                "is not loopback and auth.mode is open: all who reach the hub could publish and read everything; set \
                 auth.mode = \"tokens\", or auth.allow_open_on_public = true where a firewall or proxy decides",
            ));
        }
        if server.admin_listen.as_ref().is_some_and(Listen::is_public) {
            return Err(ConfigError::conflict(
                "server.admin_listen",
                "is not loopback, and the operator's routes ask for no token: all who reach them could delete topics; \
                 set auth.allow_open_on_public = true where a firewall or proxy decides",
            ));
        }
        Ok(())
    }
}
