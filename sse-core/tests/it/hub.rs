//! What a hub and its clients say to each other, held to vectors that clients in other languages are held to as well.

use std::{cmp::Ordering, time::Duration};

use proptest::{collection::vec, option::of as option, prelude::*};
use serde_json::{Map, Value, json};
use sse_core::{
    EventId,
    hub::{
        COMMENT_HEARTBEAT, ControlEvent, Cursor, Drain, DrainReason, End, Epoch, Gap, GapReason, Position, Problem,
        names,
    },
};

use crate::support::parse;

fn vectors(key: &str) -> Vec<Value> {
    let vectors: Value = serde_json::from_str(include_str!("../vectors/hub.json")).unwrap();
    let vectors = vectors[key].as_array().unwrap().clone();
    assert!(!vectors.is_empty(), "{key}");
    vectors
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn number(value: &Value) -> u64 {
    text(value).parse().unwrap()
}

#[test]
fn positions() {
    for vector in vectors("positions") {
        let position = Position::new(Epoch::new(number(&vector["epoch"])), number(&vector["seq"]));
        assert_eq!(position.to_string(), text(&vector["id"]));
        assert_eq!(Position::parse(text(&vector["id"])), Some(position), "{vector}");
    }
    for id in vectors("not_positions") {
        assert_eq!(Position::parse(text(&id)), None, "{id}");
    }
    for vector in vectors("order") {
        let [one, other] = ["one", "other"].map(|key| Position::parse(text(&vector[key])).unwrap());
        let order = one.partial_cmp(&other).map(|order| match order {
            Ordering::Less => "before",
            Ordering::Equal => "same",
            Ordering::Greater => "after",
        });
        assert_eq!(order, vector["order"].as_str(), "{vector}");
    }
}

/// The decoded form that a vector names, if it names one.
fn control(vector: &Value) -> Option<ControlEvent> {
    let reason = |of: &str| text(&vector[of]["reason"]).to_owned();
    if let Some(cursor) = vector.get("cursor") {
        return Some(ControlEvent::Cursor(cursor["stream"].as_str().map_or_else(Cursor::new, Cursor::of)));
    }
    if vector.get("drain").is_some() {
        return Some(ControlEvent::Drain(Drain::new(DrainReason::from_word(&reason("drain")))));
    }
    if let Some(end) = vector.get("end") {
        return Some(ControlEvent::End(End::new(end["topics"].as_array().unwrap().iter().map(text))));
    }
    let gap = vector.get("gap")?;
    let first = gap["first"].as_str().map(|id| EventId::new(id).unwrap());
    Some(ControlEvent::Gap(Gap::new(GapReason::from_word(&reason("gap")), text(&gap["requested"]), first)))
}

fn encode(event: &ControlEvent, position: Option<Position>, retry: Option<Duration>) -> Vec<u8> {
    let mut wire = Vec::new();
    match event {
        ControlEvent::Cursor(cursor) => cursor.encode(position.unwrap(), retry, &mut wire),
        ControlEvent::Gap(gap) => gap.encode(position.unwrap(), retry, &mut wire),
        ControlEvent::Drain(drain) => drain.encode(position, retry, &mut wire),
        ControlEvent::End(end) => end.encode(position.unwrap(), retry, &mut wire),
        other => panic!("{other:?}"),
    }
    wire
}

#[test]
fn events_there_and_back() {
    for vector in vectors("events") {
        let event = control(&vector).unwrap();
        let id = vector["id"].as_str();
        let retry = vector["retry_ms"].as_u64().map(Duration::from_millis);
        let wire = encode(&event, id.map(|id| Position::parse(id).unwrap()), retry);
        assert_eq!(String::from_utf8(wire.clone()).unwrap(), text(&vector["wire"]), "{vector}");

        let seen = parse([wire]);
        let [(name, data, id_seen)] = &seen.events[..] else { panic!("{vector}: {seen:?}") };
        assert_eq!((&**name, &**data), (text(&vector["event"]), text(&vector["data"])));
        assert_eq!((&**id_seen, seen.retry), (id.unwrap_or_default(), retry));
        assert_eq!(ControlEvent::decode(name, data), Some(event));
    }
    for vector in vectors("lenient") {
        assert_eq!(ControlEvent::decode(text(&vector["event"]), text(&vector["data"])), control(&vector), "{vector}");
    }
}

#[test]
fn reasons_are_words() {
    for word in vectors("gap_reasons") {
        let reason = GapReason::from_word(text(&word));
        assert_eq!(reason.to_string(), text(&word));
        assert_ne!(reason, GapReason::Other);
    }
    for word in vectors("drain_reasons") {
        let reason = DrainReason::from_word(text(&word));
        assert_eq!(reason.to_string(), text(&word));
        assert_ne!(reason, DrainReason::Other);
    }
    for word in ["", "other", "eclipse", "Age", "age "] {
        assert_eq!((GapReason::from_word(word), DrainReason::from_word(word)), Default::default(), "{word:?}");
    }
}

#[test]
fn problems_there_and_back() {
    let problem = |vector: &Value| {
        let vector = &vector["problem"];
        let mut problem = Problem::default();
        problem.kind = text(&vector["type"]).into();
        problem.title = vector["title"].as_str().map(Into::into);
        problem.status = vector["status"].as_u64().map(|status| status.try_into().unwrap());
        problem.detail = vector["detail"].as_str().map(Into::into);
        problem
    };
    for vector in vectors("problems") {
        let problem = problem(&vector);
        let made = Problem::new(
            problem.status.unwrap(),
            problem.title.clone().unwrap(),
            problem.detail.as_deref().unwrap_or_default(),
        );
        assert_eq!(made, problem);
        let members = vector["members"].as_object().unwrap().clone();
        assert_eq!(made.to_json(members), text(&vector["json"]));
        assert_eq!(Problem::parse(text(&vector["json"]).as_bytes()), Some(problem));
    }
    for vector in vectors("problems_of_others") {
        assert_eq!(Problem::parse(text(&vector["json"]).as_bytes()), Some(problem(&vector)), "{vector}");
    }
    for body in vectors("not_problems") {
        assert_eq!(Problem::parse(text(&body).as_bytes()), None, "{body}");
    }
    assert_eq!(Problem::parse(b"{\"title\":\"\xff\"}"), None);
}

#[test]
fn members_of_a_problem_take_no_name_of_its_own() {
    let members = ["type", "title", "status", "detail", "more"].map(|name| (name.to_owned(), json!("mine")));
    let json = Problem::default().to_json(Map::from_iter(members));
    assert_eq!(json, r#"{"more":"mine","type":""}"#);
}

#[test]
fn what_a_client_sent_is_not_sent_back_without_end() {
    for (character, kept) in [("x", 256), ("é", 128), ("☃", 85)] {
        let gap = Gap::new(GapReason::Unknown, character.repeat(10_000), None);
        let wire = encode(&ControlEvent::Gap(gap), Position::parse("000000000000-00000000000"), None);
        let seen = parse([wire]);
        assert_eq!(Gap::decode(&seen.events[0].1).requested, *character.repeat(kept));

        let problem = Problem::new(400, "Bad Request", character.repeat(10_000));
        assert_eq!(problem.detail.unwrap().chars().count(), 1024 / character.len() + 1);
    }
    let problem = Problem::new(400, "Bad Request", "x".repeat(1024));
    assert_eq!(problem.detail.unwrap(), *"x".repeat(1024));
}

#[test]
fn a_heartbeat_of_a_comment_is_nothing_to_a_client() {
    let mut wire = COMMENT_HEARTBEAT.to_vec();
    wire.extend(b"data: a\n\n");
    wire.extend(COMMENT_HEARTBEAT);
    let seen = parse([wire]);
    assert_eq!((seen.comments.len(), seen.events.len()), (2, 1));
}

#[test]
fn names_of_events_are_reserved() {
    use names::event::{CURSOR, DRAIN, END, GAP, RESERVED_PREFIX};
    assert!([CURSOR, DRAIN, END, GAP].iter().all(|name| name.starts_with(RESERVED_PREFIX)));
}

proptest! {
    #[test]
    fn every_event_is_one_block_with_data_that_reads_back(
        (epoch, seq, first, retry) in (any::<u64>(), 0..=Position::MAX_SEQ, option(0..=Position::MAX_SEQ), option(any::<u32>())),
        requested in ".{0,60}",
        (gap, drain) in (0..5_usize, 0..7_usize),
        topics in vec(".{1,40}", 0..4),
    ) {
        let gap = GapReason::from_word(text(&vectors("gap_reasons")[gap]));
        let drain = DrainReason::from_word(text(&vectors("drain_reasons")[drain]));
        let at = |seq| Position::new(Epoch::new(epoch), seq);
        let retry = retry.map(|millis| Duration::from_millis(millis.into()));
        for event in [
            ControlEvent::Cursor(Cursor::new()),
            ControlEvent::Gap(Gap::new(gap, &*requested, first.map(|seq| at(seq).id()))),
            ControlEvent::Drain(Drain::new(drain)),
            ControlEvent::End(End::new(topics)),
        ] {
            let wire = encode(&event, Some(at(seq)), retry);
            let blocks = String::from_utf8(wire.clone()).unwrap().matches("\n\n").count();
            let seen = parse([wire]);
            prop_assert_eq!((blocks, seen.events.len(), seen.retry), (1, 1, retry));
            let (name, data, id) = &seen.events[0];
            prop_assert_eq!(Position::parse(id), Some(at(seq)));
            prop_assert_eq!(ControlEvent::decode(name, data), Some(event));
        }
    }

    #[test]
    fn nothing_makes_decoding_fail(data in ".*|\\{\"(reason|topics)\":.*\\}") {
        for name in [names::event::CURSOR, names::event::GAP, names::event::DRAIN, names::event::END] {
            prop_assert!(ControlEvent::decode(name, &data).is_some());
        }
    }
}
