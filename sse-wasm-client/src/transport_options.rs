//! What of a transport makes it the same as another.

use serde::{Serialize, Serializer};
use sse_core::Limits;

/// What of a transport tabs have to have in common.
#[derive(Debug)]
pub(crate) enum TransportOptions<'a> {
    EventSource {
        with_credentials: bool,
    },
    Fetch {
        headers: &'a [(String, String)],
        /// Functions can't be compared.
        has_header_provider: bool,
        body: Option<&'a str>,
        credentials: &'static str,
        last_event_id_in_query: bool,
        limits: Limits,
    },
}

impl Serialize for TransportOptions<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::EventSource { with_credentials } => ("EventSource", with_credentials).serialize(to),
            Self::Fetch { headers, has_header_provider, body, credentials, last_event_id_in_query, limits } => {
                let headers: Vec<_> = headers.iter().flat_map(|(name, value)| [name, value]).collect();
                let Limits { line, event, id, name, .. } = limits;
                let limits = (limits != Limits::default()).then_some([line, event, id, name]);
                ("fetch", headers, has_header_provider, body, credentials, last_event_id_in_query, limits).serialize(to)
            }
        }
    }
}
