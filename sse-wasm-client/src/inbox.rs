//! Where everything that the browser says goes through: told apart, counted, and put into the queue of who waits for
//! it. Knows no browser.

use std::{
    cell::{Cell, RefCell},
    task::{Context, Poll},
};

use sse_core::EventId;

use crate::{
    DecodeError, Delivery, Drain, Gap, Message, Signal, Signals, State,
    queue::Queue,
    reader::Reader,
    signal::{CURSOR, DRAIN, GAP, Signaller},
};

#[derive(Debug)]
pub(crate) struct Inbox<T> {
    reader: Reader<T>,
    state: Cell<State>,
    /// Where the URL says to begin.
    start: EventId,
    last_event_id: RefCell<EventId>,
    deliveries: Queue<Result<Delivery<T>, DecodeError>>,
    signaller: Signaller,
}

impl<T> Inbox<T> {
    pub(crate) fn new(reader: Reader<T>, capacity: usize, start: EventId) -> Self {
        Self {
            reader,
            state: Cell::new(State::Connecting),
            last_event_id: RefCell::new(start.clone()),
            start,
            deliveries: Queue::new(capacity),
            signaller: Signaller::default(),
        }
    }

    /// An event of the server, of whatever name.
    pub(crate) fn handle_event(&self, event: Delivery<Message>) {
        // Without an ID the browser sends none when it connects again, and the URL's counts.
        let id = if event.id.text().is_empty() { &self.start } else { &event.id };
        self.last_event_id.replace(id.clone());
        self.enter(self.state.get().received());
        let Message { name, data } = &event.value;
        if *name == CURSOR {
            // Its ID is all that it has to say.
        } else if *name == GAP {
            self.signaller.send(&Signal::Gap(Gap::read(data)));
        } else if *name == DRAIN {
            self.signaller.send(&Signal::Drain(Drain::read(data)));
        } else if let Some(delivery) = self.reader.read(event) {
            self.deliveries.push(delivery);
        }
    }

    /// The connection is lost, and the browser makes another.
    pub(crate) fn handle_lost(&self) {
        self.enter(self.state.get().lost());
    }

    /// The browser has given up.
    pub(crate) fn handle_refused(&self) {
        self.enter(self.state.get().refused());
        self.end();
    }

    /// Nothing more will come.
    pub(crate) fn end(&self) {
        self.deliveries.end();
        self.signaller.end();
    }

    pub(crate) fn poll_delivery(&self, context: &mut Context<'_>) -> Poll<Option<Result<Delivery<T>, DecodeError>>> {
        self.deliveries.poll_next(context)
    }

    pub(crate) fn signals(&self) -> Signals {
        let state = self.state.get();
        let signals = self.signaller.subscribe(Signal::State(state));
        if matches!(state, State::Closed { .. }) {
            self.signaller.end();
        }
        signals
    }

    pub(crate) fn state(&self) -> State {
        self.state.get()
    }

    pub(crate) fn last_event_id(&self) -> EventId {
        self.last_event_id.borrow().clone()
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.deliveries.dropped()
    }

    fn enter(&self, state: State) {
        if self.state.replace(state) != state {
            self.signaller.send(&Signal::State(state));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt, future::poll_fn};
    use serde::Deserialize;
    use sse_core::EventName;

    use super::*;
    use crate::{CloseReason, DrainReason, GapReason};

    const CLOSED: State = State::Closed { why: CloseReason::Refused };

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Sent {
        Number(u8),
        Error,
    }

    fn inbox(capacity: usize) -> Inbox<Sent> {
        Inbox::new(Reader::typed().unwrap(), capacity, EventId::default())
    }

    fn event(name: &str, data: &str, id: &str) -> Delivery<Message> {
        let value = Message { name: EventName::new(name).unwrap(), data: data.into() };
        Delivery { value, id: EventId::new(id).unwrap(), origin: "http://hub.example".into() }
    }

    /// What is there without waiting.
    fn delivered(inbox: &Inbox<Sent>) -> Vec<Result<Delivery<Sent>, DecodeError>> {
        let mut items = Vec::new();
        while let Some(Some(item)) = poll_fn(|context| inbox.poll_delivery(context)).now_or_never() {
            items.push(item);
        }
        items
    }

    fn signalled(signals: &mut Signals) -> Vec<Signal> {
        let mut items = Vec::new();
        while let Some(Some(item)) = signals.next().now_or_never() {
            items.push(item);
        }
        items
    }

    fn has_ended(inbox: &Inbox<Sent>, signals: &mut Signals) -> bool {
        let deliveries = poll_fn(|context| inbox.poll_delivery(context)).now_or_never();
        matches!(deliveries, Some(None)) && signals.next().now_or_never() == Some(None)
    }

    #[test]
    fn events_come_typed_with_id_and_origin() {
        let inbox = inbox(8);
        inbox.handle_event(event("number", "7", "e-1"));
        inbox.handle_event(event("error", "", "e-2"));
        let items: Vec<_> = delivered(&inbox).into_iter().map(Result::unwrap).collect();
        let expected =
            |value, id| Delivery { value, id: EventId::from_static(id), origin: "http://hub.example".into() };
        assert_eq!(items, [expected(Sent::Number(7), "e-1"), expected(Sent::Error, "e-2")]);
        assert_eq!(inbox.last_event_id().as_str(), "e-2");
    }

    #[test]
    fn what_does_not_decode_is_one_bad_item() {
        let inbox = inbox(8);
        inbox.handle_event(event("number", "seven", "e-1"));
        inbox.handle_event(event("number", "8", "e-2"));
        let items = delivered(&inbox);
        let error = items[0].as_ref().unwrap_err();
        assert_eq!(*error.delivery(), event("number", "seven", "e-1"));
        assert_eq!(
            error.to_string(),
            "the event `number` with id `e-1` does not decode: \
             the data does not fit its variant: expected value at line 1 column 1"
        );
        assert_eq!(items[1].as_ref().unwrap().value, Sent::Number(8));
    }

    #[test]
    fn a_name_not_asked_for_is_not_delivered() {
        let inbox = Inbox::new(Reader::untyped(), 8, EventId::default());
        inbox.handle_event(event("error", "", "e-1"));
        assert!(poll_fn(|context| inbox.poll_delivery(context)).now_or_never().is_none());
        assert_eq!(inbox.last_event_id().as_str(), "e-1");
    }

    #[test]
    fn open_with_the_first_event_and_not_before() {
        let inbox = inbox(8);
        let mut signals = inbox.signals();
        inbox.handle_lost(); // an answer that ends before its first event
        assert_eq!(inbox.state(), State::Connecting);
        inbox.handle_event(event("sse-cursor", "", "e-1"));
        inbox.handle_event(event("sse-cursor", "", "e-2"));
        assert_eq!((inbox.state(), inbox.last_event_id().as_str()), (State::Open, "e-2"));
        inbox.handle_lost();
        assert_eq!(inbox.state(), State::Connecting);
        inbox.handle_event(event("number", "1", "e-3"));

        let states = [State::Connecting, State::Open, State::Connecting, State::Open];
        assert_eq!(signalled(&mut signals), states.map(Signal::State));
        assert_eq!(delivered(&inbox).len(), 1);
    }

    #[test]
    fn what_the_hub_says_of_its_own_comes_as_signals() {
        let inbox = inbox(8);
        let mut signals = inbox.signals();
        inbox.handle_event(event("sse-gap", r#"{"reason":"unknown","requested":"x","first":"e-2"}"#, "e-1"));
        inbox.handle_event(event("sse-drain", r#"{"reason":"age"}"#, "e-2"));
        let gap = Gap { reason: GapReason::Unknown, requested: "x".into(), first: Some(EventId::from_static("e-2")) };
        assert_eq!(
            signalled(&mut signals),
            [
                Signal::State(State::Connecting),
                Signal::State(State::Open),
                Signal::Gap(gap),
                Signal::Drain(Drain { reason: DrainReason::Age }),
            ]
        );
        assert!(delivered(&inbox).is_empty());
        assert_eq!(inbox.last_event_id().as_str(), "e-2");
    }

    #[test]
    fn events_without_an_id_leave_it_to_the_url() {
        let inbox = Inbox::new(Reader::untyped(), 8, EventId::from_static("e-1"));
        assert_eq!(inbox.last_event_id().as_str(), "e-1");
        for (id, last_event_id) in [("", "e-1"), ("e-2", "e-2"), ("", "e-1")] {
            inbox.handle_event(event("message", "", id));
            assert_eq!(inbox.last_event_id().as_str(), last_event_id);
        }
    }

    #[test]
    fn refused_is_the_end_after_what_has_arrived() {
        let inbox = inbox(8);
        let mut signals = inbox.signals();
        inbox.handle_event(event("number", "1", "e-1"));
        inbox.handle_refused();
        inbox.handle_lost();
        assert_eq!(inbox.state(), CLOSED);
        assert_eq!(delivered(&inbox).len(), 1);
        assert_eq!(signalled(&mut signals), [State::Connecting, State::Open, CLOSED].map(Signal::State));
        assert!(has_ended(&inbox, &mut signals));

        let mut late = inbox.signals();
        assert_eq!(signalled(&mut late), [Signal::State(CLOSED)]);
        assert!(has_ended(&inbox, &mut late));
    }

    #[test]
    fn a_slow_reader_loses_the_oldest_and_can_tell() {
        let inbox = inbox(2);
        for number in ["1", "2", "3"] {
            inbox.handle_event(event("number", number, ""));
        }
        let values: Vec<_> = delivered(&inbox).into_iter().map(|item| item.unwrap().value).collect();
        assert_eq!((values, inbox.dropped()), (vec![Sent::Number(2), Sent::Number(3)], 1));
    }

    #[test]
    fn signals_are_bounded_each_reader_by_itself() {
        let inbox = inbox(8);
        let (mut kept, gone) = (inbox.signals(), inbox.signals());
        drop(gone);
        for _ in 0..40 {
            inbox.handle_event(event("sse-cursor", "", ""));
            inbox.handle_lost();
        }
        assert_eq!((kept.dropped(), signalled(&mut kept).len()), (17, 64));
        assert_eq!(inbox.signals().dropped(), 0);
    }
}
