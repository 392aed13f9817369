//! Streams in virtual time, on the body driver.

#[path = "streams/blocks.rs"]
mod blocks;
#[path = "streams/cases.rs"]
mod cases;
mod support;
