//! `GET /`: the page.

use bytes::Bytes;
use http::{HeaderValue, header};
use warp::reply::Response;

use crate::hub_url::HubUrl;

/// One self-contained file, put together when the program is built.
const PAGE: &str = concat!(
    include_str!("page/head.html"),
    "<style>\n",
    include_str!("page/style.css"),
    "</style>\n",
    include_str!("page/body.html"),
    "<script type=\"module\">\n",
    include_str!("page/tools.js"),
    include_str!("page/readings.js"),
    include_str!("page/stream.js"),
    include_str!("page/chart.js"),
    include_str!("page/cards.js"),
    include_str!("page/app.js"),
    "</script>\n",
    include_str!("page/tail.html"),
);

/// Where the page says which hub it reads; empty is its own origin.
const HUB: &str = r#"data-hub="""#;

/// The page with its headers, made once.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    html: Bytes,
    policy: HeaderValue,
}

impl Page {
    /// A page that reads the hub at an address, or the one that is mounted beside it.
    pub(crate) fn new(hub: Option<&HubUrl>) -> Self {
        let hub = hub.map(ToString::to_string).unwrap_or_default();
        // All that the page needs is in it, and it speaks to nobody but the hub.
        let policy = format!(
            "default-src 'none'; connect-src 'self' {hub}; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
             img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        Self {
            html: PAGE.replacen(HUB, &format!(r#"data-hub="{hub}""#), 1).into(),
            // a hub's address holds nothing that a header can't
            policy: HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'")),
        }
    }

    pub(crate) fn response(&self) -> Response {
        let mut response = Response::new(self.html.clone().into());
        let headers = response.headers_mut();
        let fixed = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CACHE_CONTROL, "no-cache"),
        ];
        headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_knows_its_hub_and_may_speak_to_it() {
        let hub: HubUrl = "http://hub.example:8080".parse().unwrap();
        let page = Page::new(Some(&hub));
        let html = String::from_utf8(page.html.to_vec()).unwrap();
        assert!(html.contains(r#"data-hub="http://hub.example:8080""#));
        let policy = page.policy.to_str().unwrap();
        assert!(policy.contains("connect-src 'self' http://hub.example:8080;"), "{policy}");
    }

    #[test]
    fn alone_it_reads_its_own_origin() {
        assert_eq!(PAGE.matches(HUB).count(), 1);
        assert_eq!(Page::new(None).html, PAGE);
    }
}
