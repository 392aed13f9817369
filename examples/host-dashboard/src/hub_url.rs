//! The address of a hub, checked once.

use std::{fmt, str::FromStr};

use http::{
    Uri,
    uri::{Authority, Scheme},
};

/// The origin of a hub, such as `http://127.0.0.1:8080`.
///
/// ```
/// use host_dashboard::HubUrl;
///
/// let hub: HubUrl = "http://hub.example:8080/".parse()?;
/// assert_eq!(hub.to_string(), "http://hub.example:8080");
/// # Ok::<(), host_dashboard::HubUrlError>(())
/// ```
// It also stands in the page and in a header, so nothing in it may mean anything there: letters, digits, `-.:[]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubUrl(Authority);

/// Why a text is no hub's address: a sentence that says what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HubUrlError(&'static str);

impl HubUrl {
    /// A hub at an address of this machine's.
    pub(crate) fn local(address: std::net::SocketAddr) -> Option<Self> {
        address.to_string().parse().ok().map(Self)
    }

    /// Where events are published.
    pub(crate) fn publish(&self) -> Option<Uri> {
        format!("{self}/publish").parse().ok()
    }
}

impl FromStr for HubUrl {
    type Err = HubUrlError;

    fn from_str(text: &str) -> Result<Self, HubUrlError> {
        let form = HubUrlError("a hub's address looks like http://127.0.0.1:8080");
        let parts = text.parse::<Uri>().map_err(|_| form)?.into_parts();
        match parts.scheme {
            Some(scheme) if scheme == Scheme::HTTP => {}
            Some(scheme) if scheme == Scheme::HTTPS => {
                return Err(HubUrlError("only http:// is spoken here; name the hub behind the proxy"));
            }
            _ => return Err(form),
        }
        if parts.path_and_query.is_some_and(|path| path != "/") {
            return Err(HubUrlError("a hub's address has no path"));
        }
        let authority = parts.authority.ok_or(form)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte);
        if authority.host().is_empty() || !authority.as_str().bytes().all(plain) {
            return Err(form);
        }
        Ok(Self(authority))
    }
}

impl fmt::Display for HubUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins() {
        for (text, expect) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://hub.example/", "http://hub.example"),
            ("http://[::1]:80", "http://[::1]:80"),
        ] {
            let hub: HubUrl = text.parse().unwrap();
            assert_eq!(hub.to_string(), expect);
            assert_eq!(hub.publish().unwrap().to_string(), format!("{expect}/publish"));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "127.0.0.1:8080",
            "localhost",
            "https://hub.example",
            "ftp://hub.example",
            "http://",
            "http://me@hub.example",
            "http://hub.example/events",
            "http://hub.example?x",
            "http://a;b",
            "http://a&b",
            "http://a'b",
        ] {
            assert!(text.parse::<HubUrl>().is_err(), "{text}");
        }
    }
}
