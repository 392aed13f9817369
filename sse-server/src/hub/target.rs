//! Where a program publishes an event, and how.

use sse_core::Text;
use sse_engine::{Alias, Draft, Topic};

use super::PublishError;

/// The topics of an event that a program publishes, and what it is besides its data.
///
/// A text is a single topic:
///
/// ```
/// use sse_core::Event;
/// use sse_server::{Config, Hub, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hub = Hub::new(Config::in_memory())?;
/// hub.publish("orders/7", Event::message("paid")).await?;
/// hub.publish(Target::topics(["orders/7", "customers/ada"]).alias("inv-31"), Event::message("sent")).await?;
/// hub.publish(Target::from("orders/7").last(), Event::message("delivered")).await?;
/// assert!(hub.publish("orders/7", Event::message("too late")).await.is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    topics: Vec<String>,
    private: bool,
    alias: Option<String>,
    end: bool,
}

impl Target {
    /// Several topics. The first is the canonical one: counts, retention and the envelope follow it. A subscriber that
    /// selects several of them gets the event once.
    #[must_use]
    pub fn topics<T: Into<String>>(topics: impl IntoIterator<Item = T>) -> Self {
        Self { topics: topics.into_iter().map(Into::into).collect(), private: false, alias: None, end: false }
    }

    /// Only subscribers with a grant for one of the topics get the event.
    #[must_use]
    pub const fn private(mut self) -> Self {
        self.private = true;
        self
    }

    /// Gives the event an ID of the program's own, by which a subscriber can resume: 1 to 255 bytes without CR, LF and NUL,
    /// and not of the form of the hub's own.
    #[must_use]
    pub fn alias(mut self, alias: impl Into<String>) -> Self {
        self.alias = Some(alias.into());
        self
    }

    /// The event is the last of its canonical topic: what is published to it later is refused.
    #[must_use]
    pub const fn last(mut self) -> Self {
        self.end = true;
        self
    }

    /// The event with this data.
    pub(super) fn draft(&self, data: Text) -> Result<Draft, PublishError> {
        let topics = self.topics.iter().map(|topic| named(topic)).collect::<Result<Vec<_>, _>>()?;
        let checked = |text: &String| Alias::new(text).map_err(|why| PublishError::Alias { alias: text.clone(), why });
        let alias = self.alias.as_ref().map(checked).transpose()?;
        let draft = Draft::of_topics(topics, data).map_err(PublishError::Topics)?;
        Ok(Draft { alias, private: self.private, end: self.end, ..draft })
    }
}

impl<T: Into<String>> From<T> for Target {
    fn from(topic: T) -> Self {
        Self::topics([topic])
    }
}

pub(super) fn named(topic: &str) -> Result<Topic, PublishError> {
    Topic::new(topic).map_err(|why| PublishError::Topic { topic: topic.to_owned(), why })
}
