//! Dropping what is retained of a topic.

use sse_core::EventId;
use sse_engine::{Position, Topic};

use super::{Hub, PublishError, target::named};
use crate::store::StoreError;

impl Hub {
    /// Drops what is retained of `topic`, or only what is before the event with the ID `before`. A topic that has ended
    /// goes on. Events of other canonical topics stay.
    ///
    /// # Errors
    ///
    /// [`PublishError::Topic`], [`PublishError::ForeignId`], or [`PublishError::Store`].
    pub async fn delete(&self, topic: &str, before: Option<&EventId>) -> Result<(), PublishError> {
        let topic = named(topic)?;
        let through = match before {
            Some(id) => self.seq_of(id)?.saturating_sub(1),
            None => u64::MAX,
        };
        self.delete_topic(&topic, through).await.map_err(|error| PublishError::Store(error.into()))
    }

    /// Returns true if `id` is a position of this log.
    pub(crate) fn is_position(&self, id: &str) -> bool {
        Position::parse(id).is_some_and(|position| self.seq(position).is_some())
    }

    fn seq_of(&self, id: &EventId) -> Result<u64, PublishError> {
        let seq = Position::parse(id.as_str()).and_then(|position| self.seq(position));
        seq.ok_or(PublishError::ForeignId)
    }

    /// Trims the retained events of `topic` through a sequence number. If it has ended, it goes on.
    pub(crate) async fn delete_topic(&self, topic: &Topic, through: u64) -> Result<(), StoreError> {
        // not what is published because of it
        let through = through.min(self.0.core.state().map_err(|_| StoreError::Gone)?.engine.window().head());
        self.trim_window(topic, through)?;
        self.fail_if_gone(self.0.store.trim(topic, through, true).await)
    }

    /// Trims the retained events of `topic` through the one with the ID `through`. A subscriber that resumes before it
    /// receives a gap.
    ///
    /// ```
    /// use sse_core::Event;
    /// use sse_server::{Config, Hub};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let hub = Hub::new(Config::in_memory())?;
    /// let secret = hub.publish("news", Event::message("not for everyone")).await?;
    /// hub.trim("news", &secret).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`PublishError`] if `topic` is not a topic, if `through` is not an ID of this log, or if the store fails.
    pub async fn trim(&self, topic: &str, through: &EventId) -> Result<(), PublishError> {
        let topic = named(topic)?;
        let seq = self.seq_of(through)?;
        self.trim_topic(&topic, seq).await.map_err(|error| PublishError::Store(error.into()))
    }

    /// Trims the retained events of `topic` through a sequence number.
    async fn trim_topic(&self, topic: &Topic, through: u64) -> Result<(), StoreError> {
        if self.0.backed {
            return self.fail_if_gone(self.0.store.trim(topic, through, false).await);
        }
        self.trim_window(topic, through)
    }

    /// Trims what only the window retains.
    fn trim_window(&self, topic: &Topic, through: u64) -> Result<(), StoreError> {
        if self.0.backed {
            return Ok(());
        }
        let mut state = self.0.core.state().map_err(|_| StoreError::Gone)?;
        while !state.engine.trim_topic(topic, through) {
            state.give_way().map_err(|_| StoreError::Gone)?;
        }
        self.0.core.note_log(&state);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sse_core::Event;
    use sse_testkit::{TestClient, event};

    use super::*;
    use crate::{Config, HubService, RouteSet};

    #[tokio::test(start_paused = true)]
    async fn what_is_trimmed_is_a_gap() {
        let hub = Hub::new(Config::in_memory()).unwrap();
        let client = TestClient::new(HubService::new(hub.clone(), RouteSet::All));
        let mut ids = Vec::new();
        for data in ["1", "2", "3"] {
            ids.push(hub.publish("a", Event::message(data)).await.unwrap());
        }
        hub.trim("a", &ids[1]).await.unwrap();
        let mut stream = client.get("/events?topic=a").last_event_id(ids[0].as_str()).connect().await;
        stream.expect_event(event("sse-gap").id(ids[1].as_str())).await;
        stream.expect_event("3").await;
        assert!(hub.trim("a", &EventId::from_static("nonsense")).await.is_err());
        assert!(hub.trim("a*b", &ids[0]).await.is_err());
    }
}
