//! `GET /`: the hub's page.

use http::{HeaderValue, Response, header};

use crate::http::response::{ResponseBody, of_type};

/// A single self-contained file, assembled at build time.
const PAGE: &str = concat!(
    include_str!("page/head.html"),
    "<style>\n",
    include_str!("page/style.css"),
    "</style>\n",
    include_str!("page/body.html"),
    "<script type=\"module\">\n",
    include_str!("page/tools.js"),
    include_str!("page/stream.js"),
    include_str!("page/list.js"),
    include_str!("page/app.js"),
    "</script>\n",
    include_str!("page/tail.html"),
);
/// The page contains everything it needs, and connects to nothing but the hub.
const POLICY: &str = "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn page() -> Response<ResponseBody> {
    let mut response = of_type(PAGE, "text/html; charset=utf-8");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
