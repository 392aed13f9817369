//! A session over an engine, with the time set by the test.

use std::time::Duration;

use super::*;
use crate::{
    Bounds, Draft, Engine, Epoch, LagPolicy, Placement, Position, Selector, Selectors, StartPoint, StoreRead,
    StoredHead, StreamName, Topic, Write, encode,
};

const SECOND: Millis = 1000;

/// An engine, the session of its only stream, and the session's last requests.
struct Hub {
    engine: Engine,
    timing: Timing,
    now: Millis,
    random: u32,
    failed: bool,
    name: Option<StreamName>,
}

impl Hub {
    fn new(bounds: Bounds) -> Self {
        let timing = Timing {
            heartbeat: Duration::from_secs(15),
            retry: Duration::from_secs(2),
            max_age: Duration::from_secs(100),
        };
        Self { engine: Engine::new(Epoch::new(0), bounds), timing, now: 0, random: 0, failed: false, name: None }
    }

    fn publish(&mut self, data: &str) {
        let seq = self.engine.window().shown() + 1;
        self.engine.publish(seq, self.now, &draft(data), &mut Vec::new()).unwrap();
    }

    /// Opens a stream of topic `a` from the head, and writes its first block.
    fn open(&mut self, start: &StartPoint, control: Control) -> Session {
        let Placement::Placed(cursor, opening) = self.engine.subscribe(of("a"), start).unwrap() else {
            panic!("it depends on a store");
        };
        let mut session = Session::new(cursor, opening, control, self.now, self);
        assert!(matches!(self.poll(&mut session), Action::Control { kind: ControlKind::Opening, .. }));
        session
    }

    fn poll(&mut self, session: &mut Session) -> Action<Write> {
        session.poll(self.now, self)
    }

    /// Reads a page from a store that has everything published.
    fn page(&self, read: &StoreRead) -> EncodedPage {
        let seqs = read.after + 1..=read.through;
        let first = Some((*seqs.start(), 0));
        let events: Vec<_> = seqs.map(|seq| encode(self.engine.window().at(seq), &draft("x"), false)).collect();
        EncodedPage {
            write: Some((Write::of(events.clone()), events.len())),
            first,
            through: read.through,
            damaged: false,
        }
    }
}

impl Surroundings for Hub {
    fn shown(&self) -> u64 {
        self.engine.window().shown()
    }

    fn position(&self, seq: u64) -> Position {
        self.engine.window().at(seq)
    }

    fn timing(&self) -> &Timing {
        &self.timing
    }

    fn random(&self) -> u32 {
        self.random
    }
}

impl Driver for Hub {
    type Events = Write;

    fn surroundings(&self) -> &impl Surroundings {
        self
    }

    fn stream_name(&self) -> Option<StreamName> {
        self.name
    }

    fn next(&mut self, cursor: &mut Cursor) -> Result<Step, Failed> {
        if self.failed { Err(Failed) } else { Ok(self.engine.next(cursor, 1000, self.now)) }
    }

    fn next_lasts(&mut self, cursor: &mut Cursor, lasts: &mut Lasts) -> Result<Step, Failed> {
        Ok(self.engine.next_lasts(cursor, lasts, 1000))
    }

    fn carry(&mut self, write: Write) -> Write {
        write
    }

    fn accept_page(&mut self, cursor: &mut Cursor, page: EncodedPage) -> Result<Step, Failed> {
        Ok(self.engine.accept_page(cursor, page, self.now))
    }
}

fn of(selector: &str) -> Selectors {
    Selectors::new(vec![Selector::new(selector).unwrap()], false)
}

fn draft(data: &str) -> Draft {
    Draft::text(Topic::new("a").unwrap(), data)
}

/// An engine whose window has the last two of `events` events, with the others in a store.
fn backed(events: u64) -> Hub {
    let mut hub = Hub::new(Bounds { events: 2, ..Bounds::default() });
    hub.engine.back_by_store(StoredHead::default());
    for seq in 1..=events {
        hub.publish("x");
        hub.engine.set_committed(seq);
    }
    hub
}

#[track_caller]
fn assert_ends(action: &Action<Write>, expect: DrainReason) {
    match action {
        Action::End { last_words, reason } => {
            assert_eq!(*reason, StreamEnd::Drained(expect));
            let text = String::from_utf8(last_words.to_vec()).unwrap();
            assert!(text.contains("event: sse-drain"), "{text}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_heartbeat_comes_when_nothing_else_did_for_its_interval() {
    for (heartbeat, begins) in [(Control::Events, "event: sse-cursor"), (Control::CommentHeartbeats, ":")] {
        let mut hub = Hub::new(Bounds::default());
        let mut session = hub.open(&StartPoint::Head, heartbeat);
        assert_eq!(hub.poll(&mut session), Action::WaitUntil(15 * SECOND));
        hub.now = 10 * SECOND;
        hub.publish("x");
        assert!(matches!(hub.poll(&mut session), Action::Events { count: 1, .. }));
        assert_eq!(hub.poll(&mut session), Action::WaitUntil(25 * SECOND));
        hub.now = 25 * SECOND;
        match hub.poll(&mut session) {
            Action::Control { block, kind: ControlKind::Heartbeat } => assert!(block.starts_with(begins.as_bytes())),
            other => panic!("{other:?}"),
        }
        assert_eq!(hub.poll(&mut session), Action::WaitUntil(40 * SECOND));
    }
}

#[test]
fn at_its_age_a_stream_gets_what_was_published_until_then_and_no_more() {
    let mut hub = Hub::new(Bounds::default());
    let mut session = hub.open(&StartPoint::Head, Control::Events);
    hub.now = 90 * SECOND; // the age less a tenth, the random number being 0
    hub.publish("before");
    assert!(matches!(hub.poll(&mut session), Action::Events { count: 1, .. }));
    hub.publish("after");
    assert_ends(&hub.poll(&mut session), DrainReason::Age);
    assert_eq!(hub.poll(&mut session), Action::Ended);
}

#[test]
fn an_end_that_comes_while_nothing_can_be_written_holds_from_then() {
    let mut hub = Hub::new(Bounds::default());
    let mut session = hub.open(&StartPoint::Head, Control::Events);
    hub.publish("before");
    hub.now = 95 * SECOND;
    session.end_if_due(hub.now, &hub);
    hub.publish("after");
    assert!(matches!(hub.poll(&mut session), Action::Events { count: 2, .. }), "one write has both");
    assert_ends(&hub.poll(&mut session), DrainReason::Age);
}

#[test]
fn a_shutdown_ends_a_stream_at_a_moment_of_its_own_within_the_window() {
    for (random, at) in [(0, 0), (u32::MAX / 2, 4_499), (u32::MAX, 9_000)] {
        let mut hub = Hub::new(Bounds::default());
        let mut session = hub.open(&StartPoint::Head, Control::Events);
        hub.random = random;
        session.drain(0, Duration::from_secs(10), DrainReason::Shutdown, &hub);
        if at > 0 {
            assert_eq!(hub.poll(&mut session), Action::WaitUntil(at));
        }
        hub.now = at;
        assert_ends(&hub.poll(&mut session), DrainReason::Shutdown);
    }
}

#[test]
fn what_is_not_in_the_window_is_read_and_heartbeats_go_on_meanwhile() {
    let mut hub = backed(10);
    let start = StartPoint::After(hub.position(1).to_string());
    let mut session = hub.open(&start, Control::Events);
    let Action::ReadStore(read) = hub.poll(&mut session) else { panic!("it is in the store") };
    assert_eq!((read.after, read.through), (1, 8));
    assert_eq!(hub.poll(&mut session), Action::WaitUntil(15 * SECOND));
    hub.now = 15 * SECOND;
    assert!(matches!(hub.poll(&mut session), Action::Control { kind: ControlKind::Heartbeat, .. }));
    let page = hub.page(&read);
    assert!(matches!(session.accept_page(Ok(page), hub.now, &mut hub), Action::Events { count: 7, .. }));
    assert!(matches!(hub.poll(&mut session), Action::Events { count: 2, .. }));
}

#[test]
fn a_page_that_was_abandoned_is_asked_for_again() {
    let mut hub = backed(10);
    let start = StartPoint::After(hub.position(1).to_string());
    let mut session = hub.open(&start, Control::Events);
    let first = hub.poll(&mut session);
    session.abandon_page();
    assert!(matches!(first, Action::ReadStore(_)));
    assert_eq!(hub.poll(&mut session), first);
}

#[test]
fn a_stream_that_is_to_end_does_not_wait_for_the_store() {
    for while_reading in [true, false] {
        let mut hub = backed(10);
        let start = StartPoint::After(hub.position(1).to_string());
        let mut session = hub.open(&start, Control::Events);
        if while_reading {
            assert!(matches!(hub.poll(&mut session), Action::ReadStore(_)));
        }
        hub.now = 95 * SECOND;
        assert_ends(&hub.poll(&mut session), DrainReason::Age);
    }
}

#[test]
fn a_store_that_has_nothing_more_ends_those_who_read_from_it() {
    let mut hub = backed(10);
    let start = StartPoint::After(hub.position(1).to_string());
    let mut session = hub.open(&start, Control::Events);
    assert!(matches!(hub.poll(&mut session), Action::ReadStore(_)));
    let gone = session.accept_page(Err(DrainReason::Store), hub.now, &mut hub);
    assert_ends(&gone, DrainReason::Store);
}

#[test]
fn lag_and_a_log_that_fails_end_a_stream_at_once() {
    let mut hub = Hub::new(Bounds { events: 2, lag_policy: LagPolicy::Disconnect, ..Bounds::default() });
    let mut session = hub.open(&StartPoint::Head, Control::Events);
    (0..3).for_each(|_| hub.publish("x"));
    assert_ends(&hub.poll(&mut session), DrainReason::Lag);
    let mut session = hub.open(&StartPoint::Head, Control::Events);
    hub.failed = true;
    assert_ends(&hub.poll(&mut session), DrainReason::Store);
}

#[test]
fn a_gap_in_mid_stream_is_written_and_the_stream_goes_on() {
    let mut hub = Hub::new(Bounds { events: 2, lag_policy: LagPolicy::Gap, ..Bounds::default() });
    let mut session = hub.open(&StartPoint::Head, Control::Events);
    (0..3).for_each(|_| hub.publish("x"));
    match hub.poll(&mut session) {
        Action::Control { block, kind: ControlKind::Gap(GapReason::Lagged) } => {
            assert!(block.starts_with(b"event: sse-gap"));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(hub.poll(&mut session), Action::Events { count: 2, .. }));
}

#[test]
fn without_the_hub_s_own_events_a_gap_in_mid_stream_ends_the_stream_for_what_caused_it() {
    let ends = |reason| Action::End { last_words: Bytes::new(), reason: StreamEnd::Drained(reason) };
    let mut hub = Hub::new(Bounds { events: 2, lag_policy: LagPolicy::Gap, ..Bounds::default() });
    let mut session = hub.open(&StartPoint::Head, Control::Off);
    (0..3).for_each(|_| hub.publish("x"));
    assert_eq!(hub.poll(&mut session), ends(DrainReason::Lag));
    let mut hub = backed(10);
    let start = StartPoint::After(hub.position(1).to_string());
    let mut session = hub.open(&start, Control::Off);
    let Action::ReadStore(read) = hub.poll(&mut session) else { panic!("it is in the store") };
    let page = EncodedPage { damaged: true, ..hub.page(&read) };
    assert_eq!(session.accept_page(Ok(page), hub.now, &mut hub), ends(DrainReason::Store), "the disk is at fault");
}

#[test]
fn nothing_is_sent_after_the_end_of_a_grant() {
    let mut hub = Hub::new(Bounds::default());
    let mut session = hub.open(&StartPoint::Head, Control::Events);
    session.grant(5 * SECOND);
    assert_eq!(hub.poll(&mut session), Action::WaitUntil(5 * SECOND));
    hub.now = 5 * SECOND - 1;
    hub.publish("in time");
    assert!(matches!(hub.poll(&mut session), Action::Events { count: 1, .. }));
    hub.publish("in time, but not taken");
    hub.now = 5 * SECOND;
    assert_ends(&hub.poll(&mut session), DrainReason::Expired);
    assert_eq!(hub.poll(&mut session), Action::Ended);
}

#[test]
fn the_end_of_a_grant_can_be_moved_and_what_was_taken_back_stays_so() {
    let mut hub = Hub::new(Bounds::default());
    let mut session = hub.open(&StartPoint::Head, Control::Events);
    session.grant(5 * SECOND);
    session.grant(10 * SECOND);
    assert_eq!(session.ends_at(), 10 * SECOND);
    session.grant(Millis::MAX);
    assert_eq!(session.ends_at(), 90 * SECOND, "its age");
    session.revoke();
    session.grant(Millis::MAX);
    hub.publish("x");
    assert_ends(&hub.poll(&mut session), DrainReason::Revoked);
}

#[test]
fn the_end_of_a_grant_is_that_of_streams_that_read_are_ending_or_open() {
    let start = |hub: &Hub| StartPoint::After(hub.position(1).to_string());
    let mut hub = backed(10);
    let mut session = hub.open(&start(&hub), Control::Events);
    let Action::ReadStore(read) = hub.poll(&mut session) else { panic!("it is in the store") };
    session.grant(SECOND);
    hub.now = SECOND;
    let page = hub.page(&read);
    assert_ends(&session.accept_page(Ok(page), hub.now, &mut hub), DrainReason::Expired);

    let mut hub = Hub::new(Bounds::default());
    let mut session = hub.open(&StartPoint::Head, Control::Events);
    session.grant(96 * SECOND);
    hub.publish("x");
    hub.now = 95 * SECOND;
    session.end_if_due(hub.now, &hub);
    assert_eq!(session.ends_at(), 96 * SECOND, "it is ending by its age");
    hub.now = 96 * SECOND;
    assert!(session.is_out_of_grant(hub.now) && session.overdue_at(10 * SECOND) <= hub.now);
    assert_ends(&hub.poll(&mut session), DrainReason::Expired);

    let mut hub = Hub::new(Bounds::default());
    let Placement::Placed(cursor, opening) = hub.engine.subscribe(of("a"), &StartPoint::Earliest).unwrap() else {
        panic!()
    };
    hub.publish("x");
    let mut session = Session::new(cursor, opening, Control::Events, hub.now, &hub);
    session.grant(0);
    session.end_if_due(hub.now, &hub);
    assert_eq!(session.end_reason(), DrainReason::Expired, "it may be cut off before it opens");
    assert!(matches!(hub.poll(&mut session), Action::Control { kind: ControlKind::Opening, .. }));
    assert_ends(&hub.poll(&mut session), DrainReason::Expired);
}

#[test]
fn cursors_have_the_stream_s_name_if_it_has_one() {
    let mut hub = Hub::new(Bounds::default());
    hub.name = Some(StreamName::new(0xf));
    let Placement::Placed(cursor, opening) = hub.engine.subscribe(of("a"), &StartPoint::Head).unwrap() else {
        panic!()
    };
    let mut session = Session::new(cursor, opening, Control::Events, hub.now, &hub);
    for at in [0, 15 * SECOND] {
        hub.now = at;
        let Action::Control { block, .. } = hub.poll(&mut session) else { panic!("at {at}") };
        let text = String::from_utf8(block.to_vec()).unwrap();
        assert!(text.ends_with("data: {\"stream\":\"000000000000000f\"}\n\n"), "{text}");
    }
}
