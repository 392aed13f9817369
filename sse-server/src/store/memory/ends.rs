//! The topics that have ended, as long as anybody knows them.

use std::{collections::HashMap, sync::Arc};

use sse_engine::Topic;

use crate::store::Follower;

/// So many are kept without looking whether anybody knows them still.
const FEW: usize = 1024;

/// Topics that have ended, and where. Those that followers have forgotten are forgotten here once they are many.
#[derive(Debug)]
pub(super) struct Ends {
    at: HashMap<Topic, u64>,
    /// The number from which it is looked which of them are known.
    most: usize,
}

impl Default for Ends {
    fn default() -> Self {
        Self { at: HashMap::new(), most: FEW }
    }
}

impl Ends {
    /// Where `topic` ended. One that the followers have forgotten, if there are any, is as if it had never been.
    pub(super) fn of(&mut self, topic: &Topic, followers: &[Arc<dyn Follower>]) -> Option<u64> {
        let at = *self.at.get(topic)?;
        if followers.is_empty() {
            return Some(at);
        }
        let known = end_of(topic, followers);
        if known.is_none() {
            self.at.remove(topic);
        }
        known
    }

    /// Notes that `topic` has ended, which the followers know.
    pub(super) fn note(&mut self, topic: &Topic, at: u64, followers: &[Arc<dyn Follower>]) {
        self.at.insert(topic.clone(), at);
        if self.at.len() > self.most && !followers.is_empty() {
            self.at.retain(|topic, _| end_of(topic, followers).is_some());
            self.most = FEW.max(2 * self.at.len());
        }
    }

    /// `topic` goes on.
    pub(super) fn forget(&mut self, topic: &Topic) {
        self.at.remove(topic);
    }
}

fn end_of(topic: &Topic, followers: &[Arc<dyn Follower>]) -> Option<u64> {
    followers.iter().filter_map(|follower| follower.end_of(topic)).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::suite::{Heard, topic};

    #[test]
    fn what_nobody_knows_any_more_is_forgotten() {
        let heard = Arc::new(Heard::default());
        let followers: [Arc<dyn Follower>; 1] = [heard.clone()];
        let mut ends = Ends::default();
        for at in 1..=10 * FEW as u64 {
            let topic = topic(&at.to_string());
            heard.ends.lock().unwrap().insert(topic.clone(), at);
            ends.note(&topic, at, &followers);
            if at > 10 {
                heard.ends.lock().unwrap().remove(&topic);
            }
        }
        assert!(ends.at.len() <= FEW + 1, "{}", ends.at.len());
        assert_eq!(ends.of(&topic("10"), &followers), Some(10));
        assert_eq!(ends.of(&topic("11"), &followers), None);
    }
}
