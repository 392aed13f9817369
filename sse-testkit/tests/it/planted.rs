//! Faults planted in a hub, each found by the check of the kit that is meant for it, and by no other.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use sse_testkit::{
    BrowserClient, Fleet, Ledger, any_event,
    ledger::{Finding, Ids},
};

use crate::support::{
    next, sleep,
    toy_hub::{Bug, HEARTBEAT, ToyHub},
};

const BUGS: [Bug; 6] = [
    Bug::LosesOneOnResume,
    Bug::DoublesOneOnResume,
    Bug::ReordersAcrossTopics,
    Bug::HasNoHeartbeat,
    Bug::LetsCrThrough,
    Bug::NeverEndsOnDrain,
];

/// Publishes to two topics while one reader stays and one is away now and then.
async fn account(bug: Bug) -> Ledger {
    let hub = ToyHub::new(bug);
    let client = hub.client();
    let ledger = Ledger::new().ids(Ids::Numeric);
    let (stays, leaves) = (ledger.reader("stays").from_start(), ledger.reader("leaves").from_start());
    let mut staying = client.get("/").connect().await;
    let mut leaving = client.get("/").connect().await;
    for stream in [&mut staying, &mut leaving] {
        stream.expect_comment().await; // it is let in
    }
    let publish = |n: usize| {
        let topic = if n.is_multiple_of(2) { "even" } else { "odd" };
        let data = format!("{n}\rid: 99");
        let publishing = ledger.publish(topic, data.replace('\r', "\n"));
        publishing.acknowledged(hub.publish(topic, &data));
    };
    for round in 0..5 {
        publish(4 * round);
        stays.saw(&staying.expect_event(any_event()).await);
        leaves.saw(&leaving.expect_event(any_event()).await);
        leaving.disconnect();
        for n in 1..4 {
            publish(4 * round + n);
            stays.saw(&staying.expect_event(any_event()).await);
        }
        leaving.reconnect().await;
        leaves.connected(leaving.last_event_id());
        while let Some(event) = next(&mut leaving).await {
            leaves.saw(&event);
        }
    }
    stays.complete();
    leaves.complete();
    ledger
}

/// What an expectation says that fails, if it does.
async fn failure(expectation: impl Future) -> Option<String> {
    let panic = AssertUnwindSafe(expectation).catch_unwind().await.err()?;
    Some(panic.downcast_ref::<String>().unwrap().lines().take(2).collect::<Vec<_>>().join("\n"))
}

async fn heartbeats(bug: Bug) -> Option<String> {
    let client = ToyHub::new(bug).client();
    let mut stream = client.get("/").connect().await;
    stream.expect_comment().await;
    failure(async {
        for _ in 0..10 {
            stream.expect_heartbeat(HEARTBEAT).await;
        }
    })
    .await
}

async fn drained(bug: Bug) -> Option<String> {
    let hub = ToyHub::new(bug);
    let mut stream = hub.client().get("/").connect().await;
    stream.expect_comment().await;
    hub.drain();
    failure(stream.expect_closed()).await
}

#[tokio::test(start_paused = true)]
async fn a_hub_without_a_fault_passes_all_checks() {
    account(Bug::None).await.check().expect_clean();
    assert_eq!(heartbeats(Bug::None).await, None);
    assert_eq!(drained(Bug::None).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_loss_a_double_and_a_turned_order_are_in_the_ledger() {
    for bug in BUGS {
        let findings = account(bug).await.check();
        let kinds = |kind: fn(&Finding) -> bool| findings.all().iter().filter(|finding| kind(finding)).count();
        let counts = [
            kinds(|finding| matches!(finding, Finding::Lost { reader, .. } if reader == "leaves")),
            kinds(|finding| matches!(finding, Finding::Doubled { reader, .. } if reader == "leaves")),
            kinds(|finding| matches!(finding, Finding::OutOfOrder { reader, .. } if reader == "leaves")),
        ];
        let expected = match bug {
            Bug::LosesOneOnResume => [5, 0, 0],
            Bug::DoublesOneOnResume => [0, 5, 0],
            Bug::ReordersAcrossTopics => [0, 0, 5],
            Bug::LetsCrThrough => continue, // below
            _ => [0, 0, 0],
        };
        assert_eq!(counts, expected, "{bug:?}: {findings}");
        assert_eq!(findings.all().len(), expected.iter().sum::<usize>(), "{bug:?}: {findings}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fleet_that_comes_and_goes_finds_them_too() {
    for bug in [Bug::None, Bug::LosesOneOnResume, Bug::DoublesOneOnResume] {
        let hub = ToyHub::new(bug);
        let ledger = Ledger::new().ids(Ids::Numeric);
        let second = Duration::from_secs(1);
        let browser = BrowserClient::new(hub.client()).reconnection_time(second / 10);
        let mut fleet = Fleet::of(20).seed(7).churn(4 * second, second).ledger(&ledger).open(browser);
        for n in 0..200 {
            sleep(200).await;
            let data = n.to_string();
            ledger.publish("a", &data).acknowledged(hub.publish("a", &data));
        }
        fleet.calm().await;
        ledger.publish("a", "the end").acknowledged(hub.publish("a", "the end"));
        fleet.all_saw(|event| event.data == "the end").await;
        let findings = ledger.check();
        let only = |kind: fn(&Finding) -> bool| findings.all().len() > 20 && findings.all().iter().all(kind);
        assert!(
            match bug {
                Bug::LosesOneOnResume => only(|finding| matches!(finding, Finding::Lost { .. })),
                Bug::DoublesOneOnResume => only(|finding| matches!(finding, Finding::Doubled { .. })),
                _ => findings.is_clean(),
            },
            "{bug:?}: {findings}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_cr_let_through_is_a_forged_event() {
    let findings = account(Bug::LetsCrThrough).await.check();
    let forged =
        |finding: &Finding| matches!(finding, Finding::Forged { reader, data, .. } if reader == "stays" && data == "0");
    assert!(findings.all().iter().any(forged), "{findings}");
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_is_missing() {
    for bug in BUGS {
        let expected = (bug == Bug::HasNoHeartbeat)
            .then(|| "expected a heartbeat 15s after 0.000 s\n     got nothing of the kind within 16.5s".to_owned());
        assert_eq!(heartbeats(bug).await, expected, "{bug:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_never_ends() {
    for bug in BUGS {
        let failed = drained(bug).await;
        assert_eq!(failed.is_some(), bug == Bug::NeverEndsOnDrain, "{bug:?}: {failed:?}");
    }
}
