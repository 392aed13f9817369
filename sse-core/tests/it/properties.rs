//! Laws of the parser and the encoder.

use crate::support::{Outcome, oracle, parse, parse_within, sent};
use proptest::{collection::vec, prelude::*, sample::select};
use sse_core::{Event, EventId, EventName, Limits, Parser};
use std::time::Duration;

/// Bytes that are dense in what the format has a meaning for.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        8 => select(&["\n", "\r", "\r\n", "data:", "data: ", "event: ", "id:", "id: ", "retry:", ":", " ", "\0", "7"][..])
            .prop_map(|text| text.as_bytes().to_vec()),
        3 => "[a-z0-9é☃]{0,12}".prop_map(String::into_bytes),
        1 => "[a-z]{60,140}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 1..4),
        1 => Just(vec![0xEF, 0xBB, 0xBF]),
    ];
    vec(token, 0..60).prop_map(|tokens| tokens.concat())
}

fn cut(stream: &[u8], places: &[prop::sample::Index]) -> Vec<Vec<u8>> {
    let mut places: Vec<_> = places.iter().map(|place| place.index(stream.len() + 1)).collect();
    places.extend([0, stream.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| stream[pair[0]..pair[1]].to_vec()).collect()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        vec(select(&["\n", "\r", "\r\n", "data: x", "id: 1", " ", "", ":", "\0", "é"][..]), 0..8)
            .prop_map(|parts| parts.concat()),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    use proptest::option::of as option;
    (option(text()), option(text()), option(text()), option(any::<u32>()), option(text())).prop_map(
        |(comment, name, id, retry, data)| {
            let mut builder = Event::builder();
            if let Some(comment) = comment {
                builder = builder.comment(comment);
            }
            if let Some(Ok(name)) = name.map(EventName::new) {
                builder = builder.name(name);
            }
            if let Some(Ok(id)) = id.map(EventId::new) {
                builder = builder.id(id);
            }
            if let Some(retry) = retry {
                builder = builder.retry(Duration::from_millis(retry.into()));
            }
            if let Some(data) = data {
                builder = builder.data(data);
            }
            builder.build()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_is_encoded_is_read_back(event in event(), places in vec(any::<prop::sample::Index>(), 0..4)) {
        let wire = event.to_bytes();
        prop_assert_eq!(wire.len(), event.encoded_len());
        prop_assert_eq!(parse(cut(&wire, &places)), sent([&event]));
    }

    #[test]
    fn an_event_cannot_reach_into_the_next(events in vec(event(), 0..5)) {
        let wire: Vec<u8> = events.iter().flat_map(|event| event.to_bytes()).collect();
        prop_assert_eq!(parse([wire]), sent(&events));
    }

    #[test]
    fn it_reads_what_the_standard_says(
        stream in stream(),
        places in vec(any::<prop::sample::Index>(), 0..12),
        line in prop_oneof![1 => 1_usize..40, 1 => Just(1 << 20)],
        event in prop_oneof![1 => 1_usize..40, 1 => Just(1 << 20)],
        (id, name) in (1_usize..20, 1_usize..20),
        seed in "[a-z]{0,3}",
    ) {
        let mut limits = Limits::new(line, event);
        (limits.id, limits.name) = (id, name);
        let expect = oracle::read(&stream, limits, &seed);
        let mut parser = Parser::with_limits(limits);
        parser.set_last_event_id(&seed).unwrap();
        let mut owned = Parser::with_limits(limits);
        owned.set_last_event_id(&seed).unwrap();
        let (mut seen, mut kept) = (Outcome::default(), Outcome::default());
        for chunk in cut(&stream, &places) {
            parser.feed(&chunk, |item| seen.take(item));
            owned.feed_bytes(&chunk.into(), |event| kept.take_owned(&event));
        }
        seen.last_event_id = parser.last_event_id().into();
        prop_assert_eq!(&seen, &expect);
        prop_assert_eq!(parser.dropped(), expect.dropped.len() as u64);
        prop_assert_eq!(kept.events, expect.events);
    }

    #[test]
    fn strict_is_the_same_where_all_is_utf8_and_drops_what_is_not(
        stream in stream(),
        places in vec(any::<prop::sample::Index>(), 0..12),
        event in prop_oneof![1 => 1_usize..40, 1 => Just(1 << 20)],
    ) {
        let limits = Limits::new(1 << 20, event);
        let mut parser = Parser::with_limits(limits).strict();
        let mut seen = Outcome::default();
        for chunk in cut(&stream, &places) {
            parser.feed(&chunk, |item| seen.take(item));
        }
        seen.last_event_id = parser.last_event_id().into();
        prop_assert_eq!(&seen, &oracle::read_strict(&stream, limits, ""));
        if std::str::from_utf8(&stream).is_ok() {
            prop_assert_eq!(seen, oracle::read(&stream, limits, ""));
        }
    }

    #[test]
    fn the_cut_does_not_matter(stream in stream(), places in vec(any::<prop::sample::Index>(), 0..12)) {
        prop_assert_eq!(parse(cut(&stream, &places)), parse([&stream]));
    }

    #[test]
    fn the_cut_does_not_matter_to_the_limits(
        stream in stream(),
        places in vec(any::<prop::sample::Index>(), 0..12),
        line in 1_usize..40,
        event in 1_usize..40,
        id in 1_usize..8,
        name in 1_usize..8,
    ) {
        let mut limits = Limits::new(line, event);
        (limits.id, limits.name) = (id, name);
        prop_assert_eq!(parse_within(limits, cut(&stream, &places)), parse_within(limits, [&stream]));
    }

    #[test]
    fn events_so_far_are_those_of_the_prefix(stream in stream()) {
        let whole = parse([&stream]);
        let mut seen = Outcome::default();
        let mut parser = Parser::new();
        for (at, byte) in stream.iter().enumerate() {
            parser.feed(&[*byte], |item| seen.take(item));
            seen.last_event_id = parser.last_event_id().into();
            prop_assert_eq!(&seen, &parse([&stream[..=at]]));
        }
        prop_assert_eq!(seen, whole);
    }
}
