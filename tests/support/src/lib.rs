//! What tests and chores of this workspace share.
//!
//! [`process`] starts a server as a program and reads where it listens; [`hub`] does so with a hub, in an environment
//! that is the test's alone. [`address`] has ports. [`webdriver`] (feature `webdriver`) drives Chromium and Firefox. [`table`] prints columns.

pub mod address;
pub mod hub;
pub mod process;
pub mod table;
#[cfg(feature = "webdriver")]
pub mod webdriver;
