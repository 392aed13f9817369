//! sse-testkit.
