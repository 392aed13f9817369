use futures_util::{FutureExt, StreamExt, future::poll_fn};
use serde::Deserialize;
use sse_core::Text;

use super::*;
use crate::signal::QUEUE;
use crate::{
    CloseReason, DecodeError, Delivery, Drain, DrainReason, End, Gap, GapReason, Message, States, decoder::Decoder,
    reconnect::Settings, sink::Deliveries,
};

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sent {
    Number(u8),
    Error,
}

struct Sim {
    dispatcher: Dispatcher,
    deliveries: Rc<Deliveries<Sent>>,
}

fn sim(capacity: usize) -> Sim {
    started(capacity, "", |_| {})
}

fn started(capacity: usize, start: &str, change: impl FnOnce(&mut Settings)) -> Sim {
    let deliveries = Rc::new(Deliveries::new(Decoder::typed().unwrap(), capacity));
    let mut settings = Settings::default();
    change(&mut settings);
    let reconnect = Reconnect::new(settings, EventId::new(start).unwrap(), Duration::ZERO);
    let sink: Rc<dyn Sink> = deliveries.clone();
    Sim { dispatcher: Dispatcher::new(reconnect, sink), deliveries }
}

impl Sim {
    fn event(&self, name: &str, data: &str, id: &str) {
        let origin = "http://hub.example".into();
        self.dispatcher.handle_browsers_event(RawEvent { name, data, id, origin: &origin }, Duration::ZERO);
    }

    fn lost(&self) {
        self.dispatcher.change(|reconnect| reconnect.handle_lost(Duration::ZERO));
    }

    fn refused(&self, status: Option<u16>) {
        self.dispatcher.handle_refusal(refusal(status), Duration::ZERO, 0);
    }

    /// What has been delivered so far.
    fn delivered(&self) -> Vec<Result<Delivery<Sent>, DecodeError>> {
        let mut items = Vec::new();
        while let Some(Some(item)) = poll_fn(|context| self.deliveries.poll_next(context)).now_or_never() {
            items.push(item);
        }
        items
    }

    fn has_ended(&self, signals: &mut Signals) -> bool {
        let deliveries = poll_fn(|context| self.deliveries.poll_next(context)).now_or_never();
        matches!(deliveries, Some(None)) && signals.next().now_or_never() == Some(None)
    }
}

fn refusal(status: Option<u16>) -> Refusal {
    Refusal { status, ..Refusal::default() }
}

fn signalled(signals: &mut Signals) -> Vec<Signal> {
    let mut items = Vec::new();
    while let Some(Some(item)) = signals.next().now_or_never() {
        items.push(item);
    }
    items
}

#[test]
fn events_come_typed_with_id_and_origin() {
    let sim = sim(8);
    sim.event("number", "7", "e-1");
    sim.event("error", "", "e-2");
    let items: Vec<_> = sim.delivered().into_iter().map(Result::unwrap).collect();
    let expected = |value, id| Delivery { value, id: EventId::from_static(id), origin: "http://hub.example".into() };
    assert_eq!(items, [expected(Sent::Number(7), "e-1"), expected(Sent::Error, "e-2")]);
    assert_eq!(sim.dispatcher.last_event_id().as_str(), "e-2");
}

#[test]
fn loss_is_signalled() {
    let sim = sim(2);
    let mut signals = sim.dispatcher.signals(QUEUE);
    let take = |at: u64| {
        let origin = Text::default();
        let event = RawEvent { name: "number", data: "1", id: "e-1", origin: &origin };
        sim.dispatcher.handle_event(event, Duration::from_millis(at));
    };
    let dropped = |signals: &mut Signals| {
        let counts = signalled(signals).into_iter().filter_map(|signal| match signal {
            Signal::Dropped(count) => Some(count),
            _ => None,
        });
        counts.collect::<Vec<_>>()
    };
    (0..2).for_each(take);
    assert!(dropped(&mut signals).is_empty());
    (2..10).for_each(take);
    assert_eq!(dropped(&mut signals), [1]); // at once
    take(2000);
    assert_eq!(dropped(&mut signals), [8]); // and the rest together
    take(2001);
    sim.dispatcher.change(Reconnect::close);
    assert_eq!(dropped(&mut signals), [1]);
}

#[test]
fn what_does_not_decode_is_one_bad_item() {
    let sim = sim(8);
    sim.event("number", "seven", "e-1");
    sim.event("number", "8", "e-2");
    let items = sim.delivered();
    let error = items[0].as_ref().unwrap_err();
    let Delivery { value: Message { name, data }, id, .. } = error.delivery();
    assert_eq!((name.as_str(), data.as_str(), id.as_str()), ("number", "seven", "e-1"));
    assert_eq!(
        error.to_string(),
        "the event `number` with id `e-1` does not decode: \
         the data does not fit its variant: expected value at line 1 column 1"
    );
    assert_eq!(items[1].as_ref().unwrap().value, Sent::Number(8));
}

#[test]
fn a_name_not_asked_for_is_not_delivered() {
    let sim = sim(8);
    sim.event("unheard-of", "", "e-1");
    assert!(sim.delivered().is_empty());
    assert_eq!(sim.dispatcher.last_event_id().as_str(), "e-1");
}

#[test]
fn open_with_the_first_event_and_not_before() {
    let sim = sim(8);
    let mut signals = sim.dispatcher.signals(QUEUE);
    sim.lost(); // a response that ends before its first event
    assert_eq!(sim.dispatcher.state(), State::Connecting);
    sim.event("sse-cursor", "", "e-1");
    sim.event("sse-cursor", "", "e-2");
    assert_eq!((sim.dispatcher.state(), sim.dispatcher.last_event_id().as_str()), (State::Open, "e-2"));
    sim.lost();
    assert_eq!(sim.dispatcher.state(), State::Connecting);
    sim.event("number", "1", "e-3");

    let states = [State::Connecting, State::Open, State::Connecting, State::Open];
    assert_eq!(signalled(&mut signals), states.map(Signal::State));
    assert_eq!(sim.delivered().len(), 1);
}

#[test]
fn what_the_hub_says_of_its_own_comes_as_signals() {
    let sim = sim(8);
    let mut signals = sim.dispatcher.signals(QUEUE);
    sim.event("sse-gap", r#"{"reason":"unknown","requested":"x","first":"e-2"}"#, "e-1");
    sim.event("sse-drain", r#"{"reason":"age"}"#, "e-2");
    let gap = Gap::new(GapReason::Unknown, "x", Some(EventId::from_static("e-2")));
    assert_eq!(
        signalled(&mut signals),
        [
            Signal::State(State::Connecting),
            Signal::State(State::Open),
            Signal::Gap(gap),
            Signal::Drain(Drain::new(DrainReason::Age)),
        ]
    );
    assert!(sim.delivered().is_empty());
    assert_eq!(sim.dispatcher.last_event_id().as_str(), "e-2");
}

#[test]
fn a_stream_that_opens_with_its_end_is_not_open() {
    let sim = started(8, "e-1", |_| {});
    let mut signals = sim.dispatcher.signals(QUEUE);
    sim.event("sse-drain", r#"{"reason":"busy"}"#, "");
    assert_eq!((sim.dispatcher.state(), sim.dispatcher.last_event_id().as_str()), (State::Connecting, "e-1"));
    sim.dispatcher.change(|reconnect| reconnect.handle_end(CloseReason::Failed, Duration::ZERO, 0));
    let waiting = State::Waiting { attempt: 1, until: Duration::from_secs(3) };
    let drain = Signal::Drain(Drain::new(DrainReason::Busy));
    assert_eq!(signalled(&mut signals), [Signal::State(State::Connecting), drain, Signal::State(waiting)]);
    sim.event("sse-drain", r#"{"reason":"busy"}"#, ""); // late
    assert!(signalled(&mut signals).is_empty());
}

#[test]
fn the_end_of_all_topics_is_told_and_ends_it() {
    for opened in [true, false] {
        let sim = sim(8);
        let mut signals = sim.dispatcher.signals(QUEUE);
        if opened {
            sim.event("number", "1", "e-1");
        }
        sim.event("sse-end", r#"{"topics":["runs/42"]}"#, "e-2");
        sim.event("sse-end", r#"{"topics":["runs/42"]}"#, "e-2"); // late, and so is all that follows
        sim.event("number", "2", "e-3");
        sim.lost();
        let closed = State::Closed { why: CloseReason::Ended };
        assert_eq!(
            signalled(&mut signals),
            [
                Signal::State(State::Connecting),
                Signal::State(State::Open),
                Signal::End(End::new(["runs/42"])),
                Signal::State(closed),
            ]
        );
        assert_eq!((sim.dispatcher.state(), sim.dispatcher.last_event_id().as_str()), (closed, "e-2"));
        assert_eq!(sim.delivered().len(), usize::from(opened)); // what came before is still to be read
        assert!(sim.has_ended(&mut signals));
    }
}

#[test]
fn events_without_an_id_leave_it_to_the_url() {
    let sim = started(8, "e-1", |_| {});
    assert_eq!(sim.dispatcher.last_event_id().as_str(), "e-1");
    for (id, last_event_id) in [("", "e-1"), ("e-2", "e-2"), ("", "e-1")] {
        sim.event("error", "", id);
        assert_eq!(sim.dispatcher.last_event_id().as_str(), last_event_id);
        assert_eq!(sim.delivered()[0].as_ref().unwrap().id.as_str(), last_event_id);
    }
}

#[test]
fn a_server_that_takes_back_its_id_is_believed_where_it_can_be_seen() {
    let sim = started(8, "e-1", |_| {});
    let origin = Text::default();
    sim.dispatcher.handle_event(RawEvent { name: "error", data: "", id: "", origin: &origin }, Duration::ZERO);
    assert_eq!(sim.dispatcher.last_event_id().as_str(), "");
}

#[test]
fn a_refusal_is_told_and_what_becomes_of_it() {
    let sim = sim(8);
    let mut signals = sim.dispatcher.signals(QUEUE);
    sim.refused(Some(503));
    sim.refused(Some(503)); // of a connection that is gone already
    sim.event("number", "1", "e-1"); // and so is this
    let waiting = State::Waiting { attempt: 1, until: Duration::from_secs(3) };
    assert_eq!(
        signalled(&mut signals),
        [Signal::State(State::Connecting), Signal::Refused(refusal(Some(503))), Signal::State(waiting)]
    );
    assert!(sim.delivered().is_empty());
}

#[test]
fn the_end_comes_after_what_has_arrived() {
    let sim = started(8, "", |settings| settings.give_up_after = Some(1));
    let mut signals = sim.dispatcher.signals(QUEUE);
    sim.event("number", "1", "e-1");
    sim.refused(None);
    sim.lost();
    let closed = State::Closed { why: CloseReason::GaveUp };
    assert_eq!(sim.dispatcher.state(), closed);
    assert_eq!(sim.delivered().len(), 1);
    let signal = signalled(&mut signals);
    assert_eq!(signal[..2], [State::Connecting, State::Open].map(Signal::State));
    assert_eq!(signal[2..], [Signal::Refused(refusal(None)), Signal::State(closed)]);
    assert!(sim.has_ended(&mut signals));

    let mut late = sim.dispatcher.signals(QUEUE);
    assert_eq!(signalled(&mut late), [Signal::State(closed)]);
    assert!(sim.has_ended(&mut late));
}

#[test]
fn states_alone_pass_over_the_rest() {
    let sim = sim(8);
    let mut states = States(sim.dispatcher.signals(QUEUE));
    sim.event("sse-gap", "{}", "e-1");
    sim.dispatcher.handle_too_long(Limit::Line);
    sim.lost();
    let states: Vec<_> = std::iter::from_fn(|| states.next().now_or_never().flatten()).collect();
    assert_eq!(states, [State::Connecting, State::Open, State::Connecting]);
}

#[test]
fn a_slow_reader_loses_the_oldest_and_can_tell() {
    let sim = sim(2);
    for number in ["1", "2", "3"] {
        sim.event("number", number, "");
    }
    let values: Vec<_> = sim.delivered().into_iter().map(|item| item.unwrap().value).collect();
    assert_eq!((values, sim.deliveries.dropped()), (vec![Sent::Number(2), Sent::Number(3)], 1));
}

#[test]
fn signals_are_bounded_each_reader_by_itself() {
    let sim = sim(8);
    let (mut kept, gone) = (sim.dispatcher.signals(QUEUE), sim.dispatcher.signals(QUEUE));
    drop(gone);
    for _ in 0..40 {
        sim.event("sse-cursor", "", "");
        sim.lost();
    }
    assert_eq!((kept.dropped(), signalled(&mut kept).len()), (17, 64));
    assert_eq!(sim.dispatcher.signals(QUEUE).dropped(), 0);
}

/// Records everything that it is handed.
#[derive(Debug, Default)]
struct Log(RefCell<Vec<String>>);

impl Sink for Log {
    fn take(&self, event: RawEvent<'_>) {
        self.0.borrow_mut().push(format!("{} {}", event.name, event.id));
    }

    fn take_hubs(&self, event: RawEvent<'_>) {
        self.0.borrow_mut().push(format!("hub's {} {}", event.name, event.id));
    }

    fn take_signal(&self, signal: &Signal) {
        self.0.borrow_mut().push(match signal {
            Signal::State(state) => state.to_string(),
            other => format!("{other:?}"),
        });
    }

    fn room(&self) -> usize {
        usize::MAX
    }

    fn is_tight(&self) -> bool {
        false
    }

    fn poll_room(&self, _: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        std::task::Poll::Ready(())
    }

    fn end(&self) {
        self.0.borrow_mut().push("end".into());
    }
}

#[test]
fn an_outlet_may_have_everything_in_its_order() {
    let log = Rc::<Log>::default();
    let settings = Settings { give_up_after: Some(1), ..Settings::default() };
    let dispatcher =
        Dispatcher::new(Reconnect::new(settings, EventId::default(), Duration::ZERO), Rc::clone(&log) as Rc<dyn Sink>);
    let origin = Text::default();
    for (name, id) in [("sse-cursor", "e-1"), ("any", "e-2"), ("sse-gap", "e-3"), ("sse-drain", "e-4")] {
        dispatcher.handle_event(RawEvent { name, data: "", id, origin: &origin }, Duration::ZERO);
    }
    dispatcher.handle_too_long(Limit::Line);
    dispatcher.handle_refusal(Refusal::default(), Duration::ZERO, 0);
    let refused = format!("{:?}", Signal::Refused(Refusal::default()));
    let closed = State::Closed { why: CloseReason::GaveUp }.to_string();
    let all = ["open", "hub's sse-cursor e-1", "any e-2", "hub's sse-gap e-3", "hub's sse-drain e-4", "TooLong(Line)"];
    let rest = [refused.as_str(), &closed, "end"];
    assert_eq!(*log.0.borrow(), [&all[..], &rest[..]].concat());

    let log = Rc::<Log>::default();
    let reconnect = Reconnect::new(Settings::default(), EventId::default(), Duration::ZERO);
    let dispatcher = Dispatcher::new(reconnect, Rc::clone(&log) as Rc<dyn Sink>);
    dispatcher.handle_event(RawEvent { name: "sse-end", data: "", id: "e-5", origin: &origin }, Duration::ZERO);
    let closed = State::Closed { why: CloseReason::Ended }.to_string();
    assert_eq!(*log.0.borrow(), ["open", "hub's sse-end e-5", &closed, "end"]);
}

#[test]
fn what_decides_about_a_refusal_may_close() {
    let own = Rc::new(std::cell::OnceCell::<std::rc::Weak<Dispatcher>>::new());
    let seen = Rc::clone(&own);
    let decide = move |_: &Refusal| {
        let dispatcher = seen.get().unwrap().upgrade().unwrap();
        assert_eq!(dispatcher.last_event_id().as_str(), "e-1");
        dispatcher.change(Reconnect::close);
        true
    };
    let Sim { dispatcher, .. } = started(8, "e-1", |settings| settings.may_pass = Rc::new(decide));
    let dispatcher = Rc::new(dispatcher);
    own.set(Rc::downgrade(&dispatcher)).unwrap();
    dispatcher.handle_refusal(Refusal::default(), Duration::ZERO, 0);
    assert_eq!(dispatcher.state(), State::Closed { why: CloseReason::ByApplication });
}
