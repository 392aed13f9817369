//! Where events get their place and time.

pub(crate) mod memory;
