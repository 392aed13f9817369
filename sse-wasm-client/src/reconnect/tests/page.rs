//! The network comes and goes; the page is hidden and stored.

use super::*;

#[test]
fn offline_it_tries_seldom_and_online_at_once() {
    let mut sim = Sim::open(|_| {});
    sim.reconnect.handle_retry(S(1));
    sim.end();
    assert_eq!(sim.wait(), S(1));
    sim.reconnect.handle_offline(sim.now);
    assert_eq!(sim.wait(), S(30));
    sim.pass(S(30));
    sim.end(); // failures without a network don't count
    assert_eq!(sim.reconnect.state(), State::Waiting { attempt: 1, until: S(60) });
    sim.take();
    sim.pass(S(7));
    sim.reconnect.handle_online(sim.now);
    assert_eq!((sim.take(), sim.reconnect.state()), (vec![connect("e-1")], State::Connecting));
    sim.end();
    assert!(matches!(sim.reconnect.state(), State::Waiting { attempt: 2, .. }));
}

#[test]
fn online_the_browsers_own_wait_is_cut_short() {
    let mut sim = Sim::open(|_| {});
    sim.reconnect.handle_online(sim.now);
    assert!(sim.take().is_empty()); // an open stream is left alone
    sim.reconnect.handle_lost(sim.now);
    sim.reconnect.handle_online(sim.now);
    assert_eq!(sim.take(), [Action::Disconnect, connect("e-1")]);
    sim.reconnect.handle_online(sim.now);
    assert!(sim.take().is_empty()); // and so is an attempt of this client
}

#[test]
fn who_is_served_is_online() {
    let mut sim = Sim::new(|_| {});
    sim.reconnect.handle_retry(S(1));
    sim.reconnect.handle_offline(sim.now); // of a virtual machine's adapter, and the server is on this machine
    sim.event("e-1");
    sim.end();
    assert_eq!(sim.reconnect.state(), State::Waiting { attempt: 1, until: sim.now + S(1) });
}

#[test]
fn waits_without_end_do_not_overflow() {
    let mut sim = Sim::new(|settings| settings.policy.max_wait = Duration::MAX);
    sim.end();
    sim.reconnect.handle_offline(S(1));
    assert_eq!(sim.reconnect.next_time(), Some(Duration::MAX));
}

#[test]
fn a_hidden_page_pauses_if_it_is_to() {
    let mut sim = Sim::open(|_| {});
    sim.reconnect.handle_hidden(sim.now);
    assert_eq!(sim.reconnect.next_time(), Some(S(20))); // the watchdog's

    let mut sim = Sim::open(|settings| settings.pause_when_hidden = Some(S(10)));
    sim.reconnect.handle_hidden(sim.now);
    sim.pass(S(9));
    sim.reconnect.handle_visible(sim.now);
    sim.reconnect.handle_hidden(sim.now);
    sim.pass(S(9));
    assert!(sim.take().is_empty());
    sim.pass(S(1));
    assert_eq!((sim.take(), sim.reconnect.state()), (vec![Action::Disconnect], State::Paused));
    assert_eq!(sim.reconnect.next_time(), None);
    sim.reconnect.handle_online(sim.now);
    sim.end();
    assert!(!sim.reconnect.handle_event("e-2", true, sim.now));
    assert!(sim.take().is_empty());
    sim.reconnect.handle_visible(sim.now);
    assert_eq!((sim.take(), sim.reconnect.state()), (vec![connect("e-1")], State::Connecting));

    // Waiting is paused too.
    sim.reconnect.handle_hidden(sim.now);
    sim.refuse(None);
    sim.reconnect.handle_offline(sim.now);
    sim.pass(S(10));
    assert_eq!((sim.reconnect.state(), sim.take()), (State::Paused, vec![Action::Disconnect]));
}

#[test]
fn a_page_that_loads_hidden_stays_paused() {
    let mut sim = Sim::new(|settings| settings.pause_when_hidden = Some(S(0)));
    sim.reconnect.handle_hidden(sim.now);
    sim.pass(S(0));
    assert_eq!(sim.take(), [Action::Disconnect]);
    sim.reconnect.handle_restored(sim.now); // as every page is told once it has loaded
    sim.collect();
    assert_eq!((sim.take(), sim.reconnect.state()), (vec![], State::Paused));
}

#[test]
fn a_page_in_the_store_has_no_connection() {
    let mut sim = Sim::open(|_| {});
    sim.reconnect.handle_stored(sim.now);
    assert_eq!((sim.take(), sim.reconnect.state()), (vec![Action::Disconnect], State::Paused));
    sim.reconnect.handle_hidden(sim.now);
    sim.reconnect.handle_online(sim.now);
    assert_eq!((sim.take(), sim.reconnect.state()), (vec![], State::Paused));
    sim.reconnect.handle_restored(sim.now);
    assert_eq!((sim.take(), sim.reconnect.state()), (vec![connect("e-1")], State::Connecting));
}

#[test]
fn a_page_that_is_seen_is_in_no_store() {
    let mut sim = Sim::open(|_| {});
    sim.reconnect.handle_stored(sim.now);
    sim.take();
    sim.reconnect.handle_visible(sim.now); // without a `pageshow`
    assert_eq!((sim.take(), sim.reconnect.state()), (vec![connect("e-1")], State::Connecting));
}

#[test]
fn who_is_asked_to_wait_waits_whatever_the_network_and_the_page_do() {
    let mut sim = Sim::open(|settings| settings.pause_when_hidden = Some(S(0)));
    let refusal = Refusal { status: Some(503), retry_after: Some(S(60)), ..Refusal::default() };
    sim.reconnect.handle_refusal(&refusal, true, sim.now, 0);
    let waiting = State::Waiting { attempt: 1, until: S(60) };
    assert_eq!((sim.take(), sim.reconnect.state()), (vec![Action::Disconnect], waiting));
    sim.reconnect.handle_online(sim.now);
    assert_eq!((sim.take(), sim.reconnect.state()), (vec![], waiting));
    sim.reconnect.handle_hidden(sim.now);
    sim.pass(S(10));
    assert_eq!((sim.take(), sim.reconnect.state()), (vec![], State::Paused));
    sim.reconnect.handle_visible(sim.now);
    assert_eq!((sim.take(), sim.reconnect.state()), (vec![], waiting));
    sim.pass(S(50));
    assert_eq!((sim.take(), sim.reconnect.state()), (vec![connect("e-1")], State::Connecting));
}
