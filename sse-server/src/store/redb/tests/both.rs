//! Whatever is asked of it, and however often it is closed and opened, the log on disk does what the one in memory does.

use super::*;
use crate::store::{
    Batch, Store,
    memory::Memory,
    suite::{Heard, all_for, committed, followed, granted, topic},
};
use sse_engine::{Alias, Draft, Trim};
use sse_testkit::random::Random;

const NAMES: [&str; 5] = ["a", "b", "c", "d/e", "f"];

/// Numbers that look random, and are the same each time.
struct Dice(Random);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0.next() % sides
    }

    fn name(&mut self) -> &'static str {
        NAMES[self.roll(5) as usize]
    }

    fn draft(&mut self) -> Draft {
        let data = "x".repeat(self.roll(50) as usize);
        let topics: Vec<_> = (0..=self.roll(4).saturating_sub(1)).map(|_| topic(self.name())).collect();
        let mut draft = Draft::of_topics(topics, data).unwrap();
        draft.private = self.roll(3) == 0;
        draft.alias = Alias::new(&self.roll(20).to_string()).ok().filter(|_| self.roll(3) == 0);
        draft.end = self.roll(25) == 0;
        draft
    }
}

fn trims(heard: &Heard) -> Vec<Trim> {
    let mut trims = std::mem::take(&mut *heard.trims.lock().unwrap());
    trims.sort_by(|a, b| a.topic.cmp(&b.topic));
    trims
}

async fn both_do_the_same(seed: u64) {
    let mut dice = Dice(Random::new(seed));
    let memory = Memory::new(1_000_000).unwrap();
    let (mut disk, directory) = new(Durability::Always);
    let (heard, mut heard_too) = (followed(&memory, 0), followed(&disk, 0));
    let mut last = 0;
    for step in 0..250 {
        match dice.roll(12) {
            0 => {
                let (name, through, reopen) = (topic(dice.name()), dice.roll(last + 2), dice.roll(2) == 0);
                memory.trim(&name, through, reopen).await.unwrap();
                disk.trim(&name, through, reopen).await.unwrap();
                assert_eq!(trims(&heard), trims(&heard_too), "{seed}, {step}");
            }
            1 => {
                drop(disk);
                disk = open(directory.path(), Durability::Always);
                heard_too = followed(&disk, 0);
            }
            _ => {
                let drafts: Vec<_> = (0..dice.roll(4)).map(|_| dice.draft()).collect();
                let end = Some(topic(dice.name())).filter(|_| dice.roll(20) == 0);
                let batch = || Batch { drafts: drafts.clone(), end: end.clone(), now: step, ..Batch::default() };
                let appended = memory.append(batch()).await;
                assert_eq!(appended, disk.append(batch()).await, "{seed}, {step}");
                last = appended.into_iter().flat_map(|appended| appended.seqs).max().unwrap_or(last);
            }
        }
        if dice.roll(8) > 0 {
            continue;
        }
        committed(&disk, last).await;
        let after = dice.roll(last + 1);
        for (of, grants) in [(&["a"][..], &[][..]), (&["a", "c"], &["*"]), (&["b", "d/*"], &["a"]), (&["**"], &["b"])] {
            let read = all_for(&memory, granted(of, grants), after).await;
            assert_eq!(read, all_for(&disk, granted(of, grants), after).await, "{seed}, {step}: {of:?}, {grants:?}");
        }
        let alias = dice.roll(20).to_string();
        assert_eq!(
            memory.aliased(alias.clone(), suite::reader_of_all()).await,
            disk.aliased(alias, suite::reader_of_all()).await,
            "{seed}, {step}"
        );
        let seqs: Vec<_> = (0..10).map(|_| dice.roll(last + 2)).collect();
        let mine = granted(&[], &["c"]);
        assert_eq!(memory.read_at(seqs.clone(), mine.clone()).await, disk.read_at(seqs, mine).await, "{seed}, {step}");
    }
    assert_eq!(disk.damaged(), 0, "{seed}");
    drop(disk);
    assert_eq!(findings(directory.path()), [] as [String; 0], "{seed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_on_disk_does_what_the_one_in_memory_does() {
    for seed in 0..6 {
        both_do_the_same(seed).await;
    }
}
