//! A broadcast channel for each topic.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{Stream, StreamExt};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

/// Events that a subscriber may be behind before its stream ends: more than a burst has.
const CAPACITY: usize = 1024;

/// Topics that there may be.
const MOST_TOPICS: usize = 1024;

#[derive(Clone, Debug, Default)]
pub(super) struct Topics(Arc<Mutex<HashMap<String, broadcast::Sender<Arc<str>>>>>);

impl Topics {
    /// What is published to the topic from now on. `None`: there are too many topics.
    pub(super) fn subscribe(&self, topic: &str) -> Option<impl Stream<Item = Arc<str>> + Send + use<>> {
        let receiver = self.of(topic)?.subscribe();
        let stream = BroadcastStream::new(receiver).take_while(|event| std::future::ready(event.is_ok()));
        Some(stream.filter_map(|event| std::future::ready(event.ok())))
    }

    /// `false`: there are too many topics.
    pub(super) fn publish(&self, topic: &str, data: &str) -> bool {
        let Some(sender) = self.of(topic) else { return false };
        // an error says that nobody is subscribed
        let _ = sender.send(data.into());
        true
    }

    fn of(&self, topic: &str) -> Option<broadcast::Sender<Arc<str>>> {
        let mut topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = topics.get(topic) {
            return Some(sender.clone());
        }
        if topics.len() >= MOST_TOPICS {
            return None;
        }
        Some(topics.entry(topic.to_owned()).or_insert_with(|| broadcast::Sender::new(CAPACITY)).clone())
    }
}
