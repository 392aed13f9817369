//! What publishers were answered.

use std::collections::HashMap;

use super::{
    record::{Life, Outcome, Publish},
    truth::Truth,
};

pub(super) fn check(truth: &Truth<'_>, faults: &mut Vec<String>) {
    for (number, life) in truth.record.lives.iter().enumerate() {
        let found = life.publishes.iter().filter_map(|publish| answer(truth, number, life, publish));
        faults.extend(found.chain(order(life)).map(|fault| format!("life {number}: {fault}")));
    }
}

/// A repetition of what the life began with is told the first ID; everything else gets a new one.
fn answer(truth: &Truth<'_>, number: usize, life: &Life, publish: &Publish) -> Option<String> {
    let key = publish.key();
    match &publish.outcome {
        Outcome::Unknown { at } => {
            let early = life.death.is_none_or(|death| *at < death.at);
            early.then(|| format!("the publish of {key} broke off before the kill"))
        }
        Outcome::Acknowledged { id, duplicate, .. } => match truth.retained_id(&publish.content, number) {
            Some(first) => (id != first || !duplicate)
                .then(|| format!("{key} was {first} already; again, it got {id}, duplicate: {duplicate}")),
            None => (*duplicate || *id < life.marker)
                .then(|| format!("{key} was not in the log; it got {id}, duplicate: {duplicate}")),
        },
    }
}

/// A publisher waits for its answer, so its events are in its order.
fn order(life: &Life) -> impl Iterator<Item = String> {
    let mut last: HashMap<usize, &str> = HashMap::new();
    let new = life.publishes.iter().filter(|publish| {
        // a repetition is told of an earlier place
        !matches!(publish.outcome, Outcome::Acknowledged { duplicate: true, .. })
    });
    new.filter_map(move |publish| {
        let id = publish.id()?;
        let before = last.insert(publish.publisher, id)?;
        (id <= before).then(|| format!("{} got {id}, though {before} was acknowledged before", publish.key()))
    })
}
