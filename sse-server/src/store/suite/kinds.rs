//! Events of several topics, private ones, and those with an ID of their publisher's.

use sse_engine::{Alias, Draft, Kind, Selectors, Stock, Trim};

use super::{all, all_for, append, append_one, committed, draft, followed, query, selectors, topic};
use crate::store::{Entry, Query, Store};

/// An event of these topics.
pub(crate) fn of(topics: &[&str], data: &str) -> Draft {
    Draft::of_topics(topics.iter().map(|name| topic(name)), data).unwrap()
}

/// The same, but private.
pub(crate) fn private(topics: &[&str], data: &str) -> Draft {
    Draft { private: true, ..of(topics, data) }
}

fn aliased(name: &str, data: &str, alias: &str) -> Draft {
    Draft { alias: Some(Alias::new(alias).unwrap()), ..draft(name, data) }
}

/// Those who select `of` and may read private events of `grants`.
pub(crate) fn granted(of: &[&str], grants: &[&str]) -> Selectors {
    selectors(of).with_grants(selectors(grants).iter().cloned().collect())
}

fn seqs(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.seq).collect()
}

pub(crate) async fn what_few_events_have_is_read_back(store: &dyn Store) {
    let draft = Draft { alias: Some(Alias::new("urn:1").unwrap()), end: true, ..private(&["a", "b", "c/d"], "x") };
    let seq = append_one(store, draft.clone()).await;
    committed(store, seq).await;
    let read = all_for(store, granted(&["a"], &["a"]), 0).await;
    assert_eq!(read, [Entry { seq, time: 1, draft }]);
}

pub(crate) async fn an_event_is_read_by_any_of_its_topics_once(store: &dyn Store) {
    let mut sent = Vec::new();
    for at in 0..40 {
        sent.push(append_one(store, of(&["a", "b", "c"], &at.to_string())).await);
        sent.push(append_one(store, of(&["b"], "own")).await);
        sent.push(append_one(store, of(&["d", "a"], "other")).await);
    }
    committed(store, sent[119]).await;
    let nth = |keep: &dyn Fn(usize) -> bool| -> Vec<u64> {
        sent.iter().enumerate().filter(|(at, _)| keep(at % 3)).map(|(_, seq)| *seq).collect()
    };
    for (selectors, keep) in [
        (&["a"][..], &(|at: usize| at != 1) as &dyn Fn(usize) -> bool),
        (&["b"], &|at| at != 2),
        (&["c"], &|at| at == 0),
        (&["d"], &|at| at == 2),
        (&["a", "b", "c"], &|_| true),
        (&["c", "d"], &|at| at != 1),
        (&["*"], &|_| true),
        (&["**"], &|_| true),
    ] {
        assert_eq!(seqs(&all(store, selectors, 0).await), nth(keep), "{selectors:?}");
    }
    let page = store.read(Query { events: 2, ..query(&["a", "b", "c"], 0) }).await.unwrap();
    assert_eq!((seqs(&page.entries), page.through), (sent[..2].to_vec(), sent[1]));
}

pub(crate) async fn private_events_are_read_with_a_grant(store: &dyn Store) {
    let open = append(store, "a", "open").await;
    let mut hidden = Vec::new();
    for at in 0..20 {
        hidden.push(append_one(store, private(&["a", "inbox/1"], &at.to_string())).await);
    }
    let after = append(store, "a", "open, too").await;
    let elsewhere = append_one(store, private(&["b", "a"], "another's")).await;
    committed(store, elsewhere).await;
    for pattern in ["a", "*", "**"] {
        assert_eq!(seqs(&all(store, &[pattern], 0).await), [open, after], "{pattern}");
        let mine = all_for(store, granted(&[pattern], &["inbox/1"]), 0).await;
        assert_eq!(seqs(&mine), [&[open][..], &hidden, &[after]].concat(), "{pattern}");
        let both = all_for(store, granted(&[pattern], &["**"]), 0).await;
        assert_eq!(seqs(&both), [&[open][..], &hidden, &[after, elsewhere]].concat(), "{pattern}");
    }
    assert_eq!(seqs(&all(store, &["inbox/1"], 0).await), [] as [u64; 0]);
    assert_eq!(seqs(&all_for(store, granted(&["inbox/*"], &["inbox/*"]), 0).await), hidden);
    let none = store.read(Query { through: after - 1, ..query(&["a"], open) }).await.unwrap();
    assert_eq!((none.entries.len(), none.through, none.damaged), (0, after - 1, false));
}

pub(crate) async fn the_first_event_with_an_alias_is_found(store: &dyn Store) {
    append(store, "a", "none").await;
    let first = append_one(store, aliased("a", "1", "x")).await;
    let second = append_one(store, aliased("b", "2", "x")).await;
    let other = append_one(store, aliased("a", "3", "x\u{1}")).await;
    committed(store, other).await;
    let find = async |alias: &str| {
        store.aliased(alias.to_owned(), super::reader_of_all()).await.unwrap().map(|entry| entry.seq)
    };
    assert_eq!((find("x").await, find("x\u{1}").await), (Some(first), Some(other)));
    assert_eq!((find("").await, find("X").await, find("x\u{0}").await), (None, None, None));
    store.trim(&topic("a"), first, false).await.unwrap();
    assert_eq!(find("x").await, Some(second), "it goes with its event");
    store.trim(&topic("b"), second, false).await.unwrap();
    assert_eq!((find("x").await, find("x\u{1}").await), (None, Some(other)));
}

pub(crate) async fn events_are_read_by_their_numbers(store: &dyn Store) {
    let a = append(store, "a", "1").await;
    let hidden = append_one(store, private(&["a", "b"], "2")).await;
    let gone = append(store, "c", "3").await;
    committed(store, gone).await;
    store.trim(&topic("c"), gone, false).await.unwrap();
    let all = vec![hidden, a, gone, gone + 1000, 0];
    let read = async |selectors| seqs(&store.read_at(all.clone(), selectors).await.unwrap());
    assert_eq!(read(selectors(&["x"])).await, [a], "whatever is selected");
    assert_eq!(read(granted(&["x"], &["b"])).await, [hidden, a]);
    assert_eq!(read(granted(&["x"], &["c"])).await, [a]);
}

pub(crate) async fn a_trim_is_told_for_each_topic(store: &dyn Store) {
    let own = append(store, "a", "own").await;
    let shared = append_one(store, of(&["a", "b"], "shared")).await;
    let hidden = append_one(store, private(&["a", "b", "c"], "hidden")).await;
    let left = append_one(store, of(&["a", "b"], "left")).await;
    let other = append_one(store, private(&["b", "a"], "other")).await;
    committed(store, other).await;
    let heard = followed(store, 0);
    store.trim(&topic("a"), hidden, false).await.unwrap();
    let weight = of(&["a", "b"], "left").weight();
    let stock = |kinds: &[(bool, bool, u64, usize)]| {
        let mut stock = Stock::default();
        for (canonical, private, seq, bytes) in kinds {
            stock.of_mut(Kind { canonical: *canonical, private: *private }).add(*seq, *bytes);
        }
        stock
    };
    let trim = |name: &str, own_through, lost, left| Trim {
        topic: topic(name),
        through: hidden,
        own_through,
        lost: (lost, u64::from(lost > 0)),
        lost_private: (hidden, 1),
        left,
    };
    let other_weight = private(&["b", "a"], "other").weight();
    let expect = [
        trim("a", hidden, shared, stock(&[(true, false, left, weight), (false, true, other, 0)])),
        trim("b", 0, shared, stock(&[(false, false, left, 0), (true, true, other, other_weight)])),
        trim("c", 0, 0, Stock::default()),
    ];
    assert_eq!(*heard.trims.lock().unwrap(), expect);
    assert_eq!(seqs(&all_for(store, granted(&["**"], &["**"]), 0).await), [left, other]);
    assert_eq!(seqs(&all(store, &["b"], 0).await), [left]);
    assert!(own < shared);
}
