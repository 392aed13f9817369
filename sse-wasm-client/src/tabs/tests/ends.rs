//! The end of everything a stream has.

use sse_core::hub::names::event::END;

use super::*;

const ENDED: State = State::Closed { why: CloseReason::Ended };

#[test]
fn at_the_end_who_has_had_everything_leaves() {
    let mut tabs = leading();
    settle(&mut tabs);
    tabs[0].handle_event(event(END, "e-2"), NOW);
    let end = Output::Event(event(END, "e-2"));
    let leaves = [Output::Disconnect, Output::Release];
    let told = [end, Output::State(ENDED)];
    assert_eq!(settle(&mut tabs), [[&told[..], &leaves].concat(), [&told[..], &leaves[1..]].concat()]);
}

#[test]
fn who_is_further_than_the_end_is_told_at_its_own_position() {
    let [mut leader, mut follower] = a_leader_and_a_follower("e-3", "e-9");
    leader.handle_event(event(END, "e-4"), NOW);
    hear(&mut follower, drain(&mut leader).0, NOW);
    assert_eq!(drain(&mut follower).1, [Output::Event(event(END, "e-9")), Output::State(ENDED), Output::Release]);
}

#[test]
fn who_has_missed_something_before_the_end_gets_it_by_leading() {
    let [mut leader, mut follower] = a_leader_and_a_follower("e-3", "e-3");
    leader.handle_event(event("tick", "e-4"), NOW);
    drain(&mut leader); // is lost
    leader.handle_event(event(END, "e-4"), NOW);
    hear(&mut follower, drain(&mut leader).0, NOW);
    assert_eq!(drain(&mut follower).1, []);
    follower.handle_granted(NOW);
    follower.handle_time(LATER);
    assert!(drain(&mut follower).1.contains(&Output::Connect { last_event_id: long("e-3") }));
}

#[test]
fn a_server_that_says_that_all_is_had_ends_it_for_those_who_have_had_it() {
    let [mut leader, mut in_step] = a_leader_and_a_follower("e-3", "e-3");
    let mut behind = Tab::new(3, long("e-2"), NOW);
    drain(&mut behind);
    leader.handle_state(ENDED, NOW); // 204
    let said = drain(&mut leader).0;
    hear(&mut in_step, said.clone(), NOW);
    hear(&mut behind, said, NOW);
    assert_eq!(drain(&mut in_step).1, [Output::State(ENDED), Output::Release]);
    assert_eq!(drain(&mut behind).1, []);
}

#[test]
fn one_that_is_about_to_lead_hears_of_the_end() {
    for (events, knows) in [(vec![END], true), (vec!["tick", END], false)] {
        let mut tabs = leading();
        settle(&mut tabs);
        let [first, second] = &mut tabs;
        for name in events {
            first.handle_event(event(name, "e-2"), NOW);
        }
        second.handle_granted(NOW); // the lock arrives before the notice
        hear(second, drain(first).0, NOW);
        second.handle_time(LATER);
        let done = drain(second).1;
        let asks = done.iter().any(|output| matches!(output, Output::Connect { .. }));
        assert_eq!((done.contains(&Output::State(ENDED)), asks), (knows, !knows), "{done:?}");
    }
    let mut tabs = leading();
    settle(&mut tabs);
    let [first, second] = &mut tabs;
    first.handle_event(event("tick", "e-2"), NOW);
    first.handle_state(ENDED, NOW); // 204, when it came back
    second.handle_granted(NOW);
    hear(second, drain(first).0, NOW);
    second.handle_time(LATER);
    assert!(drain(second).1.contains(&Output::Connect { last_event_id: long("e-1") })); // for the tick
}

#[test]
fn one_that_is_about_to_lead_hears_why_the_stream_was_refused() {
    let mut tabs = leading();
    settle(&mut tabs);
    let [first, second] = &mut tabs;
    let refused = Aside::Refused(Refusal { status: Some(400), ..Refusal::default() });
    let closed = State::Closed { why: CloseReason::Status(400) };
    first.handle_aside(refused.clone());
    first.handle_state(closed, NOW);
    second.handle_granted(NOW); // the lock arrives before the notice
    drain(second);
    hear(second, drain(first).0, NOW);
    assert_eq!(drain(second).1, [Output::Aside(refused), Output::State(closed), Output::Release]);
}
