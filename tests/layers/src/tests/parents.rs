//! What a parent and its child may use of each other.

use super::{found, lines};

#[test]
fn a_child_uses_all_of_a_parent_that_only_hands_on() {
    let files = [
        ("lib.rs", "mod hub;"),
        ("hub.rs", "mod log; pub(crate) use log::{Log, open}; pub(crate) const MOST: u8 = 1; pub(crate) struct Full;"),
        ("hub/log.rs", "use super::{Full, MOST}; pub(crate) struct Log(Full); pub(crate) fn open() -> u8 { MOST }"),
    ];
    assert_eq!(found(&files), [""; 0]);
}

#[test]
fn a_part_names_the_whole_that_owns_it() {
    let files = [
        ("lib.rs", "mod hub;"),
        ("hub.rs", "mod log; use log::Log; pub(crate) struct Hub { log: Log } pub(crate) struct Full;"),
        (
            "hub/log.rs",
            "use super::{Full, Hub}; pub(crate) struct Log; impl Hub { fn log(&self) -> Result<(), Full> {} }",
        ),
    ];
    assert_eq!(found(&files), [""; 0]);
}

#[test]
fn a_part_takes_no_constant_from_the_whole() {
    let files = [
        ("lib.rs", "mod hub;"),
        ("hub.rs", "mod log;\nuse log::Log; pub(crate) struct Hub { log: Log } pub(crate) const MOST: u8 = 1;"),
        ("hub/log.rs", "pub(crate) struct Log; fn f() -> u8 { super::MOST }"),
    ];
    assert_eq!(
        lines(&files, None),
        [concat!(
            "src/hub/log.rs:1: crate::hub::MOST: a child takes it from its parent, which owns crate::hub::log::Log ",
            "(src/hub.rs:2); move it to a file below both"
        )]
    );
}

#[test]
fn a_child_that_is_called_does_not_name_its_parent() {
    let files = [
        ("lib.rs", "mod report;"),
        ("report.rs", "mod text;\npub(crate) struct Report; impl Report { fn text(&self) { text::write(self) } }"),
        ("report/text.rs", "use super::Report; pub(super) fn write(report: &Report) {}"),
    ];
    assert_eq!(
        lines(&files, None),
        [concat!(
            "src/report.rs:2: crate::report::text::write: its parent uses it, while the child names ",
            "crate::report::Report (src/report/text.rs:1); make it a method of the parent's type, or move what the child ",
            "needs to a file below both"
        )]
    );
}

#[test]
fn nor_does_what_that_child_imports() {
    let files = [
        ("lib.rs", "mod report;"),
        ("report.rs", "mod text; mod cell; use text::write; pub(crate) struct Report;"),
        ("report/text.rs", "use super::cell::Cell; pub(super) fn write() -> Cell {}"),
        ("report/cell.rs", "use super::Report; pub(super) struct Cell(Report);"),
    ];
    assert_eq!(found(&files), ["src/report.rs:1 crate::report::text::write"]);
}

#[test]
fn a_parent_calls_a_child_that_does_not_name_it() {
    let files = [
        ("lib.rs", "mod report;"),
        ("report.rs", "mod text; mod other; pub(crate) struct Report; fn f() { text::write() }"),
        ("report/text.rs", "pub(super) fn write() {}"),
        ("report/other.rs", "use super::{Report, f};"),
    ];
    assert_eq!(found(&files), [""; 0]);
}

#[test]
fn a_parent_that_hands_on_a_function_may_call_it_no_more_than_another() {
    for (body, calls) in [
        ("write()", true),
        ("assert!(write())", true),
        ("assert!(a.write(), b::write(1))", false),
        ("let write = 1; write + 1", false),
    ] {
        let parent = format!("mod text; pub(crate) use text::write;\npub(crate) struct Report; fn f() {{ {body} }}");
        let files = [
            ("lib.rs", "mod report;"),
            ("report.rs", &parent),
            ("report/text.rs", "use super::Report; pub(crate) fn write() {}"),
        ];
        let expected: &[&str] = if calls { &["src/report.rs:2 crate::report::text::write"] } else { &[] };
        assert_eq!(found(&files), expected, "{body}");
    }
}

#[test]
fn the_root_is_a_parent_like_others() {
    let files = [
        ("lib.rs", "mod low; fn f() { low::f() } pub struct Root;"),
        ("low.rs", "pub(crate) fn f() -> crate::Root {}"),
    ];
    assert_eq!(found(&files), ["src/lib.rs:1 crate::low::f"]);
}
