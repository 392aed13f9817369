//! The session: every transition, and the laws of waiting.

use std::time::Duration;

use proptest::{collection::vec, prelude::*};
use sse_core::{
    Limits,
    session::{Closed, Head, Policy, Session, State},
};

const OK: Head<'_> = Head { status: 200, content_type: Some("text/event-stream"), retry_after: None };
const S: Duration = Duration::from_secs(1);

fn status(status: u16) -> Head<'static> {
    Head { status, content_type: None, retry_after: None }
}

fn session(policy: Policy) -> Session {
    Session::new(policy, Limits::default())
}

fn waits(session: &Session, now: Duration) -> Duration {
    match session.state() {
        State::Waiting { until, .. } => until - now,
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_opens_reads_and_comes_back_with_the_last_id() {
    let mut session = Session::default();
    session.handle_head(&OK, S, 0);
    assert_eq!(session.state(), State::Open { since: S });
    let mut events = 0;
    session.handle_bytes(b"retry: 250\nid: 7\ndata: x\n\nid: 8\ndata: unfin", S, |_| events += 1);
    assert_eq!(events, 2, "the reconnection time and one event");
    session.handle_end(2 * S, 0);
    assert_eq!(waits(&session, 2 * S), Duration::from_millis(250));
    assert!(!session.handle_time(2 * S));
    assert!(session.handle_time(3 * S));
    assert_eq!(session.last_event_id(), "7");
    session.handle_head(&OK, 3 * S, 0);
    session.handle_bytes(b"ished\n\ndata: y\n\n", 3 * S, |_| events += 1);
    assert_eq!(events, 3, "what was unfinished is not carried over");
}

#[test]
fn the_lf_that_a_broken_connection_owed_is_not_taken_from_the_next() {
    let mut session = Session::default();
    session.handle_head(&OK, S, 0);
    session.handle_bytes(b"data: x\r", S, |_| {});
    session.handle_end(S, 0);
    assert!(session.hurry());
    session.handle_head(&OK, S, 0);
    let mut events = 0;
    for chunk in [b"data: y", &b"\n"[..], b"\n"] {
        session.handle_bytes(chunk, S, |_| events += 1);
    }
    assert_eq!(events, 1);
}

#[test]
fn the_verdicts_of_the_standard() {
    let closes = |head: Head<'_>| {
        let mut session = Session::default();
        session.handle_head(&head, S, 0);
        match session.state() {
            State::Closed(why) => Some(why),
            _ => None,
        }
    };
    let typed = |content_type| Head { content_type, ..OK };
    assert_eq!(closes(status(204)), Some(Closed::NoContent));
    for other in [201, 206, 400, 404, 429, 500, 503] {
        assert_eq!(closes(status(other)), Some(Closed::Status(other)));
    }
    for wrong in [None, Some("text/plain"), Some("text/event-streams"), Some("")] {
        assert_eq!(closes(typed(wrong)), Some(Closed::ContentType), "{wrong:?}");
    }
    for right in ["Text/Event-Stream", "text/event-stream;charset=latin1", " text/event-stream ; x=y"] {
        assert_eq!(closes(typed(Some(right))), None, "{right}");
    }
}

#[test]
fn a_patient_one_tries_again_and_heeds_retry_after() {
    let mut session = session(Policy::patient());
    session.handle_head(&Head { retry_after: Some(60 * S), ..status(503) }, S, 0);
    assert_eq!(waits(&session, S), 60 * S);
    assert!(session.handle_time(61 * S));
    session.handle_head(&Head { retry_after: Some(Duration::MAX), ..status(429) }, 61 * S, 0);
    assert_eq!(waits(&session, 61 * S), 600 * S);
    assert!(session.hurry());
    session.handle_head(&status(404), 61 * S, 0);
    assert_eq!(session.state(), State::Closed(Closed::Status(404)));
}

#[test]
fn failures_in_a_row_wait_longer_and_a_stable_stream_forgets_them() {
    let mut session = Session::default();
    let mut now = Duration::ZERO;
    let mut fail = |session: &mut Session| {
        session.handle_end(now, u64::MAX);
        let wait = waits(session, now);
        now += wait;
        assert!(session.handle_time(now));
        (wait.as_secs_f64()).round() as u64
    };
    assert_eq!([(); 6].map(|()| fail(&mut session)), [3, 6, 12, 24, 30, 30]);
    // dropped at once: no better than a failure
    session.handle_head(&OK, now, 0);
    session.handle_end(now + S, u64::MAX);
    assert!(waits(&session, now + S) > 29 * S);
    now += 100 * S;
    assert!(session.handle_time(now));
    session.handle_head(&OK, now, 0);
    session.handle_end(now + 5 * S, u64::MAX);
    assert_eq!(waits(&session, now + 5 * S), 3 * S);
}

#[test]
fn a_server_cannot_silence_a_client_for_ever() {
    let mut session = Session::default();
    session.handle_head(&OK, S, 0);
    session.handle_bytes(b"retry: 99999999999999999999\n", S, |_| {});
    session.handle_end(S, u64::MAX);
    assert_eq!(waits(&session, S), 600 * S);
}

#[test]
fn closed_is_closed() {
    for finishes in [false, true] {
        let mut session = Session::default();
        session.handle_head(&OK, S, 0);
        if finishes {
            session.finish();
        }
        session.close();
        session.finish();
        session.handle_head(&OK, S, 0);
        session.handle_end(S, 0);
        session.handle_bytes(b"data: x\n\n", S, |_| panic!("closed"));
        assert!(!session.handle_time(Duration::MAX) && !session.hurry());
        assert_eq!(session.closed(), Some(if finishes { Closed::Ended } else { Closed::ByCaller }));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_wait_is_shorter_than_the_servers_wish_or_longer_than_the_cap(
        retry in 0..100_000_u64,
        entropy in vec(any::<u64>(), 1..40),
    ) {
        let mut session = Session::default();
        session.handle_head(&OK, Duration::ZERO, 0);
        session.handle_bytes(format!("retry: {retry}\n").as_bytes(), Duration::ZERO, |_| {});
        let retry = Duration::from_millis(retry);
        let mut now = Duration::ZERO;
        for entropy in entropy {
            session.handle_end(now, entropy);
            let wait = waits(&session, now);
            prop_assert!(wait >= retry);
            prop_assert!(wait <= retry.max(30 * S));
            now += wait;
            prop_assert!(session.handle_time(now));
        }
    }
}
