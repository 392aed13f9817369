//! Publishing from the program that embeds the hub.

use sse_core::{Event, EventId};
use sse_engine::{Draft, Name};

use super::{
    Hub, Publication, PublishError,
    target::{Target, named},
};

impl Hub {
    /// Publishes `event` to a topic, or to [several](Target), and returns its ID in the log. Subscribers receive its name,
    /// its data and its reconnection time, which is clamped to the configured range.
    ///
    /// ```
    /// use serde::Serialize;
    /// use sse_core::{Event, typed};
    /// use sse_server::{Config, Hub};
    ///
    /// #[derive(Serialize)]
    /// #[serde(rename_all = "snake_case")]
    /// enum Chat {
    ///     Said(String),
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let hub = Hub::new(Config::in_memory())?;
    /// hub.publish("news/local", Event::message("hello")).await?;
    /// let id = hub.publish("chat", typed::encode(&Chat::Said("hi".into()))?.build()).await?;
    /// println!("{}", id.as_str());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`PublishError`]; nothing is published then.
    pub async fn publish(&self, target: impl Into<Target>, event: Event) -> Result<EventId, PublishError> {
        let draft = self.draft(&target.into(), &event)?;
        let published = self.append(Publication::one(draft, None)).await?;
        published.first().map(|published| published.position.id()).ok_or(PublishError::Draining)
    }

    /// Ends `topic` without an event of its own, and returns the ID of its last event. What is published to it later is
    /// refused. Subscribers with nothing but ended topics are told, and their streams end.
    ///
    /// ```
    /// use sse_core::Event;
    /// use sse_server::{Config, Hub};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let hub = Hub::new(Config::in_memory())?;
    /// let last = hub.publish("runs/42", Event::message("done")).await?;
    /// assert_eq!(hub.end("runs/42").await?, last);
    /// hub.delete("runs/42", None).await?; // it goes on
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`PublishError`], if it has ended already among others.
    pub async fn end(&self, topic: &str) -> Result<EventId, PublishError> {
        Ok(self.end_topic(named(topic)?).await?.id())
    }

    fn draft(&self, target: &Target, event: &Event) -> Result<Draft, PublishError> {
        let config = &self.config().publish;
        let name = Name::of(event.name()).map_err(|why| PublishError::Name { name: event.name().to_owned(), why })?;
        if event.id().is_some() {
            return Err(PublishError::HasId);
        }
        if event.comment().is_some() {
            return Err(PublishError::HasComment);
        }
        let Some(data) = event.data() else {
            return Err(PublishError::NoData);
        };
        if data.len() > config.max_event_bytes {
            return Err(PublishError::TooLarge { bytes: data.len(), most: config.max_event_bytes });
        }
        let retry = event.retry().map(|retry| config.clamp_retry(retry));
        Ok(Draft { name, retry, ..target.draft(data.clone())? })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sse_core::EventName;
    use sse_engine::Surroundings;
    use sse_testkit::{TestClient, event};

    use super::*;
    use crate::{Config, HubService, RouteSet};

    #[tokio::test(start_paused = true)]
    async fn what_the_program_publishes_arrives_like_anything_else() {
        let hub = Hub::new(Config::in_memory()).unwrap();
        let client = TestClient::new(HubService::new(hub.clone(), RouteSet::All));
        let mut stream = client.get("/events?topic=a/*").skip_events(["sse-cursor"]).connect().await;
        let published = Event::builder().name(EventName::from_static("e")).retry(Duration::ZERO).data("x\ny").build();
        let id = hub.publish("a/b", published).await.unwrap();
        stream.expect_retry().await;
        assert_eq!(stream.expect_retry().await, Duration::from_millis(100), "clamped");
        stream.expect_event(event("e").data("x\ny").id(id.as_str())).await;
    }

    #[tokio::test]
    async fn what_can_not_be_published_is_named() {
        let mut config = Config::in_memory();
        config.publish.max_event_bytes = 3;
        let hub = Hub::new(config).unwrap();
        let named = |name| Event::builder().name(EventName::from_static(name)).data("").build();
        for (topic, event, says) in [
            ("a*b", Event::message(""), "the topic \"a*b\" is not one"),
            ("a", named("sse-cursor"), "the hub's own"),
            ("a", Event::builder().build(), "no data"),
            ("a", Event::builder().id(EventId::from_static("1")).data("").build(), "has an ID"),
            ("a", Event::builder().comment("x").data("").build(), "has a comment"),
            ("a", Event::message("four"), "the data has 4 bytes; publish.max_event_bytes allows 3"),
        ] {
            let error = hub.publish(topic, event).await.unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        hub.drain();
        assert_eq!(hub.publish("a", Event::message("")).await, Err(PublishError::Draining));
        assert_eq!(Surroundings::shown(&hub), 0);
    }
}
