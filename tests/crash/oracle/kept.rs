//! What a crash may take, and what not.

use std::{collections::HashMap, time::Duration};

use super::{
    record::{Death, Durability, Life, Outcome},
    truth::Truth,
};

pub(super) fn check(truth: &Truth<'_>, faults: &mut Vec<String>) {
    let lives = &truth.record.lives;
    for (number, life) in lives.iter().take(lives.len().saturating_sub(1)).enumerate() {
        older(truth, number, faults);
        newest_only(truth, number, faults);
        let Some(death) = &life.death else { continue };
        let acknowledged = acknowledgements(life);
        for id in truth.lost(number) {
            if let Some(why) = due(truth.record.durability, death, acknowledged.get(id).copied()) {
                faults.push(format!("life {number}: {} is lost, though {why}", truth.name(id)));
            }
        }
    }
}

/// Why an event had to be kept, if it had to.
fn due(durability: Durability, death: &Death, acknowledged: Option<Duration>) -> Option<String> {
    let synced = |at: &Duration| *at + death.window < death.at;
    match (durability, acknowledged) {
        (Durability::Always, Some(_)) => Some("it was acknowledged".into()),
        (Durability::Always, None) => Some("it was shown to a subscriber".into()),
        (Durability::Interval, _) if death.quiet => Some("nothing was going on for long before the kill".into()),
        (Durability::Interval, Some(at)) if synced(&at) => {
            Some(format!("it was acknowledged {:?} before the kill", death.at - at))
        }
        (Durability::Interval, _) => None,
    }
}

/// When the life's events were acknowledged, by ID.
fn acknowledgements(life: &Life) -> HashMap<&str, Duration> {
    let times = life.publishes.iter().filter_map(|publish| match &publish.outcome {
        Outcome::Acknowledged { id, duplicate: false, at } => Some((&**id, *at)),
        _ => None,
    });
    times.collect()
}

/// What outlived a crash is on the disk for good.
fn older(truth: &Truth<'_>, life: usize, faults: &mut Vec<String>) {
    for id in truth.retained_ids(life).filter(|id| !truth.is_retained(id, life + 1)) {
        faults.push(format!("life {life}: {} had outlived an earlier crash, and is lost", truth.name(id)));
    }
}

/// What is lost is a tail.
fn newest_only(truth: &Truth<'_>, life: usize, faults: &mut Vec<String>) {
    let last = truth.born_in(life).filter(|id| truth.is_retained(id, life + 1)).last();
    let Some(last) = last else { return };
    for id in truth.lost(life).filter(|id| *id < last) {
        faults.push(format!("life {life}: {} is lost, though the later {} is not", truth.name(id), truth.name(last)));
    }
}
