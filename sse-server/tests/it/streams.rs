//! Streams in virtual time, on the body driver.

mod cases;

use crate::support;
