//! What a fleet says that does not get there.

use std::time::Duration;

use sse_testkit::{Body, BrowserClient, Faults, Fleet, Ledger, TestClient, event_stream, fleet::Record};

use super::{Numbers, S};
use crate::support::failure;

#[tokio::test(start_paused = true)]
async fn the_clients_that_are_behind_and_the_seed() {
    let client = TestClient::from_fn(async |request: http::Request<Body>| {
        let more = request.uri().path() != "/t1";
        let (feed, body) = Body::channel();
        tokio::spawn(async move {
            feed.send("data: a\nid: 1\n\n").await?;
            tokio::time::sleep(S).await;
            if more {
                feed.send("data: b\nid: 2\n\n").await?;
            }
            std::future::pending::<Result<(), sse_testkit::BodyDropped>>().await
        });
        event_stream(body)
    });
    let fleet = Fleet::of(4).seed(42).path(|n| format!("/t{}", n % 3)).within(10 * S);
    let report = failure(async move {
        fleet.open(client).all_saw(|event| event.data == "b").await;
    });
    assert_eq!(
        report.await,
        r#"expected of every client: an event for which the closure holds
     got nothing of the kind from 1 of 4, not within 10s
    seed 42

client 1, /t1: connected, 1 events, last event id "1"
   0.000 s  connected
   0.000 s  event "message", data "a", id "1"
"#
    );
}

#[tokio::test(start_paused = true)]
async fn many_that_are_behind_are_named_and_long_records_cut() {
    let server = Numbers::new();
    let report = failure(async move {
        let mut fleet = Fleet::of(8).open(server.client());
        server.publish_every(S, 30).await;
        fleet.within(2 * S).until_all(|view| view.events().count() == 31).await;
    });
    let report = report.await;
    assert!(report.contains("got nothing of the kind from 8 of 8, not within 2s\n"), "{report}");
    assert!(report.contains("\nclient 4, /events: connected, 30 events, last event id \"29\"\n"), "{report}");
    assert!(report.contains("            ... 11 before\n"), "{report}");
    assert!(report.ends_with("\n\nand clients 5, 6, 7\n"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_closed_for_good_is_not_waited_for() {
    let client = TestClient::from_fn(async |_| http::Response::builder().status(503).body(Body::default()).unwrap());
    let report = failure(async move {
        Fleet::of(1).open(client).calm().await;
    });
    let begin = tokio::time::Instant::now();
    let report = report.await;
    assert!(begin.elapsed() < S);
    assert_eq!(
        report,
        r#"expected of every client: an open stream
     got nothing of the kind from 1 of 1, and some are closed for good
    seed 0

client 0, /events: closed for good, 0 events, last event id ""
   0.000 s  closed: the answer's status is 503
"#
    );
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "an observer of its own")]
async fn a_closure_that_panics_in_a_task_fails_the_test() {
    let mut fleet = Fleet::of(2)
        .observe(|n| move |_: &Record| assert_ne!(n, 1, "an observer of its own"))
        .within(Duration::from_secs(3600))
        .open(Numbers::new().client());
    fleet.all_saw(|event| event.data == "1000").await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "can't be a request's target")]
async fn a_path_that_is_none() {
    let browser = BrowserClient::new(Numbers::new().client());
    drop(Fleet::of(2).path(|_| "/a b".into()).open(&browser));
}

#[tokio::test(start_paused = true)]
async fn no_clients_at_all_are_always_there() {
    let mut fleet = Fleet::of(0).open(Numbers::new().client());
    fleet.calm().await;
    fleet.all_saw(|_| false).await;
    assert!(fleet.close().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_seeds_of_the_fleet_and_of_its_network() {
    let faults = Faults::seeded(7).cut_randomly(5);
    let client = TestClient::from_fn(async |_| event_stream("data: a\n\n")).faults(faults);
    let ledger = Ledger::new();
    let fleet = Fleet::of(2).ledger(&ledger).seed(42).within(S).open(client);
    let report = failure(async move {
        let mut fleet = fleet;
        fleet.all_saw(|event| event.data == "b").await;
    });
    let report = report.await;
    assert!(report.contains("\n    seed 42\n    over faults, seed 7: cut about every 5 bytes\n"), "{report}");
    // "a" is forged
    let panic = std::panic::catch_unwind(|| ledger.check().expect_clean()).unwrap_err();
    let report = panic.downcast_ref::<String>().unwrap();
    let drawn = "\n   drawn a fleet of 2, seed 42, over faults, seed 7: cut about every 5 bytes\n";
    assert!(report.contains(drawn), "{report}");
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "of the test's own")]
async fn a_panic_of_an_observer_is_not_lost_at_the_end() {
    let client = TestClient::from_fn(async |_| event_stream("data: a\n\n"));
    let fleet = Fleet::of(1).observe(|_| |_: &Record| panic!("of the test's own")).open(client);
    tokio::time::sleep(S).await;
    let _ = fleet.close();
}
