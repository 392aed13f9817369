//! The dashboard without a browser.

mod program;
mod publishing;
mod running;
