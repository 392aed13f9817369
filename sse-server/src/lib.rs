//! sse-server
#![allow(dead_code)]
mod hub;
