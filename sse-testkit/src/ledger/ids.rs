//! How event ids compare.

/// How event ids compare.
///
/// ```
/// # use sse_testkit::{Ledger, ledger::Ids};
/// let ledger = Ledger::new().ids(Ids::Numeric); // ids are 1, 2, 3, ...
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Ids {
    /// They say nothing about the order. Each event has its own, or no event has any: one without would be seen with that
    /// of an event before it, as an id of two events.
    #[default]
    Opaque,
    /// An event may have that of one before it: they are not looked at.
    Shared,
    /// As decimal numbers; those that are none say nothing.
    Numeric,
    /// By their bytes, where they are of one length and the same up to the last `-`: `e7-0041` is before `e7-0042`, and
    /// says nothing about `f2-0001`. Those of `sse-server` are of this kind.
    Bytewise,
}
