//! `[cors]`

use std::time::Duration;

use super::{
    section::{DAY, MINUTE, section},
    setting::TextRule,
};

section! {
    /// Which web pages of other origins may use the hub.
    pub struct Cors {
        /// Origins, such as `https://app.example`; `*` is any, without credentials.
        ///
        /// They are written as a browser writes them: in lower case, without path or default port. None by default:
        /// pages of other origins are answered 403.
        pub origins: Vec<String> = Vec::new(), takes TextRule::OriginOrAny,
            see "[web pages of other origins](http.md#web-pages-of-other-origins)";

        /// Whether pages of the listed origins may send cookies.
        pub credentials: bool = false;

        /// How long a browser may remember the answer to a preflight.
        pub max_age: Duration = 10 * MINUTE, takes Duration::ZERO..=DAY;
    }
}
