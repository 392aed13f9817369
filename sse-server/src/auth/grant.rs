//! What somebody may do, and until when.

use std::{sync::Arc, time::SystemTime};

use sse_engine::{Selector, Topic};

/// What somebody may do, and until when. [`Grant::default`] allows nothing.
///
/// ```
/// use sse_server::{Grant, Selector};
///
/// let mut grant = Grant::default();
/// grant.subject = Some("user 7".into());
/// grant.subscribe = [Selector::new("users/7/**")?].into();
/// assert!(grant.excluded(&[Selector::new("users/7/*")?]).is_none());
/// assert!(grant.excluded(&[Selector::new("users/**")?]).is_some());
/// # Ok::<(), sse_server::TopicError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grant {
    /// Who it is: streams are listed by it, and can be ended by it.
    pub subject: Option<String>,
    /// Who vouches for the subject, if there are several who could: the same subject of another is somebody else.
    pub issuer: Option<String>,
    /// The public name of the token that it comes from, never the token itself: streams can be ended by it.
    pub token: Option<String>,
    /// What may be published: topics that one of these selects.
    pub publish: Arc<[Selector]>,
    /// What may be read: selectors that one of these covers, and private events with a topic that one of these selects.
    pub subscribe: Arc<[Selector]>,
    /// When it ends; `None` is never.
    pub until: Option<SystemTime>,
}

impl Grant {
    /// The first of `selectors` that may not be subscribed to.
    #[must_use]
    pub fn excluded<'a>(&self, selectors: impl IntoIterator<Item = &'a Selector>) -> Option<&'a Selector> {
        selectors.into_iter().find(|one| !self.subscribe.iter().any(|granted| granted.covers(one)))
    }

    /// The first of `topics` that may not be published to.
    #[must_use]
    pub fn unpublishable<'a>(&self, topics: impl IntoIterator<Item = &'a Topic>) -> Option<&'a Topic> {
        topics.into_iter().find(|one| !self.publish.iter().any(|granted| granted.matches(one)))
    }

    /// Returns true if it has ended at `now`.
    pub(crate) fn has_ended(&self, now: SystemTime) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All paths of up to three of these segments.
    fn paths(segments: &[&str]) -> Vec<String> {
        let one: Vec<String> = segments.iter().map(|segment| (*segment).to_owned()).collect();
        let longer = |paths: &[String]| -> Vec<String> {
            paths.iter().flat_map(|path| one.iter().map(move |segment| format!("{path}/{segment}"))).collect()
        };
        let two = longer(&one);
        let three = longer(&two);
        [one, two, three].concat()
    }

    /// Whether a selector selects a topic, by the words of the contract.
    fn selects(selector: &[&str], topic: &[&str]) -> bool {
        match (selector, topic) {
            (["**"], [_, ..]) | ([], []) => true,
            (["*", selector @ ..], [_, topic @ ..]) => selects(selector, topic),
            ([one, selector @ ..], [other, topic @ ..]) => one == other && selects(selector, topic),
            _ => false,
        }
    }

    fn segments(path: &str) -> Vec<&str> {
        path.split('/').collect()
    }

    #[test]
    fn who_may_subscribe_sees_no_topic_that_is_not_granted() {
        let topics = paths(&["a", "b"]);
        let selectors: Vec<(String, Selector)> = paths(&["a", "b", "*", "**"])
            .into_iter()
            .filter_map(|path| Selector::new(&path).ok().map(|selector| (path, selector)))
            .collect();
        let seen = |path: &str| {
            let selector = segments(path);
            topics.iter().filter(|topic| selects(&selector, &segments(topic))).collect::<Vec<_>>()
        };
        let mut allowed = [0, 0];
        for (first, one) in &selectors {
            for (second, other) in &selectors {
                let grant = Grant { subscribe: [one.clone(), other.clone()].into(), ..Grant::default() };
                let granted = [seen(first), seen(second)].concat();
                for (path, asked) in &selectors {
                    let is_allowed = grant.excluded([asked]).is_none();
                    allowed[usize::from(is_allowed)] += 1;
                    let within = seen(path).iter().all(|topic| granted.contains(topic));
                    assert!(within || !is_allowed, "{path} within {first} and {second}");
                }
            }
        }
        assert!(allowed.iter().all(|count| *count > 1000), "{allowed:?}");
    }
}
