//! Which paths count, and what they lead to.

use super::found_in_order;

/// What a file `low.rs` of this text imports of `high`, and of what lies beneath that.
fn upward(low: &str) -> Vec<String> {
    let files = [
        ("lib.rs", "mod low; mod high; mod elsewhere;"),
        ("low.rs", low),
        ("low/part.rs", "pub(super) fn f() { super::super::high::f() }"),
        ("elsewhere/moved.rs", "mod beside; use crate::high::Thing;"),
        ("elsewhere/beside.rs", "use crate::high::f;"),
        ("elsewhere.rs", ""),
        ("high.rs", "mod deep; pub(crate) use deep::*; pub(crate) use deep::made; pub(crate) fn f() {}"),
        (
            "high/deep.rs",
            "pub(crate) struct Thing; macro_rules! made { () => {} } pub(crate) use made; pub(crate) enum Choice { One }",
        ),
    ];
    found_in_order(&files, Some(&["low", "elsewhere", "high"]))
}

const THING: [&str; 1] = ["src/low.rs:1 crate::high::deep::Thing"];
const FUNCTION: [&str; 1] = ["src/low.rs:1 crate::high::f"];

#[test]
fn imports_count() {
    assert_eq!(upward("use crate::high::f;"), FUNCTION);
    assert_eq!(upward("use super::{high::{f}};"), FUNCTION);
    assert_eq!(upward("use crate::high::f as g;"), FUNCTION);
    assert_eq!(upward("pub(crate) use crate::high::f;"), FUNCTION);
    assert_eq!(upward("use crate::high;"), ["src/low.rs:1 crate::high"]);
    assert_eq!(upward("use crate::high::*;"), ["src/low.rs:1 crate::high"]);
    assert_eq!(upward("fn g() { use crate::high::f; f() }"), FUNCTION);
}

#[test]
fn re_exports_are_seen_through() {
    assert_eq!(upward("use crate::high::Thing;"), THING);
    assert_eq!(upward("use crate::high::Choice::One;"), ["src/low.rs:1 crate::high::deep::Choice"]);
    assert_eq!(upward("use crate::high::made;"), ["src/low.rs:1 crate::high::deep::made"]);
    assert_eq!(upward("crate::high::made!();"), ["src/low.rs:1 crate::high::deep::made"]);
    assert_eq!(upward("use crate::high::*; struct Low(Thing);"), THING);
    assert_eq!(upward("use crate::high::*; fn g() { f() }"), FUNCTION);
    assert_eq!(upward("use super::high as other; fn g() { other::f() }"), FUNCTION);
}

#[test]
fn a_re_export_counts_for_the_file_that_hands_on_and_for_the_one_that_defines() {
    let files = [
        ("lib.rs", "mod low; mod middle; mod high;"),
        ("low.rs", "pub(crate) struct Low;"),
        ("middle.rs", "use crate::high::Low;"),
        ("high.rs", "pub(crate) use crate::low::Low;"),
    ];
    assert_eq!(found_in_order(&files, Some(&["low", "middle", "high"])), ["src/middle.rs:1 crate::high::Low"]);
    assert_eq!(
        found_in_order(&files, Some(&["high", "middle", "low"])),
        ["src/high.rs:1 crate::low::Low", "src/middle.rs:1 crate::low::Low"]
    );
}

#[test]
fn a_re_export_at_the_root_counts_for_the_file_that_defines() {
    let files = [
        ("lib.rs", "mod low; mod high; pub use high::Thing;"),
        ("low.rs", "use crate::Thing;"),
        ("high.rs", "pub struct Thing;"),
    ];
    assert_eq!(found_in_order(&files, Some(&["low", "high"])), ["src/low.rs:1 crate::high::Thing"]);
}

#[test]
fn paths_in_code_count() {
    assert_eq!(upward("fn g() { crate::high::f() }"), FUNCTION);
    assert_eq!(upward("fn g(_: Vec<super::high::Thing>) {}"), THING);
    assert_eq!(upward("impl crate::high::Thing { fn g() {} }"), THING);
    assert_eq!(upward("fn g() { assert_eq!(1, (2, crate::high::f())) }"), FUNCTION);
    assert_eq!(upward("macro_rules! g { () => { $crate::high::f() } }"), FUNCTION);
    assert_eq!(upward("mod inner { fn g() { super::super::high::f() } }"), FUNCTION);
}

#[test]
fn files_beneath_count_for_the_module() {
    assert_eq!(upward("mod part; fn g() { part::f() }"), ["src/low/part.rs:1 crate::high::f"]);
    assert_eq!(
        upward("#[path = \"elsewhere/moved.rs\"] mod part;"),
        ["src/elsewhere/beside.rs:1 crate::high::f", "src/elsewhere/moved.rs:1 crate::high::deep::Thing"]
    );
}

#[test]
fn names_that_only_look_like_a_module_do_not_count() {
    assert_eq!(upward("fn g(high: u8) -> u8 { let other = high; high + other }"), [""; 0]);
    assert_eq!(upward("use ::high::f; fn g() { high::f(); std::high::f() }"), [""; 0]);
    assert_eq!(upward("/// [`f`](crate::high::f)\nfn g() {}"), [""; 0]);
}

#[test]
fn what_is_compiled_for_tests_only_does_not_count() {
    for allowed in [
        "#[cfg(test)] use crate::high::f;",
        "#[cfg(test)] mod tests { use crate::high::f; }",
        "#[cfg(test)] mod absent;",
        "#[cfg(all(test, unix))] fn g() { crate::high::f() }",
        "#[test] fn g() { crate::high::f() }",
        "struct Low { #[cfg(test)] thing: crate::high::Thing }",
        "impl Low { #[cfg(test)] fn g() { crate::high::f() } }",
        "fn g() { #[cfg(test)] crate::high::f(); }",
    ] {
        assert_eq!(upward(allowed), [""; 0], "{allowed}");
    }
    for counted in [
        "#[cfg(not(test))] use crate::high::f;",
        "#[cfg(any(test, unix))] use crate::high::f;",
        "#[cfg(all(unix, not(test)))] fn g() { crate::high::f() }",
    ] {
        assert_eq!(upward(counted), FUNCTION, "{counted}");
    }
}
