//! Encoders with and without faults, and what their tables say.

use std::fmt::Write;

use sse_core::{Event, EventId, EventName};
use sse_testkit::{
    encoding,
    encoding::{EncodingFault, Fields},
};

use crate::support::failure_of;

fn sse_core(fields: &Fields<'_>) -> Option<Vec<u8>> {
    let mut event = Event::builder();
    if let Some(comment) = fields.comment {
        event = event.comment(comment);
    }
    if let Some(name) = fields.name {
        event = event.name(EventName::new(name).ok()?);
    }
    if let Some(id) = fields.id {
        event = event.id(EventId::new(id).ok()?);
    }
    if let Some(time) = fields.retry {
        event = event.retry(time);
    }
    if let Some(data) = fields.data {
        event = event.data(data);
    }
    Some(event.build().to_bytes().to_vec())
}

encoding!(
    /// The encoder of the project itself.
    fn sse_core_has_no_fault,
    sse_core
);

/// What comes of `format!`.
fn naive(fields: &Fields<'_>) -> Option<String> {
    let mut wire = String::new();
    let mut line = |field: &str, value: &str| writeln!(wire, "{field}: {value}").unwrap();
    fields.comment.inspect(|comment| line("", comment));
    fields.name.inspect(|name| line("event", name));
    fields.id.inspect(|id| line("id", id));
    fields.retry.inspect(|time| line("retry", &time.as_millis().to_string()));
    fields.data.inspect(|data| line("data", data));
    Some(wire + "\n")
}

#[test]
fn what_comes_of_no_care() {
    let findings = encoding(naive);
    let fault =
        |case: &str| findings.findings().iter().find(|finding| finding.case == case).map(|finding| finding.fault);
    assert_eq!(fault("cr-is-a-line-end"), Some(EncodingFault::Forged));
    assert_eq!(fault("comment-multiline"), Some(EncodingFault::Forged));
    assert_eq!(fault("id-lf"), Some(EncodingFault::Forged));
    assert_eq!(fault("name: CR, then an id"), Some(EncodingFault::Forged));
    assert_eq!(fault("id: NUL"), Some(EncodingFault::Lost));
    assert_eq!(fault("data: LF"), Some(EncodingFault::Changed));
    assert_eq!(fault("data: a leading space"), None);
    assert_eq!(fault("retry: the longest"), None);
    // nothing that is mixed from what is sound is unsound, so it adds nothing
    assert!(!findings.to_string().contains("mixed"), "{findings}");
}

/// A fault in one field, of an encoder that has none.
fn with(change: fn(&mut Fields<'_>)) -> impl Fn(&Fields<'_>) -> Option<Vec<u8>> {
    move |fields| {
        let mut fields = *fields;
        change(&mut fields);
        sse_core(&fields)
    }
}

#[test]
fn each_field_that_is_left_out_is_missed() {
    let lost = |change| {
        let findings = encoding(with(change));
        findings.findings().iter().filter(|finding| finding.fault == EncodingFault::Lost).count()
    };
    assert!(lost(|fields| fields.name = None) > 10);
    assert!(lost(|fields| fields.data = None) > 10);
    assert!(lost(|fields| fields.id = None) > 10);
    assert!(lost(|fields| fields.retry = None) > 5);
    assert!(lost(|fields| fields.comment = None) > 10);
}

#[test]
fn a_fault_of_two_fields_together_is_found() {
    // sound alone, but a comment after an ID with a space in it is taken for data
    let findings = encoding(|fields| {
        let mut wire = sse_core(fields)?;
        if let (Some(id), Some(comment)) = (fields.id, fields.comment)
            && id.starts_with(' ')
        {
            wire.splice(0..0, format!("data: {}\n", comment.lines().next().unwrap_or_default()).into_bytes());
        }
        Some(wire)
    });
    assert!(findings.findings().iter().all(|finding| finding.case.starts_with("mixed: ")), "{findings}");
    assert!(findings.findings().len() >= 5, "{findings}");
}

#[test]
fn a_panic_and_a_refusal_are_found() {
    let findings = encoding(|fields| {
        if fields.data.is_some_and(|data| data.contains('\0')) {
            panic!("no NUL");
        }
        if fields.data == Some("") {
            return None;
        }
        sse_core(fields)
    });
    assert_eq!(
        findings.to_string(),
        r#"2 of 417 events with a fault

case                         fault     what a client reads             written
empty-data-still-dispatches  refused   it can be sent, but is refused
nul-in-data-ok               panicked  a panic: no NUL
"#
    );
}

#[test]
fn what_is_not_written_at_all_is_told() {
    let data = |fields: &Fields<'_>| match (fields.comment, fields.retry, fields.id, fields.name) {
        (None, None, None, None) => sse_core(fields),
        _ => None,
    };
    let findings = encoding(data);
    assert!(!findings.is_perfect());
    findings.expect_findings([(EncodingFault::Lost, ""); 0]);
    let shown = findings.to_string();
    assert!(shown.starts_with("0 of 39 events with a fault\n\nnot run"), "{shown}");
    assert!(
        shown.ends_with(
            "not run, since plain text is refused in it:
an event with name, data
an event with data, id
an event with id
an event with comment
an event with data, comment
an event with retry
an event with data, retry
an event with name, data, id, comment, retry
"
        ),
        "{shown}"
    );
}

#[test]
fn what_has_no_comments_is_still_tried_with_all_else_together() {
    let findings = encoding(|fields| if fields.comment.is_some() { None } else { sse_core(fields) });
    assert_eq!(findings.not_run().collect::<Vec<_>>(), ["comment", "data, comment", "name, data, id, comment, retry"]);
    assert_eq!(findings.to_string().lines().next(), Some("0 of 378 events with a fault"));
}

#[test]
fn an_encoder_that_only_panics_is_told() {
    let findings = encoding(|_fields| -> Option<String> { panic!("no") });
    assert_eq!(findings.not_run().count(), 0);
    assert!(
        findings.findings().len() > 150
            && findings.findings().iter().all(|finding| finding.fault == EncodingFault::Panicked)
    );
}

#[test]
fn known_findings_are_held_to_exactly() {
    let trims = with(|fields| fields.data = fields.data.map(|data| data.strip_prefix(' ').unwrap_or(data)));
    let report = failure_of(|| {
        encoding(&trims).expect_findings([
            (EncodingFault::Changed, "data: a space"),
            (EncodingFault::Forged, "data: a space"),
            (EncodingFault::Changed, "data: CR"),
            (EncodingFault::Changed, "no-such"),
        ]);
    });
    assert_eq!(
        report,
        r#"expected other findings
     new changed "data: a leading space"
     new lost "data: a space"
     new changed "data: two leading spaces"
     new changed "leading-space-survives"
    gone changed "data: CR"
    gone forged "data: a space"
    gone changed "data: a space"
 unknown "no-such": no case has this name

4 of 417 events with a fault

case                      fault    what a client reads          written
leading-space-survives    changed  the data is "x", not " x"    "data: x\n\n"
data: a leading space     changed  the data is "a", not " a"    "data: a\n\n"
data: two leading spaces  changed  the data is " a", not "  a"  "data:  a\n\n"
data: a space             lost     the data is "", not " "      "data: \n\n"
"#
    );
    let report = failure_of(|| encoding(&trims).expect_perfect());
    assert!(report.starts_with("expected an encoder without fault\n\n4 of "), "{report}");
}
