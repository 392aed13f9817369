//! What tests and chores of this workspace share.
//!
//! [`process`] starts a server as a program and reads where it listens; [`hub`] does so with a hub, in an environment
//! that is the test's alone. [`address`] has ports. `blocks` (feature `blocks`) checks every stream of a hub, `webdriver`
//! (feature `webdriver`) drives Chromium and Firefox. [`table`] prints columns.

pub mod address;
#[cfg(feature = "blocks")]
pub mod blocks;
pub mod hub;
pub mod process;
pub mod table;
#[cfg(feature = "webdriver")]
pub mod webdriver;
