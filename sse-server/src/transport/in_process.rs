//! Subscriptions of the program that embeds the hub: what a subscriber gets over HTTP, without HTTP.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::Stream;
use sse_core::{
    Event, EventId, EventRef, Item, Limits, Parser,
    hub::{ControlEvent, DrainReason, End, Gap},
};
use sse_engine::{Control, Draft, Position, Selector, Surroundings, Topic, decode};

use super::body::EventBody;
use crate::hub::{Hub, SubscribeError, Subscribed};

/// Where a [`Subscription`] starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// With the next published event.
    #[default]
    Head,
    /// Exactly after the event or position with this ID. If that is not possible, a [`Delivery::Gap`] says why.
    After(EventId),
    /// With the oldest retained event.
    Earliest,
    /// With the last retained event of each topic, in the order of the log, then with the next published event.
    Last,
    /// With the first event published within this time.
    Since(Duration),
}

/// An item of a [`Subscription`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// An event of one of its topics.
    #[non_exhaustive]
    Event {
        /// The topic it was published to, the canonical one.
        topic: Topic,
        /// Its other topics.
        others: Vec<Topic>,
        /// Whether it is private.
        private: bool,
        /// Whether it is the last event of its topic, which has ended with it.
        end: bool,
        /// Its ID, name and data.
        event: Event,
    },
    /// Events of its topics may have been lost. What follows is complete from `first` on.
    Gap(Gap),
    /// The hub ends the subscription. Nothing follows; subscribe again after its [position](Subscription::position).
    Drain(DrainReason),
    /// All topics of the subscription have ended, and everything was delivered. Nothing follows, nor would it later.
    End(End),
}

/// A stream of the events of a set of topics, in the order of the log, each once. Made by [`Hub::subscribe`].
///
/// It counts as an open stream until it is dropped. If it is not polled for longer than `stream.lag_time`, it is
/// treated like any slow subscriber.
#[derive(Debug)]
#[must_use = "a subscription does nothing unless it is polled"]
pub struct Subscription {
    /// `None` if there was nothing to come.
    body: Option<EventBody>,
    parser: Parser,
    /// What was read and not yet delivered, each with the position after it.
    ready: VecDeque<(Delivery, Option<EventId>)>,
    position: EventId,
}

impl Hub {
    /// Subscribes to all topics that any of `selectors` matches.
    ///
    /// ```
    /// use futures_util::StreamExt;
    /// use sse_core::Event;
    /// use sse_server::{Config, Delivery, Hub, Selector, Start};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let hub = Hub::new(Config::in_memory())?;
    /// let mut orders = hub.subscribe([Selector::new("orders/*")?], Start::Head).await?;
    /// hub.publish("orders/7", Event::message("paid")).await?;
    /// let Some(Delivery::Event { topic, event, .. }) = orders.next().await else { panic!("it was published") };
    /// assert_eq!((topic.as_str(), event.data().unwrap().as_str()), ("orders/7", "paid"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SubscribeError`] if there are no selectors or too many, if the hub is full or shutting down, or if the start
    /// depends on the store and it can't be read.
    pub async fn subscribe(
        &self,
        selectors: impl IntoIterator<Item = Selector>,
        start: Start,
    ) -> Result<Subscription, SubscribeError> {
        let selectors = self.selectors(selectors.into_iter().collect(), true)?;
        let asked = match &start {
            Start::After(id) => Some(id.clone()),
            _ => None,
        };
        let start = match start {
            Start::Head => sse_engine::StartPoint::Head,
            Start::After(id) => sse_engine::StartPoint::After(id.as_str().to_owned()),
            Start::Earliest => sse_engine::StartPoint::Earliest,
            Start::Last => sse_engine::StartPoint::Last,
            Start::Since(time) => self.since(time, humantime::format_duration(time).to_string()),
        };
        let parser = Parser::with_limits(Limits::new(usize::MAX, usize::MAX)); // the hub itself has encoded its input
        let (subscriber, cursor, opening) = match self.add_subscriber(selectors.clone(), start, None, None).await? {
            Subscribed::At(subscriber, cursor, opening) => (subscriber, cursor, opening),
            Subscribed::Ended => {
                let end = End::new(selectors.topics_only().into_iter().flatten().map(Topic::as_str));
                let position = asked.unwrap_or_else(|| self.position(self.shown()).id());
                return Ok(Subscription { body: None, parser, ready: [(Delivery::End(end), None)].into(), position });
            }
        };
        // What was lost is told first: until then the place is where it will be told again.
        let position = match (&opening.gap, asked) {
            (None, _) => opening.position.id(),
            (Some(_), Some(id)) => id,
            (Some(_), None) => Position::new(opening.position.epoch(), 0).id(),
        };
        let body = EventBody::new(subscriber, cursor, opening, Control::Events).without_age();
        Ok(Subscription { body: Some(body), parser, ready: VecDeque::new(), position })
    }
}

impl Subscription {
    /// The position through which everything was received. Start [after](Start::After) it to continue, even after a
    /// restart.
    #[must_use]
    pub const fn position(&self) -> &EventId {
        &self.position
    }
}

impl Stream for Subscription {
    type Item = Delivery;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        let Self { body, parser, ready, position } = self.get_mut();
        loop {
            if let Some((delivery, after)) = ready.pop_front() {
                if let Some(id) = after {
                    *position = id;
                }
                return Poll::Ready(Some(delivery));
            }
            let Some(body) = body else { return Poll::Ready(None) };
            let Some(Ok(bytes)) = ready!(Pin::new(body).poll_next(cx)) else { return Poll::Ready(None) };
            parser.feed(&bytes, |item| {
                let Item::Event(read) = item else { return };
                let id = EventId::new(read.id()).ok();
                match ControlEvent::decode(read.name(), read.data()) {
                    None => ready.extend(published(&read).map(|event| (event, id))),
                    Some(ControlEvent::Gap(gap)) => ready.push_back((Delivery::Gap(gap), id)),
                    Some(ControlEvent::End(end)) => ready.push_back((Delivery::End(end), id)),
                    Some(ControlEvent::Drain(drain)) => ready.push_back((Delivery::Drain(drain.reason), id)),
                    // a cursor; everything before it was delivered
                    Some(_) if ready.is_empty() => *position = id.unwrap_or_else(|| position.clone()),
                    Some(_) => {}
                }
            });
        }
    }
}

/// An event out of the envelope that the hub's encoder made.
fn published(read: &EventRef<'_>) -> Option<Delivery> {
    let Draft { topic, others, name, data, private, end, .. } = decode(read.name(), read.data())?;
    let mut event = Event::builder().id(EventId::new(read.id()).ok()?).data(data);
    if let Some(name) = name {
        event = event.name(name.event_name());
    }
    Some(Delivery::Event { topic, others: others.into_vec(), private, end, event: event.build() })
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt};
    use sse_core::{EventName, hub::GapReason};

    use super::*;
    use crate::Config;

    fn all() -> [Selector; 1] {
        [Selector::new("**").unwrap()]
    }

    async fn next(subscription: &mut Subscription) -> Delivery {
        subscription.next().await.expect("it goes on")
    }

    fn data(delivery: &Delivery) -> &str {
        match delivery {
            Delivery::Event { event, .. } => event.data().unwrap().as_str(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn events_come_as_they_were_published() {
        let hub = Hub::new(Config::in_memory()).unwrap();
        let mut subscription = hub.subscribe(all(), Start::Head).await.unwrap();
        let sent = ["", "a\nb", "\"quoted\"", "{\"json\": 1}", "null", "é\u{0}"];
        for text in sent {
            let event = Event::builder().name(EventName::from_static("tick")).data(text).build();
            let id = hub.publish("a/b", event.clone()).await.unwrap();
            match next(&mut subscription).await {
                Delivery::Event { topic, event, .. } => {
                    assert_eq!((topic.as_str(), event.name(), event.id()), ("a/b", "tick", Some(&id)));
                    assert_eq!(event.data().unwrap().as_str(), text);
                }
                other => panic!("{other:?}"),
            }
            assert_eq!(subscription.position(), &id);
        }
        assert!(subscription.next().now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn it_goes_on_exactly_where_another_was() {
        let hub = Hub::new(Config::in_memory()).unwrap();
        let mut first = hub.subscribe(all(), Start::Head).await.unwrap();
        for text in ["1", "2", "3"] {
            hub.publish("a", Event::message(text)).await.unwrap();
        }
        assert_eq!(data(&next(&mut first).await), "1");
        let position = first.position().clone();
        drop(first);
        let mut second = hub.subscribe(all(), Start::After(position)).await.unwrap();
        assert_eq!(data(&next(&mut second).await), "2");
        assert_eq!(data(&next(&mut second).await), "3");
        let mut all_of_it = hub.subscribe(all(), Start::Earliest).await.unwrap();
        assert_eq!(data(&next(&mut all_of_it).await), "1");
        assert_eq!(hub.subscribers(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_loss_is_told_first() {
        let mut config = Config::in_memory();
        config.window.events = 2;
        let hub = Hub::new(config).unwrap();
        let start = hub.publish("a", Event::message("0")).await.unwrap();
        for text in ["1", "2", "3"] {
            hub.publish("a", Event::message(text)).await.unwrap();
        }
        let mut subscription = hub.subscribe(all(), Start::After(start.clone())).await.unwrap();
        assert_eq!(subscription.position(), &start, "who goes on from here is told of the loss again");
        match next(&mut subscription).await {
            Delivery::Gap(gap) => assert_eq!(gap.reason, GapReason::Trimmed),
            other => panic!("{other:?}"),
        }
        assert!(subscription.position().as_str() > start.as_str());
        assert_eq!(data(&next(&mut subscription).await), "2");
    }

    #[tokio::test(start_paused = true)]
    async fn it_lives_longer_than_a_stream_may_and_ends_with_the_hub() {
        let mut config = Config::in_memory();
        config.stream.max_age = Duration::from_secs(60);
        let hub = Hub::new(config).unwrap();
        let mut subscription = hub.subscribe(all(), Start::Head).await.unwrap();
        let day = tokio::time::timeout(Duration::from_secs(24 * 3600), subscription.next());
        assert!(day.await.is_err(), "nothing but heartbeats, which are not told");
        hub.drain();
        assert_eq!(next(&mut subscription).await, Delivery::Drain(DrainReason::Shutdown));
        assert_eq!(subscription.next().await, None);
        assert_eq!(hub.subscribe(all(), Start::Head).await.unwrap_err(), SubscribeError::Draining);
    }

    #[tokio::test]
    async fn what_is_too_much_is_refused_with_a_number() {
        let hub = Hub::new(Config::in_memory()).unwrap();
        let none = hub.subscribe([], Start::Head).await.unwrap_err();
        assert_eq!(none, SubscribeError::NoSelector);
        let many = (0..65).map(|i| Selector::new(&i.to_string()).unwrap());
        let many = hub.subscribe(many, Start::Head).await.unwrap_err().to_string();
        assert!(many.contains("65") && many.contains("64"), "{many}");
    }
}
