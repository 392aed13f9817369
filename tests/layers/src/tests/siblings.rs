//! Circles among siblings, and imports against an order.

use super::{found, found_in_order, lines};

#[test]
fn imports_one_way_pass() {
    let files = [
        ("lib.rs", "mod low; mod high; mod top;"),
        ("low.rs", "pub(crate) struct Low;"),
        ("high.rs", "use crate::low::Low; pub(crate) struct High(Low);"),
        ("top.rs", "use crate::{high::High, low::Low};"),
    ];
    assert_eq!(found(&files), [""; 0]);
    assert_eq!(found_in_order(&files, Some(&["low", "high", "top"])), [""; 0]);
}

#[test]
fn a_circle_of_two_is_found_where_it_is_lightest() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::{One, Two}; pub(crate) struct A;"),
        ("b.rs", "\nuse crate::a::A; pub(crate) struct One; pub(crate) struct Two;"),
    ];
    assert_eq!(
        lines(&files, None),
        [concat!(
            "src/b.rs:2: crate::a::A: this closes a circle, as `a` imports crate::b::One (src/a.rs:1); ",
            "move what both need to a file below both"
        )]
    );
}

#[test]
fn a_circle_round_about_is_found() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use super::b::B; pub(crate) struct A; fn f(_: super::b::Other) {}"),
        ("b.rs", "use super::c::{C, Other as _}; pub(crate) struct B; pub(crate) struct Other;"),
        ("c.rs", "pub(crate) struct C(super::a::A); pub(crate) trait Other {}"),
    ];
    assert_eq!(found(&files), ["src/c.rs:1 crate::a::A"]);
    assert!(
        lines(&files, None)[0].contains("`a` imports crate::b::B (src/a.rs:1), `b` imports crate::c::C (src/b.rs:1)")
    );
}

#[test]
fn a_circle_deep_in_the_tree_is_found_where_its_branches_part() {
    let files = [
        ("lib.rs", "mod store; mod hub;"),
        ("store.rs", "mod disk;"),
        ("store/disk.rs", "mod page;"),
        ("store/disk/page.rs", "use crate::hub::log::Log; pub(crate) struct Page;"),
        ("hub.rs", "pub(crate) mod log;"),
        ("hub/log.rs", "use crate::store::disk::page::Page; pub(crate) struct Log; fn f() { crate::store::other() }"),
    ];
    assert_eq!(found(&files), ["src/store/disk/page.rs:1 crate::hub::log::Log"]);
}

#[test]
fn an_import_upward_is_found_without_a_circle() {
    let files = [
        ("lib.rs", "mod low; mod high;"),
        ("low.rs", "pub(crate) fn f() {\n    crate::high::f();\n}"),
        ("high.rs", "pub(crate) fn f() {}"),
    ];
    assert_eq!(found(&files), [""; 0]);
    assert_eq!(
        lines(&files, Some(&["low", "high"])),
        [concat!(
            "src/low.rs:2: crate::high::f: `low` lies below `high` in the order of made-up; ",
            "move what both need to `low` or below it"
        )]
    );
}

#[test]
fn a_module_without_a_place_in_the_order_is_found() {
    let files = [("lib.rs", "mod low; mod new;"), ("low.rs", ""), ("new.rs", "")];
    assert_eq!(found_in_order(&files, Some(&["low", "planned"])), ["src/new.rs:1 crate::new"]);
}
