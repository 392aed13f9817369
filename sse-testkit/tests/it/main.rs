//! The kit from outside, in one program: its parts are built and linked once.

mod browser;
mod conformance;
mod encoding;
mod faults;
mod fleet;
mod ledger;
mod planted;
mod proxy;
mod recording;
mod report;
mod request;
mod script;
mod script_failures;
#[cfg(feature = "script-host")]
mod script_host;
#[cfg(feature = "proptest")]
mod strategy;
mod stream;
mod support;
mod tcp;
