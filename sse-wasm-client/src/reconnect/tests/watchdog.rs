//! Streams that are silent.

use super::*;

#[test]
fn a_silent_stream_is_made_anew_at_once() {
    let mut sim = Sim::open(|_| {});
    sim.pass(S(15));
    sim.event("e-2");
    sim.pass(MS(19_999));
    assert!(sim.take().is_empty());
    sim.pass(MS(1));
    assert_eq!(sim.take(), [Action::Disconnect, connect("e-2")]);
    assert_eq!(sim.reconnect.state(), State::Connecting);
}

#[test]
fn only_who_sends_heartbeats_is_watched() {
    // Another server, over `EventSource`: its comments can't be seen.
    let mut sim = Sim::new(|_| {});
    sim.reconnect.handle_head(None, sim.now);
    assert!(sim.reconnect.handle_event("1", false, sim.now));
    assert_eq!(sim.reconnect.next_time(), None);
    // It turns out to be a hub.
    sim.event("2");
    assert_eq!(sim.reconnect.next_time(), Some(S(20)));

    // The application promises heartbeats, or the head announces them.
    let mut sim = Sim::new(|settings| settings.watchdog = Some(Watchdog::promised(S(5))));
    assert!(sim.reconnect.handle_event("1", false, sim.now));
    assert_eq!(sim.reconnect.next_time(), Some(S(10)));
    let mut sim = Sim::new(|_| {});
    sim.reconnect.handle_head(Some(S(2)), sim.now);
    assert!(sim.reconnect.handle_event("1", false, sim.now));
    assert_eq!(sim.reconnect.next_time(), Some(S(7)));
    sim.now = S(6);
    sim.reconnect.handle_heard(sim.now);
    assert_eq!(sim.reconnect.next_time(), Some(S(13)));

    // Without a watchdog.
    let mut sim = Sim::new(|settings| settings.watchdog = None);
    assert_eq!(sim.reconnect.next_time(), None);
    sim.reconnect.handle_head(Some(S(2)), sim.now);
    sim.event("1");
    assert_eq!(sim.reconnect.next_time(), None);
}

#[test]
fn a_stream_that_is_silent_each_time_gets_more_time() {
    // The hub sends events that are not heard all the time, and so no heartbeats.
    let mut sim = Sim::open(|_| {});
    let mut silences = Vec::new();
    for _ in 0..8 {
        let began = sim.now;
        while sim.take().is_empty() {
            sim.pass(S(1));
        }
        silences.push((sim.now - began).as_secs());
        sim.event("e-1"); // the resume's cursor
        sim.reconnect.handle_event("e-2", false, sim.now); // an event that is heard proves nothing about others
    }
    assert_eq!(silences, [20, 40, 80, 160, 320, 600, 600, 600]);

    sim.event("e-3"); // a heartbeat: this hub's events are heard
    sim.pass(S(20));
    assert_eq!(sim.take(), [Action::Disconnect, connect("e-3")]);
}

#[test]
fn bytes_are_heartbeats_too() {
    let mut sim = Sim::open(|_| {});
    sim.pass(S(20));
    sim.take();
    sim.event("e-1");
    sim.reconnect.handle_heard(sim.now);
    sim.pass(S(20));
    assert_eq!(sim.take(), [Action::Disconnect, connect("e-1")]);
}

#[test]
fn any_event_is_a_heartbeat_of_others_than_hubs() {
    let mut sim = Sim::new(|settings| settings.watchdog = Some(Watchdog::promised(S(10))));
    sim.reconnect.handle_event("", false, sim.now);
    sim.pass(S(15));
    assert_eq!(sim.take(), [Action::Disconnect, connect("")]);
    sim.reconnect.handle_event("", false, sim.now);
    sim.reconnect.handle_event("", false, sim.now);
    sim.pass(S(15));
    assert_eq!(sim.take(), [Action::Disconnect, connect("")]);
}

#[test]
fn a_try_that_leads_nowhere_is_a_failure() {
    let mut sim = Sim::new(|_| {});
    sim.pass(S(30)); // no head
    assert_eq!(sim.take(), [Action::Disconnect]);
    assert_eq!(sim.reconnect.state(), State::Waiting { attempt: 1, until: S(33) });
    sim.pass(S(3));
    sim.reconnect.handle_head(None, sim.now);
    sim.pass(S(20)); // no event
    assert_eq!(sim.take(), [connect(""), Action::Disconnect]);
    assert!(matches!(sim.reconnect.state(), State::Waiting { attempt: 2, .. }));

    // Comments are a sign of life, whoever sends them.
    for heartbeat in [None, Some(S(15))] {
        let mut sim = Sim::new(|_| {});
        sim.reconnect.handle_head(heartbeat, sim.now);
        for _ in 0..10 {
            sim.pass(S(15));
            sim.reconnect.handle_heard(sim.now);
        }
        assert_eq!((sim.reconnect.state(), sim.take()), (State::Connecting, vec![]));
    }
}

#[test]
fn a_try_of_the_browser_that_hangs_is_not_waited_for_for_ever() {
    let mut sim = Sim::open(|_| {});
    sim.reconnect.handle_lost(sim.now);
    sim.pass(S(630));
    assert_eq!(sim.take(), [Action::Disconnect]);
    sim.pass(S(3));
    assert_eq!(sim.take(), [connect("e-1")]);
}

#[test]
fn a_page_that_slept_listens_before_it_judges() {
    let mut sim = Sim::open(|_| {});
    sim.now = S(3600);
    sim.reconnect.handle_time(sim.now, 0);
    assert_eq!((sim.take(), sim.reconnect.next_time()), (vec![], Some(S(3605))));
    sim.event("e-2"); // it was there all along
    assert_eq!(sim.reconnect.next_time(), Some(S(3620)));

    // Timers that are always late find the dead connection all the same.
    sim.now = S(3660);
    sim.reconnect.handle_time(sim.now, 0);
    assert!(sim.take().is_empty());
    sim.now = S(3720);
    sim.reconnect.handle_time(sim.now, 0);
    assert_eq!(sim.take(), [Action::Disconnect, connect("e-2")]);
}

#[test]
fn silence_means_nothing_while_nothing_is_read() {
    let mut sim = Sim::open(|_| {});
    sim.reconnect.handle_hold(true, sim.now);
    sim.pass(S(100));
    sim.reconnect.handle_time(sim.now, 0);
    assert_eq!((sim.reconnect.next_time(), sim.take()), (None, vec![]));
    sim.reconnect.handle_hold(false, sim.now);
    assert_eq!(sim.reconnect.next_time(), Some(S(120)));
}
