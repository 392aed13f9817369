//! What two tabs tell their programs, where they hear each other at once.

use sse_core::EventName;

use super::*;
use crate::{Refusal, signal::CURSOR};

const NOW: Duration = Duration::from_secs(1);

/// Hands on what is said until nobody says anything. Gives what else is to be done, by tab.
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

fn event(name: &'static str, id: &'static str) -> Delivery<Message> {
    let value = Message { name: EventName::from_static(name), data: Default::default() };
    Delivery { value, id: EventId::from_static(id), origin: Default::default() }
}

/// The first leads a stream that is open.
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
    tabs[1] = Tab::new(3, EventId::default(), NOW); // later than all that was said
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
