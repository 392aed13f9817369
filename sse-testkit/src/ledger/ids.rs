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
    /// They say nothing about the order. Either each event has an id of its own, or no event has any: one without would
    /// be seen with the id of an earlier event, which would then stand for two events.
    #[default]
    Opaque,
    /// They are not checked: an event may have the id of an earlier one.
    Shared,
    /// As decimal numbers. An id that is not a number says nothing.
    Numeric,
    /// By their bytes, among ids of equal length that agree up to the last `-`: `e7-0041` is before `e7-0042`, and says
    /// nothing about `f2-0001`. The ids of `sse-server` are of this kind.
    Bytewise,
}
