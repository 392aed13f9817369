//! Topics that end.

use sse_engine::Draft;

use super::{all, append, append_one, batch, committed, draft, ending, followed, topic};
use crate::store::{Appended, Batch, Fingerprint, Key, KeyedRange, Scope, Store, StoreError};

/// The last event of a topic.
pub(crate) fn last_of(name: &str) -> Draft {
    Draft { end: true, ..draft(name, "last") }
}

pub(crate) async fn nothing_gets_behind_an_end(store: &dyn Store) {
    let heard = followed(store, store.snapshot().head);
    let first = append(store, "a", "1").await;
    let last = append_one(store, last_of("a")).await;
    let refused = store.append(batch(1, [("b", "x"), ("a", "2")])).await;
    assert_eq!(refused, Err(StoreError::Ended { index: 1, at: last }));
    assert_eq!(store.append(ending("a")).await, Err(StoreError::Ended { index: 0, at: last }));
    let with_end = Batch { end: Some(topic("a")), ..batch(1, [("b", "x")]) };
    assert_eq!(store.append(with_end).await, Err(StoreError::Ended { index: 1, at: last }));
    let beside = append_one(store, Draft { others: [topic("a")].into(), ..draft("b", "y") }).await;
    assert_eq!(heard.seqs(), [first, last, beside], "an end is that of a canonical topic");
    assert_eq!(*heard.ended.lock().unwrap(), [], "the event tells it");
    committed(store, beside).await;
    assert_eq!(all(store, &["b"], 0).await.len(), 1, "what was refused was refused as a whole");
}

pub(crate) async fn nothing_gets_behind_an_end_in_its_own_batch(store: &dyn Store) {
    let heard = followed(store, store.snapshot().head);
    let drafts = vec![draft("b", "x"), last_of("a"), draft("a", "behind")];
    let refused = store.append(Batch { drafts, now: 1, ..Batch::default() }).await;
    assert_eq!(refused, Err(StoreError::Ended { index: 2, at: 0 }));
    let end_again = Batch { drafts: vec![last_of("a")], end: Some(topic("a")), now: 1, ..Batch::default() };
    assert_eq!(store.append(end_again).await, Err(StoreError::Ended { index: 1, at: 0 }));
    append(store, "a", "it goes on").await;
    assert_eq!(heard.seqs().len(), 1);
}

pub(crate) async fn a_topic_ends_without_an_event(store: &dyn Store) {
    let heard = followed(store, store.snapshot().head);
    let Appended { seqs, ended } = store.append(ending("early")).await.unwrap();
    let early = ended.unwrap();
    assert!(seqs.is_empty() && early > 0, "an end at 0 would be none");
    assert!(append(store, "a", "1").await > early);
    let other = append(store, "b", "x").await;
    let of_a = append_one(store, Draft { others: [topic("a")].into(), ..draft("b", "of a, but not its own") }).await;
    let last = append(store, "b", "y").await;
    assert_eq!(store.append(ending("a")).await.unwrap().ended, Some(of_a), "whoever selects it has to have had that");
    assert_eq!(store.append(ending("never")).await.unwrap().ended, Some(last));
    for (name, at) in [("early", early), ("a", of_a), ("never", last)] {
        assert_eq!(store.append(batch(1, [(name, "2")])).await, Err(StoreError::Ended { index: 0, at }), "{name}");
    }
    let told = [(topic("early"), early, 0), (topic("a"), of_a, 4), (topic("never"), last, 4)];
    assert_eq!(*heard.ended.lock().unwrap(), told);
    assert!(append(store, "b", "z").await > other, "others go on");
}

pub(crate) async fn a_topic_goes_on_when_it_is_trimmed(store: &dyn Store) {
    let heard = followed(store, store.snapshot().head);
    append(store, "a", "1").await;
    let last = append_one(store, last_of("a")).await;
    store.append(ending("empty")).await.unwrap();
    committed(store, last).await;
    store.trim(&topic("a"), last, false).await.unwrap();
    assert!(store.append(batch(1, [("a", "2")])).await.is_err(), "it was trimmed, not more");
    for name in ["a", "empty", "nothing"] {
        store.trim(&topic(name), u64::MAX, true).await.unwrap();
        append(store, name, "it goes on").await;
    }
    assert!(heard.ends.lock().unwrap().is_empty());
    assert!(heard.reopened_topics.lock().unwrap().starts_with(&[topic("a"), topic("empty")]));
    append_one(store, last_of("a")).await;
    assert!(store.append(batch(1, [("a", "3")])).await.is_err(), "it can end again");
}

pub(crate) async fn an_end_comes_behind_its_batch(store: &dyn Store) {
    let heard = followed(store, store.snapshot().head);
    let keyed = |text: &str, events| {
        let key = Key { scope: Scope::Request, text: text.into() };
        KeyedRange { key, content: Fingerprint::of([]), events, upload: None }
    };
    let keys = vec![keyed("both", 0..2)];
    let both = Batch { end: Some(topic("a")), keys, ..batch(1, [("a", "1"), ("b", "2")]) };
    let Appended { seqs, ended } = store.append(both).await.unwrap();
    assert_eq!((heard.seqs(), ended), (seqs.clone(), Some(seqs[0])));
    let alone = Batch { keys: vec![keyed("alone", 0..0)], ..ending("b") };
    assert_eq!(store.append(alone).await.unwrap().ended, Some(seqs[1]));
    assert_eq!(*heard.ended.lock().unwrap(), [(topic("a"), seqs[0], 2), (topic("b"), seqs[1], 2)]);
}
