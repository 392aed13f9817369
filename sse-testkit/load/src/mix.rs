//! Which topics there are, who has which of them, and where events go.

use std::collections::HashMap;

use crate::{options::Options, template};
use sse_testkit::random::Random;

/// Topics of one group, which one pattern covers.
const GROUP: u32 = 10;

/// Sequence numbers that are kept, one for each lane of each subscriber, 8 bytes each.
const MOST_LANES: u64 = 1 << 28;

/// Topics, and who listens to what.
#[derive(Debug)]
pub(crate) struct Mix {
    /// Those of the subscribers, then the unread ones.
    topics: Vec<String>,
    sets: Vec<Set>,
    /// The set of each subscriber.
    of: Vec<u32>,
    publishers: u32,
    hot: Option<f64>,
}

/// What some subscribers ask for. Those with the same share one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Set {
    pub(crate) selectors: Vec<String>,
    /// The topics that the selectors take, in order, each once.
    pub(crate) topics: Box<[u32]>,
}

/// How a subscriber behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Steady,
    /// Disconnects at times, and comes back.
    Churning,
    /// Reads next to nothing.
    Slow,
}

/// Options that do not go together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Mismatch(pub(crate) String);

impl Mix {
    pub(crate) fn new(options: &Options, random: &mut Random) -> Result<Self, Mismatch> {
        check(options)?;
        let name = options.topic_name();
        let named = |n: &str, group: u32| name.replace("{number}", n).replace("{group}", &group.to_string());
        let groups = options.topics.div_ceil(GROUP);
        // in groups of their own, which no pattern takes
        let unread = (groups * GROUP..).take(options.unread as usize);
        let topics: Vec<String> = (0..options.topics).chain(unread).map(|n| named(&n.to_string(), n / GROUP)).collect();
        let with_patterns = count(options.patterns, options.subscribers);
        let (mut sets, mut known, mut of) = (Vec::new(), HashMap::new(), vec![0; options.subscribers as usize]);
        for (at, subscriber) in random.order(options.subscribers).into_iter().enumerate() {
            let patterns = at < with_patterns as usize;
            let drawn = random.distinct(options.topics_per_subscriber, if patterns { groups } else { options.topics });
            let set = *known.entry((patterns, drawn.clone())).or_insert_with(|| {
                let mut selectors: Vec<String> = drawn
                    .iter()
                    .map(|&one| if patterns { named("*", one) } else { topics[one as usize].clone() })
                    .collect();
                let group = |group: u32| group * GROUP..((group + 1) * GROUP).min(options.topics);
                let mut taken = if patterns { drawn.into_iter().flat_map(group).collect() } else { drawn };
                let has_hot = taken.first() == Some(&0);
                if options.hot.is_some() && !has_hot {
                    taken.insert(0, 0);
                }
                // beside a pattern that takes it, too: an event that two selectors take is to come once
                if options.hot.is_some() && (patterns || !has_hot) {
                    selectors.push(topics[0].clone());
                }
                sets.push(Set { selectors, topics: taken.into_boxed_slice() });
                sets.len() as u32 - 1
            });
            of[subscriber as usize] = set;
        }
        Ok(Self { topics, sets, of, publishers: options.publishers, hot: options.hot })
    }

    /// The topic of the next event.
    pub(crate) fn draw(&self, random: &mut Random) -> u32 {
        let topics = self.topics.len() as u32;
        match self.hot {
            Some(_) if topics == 1 => 0,
            Some(share) if random.chance(share) => 0,
            Some(_) => 1 + random.below(topics - 1),
            None => random.below(topics),
        }
    }

    pub(crate) fn topics(&self) -> &[String] {
        &self.topics
    }

    pub(crate) fn sets(&self) -> &[Set] {
        &self.sets
    }

    pub(crate) fn set_of(&self, subscriber: u32) -> u32 {
        self.of[subscriber as usize]
    }

    /// The number that an event's topic and publisher go by.
    pub(crate) const fn lane(&self, topic: u32, publisher: u32) -> u32 {
        topic * self.publishers + publisher
    }

    /// All lanes there are.
    pub(crate) fn lanes(&self) -> usize {
        self.topics.len() * self.publishers as usize
    }

    pub(crate) fn lanes_of(&self, set: &Set) -> usize {
        set.topics.len() * self.publishers as usize
    }

    /// Where a lane stands among those of a set; `None` if the set does not have its topic.
    #[inline]
    pub(crate) fn place(&self, set: &Set, lane: u32) -> Option<usize> {
        let (topic, publisher) = (lane / self.publishers, lane % self.publishers);
        let at = match &*set.topics {
            [one] => (*one == topic).then_some(0)?,
            many => many.binary_search(&topic).ok()?,
        };
        Some(at * self.publishers as usize + publisher as usize)
    }

    /// The lane that stands at a place of a set.
    pub(crate) fn lane_at(&self, set: &Set, place: usize) -> u32 {
        let (at, publisher) = (place / self.publishers as usize, place % self.publishers as usize);
        self.lane(set.topics[at], publisher as u32)
    }
}

/// How each subscriber behaves.
pub(crate) fn manners(options: &Options, random: &mut Random) -> Vec<Manner> {
    let mut manners = vec![Manner::Steady; options.subscribers as usize];
    let slow = count(options.slow, options.subscribers) as usize;
    let churning = options.churn.map_or(0, |_| count(options.churn_share, options.subscribers).max(1)) as usize;
    for (at, subscriber) in random.order(options.subscribers).into_iter().enumerate() {
        manners[subscriber as usize] = match at {
            at if at < slow => Manner::Slow,
            at if at < slow + churning => Manner::Churning,
            _ => Manner::Steady,
        };
    }
    manners
}

fn count(share: f64, of: u32) -> u32 {
    (share * f64::from(of)).round() as u32
}

fn check(options: &Options) -> Result<(), Mismatch> {
    let mismatch = |text: String| Err(Mismatch(text));
    let (topics, of_each, name) = (options.topics, options.topics_per_subscriber, options.topic_name());
    let all = options.all_topics();
    for (flag, path) in [("--subscribe-path", &*options.subscribe_path), ("--publish-path", options.publish_path())] {
        if !template::is_request_target(path) {
            return mismatch(format!("{flag} '{path}': allowed is a path from / on, in ASCII without spaces or #"));
        }
    }
    if all > 1 && !name.contains("{number}") {
        let unread = if options.unread > 0 { format!(" and --unread {}", options.unread) } else { String::new() };
        return mismatch(format!(
            "--topic '{name}': with --topics {topics}{unread} it needs {{number}}, or all would have one name"
        ));
    }
    let path = options.publish_path();
    if all > 1 && options.batch == 1 && !path.contains(template::TOPIC) {
        return mismatch(format!("--publish-path '{path}': several topics need {{topic}} in it"));
    }
    if options.batch > 1 && path.contains(template::TOPIC) {
        return mismatch(format!("--publish-path '{path}': with --batch the topics are in the body, not in the path"));
    }
    if of_each > topics {
        return mismatch(format!(
            "--topics-per-subscriber {of_each}: allowed is 1 to the number of --topics, {topics}"
        ));
    }
    let most_selectors = of_each + u32::from(options.hot.is_some());
    if topics > 1 && most_selectors > 1 && !template::takes_many(&options.subscribe_path) {
        return mismatch(format!(
            "--subscribe-path '{}': several topics a subscriber need {{topic}} in a query parameter",
            options.subscribe_path
        ));
    }
    if all > 1 && !options.subscribe_path.contains(template::TOPIC) {
        return mismatch(format!("--subscribe-path '{}': several topics need {{topic}} in it", options.subscribe_path));
    }
    if options.patterns > 0.0 && !(topics > 1 && name.contains("{group}")) {
        return mismatch(format!(
            "--patterns {}%: allowed with --topics of 2 or more, whose --topic has {{group}} and {{number}}",
            options.patterns * 100.0
        ));
    }
    let of_a_subscriber = u64::from(of_each) * if options.patterns > 0.0 { u64::from(GROUP) } else { 1 } + 1;
    let lanes = u64::from(options.publishers) * of_a_subscriber.max(1) * u64::from(options.subscribers);
    if lanes.max(u64::from(options.publishers) * u64::from(all)) > MOST_LANES {
        return mismatch(format!(
            "-n, --topics-per-subscriber, --unread and --publishers together need {lanes} sequence numbers; {MOST_LANES} are allowed"
        ));
    }
    let share = options.slow + options.churn.map_or(0.0, |_| options.churn_share);
    if share > 1.0 {
        return mismatch("--slow and --churn-share are more than 100% together".into());
    }
    let loopback = options.target.address.ip();
    if options.sources > 1 && !(loopback.is_ipv4() && loopback.is_loopback()) {
        return mismatch(format!("--sources {}: more than 1 is allowed for a server on 127.0.0.1", options.sources));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn mix(line: &str) -> Result<Mix, String> {
        let options = Options::try_parse_from(format!("sse-load {line}").split_whitespace()).unwrap();
        Mix::new(&options, &mut Random::new(options.seed)).map_err(|error| error.to_string())
    }

    #[test]
    fn one_topic_is_one_set() {
        let mix = mix("-n 10").unwrap();
        assert_eq!(mix.topics(), ["load"]);
        assert_eq!(mix.sets(), [Set { selectors: vec!["load".into()], topics: [0].into() }]);
    }

    #[test]
    fn sets_are_drawn_by_the_seed() {
        let one = mix("-n 100 --topics 50 -k 3").unwrap();
        assert!(one.sets().len() > 90, "{} different sets", one.sets().len());
        for set in one.sets() {
            assert_eq!((set.topics.len(), set.selectors.len()), (3, 3));
            let names: Vec<String> = set.topics.iter().map(|n| format!("load/{}/{n}", n / 10)).collect();
            assert_eq!(set.selectors, names);
        }
        assert_eq!(one.sets(), mix("-n 100 --topics 50 -k 3").unwrap().sets());
        assert_ne!(one.sets(), mix("-n 100 --topics 50 -k 3 --seed 2").unwrap().sets());
    }

    #[test]
    fn a_pattern_takes_its_group() {
        let mix = mix("-n 40 --topics 25 -k 2 --patterns 50%").unwrap();
        let with = |n: u32| mix.sets()[mix.set_of(n) as usize].selectors[0].ends_with("/*");
        assert_eq!((0..40).filter(|n| with(*n)).count(), 20);
        let set = mix.sets().iter().find(|set| set.selectors == ["load/0/*", "load/2/*"]).unwrap();
        assert_eq!(*set.topics, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 20, 21, 22, 23, 24]);
    }

    #[test]
    fn all_have_the_hot_topic_and_it_has_its_share() {
        let mix = mix("-n 20 --topics 100 --hot 50%").unwrap();
        assert!(mix.sets().iter().all(|set| set.topics[0] == 0 && set.selectors.contains(&"load/0/0".to_owned())));
        let mut random = Random::new(1);
        let hot = (0..10_000).filter(|_| mix.draw(&mut random) == 0).count();
        assert!((4_800..5_200).contains(&hot), "{hot}");
    }

    #[test]
    fn nobody_has_the_unread_topics() {
        let some = mix("-n 20 --topics 15 --unread 5 --patterns 100%").unwrap();
        assert_eq!(some.topics()[14..], ["load/1/14", "load/2/20", "load/2/21", "load/2/22", "load/2/23", "load/2/24"]);
        assert!(some.sets().iter().all(|set| set.topics.iter().all(|topic| *topic < 15)));
        assert!(some.sets().iter().all(|set| set.selectors.iter().all(|pattern| pattern != "load/2/*")));
        let mut random = Random::new(1);
        let unread = (0..10_000).filter(|_| some.draw(&mut random) >= 15).count();
        assert!((2_300..2_700).contains(&unread), "{unread} of four");
        let none = mix("-n 20 --unread 9 --hot 0%").unwrap();
        assert!((0..1_000).all(|_| none.draw(&mut random) > 0), "all go past the subscribers");
    }

    #[test]
    fn a_lane_has_its_place_in_a_set() {
        let mix = mix("-n 1 --topics 30 -k 3 --publishers 4").unwrap();
        let set = &mix.sets()[0];
        assert_eq!((mix.lanes(), mix.lanes_of(set)), (120, 12));
        for place in 0..12 {
            assert_eq!(mix.place(set, mix.lane_at(set, place)), Some(place));
        }
        let other = (0..30).find(|topic| !set.topics.contains(topic)).unwrap();
        assert_eq!(mix.place(set, mix.lane(other, 0)), None);
    }

    #[test]
    fn manners_have_their_shares() {
        let options = Options::parse_from("sse-load -n 100 --slow 20% --churn 5 --churn-share 30%".split(' '));
        let manners = manners(&options, &mut Random::new(1));
        let share = |manner| manners.iter().filter(|one| **one == manner).count();
        assert_eq!((share(Manner::Slow), share(Manner::Churning), share(Manner::Steady)), (20, 30, 50));
    }

    #[test]
    fn what_does_not_go_together() {
        for (line, told) in [
            ("--topics 5 -k 6", "--topics-per-subscriber 6: allowed is 1 to the number of --topics, 5"),
            ("--topics 5 --topic x", "--topic 'x': with --topics 5 it needs {number}"),
            ("--unread 3 --topic x", "--topic 'x': with --topics 1 and --unread 3 it needs {number}"),
            ("--topics 5 -k 2 --subscribe-path /e/{topic}", "--subscribe-path '/e/{topic}': several topics"),
            ("--topics 5 --subscribe-path /e", "--subscribe-path '/e': several topics"),
            ("--topics 5 --publish-path /p", "--publish-path '/p': several topics"),
            ("--batch 2 --publish-path /p/{topic}", "--publish-path '/p/{topic}': with --batch"),
            ("--publish-path publish", "--publish-path 'publish': allowed is a path"),
            ("--patterns 10%", "--patterns 10%: allowed with"),
            ("--slow 60% --churn 5 --churn-share 50%", "more than 100% together"),
            ("--sources 2 [::1]:80", "--sources 2: more than 1 is allowed for a server on 127.0.0.1"),
            ("-n 1000000 --topics 1000 -k 1000", "sequence numbers"),
        ] {
            let error = mix(line).unwrap_err();
            assert!(error.contains(told), "{line}: {error}");
        }
    }
}
