//! `GET /`: the hub's page.

use http::{HeaderValue, Response, header};

use crate::http::response::{ResponseBody, of_type};

/// A single self-contained file, assembled at build time.
const HTML: &str = concat!(
    include_str!("page/head.html"),
    "<style>\n",
    include_str!("page/style.css"),
    "</style>\n",
    include_str!("page/body.html"),
    "<script type=\"module\">\n",
    include_str!("page/tools.js"),
    include_str!("page/text.js"),
    include_str!("page/stream.js"),
    include_str!("page/rows.js"),
    include_str!("page/list.js"),
    include_str!("page/topics.js"),
    include_str!("page/app.js"),
    "</script>\n",
    include_str!("page/tail.html"),
);

/// The page contains everything it needs, and connects to nothing but the hub. Its one style and its one script are
/// allowed by their hashes; whatever else found its way into it would not run.
const POLICY: &str = "default-src 'none'; connect-src 'self'; \
                      style-src 'sha256-0aexAGUMokcyHuuRXZDheMprUFCqe9uojSSKDxLsMqs='; \
                      script-src 'sha256-VmjuVTz9rpQvSCzh69hMfnfNwtf5P1oBzjxPdhnilu0='; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn page() -> Response<ResponseBody> {
    let mut response = of_type(HTML, "text/html; charset=utf-8");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // A proxy that changed a byte of it would break the hashes.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    response
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_STANDARD};
    use sha2::{Digest, Sha256};

    use super::*;

    /// The content of the only element with this start tag.
    fn content<'a>(start: &str, end: &str) -> &'a str {
        let (before, rest) = HTML.split_once(start).unwrap();
        let (content, after) = rest.split_once(end).unwrap();
        assert!(!before.contains(end) && !after.contains(&start[..6]), "one {start}");
        content
    }

    #[test]
    fn the_policy_allows_the_page_s_own_style_and_script_and_nothing_else() {
        assert!(!HTML.contains('\r'), "a browser would hash another text");
        let hash = |content: &str| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(content)));
        let style = hash(content("<style>", "</style>"));
        let script = hash(content("<script type=\"module\">", "</script>"));
        let expected = format!(
            "default-src 'none'; connect-src 'self'; style-src {style}; script-src {script}; img-src data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        assert_eq!(POLICY, expected, "the page has changed: put the hashes on the right into POLICY");
    }

    #[test]
    fn nothing_in_the_page_needs_more_than_the_policy_allows() {
        let markup = [include_str!("page/head.html"), include_str!("page/body.html"), include_str!("page/tail.html")];
        for html in markup {
            for attribute in html.split([' ', '<', '>']).filter_map(|part| part.split_once('=')) {
                assert!(attribute.0 != "style" && !attribute.0.starts_with("on"), "{attribute:?}");
            }
        }
        let script = content("<script type=\"module\">", "</script>");
        for unsafe_way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "{ style:"] {
            assert!(!script.contains(unsafe_way), "{unsafe_way}");
        }
    }
}
