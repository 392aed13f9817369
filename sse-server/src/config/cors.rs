//! `[cors]`

use std::time::Duration;

use super::{
    section::{DAY, MINUTE, section},
    setting::TextRule,
};

section! {
    /// Which web pages of other origins may use the hub.
    pub struct Cors {
        /// Origins, such as `https://app.example`. None by default: pages of other origins are answered 403.
        ///
        /// They are compared with what a browser sends, which has no path and no default port; upper case and names in
        /// other scripts are converted. `https://*.app.example` is every name below `app.example`, not that name
        /// itself. Never write a name under which others can register theirs, such as `*.co.uk`: the hub can't tell.
        /// Programs with a web view have schemes of their own, such as `tauri://localhost`. `*` is any origin but
        /// `null`, without credentials. `null` is every page that has no origin: one from a file, or in a sandboxed
        /// frame, which anyone can make; without credentials too.
        pub origins: Vec<String> = Vec::new(), takes TextRule::OriginPattern,
            see "[web pages of other origins](http.md#web-pages-of-other-origins)";

        /// Request headers that pages of the listed origins may send, besides those of the hub and of tracing.
        pub headers: Vec<String> = Vec::new(), takes TextRule::HeaderName,
            see "[those that are always allowed](http.md#web-pages-of-other-origins)";

        /// Whether pages of the listed origins may send cookies.
        pub credentials: bool = false;

        /// How long a browser may remember the answer to a preflight.
        pub max_age: Duration = 10 * MINUTE, takes Duration::ZERO..=DAY;
    }
}
