//! What tabs tell their programs when notices arrive at once.

use sse_core::{
    EventName,
    hub::names::event::{CURSOR, DRAIN, GAP},
};

use super::{
    notice::BEAT,
    seen_ids::{long, short},
    *,
};
use crate::{CloseReason, Gap, Refusal};

mod ends;

const NOW: Duration = Duration::from_secs(1);

/// Delivers notices until there are no more. Returns all other outputs, by tab.
fn settle(tabs: &mut [Tab; 2]) -> [Vec<Output>; 2] {
    let mut outputs = [Vec::new(), Vec::new()];
    loop {
        let Some((tab, output)) = (0..2).find_map(|tab| Some((tab, tabs[tab].poll_output()?))) else { return outputs };
        match output {
            Output::Post(notice) => tabs[1 - tab].handle_notice(notice, NOW),
            other => outputs[tab].push(other),
        }
    }
}

/// The notices of a tab, and its other outputs.
fn drain(tab: &mut Tab) -> (Vec<Notice>, Vec<Output>) {
    let (mut said, mut done) = (Vec::new(), Vec::new());
    while let Some(output) = tab.poll_output() {
        match output {
            Output::Post(notice) => said.push(notice),
            other => done.push(other),
        }
    }
    (said, done)
}

fn hear(tab: &mut Tab, said: Vec<Notice>, now: Duration) {
    for notice in said {
        tab.handle_notice(notice, now);
    }
}

/// Time passes without a word, until the follower asks.
fn wonder(tab: &mut Tab, now: Duration) {
    tab.handle_time(now + 2 * BEAT);
    tab.handle_time(now + 4 * BEAT);
}

/// The IDs of the events among outputs.
fn ids(done: &[Output]) -> Vec<String> {
    let ids = done.iter().filter_map(|output| match output {
        Output::Event(event) => Some(short(&event.id)),
        _ => None,
    });
    ids.collect()
}

fn event(name: &'static str, id: &'static str) -> Delivery<Message> {
    let value = Message { name: EventName::from_static(name), data: Default::default() };
    Delivery { value, id: long(id), origin: Default::default() }
}

/// Two tabs, the first of which leads an open stream.
fn leading() -> [Tab; 2] {
    let [mut first, second] = [1, 2].map(|tab| Tab::new(tab, EventId::default(), NOW));
    first.handle_granted(NOW);
    first.handle_state(State::Open, NOW);
    first.handle_event(event(CURSOR, "e-1"), NOW);
    [first, second]
}

#[test]
fn who_joins_is_told_how_it_stands_and_where_it_is() {
    let mut tabs = leading();
    settle(&mut tabs);
    tabs[1] = Tab::new(3, EventId::default(), NOW); // after all notices so far
    let [_, second] = settle(&mut tabs);
    let told = [Output::Request, Output::State(State::Open), Output::Event(event(CURSOR, "e-1"))];
    assert!(told.iter().all(|told| second.contains(told)), "{second:?}");
    assert_eq!(second.len(), told.len());
}

#[test]
fn what_is_said_beside_goes_round() {
    let mut tabs = leading();
    settle(&mut tabs);
    let aside = Aside::Refused(Refusal { status: Some(503), ..Refusal::default() });
    tabs[1].handle_aside(aside.clone()); // it has no connection
    tabs[0].handle_aside(aside.clone());
    assert_eq!(settle(&mut tabs), [(); 2].map(|()| vec![Output::Aside(aside.clone())]));

    let mut alone = Tab::new(3, EventId::default(), NOW);
    alone.handle_unavailable();
    while alone.poll_output().is_some() {}
    alone.handle_aside(aside.clone());
    assert_eq!(alone.poll_output(), Some(Output::Aside(aside)));
}

#[test]
fn one_that_sleeps_is_paused() {
    let mut tabs = leading();
    settle(&mut tabs);
    tabs[1].handle_frozen();
    assert_eq!(settle(&mut tabs)[1], [Output::Release, Output::State(State::Paused)]);
    tabs[1].handle_resumed(NOW);
    let [_, second] = settle(&mut tabs);
    assert_eq!(second, [Output::State(State::Connecting), Output::Request, Output::State(State::Open)]);
}

/// A tab that leads a stream from `start` on, and a follower that has heard it and has had the events up to `id`.
fn a_leader_and_a_follower(start: &'static str, id: &'static str) -> [Tab; 2] {
    let [mut leader, mut follower] = [(1, start), (2, id)].map(|(tab, id)| Tab::new(tab, long(id), NOW));
    drain(&mut follower);
    leader.handle_granted(NOW);
    hear(&mut follower, drain(&mut leader).0, NOW);
    drain(&mut follower);
    [leader, follower]
}

const LATER: Duration = Duration::from_secs(60);

#[test]
fn an_answer_that_waited_while_a_tab_slept_gives_nothing_twice() {
    let [mut leader, mut follower] = a_leader_and_a_follower("e-3", "e-5");
    for id in ["e-4", "e-5"] {
        leader.handle_event(event("tick", id), NOW);
    }
    let mut late = drain(&mut leader).0;
    wonder(&mut follower, NOW);
    hear(&mut leader, drain(&mut follower).0, NOW);
    late.extend(drain(&mut leader).0);
    follower.handle_frozen();
    drain(&mut follower);
    follower.handle_resumed(LATER);
    hear(&mut follower, late, LATER);
    assert_eq!(ids(&drain(&mut follower).1), [""; 0]);
    // From then on it has the numbers.
    wonder(&mut follower, LATER);
    hear(&mut leader, drain(&mut follower).0, LATER);
    leader.handle_event(event("tick", "e-6"), LATER);
    hear(&mut follower, drain(&mut leader).0, LATER);
    assert_eq!(ids(&drain(&mut follower).1), ["e-6"]);
}

#[test]
fn nor_does_one_without_ids() {
    let [mut leader, mut follower] = a_leader_and_a_follower("", "");
    leader.handle_event(event("tick", ""), NOW);
    let late = drain(&mut leader).0;
    wonder(&mut follower, NOW);
    hear(&mut leader, drain(&mut follower).0, NOW);
    hear(&mut follower, late, NOW);
    assert_eq!(ids(&drain(&mut follower).1), [""]);
    let late = drain(&mut leader).0;
    follower.handle_frozen();
    drain(&mut follower);
    follower.handle_resumed(LATER);
    hear(&mut follower, late, LATER);
    assert_eq!(ids(&drain(&mut follower).1), [""; 0]);
}

#[test]
fn what_came_before_what_is_late_is_not_had_twice() {
    // After a gap it has had #13. Now those before it come, for another tab, and it has lost the number among them.
    let [mut leader, mut follower] = a_leader_and_a_follower("#6", "#13");
    follower.state.ahead = true;
    follower.state.seen.push(EventId::from_static("#8"));
    follower.handle_frozen();
    follower.handle_resumed(NOW);
    for id in ["#7", "#8", "#9", "#13", "#14"] {
        leader.handle_event(event("tick", id), NOW);
    }
    drain(&mut leader);
    hear(&mut leader, drain(&mut follower).0, NOW);
    hear(&mut follower, drain(&mut leader).0, NOW);
    assert_eq!(ids(&drain(&mut follower).1), ["#9", "#14"]);
}

#[test]
fn who_joins_while_a_hub_repeats_has_nothing_of_that() {
    let mut leader = Tab::new(1, long("e-3"), NOW);
    leader.handle_granted(NOW);
    drain(&mut leader);
    let mut fresh = Tab::new(2, EventId::default(), NOW);
    hear(&mut leader, drain(&mut fresh).0, NOW);
    leader.handle_state(State::Open, NOW);
    for (name, id) in [(CURSOR, "e-3"), ("tick", "e-4"), ("tick", "e-5")] {
        leader.handle_event(event(name, id), NOW);
    }
    hear(&mut fresh, drain(&mut leader).0, NOW);
    assert_eq!(ids(&drain(&mut fresh).1), [""; 0]);
    fresh.handle_time(NOW + BEAT);
    hear(&mut leader, drain(&mut fresh).0, NOW);
    hear(&mut fresh, drain(&mut leader).0, NOW);
    leader.handle_event(event("tick", "e-6"), NOW);
    hear(&mut fresh, drain(&mut leader).0, NOW);
    assert_eq!(ids(&drain(&mut fresh).1), ["e-5", "e-6"]); // its position first

    // The same while the connection is made anew.
    leader.handle_state(State::Connecting, NOW);
    drain(&mut leader);
    let mut fresh = Tab::new(3, EventId::default(), NOW);
    hear(&mut leader, drain(&mut fresh).0, NOW);
    leader.handle_state(State::Open, NOW);
    for (name, id) in [(CURSOR, "e-6"), ("tick", "e-7")] {
        leader.handle_event(event(name, id), NOW);
    }
    hear(&mut fresh, drain(&mut leader).0, NOW);
    assert_eq!(ids(&drain(&mut fresh).1), [""; 0]);
}

#[test]
fn who_joins_before_another_server_says_anything_has_its_first_event() {
    let mut leader = Tab::new(1, EventId::from_static("41"), NOW);
    leader.handle_granted(NOW);
    drain(&mut leader);
    let mut fresh = Tab::new(2, EventId::default(), NOW);
    for second in 0..3 {
        let now = NOW + Duration::from_secs(second); // it asks again
        fresh.handle_time(now);
        hear(&mut leader, drain(&mut fresh).0, now);
        hear(&mut fresh, drain(&mut leader).0, now);
    }
    leader.handle_event(event("tick", "42"), LATER);
    hear(&mut fresh, drain(&mut leader).0, LATER);
    assert_eq!(ids(&drain(&mut fresh).1), ["41", "42"]); // its position first
}

#[test]
fn who_was_turned_away_still_wants_nothing_old() {
    let mut busy = Tab::new(1, EventId::default(), NOW);
    busy.handle_granted(NOW);
    drain(&mut busy);
    busy.handle_event(event(DRAIN, ""), NOW);
    assert_eq!(drain(&mut busy).1, [Output::Event(event(DRAIN, ""))]);
    busy.handle_stolen(NOW);
    drain(&mut busy);

    let [mut leader, _] = leading();
    leader.handle_event(event("tick", "e-2"), NOW);
    drain(&mut leader);
    busy.handle_time(LATER); // it asks
    hear(&mut leader, drain(&mut busy).0, LATER);
    hear(&mut busy, drain(&mut leader).0, LATER);
    let events: Vec<_> = drain(&mut busy).1.into_iter().filter(|output| matches!(output, Output::Event(_))).collect();
    assert_eq!(events, [Output::Event(event(CURSOR, "e-2"))]); // its position, and no gap
}

#[test]
fn who_joins_while_the_hub_is_busy_begins_where_it_goes_on() {
    let mut leader = Tab::new(1, long("e-1"), NOW);
    leader.handle_granted(NOW);
    drain(&mut leader);
    let mut fresh = Tab::new(2, EventId::default(), NOW);
    hear(&mut leader, drain(&mut fresh).0, NOW);
    hear(&mut fresh, drain(&mut leader).0, NOW);
    leader.handle_event(event(DRAIN, "e-1"), NOW);
    hear(&mut fresh, drain(&mut leader).0, NOW);
    let ends = |done: &[Output]| matches!(done, [Output::Event(event)] if event.value.name.as_str() == DRAIN);
    let done = drain(&mut fresh).1;
    assert!(done.is_empty() || ends(&done), "{done:?}"); // and no position: what comes first may be old
    leader.handle_event(event(CURSOR, "e-9"), NOW);
    hear(&mut fresh, drain(&mut leader).0, NOW);
    let now = NOW + Duration::from_secs(1); // it asks again
    fresh.handle_time(now);
    hear(&mut leader, drain(&mut fresh).0, now);
    hear(&mut fresh, drain(&mut leader).0, now);
    assert_eq!(ids(&drain(&mut fresh).1), ["e-9"]);
}

#[test]
fn so_does_who_joins_while_the_hub_turns_away_a_stream_that_had_begun() {
    let mut tabs = leading();
    settle(&mut tabs);
    let [leader, _] = &mut tabs;
    leader.handle_state(State::Connecting, NOW);
    leader.handle_event(event(DRAIN, "e-1"), NOW);
    drain(leader);
    let mut fresh = Tab::new(3, EventId::default(), NOW);
    hear(leader, drain(&mut fresh).0, NOW);
    hear(&mut fresh, drain(leader).0, NOW);
    assert_eq!(ids(&drain(&mut fresh).1), [""; 0]); // and no position: what comes next may be old
}

#[test]
fn who_comes_from_a_later_epoch_leaves_nobody_behind() {
    let mut tabs = leading();
    settle(&mut tabs);
    let [first, _] = &mut tabs;
    let mut later = Tab::new(3, long("f-5"), NOW);
    hear(first, drain(&mut later).0, NOW);
    first.handle_time(LATER); // all were asked
    assert!(drain(first).1.contains(&Output::Connect { last_event_id: long("f-5") }));
    first.handle_event(event(CURSOR, "f-5"), LATER); // no gap, so this is the present epoch
    let (said, done) = drain(first);
    assert_eq!(ids(&done), [""; 0]);
    assert!(done.contains(&Output::Connect { last_event_id: long("e-1") }));
    assert!(!said.iter().any(|notice| matches!(notice.says, Says::Event { .. })));
}

#[test]
fn one_that_is_about_to_lead_hears_that_it_is_closed() {
    let mut tabs = leading();
    settle(&mut tabs);
    let [first, second] = &mut tabs;
    let closed = State::Closed { why: CloseReason::Status(401) };
    first.handle_state(closed, NOW);
    second.handle_granted(NOW); // the lock arrives before the notice
    hear(second, drain(first).0, NOW);
    second.handle_time(LATER);
    assert_eq!(drain(second).1, [Output::State(closed), Output::Release]);
}

#[test]
fn a_leader_that_hears_anything_looks_at_its_connection() {
    let mut tabs = leading();
    settle(&mut tabs);
    let [first, second] = &mut tabs;
    wonder(second, NOW);
    let asked = drain(second).0;
    assert!(!asked.is_empty());
    hear(first, asked, NOW);
    assert_eq!(drain(first).1, [Output::CheckDeadlines]);
}

#[test]
fn numbers_that_nobody_reaches_do_no_harm() {
    let mut tabs = leading();
    settle(&mut tabs);
    let [_, second] = &mut tabs;
    let term = serde_json::from_str("[18446744073709551615, 9]").unwrap();
    let events = vec![event("tick", "e-9")];
    let had = Vec::new();
    let replay = Says::Replay { to: 2, id: long("e-1"), after: u64::MAX, ahead: Some(true), lost: true, had, events };
    for says in [Says::Begin { start: long("e-1"), was: None }, replay] {
        second.handle_notice(Notice { from: 9, term, says }, NOW);
    }
    second.handle_granted(NOW);
    second.handle_time(LATER);
    assert!(drain(second).1.iter().any(|output| matches!(output, Output::Connect { .. })));
}

#[test]
fn ids_that_only_look_like_a_hubs_have_no_order() {
    let [mut leader, _] = a_leader_and_a_follower("evt-9k2f", "evt-9k2f");
    for id in ["evt-1aab", "evt-5c01"] {
        leader.handle_event(event("tick", id), NOW);
    }
    drain(&mut leader);
    let mut late = Tab::new(3, long("evt-9k2f"), NOW);
    hear(&mut leader, drain(&mut late).0, NOW);
    hear(&mut late, drain(&mut leader).0, NOW);
    leader.handle_event(event("tick", "evt-7d00"), NOW);
    hear(&mut late, drain(&mut leader).0, NOW);
    assert_eq!(ids(&drain(&mut late).1), ["evt-1aab", "evt-5c01", "evt-7d00"]);
}

#[test]
fn what_is_lost_is_told_with_what_follows() {
    let [mut leader, _] = a_leader_and_a_follower("#1", "#1");
    leader.handle_event(event("tick", "#2"), NOW);
    drain(&mut leader);
    let mut follower = Tab::new(3, long("elsewhere"), NOW);
    hear(&mut leader, drain(&mut follower).0, NOW);
    hear(&mut follower, drain(&mut leader).0, NOW);
    let done = drain(&mut follower).1;
    let gap = done.iter().find_map(|output| match output {
        Output::Event(event) if event.value.name.as_str() == GAP => Some(Gap::decode(&event.value.data)),
        _ => None,
    });
    let gap = gap.expect("a gap");
    assert_eq!((&*gap.requested, gap.first), ("elsewhere", Some(long("#2"))), "{done:?}");
}

#[test]
fn the_end_that_a_hub_announces_reaches_who_is_further_than_it() {
    let [mut leader, mut follower] = a_leader_and_a_follower("e-3", "e-9");
    for (name, id) in [("tick", "e-4"), (DRAIN, "e-4")] {
        leader.handle_event(event(name, id), NOW);
    }
    hear(&mut follower, drain(&mut leader).0, NOW);
    assert_eq!(drain(&mut follower).1, [Output::Event(event(DRAIN, "e-9"))]); // its own position
}
