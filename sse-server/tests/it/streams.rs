//! Streams in virtual time, on the body driver.

mod blocks;
mod cases;

use crate::support;
