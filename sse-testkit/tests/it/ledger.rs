//! Ledgers: each rule broken alone, what is excused, and what can't be known.

use sse_testkit::{
    Event, Ledger,
    ledger::{Entry, Finding, Ids, Publishing, Reader},
};

fn see(reader: &Reader, seen: &[(&str, &str)]) {
    for (data, id) in seen {
        reader.saw(&Event::new("message", *data, *id));
    }
}

/// Published one after the other to one topic, with ids 1, 2, 3, ...
fn publish(ledger: &Ledger, data: &[&str]) {
    for (id, data) in (1..).zip(data) {
        ledger.publish("a", *data).acknowledged(id.to_string());
    }
}

fn told(ledger: &Ledger) -> String {
    ledger.check().to_string()
}

#[test]
fn all_seen_once_and_in_order_is_clean() {
    let ledger = Ledger::new();
    let reader = ledger.reader("r").from_start();
    publish(&ledger, &["x", "y", "z"]);
    see(&reader, &[("x", "1"), ("y", "2")]);
    reader.left();
    reader.connected("2");
    see(&reader, &[("z", "3")]);
    reader.complete();
    ledger.check().expect_clean();
}

#[test]
fn a_loss_in_the_middle_at_the_start_and_at_the_end() {
    let ledger = Ledger::new();
    let reader = ledger.reader("r");
    reader.connected("");
    publish(&ledger, &["v", "w", "x", "y", "z"]);
    see(&reader, &[("w", "2"), ("y", "4")]);
    assert_eq!(
        told(&ledger),
        "2 findings\nr lost \"v\" of a, before its first event, \"w\"\nr lost \"x\" of a, between \"w\" and \"y\"\n"
    );
    reader.complete();
    assert!(told(&ledger).ends_with("r lost \"z\" of a, after its last event, \"y\"\n"));
}

#[test]
fn what_may_lie_outside_is_not_missed() {
    let ledger = Ledger::new();
    ledger.publish("a", "before it was there").acknowledged("");
    let reader = ledger.reader("r");
    reader.connected("");
    let unknown = ledger.publish("a", "no answer");
    ledger.publish("a", "x").acknowledged("");
    see(&reader, &[("x", "")]);
    drop(unknown);
    ledger.publish("a", "after it left").acknowledged("");
    ledger.check().expect_clean();
}

#[test]
fn an_announced_gap_excuses_a_loss_where_it_stands_and_nowhere_else() {
    let ledger = Ledger::new();
    let reader = ledger.reader("r").from_start();
    publish(&ledger, &["v", "w", "x", "y", "z"]);
    see(&reader, &[("v", "1")]);
    reader.gap(&Event::new("sse-gap", "{}", "2"));
    see(&reader, &[("x", "3"), ("z", "5")]);
    reader.complete();
    assert_eq!(told(&ledger), "1 finding\nr lost \"y\" of a, between \"x\" and \"z\"\n");
}

#[test]
fn doubled_also_by_a_resume() {
    let ledger = Ledger::new();
    let reader = ledger.reader("r");
    publish(&ledger, &["x", "y"]);
    see(&reader, &[("x", "1")]);
    reader.connected("");
    see(&reader, &[("x", "1"), ("y", "2"), ("x", "1")]);
    assert_eq!(told(&ledger), "1 finding\nr saw \"x\" 3 times\n");
}

#[test]
fn out_of_order_across_topics() {
    let ledger = Ledger::new();
    let reader = ledger.reader("r");
    for topic in ["a", "b", "c"] {
        ledger.publish(topic, format!("of {topic}")).acknowledged("");
    }
    see(&reader, &[("of b", ""), ("of c", ""), ("of a", "")]);
    assert_eq!(told(&ledger), "1 finding\nr saw \"of a\" after \"of c\", which follows it\n");
}

#[test]
fn publishes_at_the_same_time_have_any_order_but_one() {
    let both = |ledger: &Ledger| {
        let publishing: Vec<Publishing> = ["x", "y"].map(|data| ledger.publish("a", data)).into();
        publishing.into_iter().for_each(|publishing| publishing.acknowledged(""));
    };
    let ledger = Ledger::new();
    both(&ledger);
    see(&ledger.reader("one"), &[("y", ""), ("x", "")]);
    ledger.check().expect_clean();
    see(&ledger.reader("two"), &[("x", ""), ("y", "")]);
    let findings = ledger.check();
    assert!(matches!(findings.all(), [Finding::Disagreement { events }] if events.len() == 2), "{findings}");
}

#[test]
fn three_readers_that_agree_in_pairs_can_disagree() {
    let ledger = Ledger::new();
    let publishing: Vec<_> = ["x", "y", "z"].map(|data| ledger.publish("a", data)).into();
    see(&ledger.reader("one"), &[("x", ""), ("y", "")]);
    see(&ledger.reader("two"), &[("y", ""), ("z", "")]);
    ledger.check().expect_clean();
    see(&ledger.reader("three"), &[("z", ""), ("x", "")]);
    let findings = ledger.check();
    assert!(matches!(findings.all(), [Finding::Disagreement { events }] if events.len() == 3), "{findings}");
    drop(publishing);
}

#[test]
fn ids_tell_the_order_where_they_compare() {
    for (ids, [first, second, third]) in [(Ids::Numeric, ["9", "10", "11"]), (Ids::Bytewise, ["e-09", "e-10", "e-11"])]
    {
        let ledger = Ledger::new().ids(ids);
        // all at the same time
        let publishing: Vec<_> = ["x", "y", "z"].map(|data| ledger.publish("a", data)).into();
        publishing.into_iter().zip([first, second, third]).for_each(|(publishing, id)| publishing.acknowledged(id));
        see(&ledger.reader("loses"), &[("x", first), ("z", third)]);
        see(&ledger.reader("turns"), &[("x", first), ("z", third), ("y", second)]);
        assert_eq!(
            told(&ledger),
            "2 findings\nloses lost \"y\" of a, between \"x\" and \"z\"\n\
             turns saw \"y\" after \"z\", which follows it\n"
        );
    }
    // another epoch compares with nothing
    let ledger = Ledger::new().ids(Ids::Bytewise);
    let publishing: Vec<_> = ["x", "y"].map(|data| ledger.publish("a", data)).into();
    see(&ledger.reader("r"), &[("x", "f-2"), ("y", "e-1")]);
    ledger.check().expect_clean();
    drop(publishing);
}

#[test]
fn forged_refused_and_unwanted() {
    let ledger = Ledger::new();
    publish(&ledger, &["x"]);
    ledger.publish("a", "bad").refused();
    ledger.publish("a", "tried twice").refused();
    ledger.publish("a", "tried twice").acknowledged("3");
    let reader = ledger.reader("r");
    see(&reader, &[("x", "1"), ("x!", "2"), ("bad", ""), ("tried twice", "3")]);
    see(&ledger.reader("s").wants(["b"]), &[("x", "1")]);
    assert_eq!(
        told(&ledger),
        "3 findings\nr saw \"bad\", which was refused\n\
         r saw an event \"message\" with data \"x!\", which nobody published\n\
         s saw \"x\" of a, which it does not want\n"
    );
}

#[test]
fn ids_are_of_one_event_and_events_have_one() {
    let ledger = Ledger::new();
    publish(&ledger, &["x", "y"]);
    ledger.publish("a", "z").acknowledged("");
    see(&ledger.reader("r"), &[("x", "7"), ("y", "2"), ("z", "2")]);
    assert_eq!(
        told(&ledger),
        "2 findings\n\"x\" has two ids, \"1\" and \"7\"\nthe id \"2\" stands for \"y\" and for \"z\"\n"
    );
    let shared = Ledger::new().ids(Ids::Shared);
    publish(&shared, &["x", "y"]);
    see(&shared.reader("r"), &[("x", "7"), ("y", "7")]);
    shared.check().expect_clean();
}

#[test]
fn data_of_two_topics() {
    let ledger = Ledger::new();
    ledger.publish("a", "x").acknowledged("1");
    ledger.publish("a", "x").acknowledged("1"); // a repetition
    ledger.check().expect_clean();
    drop(ledger.publish("b", "x"));
    assert_eq!(told(&ledger), "1 finding\n\"x\" was published to a and to b: each event needs data of its own\n");
}

#[test]
#[should_panic(
    expected = "expected a clean ledger of 30 events and 1 readers\n     got 30 findings\nr lost \"0\" of a"
)]
fn a_failure_shows_the_first_findings_and_counts_the_rest() {
    let ledger = Ledger::new();
    let reader = ledger.reader("r").from_start();
    for n in 0..30 {
        ledger.publish("a", n.to_string()).acknowledged("");
    }
    reader.complete();
    assert!(told(&ledger).ends_with("\n... and 10 more\n"));
    ledger.check().expect_clean();
}

#[test]
fn of_two_processes_files_are_one_account() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let published = Ledger::to_file(path("publisher")).unwrap();
    let seen = Ledger::to_file(path("reader")).unwrap();
    publish(&published, &["x", "y", "z"]);
    see(&seen.reader("r"), &[("x", "1"), ("z", "3")]);
    // as one that is killed in a write leaves it
    let text = std::fs::read_to_string(path("reader")).unwrap();
    std::fs::write(path("reader"), format!("{text}{{\"saw")).unwrap();

    let files = ["publisher", "reader"].map(|name| Ledger::read(path(name)).unwrap());
    assert_eq!(files[0].records(), published.records());
    assert_eq!(files[1].records(), seen.records());
    let both = Ledger::merge(files);
    assert!(both.is_torn());
    // the publisher knows in which order it published
    assert_eq!(told(&both), "1 finding\nr lost \"y\" of a, between \"x\" and \"z\"\n");
}

#[test]
fn of_two_publishers_files_only_ids_tell_the_order() {
    let directory = tempfile::tempdir().unwrap();
    let ledgers = [Ledger::new(), Ledger::new(), Ledger::new()];
    ledgers[0].publish("a", "x").acknowledged("2");
    ledgers[1].publish("a", "y").acknowledged("1");
    ledgers[1].publish("a", "z").acknowledged("3");
    see(&ledgers[2].reader("r"), &[("y", "1"), ("z", "3")]);
    let all = Ledger::merge(ledgers);
    all.check().expect_clean();
    // also once they are one file
    let path = directory.path().join("all");
    all.write(&path).unwrap();
    let all = Ledger::read(&path).unwrap();
    all.check().expect_clean();
    assert_eq!(told(&all.ids(Ids::Numeric)), "1 finding\nr lost \"x\" of a, between \"y\" and \"z\"\n");

    let (one, other) = (Ledger::new(), Ledger::new());
    one.publish("a", "x").acknowledged("");
    other.publish("a", "y").acknowledged("");
    see(&other.reader("r"), &[("y", ""), ("x", "")]);
    Ledger::merge([one, other]).check().expect_clean();
}

#[test]
fn ids_grow_with_the_log() {
    let ledger = Ledger::new().ids(Ids::Numeric);
    publish(&ledger, &["v", "w"]);
    let overlaps = ledger.publish("a", "x");
    ledger.publish("a", "y").acknowledged("9");
    overlaps.acknowledged("7");
    ledger.check().expect_clean();
    ledger.publish("a", "z").acknowledged("8");
    assert_eq!(
        told(&ledger),
        "1 finding\n\"z\" has the id \"8\", lower than \"9\" of \"y\", which was there before it\n"
    );
    // that are in no order are no lower
    assert_eq!(ledger.ids(Ids::Opaque).check().all(), []);
}

#[test]
fn a_reader_without_an_id_begins_anew_until_it_has_seen_something() {
    let ledger = Ledger::new();
    let (new, resumed) = (ledger.reader("new"), ledger.reader("resumed"));
    for reader in [&new, &resumed] {
        reader.connected("");
        reader.left();
    }
    publish(&ledger, &["while it was away", "then"]);
    new.connected("");
    resumed.connected("0"); // it has got an id without an event
    ledger.publish("a", "lost").acknowledged("3");
    ledger.publish("a", "seen").acknowledged("4");
    see(&new, &[("seen", "4")]);
    see(&resumed, &[("then", "2"), ("lost", "3"), ("seen", "4")]);
    assert_eq!(
        told(&ledger),
        "2 findings\nnew lost \"lost\" of a, before its first event, \"seen\"\n\
         resumed lost \"while it was away\" of a, before its first event, \"then\"\n"
    );
}

#[test]
fn a_file_with_numbers_of_any_size_is_merged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("l.ndjson");
    let line =
        |publish: u64| format!("{{\"published\":{{\"publish\":{publish},\"topic\":\"a\",\"data\":\"{publish}\"}}}}\n");
    std::fs::write(&path, line(u64::MAX) + &line(3)).unwrap();
    let read = || Ledger::read(&path).unwrap();
    drop(Ledger::merge([read(), read()]).publish("a", "x"));
}

#[test]
fn what_is_no_ledger_is_refused_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("l.ndjson");
    let error = |line: &str| {
        std::fs::write(&path, format!("{{\"left\":{{\"reader\":\"a\"}}}}\n{line}\n")).unwrap();
        let error = Ledger::read(&path).unwrap_err().to_string();
        error.strip_prefix(&format!("{}, line 2: ", path.display())).unwrap().to_owned()
    };
    assert!(error("{\"seen\":{}}").starts_with("unknown variant `seen`, expected one of `published`, `acknowledged`"));
    assert!(error("{\"refused\":{\"publish\":-1}}").starts_with("invalid value: integer `-1`, expected u64"));
    assert!(error("{\"left\":{\"reader\":\"a\",\"x\":1}}").starts_with("unknown field `x`, expected `reader`"));
    assert!(error("{\"left\":{}}").starts_with("missing field `reader`"));
}

#[test]
fn a_million_events_and_a_thousand_readers_are_checked_without_a_square() {
    // squared, either would take minutes
    let saw = |reader: &str, n: u64| Entry::Saw {
        reader: reader.into(),
        name: "message".into(),
        data: n.to_string(),
        id: n.to_string(),
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("l.ndjson");
    let check = |events: u64, readers: u64| {
        let published = (0..events).flat_map(|n| {
            [
                Entry::Published { publish: n, topic: "a".into(), data: n.to_string() },
                Entry::Acknowledged { publish: n, id: n.to_string() },
            ]
        });
        let seen = (0..readers).flat_map(|reader| {
            let reader = format!("r{reader}");
            (0..events).filter(move |n| *n != events / 2).map(move |n| saw(&reader, n))
        });
        let lines: Vec<u8> = published
            .chain(seen)
            .flat_map(|record| [serde_json::to_vec(&record).unwrap(), b"\n".to_vec()].concat())
            .collect();
        std::fs::write(&path, lines).unwrap();
        let findings = Ledger::read(&path).unwrap().ids(Ids::Numeric).check();
        assert_eq!(findings.all().len(), readers as usize);
        assert!(findings.all().iter().all(|finding| matches!(finding, Finding::Lost { .. })));
    };
    check(50_000, 1);
    check(200, 200);
}
