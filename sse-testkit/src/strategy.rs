//! Strategies for [proptest](https://docs.rs/proptest): events, streams of bytes, cuts, and schedules of what
//! publishers and clients do.
//!
//! ```
//! use proptest::prelude::*;
//! use sse_testkit::strategy;
//!
//! proptest! {
//!     # #![proptest_config(ProptestConfig { failure_persistence: None, cases: 32, ..ProptestConfig::default() })]
//!     // #[test]
//!     fn the_cut_does_not_matter((whole, chunks) in strategy::cut_streams()) {
//!         let parse = |chunks: &[Vec<u8>]| {
//!             let mut parser = sse_core::Parser::new();
//!             let mut items = Vec::new();
//!             for chunk in chunks {
//!                 parser.feed(chunk, |item| items.push(format!("{item:?}")));
//!             }
//!             items
//!         };
//!         prop_assert_eq!(parse(&chunks), parse(&[whole]));
//!     }
//! }
//! # the_cut_does_not_matter();
//! ```
//!
//! All of them shrink towards less: fewer events, shorter texts of simpler characters, fewer cuts closer to the front,
//! fewer steps with lower numbers. A value stays valid while it shrinks.

mod schedule;

use std::time::Duration;

use proptest::{
    collection::vec,
    option,
    prelude::{Just, Strategy, any},
    prop_oneof,
    sample::{Index, select},
};
use sse_core::{Event, EventId, EventName};

pub use schedule::{Schedule, ScheduleStep, Schedules, schedules};

/// Text on which a careless encoder or parser fails: line ends of every kind, leading and trailing spaces, colons, what
/// looks like a field, NUL, a byte order mark, characters of several bytes.
///
/// ```
/// # use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
/// # use sse_testkit::strategy;
/// let mut text: String = strategy::texts().new_tree(&mut TestRunner::deterministic()).unwrap().current();
/// ```
pub fn texts() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[a-z0-9]{0,8}",
        2 => select(&["\n", "\r", "\r\n", "\n\n", " ", ":", "data: x", "id: 1", "event: e", "retry: 1"][..])
            .prop_map(String::from),
        1 => select(&["\0", "\u{feff}", "é", "☃", "\u{2028}", "𝄞", "\t", "\u{85}"][..]).prop_map(String::from),
    ];
    prop_oneof![4 => vec(part, 0..6).prop_map(|parts| parts.concat()), 1 => any::<String>()]
}

/// Events with and without each field, made of [texts](texts()) where the field can hold them.
///
/// They shrink towards an event without any field.
///
/// ```
/// # use proptest::prelude::*;
/// # use sse_testkit::strategy;
/// proptest! {
///     # #![proptest_config(ProptestConfig { failure_persistence: None, cases: 32, ..ProptestConfig::default() })]
///     fn its_length_is_known(event in strategy::events()) {
///         prop_assert_eq!(event.to_bytes().len(), event.encoded_len());
///     }
/// }
/// # its_length_is_known();
/// ```
pub fn events() -> impl Strategy<Value = Event> {
    let millis = option::of(any::<u32>());
    (option::of(texts()), option::of(texts()), option::of(texts()), millis, option::of(texts())).prop_map(
        |(data, name, id, retry, comment)| {
            let mut event = Event::builder();
            if let Some(comment) = comment {
                event = event.comment(comment);
            }
            if let Some(Ok(name)) = name.map(EventName::new) {
                event = event.name(name);
            }
            if let Some(Ok(id)) = id.map(EventId::new) {
                event = event.id(id);
            }
            if let Some(millis) = retry {
                event = event.retry(Duration::from_millis(millis.into()));
            }
            if let Some(data) = data {
                event = event.data(data);
            }
            event.build()
        },
    )
}

/// Bytes of event streams, from valid to garbage, and dense in what has a meaning in the format; up to a few hundred
/// bytes.
///
/// They shrink towards no bytes.
///
/// ```
/// # use proptest::prelude::*;
/// # use sse_testkit::strategy;
/// proptest! {
///     # #![proptest_config(ProptestConfig { failure_persistence: None, cases: 32, ..ProptestConfig::default() })]
///     fn nothing_panics(stream in strategy::event_streams()) {
///         sse_core::Parser::new().feed(&stream, |_| {});
///     }
/// }
/// # nothing_panics();
/// ```
pub fn event_streams() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        8 => select(&["\n", "\r", "\r\n", "data:", "data: ", "event: ", "id:", "id: ", "retry:", ":", " ", "\0", "7"][..])
            .prop_map(|text| text.as_bytes().to_vec()),
        3 => "[a-z0-9é☃]{0,12}".prop_map(String::into_bytes),
        1 => "[a-z]{60,140}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 1..4),
        1 => Just(vec![0xEF, 0xBB, 0xBF]),
        2 => events().prop_map(|event| event.to_bytes().to_vec()),
    ];
    vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

/// A stream, and the same stream in chunks, some of which may be empty.
///
/// They shrink towards fewer bytes, and towards one cut at the front, or none.
///
/// ```
/// # use proptest::prelude::*;
/// # use sse_testkit::strategy;
/// proptest! {
///     # #![proptest_config(ProptestConfig { failure_persistence: None, cases: 32, ..ProptestConfig::default() })]
///     fn nothing_is_lost((whole, chunks) in strategy::cut_streams()) {
///         prop_assert_eq!(chunks.concat(), whole);
///     }
/// }
/// # nothing_is_lost();
/// ```
pub fn cut_streams() -> impl Strategy<Value = (Vec<u8>, Vec<Vec<u8>>)> {
    (event_streams(), places()).prop_map(|(stream, places)| {
        let chunks = cut_at(&stream, &places);
        (stream, chunks)
    })
}

/// `bytes` in chunks, some of which may be empty.
///
/// They shrink towards one cut at the front, or none.
///
/// ```
/// # use proptest::prelude::*;
/// # use sse_testkit::strategy;
/// proptest! {
///     # #![proptest_config(ProptestConfig { failure_persistence: None, cases: 32, ..ProptestConfig::default() })]
///     fn of_any_cut(chunks in strategy::cut(*b"data: hello\n\n")) {
///         prop_assert_eq!(chunks.concat(), b"data: hello\n\n");
///     }
/// }
/// # of_any_cut();
/// ```
pub fn cut(bytes: impl Into<Vec<u8>>) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let bytes = bytes.into();
    places().prop_map(move |places| cut_at(&bytes, &places))
}

fn places() -> impl Strategy<Value = Vec<Index>> {
    vec(any::<Index>(), 0..12)
}

fn cut_at(bytes: &[u8], places: &[Index]) -> Vec<Vec<u8>> {
    let mut places: Vec<_> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| bytes[pair[0]..pair[1]].to_vec()).collect()
}
