//! Streams in virtual time, on the body driver.

#[path = "streams/cases.rs"]
mod cases;
mod support;
