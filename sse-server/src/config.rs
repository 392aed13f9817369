//! What can be set, with its defaults and their reasons.
//!
//! One file a section, one entry a key. A key that is added to its section is read, checked, printed and documented.

mod ask;
mod auth;
mod certificate;
mod cors;
mod error;
mod host;
mod issuer;
mod limits;
mod listen;
mod load;
mod origin;
mod print;
mod publish;
mod reference;
mod retention;
mod section;
mod server;
mod setting;
mod store;
mod stream;
mod telemetry;
mod tls;
mod window;

pub use ask::Ask;
pub use auth::{Auth, AuthMode};
pub use certificate::CertificateGrant;
pub use cors::Cors;
pub use error::ConfigError;
pub(crate) use host::{Host, HostPattern};
pub use issuer::{Issuer, IssuerKeys};
pub use limits::Limits;
pub use listen::Listen;
pub use load::Source;
pub(crate) use origin::OriginPattern;
pub use publish::Publish;
pub use retention::{Retention, RetentionError};
pub(crate) use server::MAX_SHARDS;
pub use server::{ForwardedBy, Server};
pub use store::{Durability, Store, StoreKind};
pub use stream::{Lag, Overload, Stream};
pub use telemetry::{LogFormat, Telemetry};
pub use tls::Tls;
pub use window::Window;

use section::Visitor;

/// Defines the configuration: its sections, and the walk over all their keys.
macro_rules! sections {
    ($(#[doc = $about:literal])+ pub struct $config:ident { $(pub $name:ident: $section:ident $(as $key:literal)?,)+ }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Default)]
        #[non_exhaustive]
        pub struct $config {
            $(
                #[doc = concat!("The section `[", sections!(@key $name $($key)?), "]`: see [`", stringify!($section), "`].")]
                pub $name: $section,
            )+
        }

        impl $config {
            /// The one way over all keys, which reading, checking, printing and documenting take.
            fn visit<V: Visitor>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
                $(
                    visitor.section(sections!(@key $name $($key)?), &$section::ABOUT);
                    self.$name.visit(visitor)?;
                )+
                Ok(())
            }
        }
    };
    (@key $name:ident) => { stringify!($name) };
    (@key $name:ident $key:literal) => { $key };
}

sections! {
    /// Everything that can be configured. [`Config::default`] is a hub on loopback with its log in `./sse-data`,
    /// [`Config::in_memory`] one that leaves nothing behind.
    pub struct Config {
        pub server: Server,
        pub tls: Tls as "server.tls",
        pub stream: Stream,
        pub window: Window,
        pub store: Store,
        pub publish: Publish,
        pub auth: Auth,
        pub ask: Ask as "auth.ask",
        pub cors: Cors,
        pub limits: Limits,
        pub telemetry: Telemetry,
    }
}

impl Config {
    /// The defaults, but for the log: it is in memory, and ends with the hub.
    #[must_use]
    pub fn in_memory() -> Self {
        Self { store: Store { kind: StoreKind::Memory, ..Store::default() }, ..Self::default() }
    }
}
