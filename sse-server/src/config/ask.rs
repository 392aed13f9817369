//! `[auth.ask]`

use std::time::Duration;

use super::{
    section::{MINUTE, MS, SECOND, section},
    setting::TextRule,
};

section! {
    /// The application that is asked who may do what, with `auth.mode = "ask"`.
    pub struct Ask {
        /// Its address, such as `http://127.0.0.1:3000/sse/access`.
        ///
        /// It is asked with the caller's `Cookie` and `Authorization`: give it an address that nobody else answers on.
        pub url: Option<String> = None, takes TextRule::Url, see "[asking the application](access.md#asking-the-application)";

        /// How long it may take to answer. After that the caller is told to come again.
        pub timeout: Duration = 5 * SECOND, takes 10 * MS..=MINUTE;
    }
}
