//! Against scripted servers: what is sent, what is told, and how it ends.
//!
//! A longer script has braces, in which rustfmt leaves each connection its line.

use std::{cell::RefCell, ops::ControlFlow, time::Duration};

use follow::{Change, client, follow};
use reqwest::ClientBuilder;
use sse_core::{
    Item, Limits,
    session::{Closed, Policy, Session},
};
use sse_testkit::{script, script::Script};
use tokio::{sync::mpsc, time::timeout};

use crate::DEADLINE;

/// Tries again at once, so that tests take no time.
fn hasty(mut policy: Policy) -> Session {
    policy.reconnection_time = Duration::ZERO;
    policy.max_wait = Duration::ZERO;
    Session::new(policy, Limits::default())
}

struct Followed {
    ended: reqwest::Result<Closed>,
    /// What was told, an event as its name, ID and data.
    told: Vec<String>,
}

/// Follows a server that does all this, until the session is over or an event says "enough".
async fn run(session: Session, script: Script) -> Followed {
    run_with(client(), session, script).await
}

async fn run_with(client: ClientBuilder, session: Session, script: Script) -> Followed {
    let told = RefCell::new(Vec::new());
    let on_item = |item: Item<'_>| {
        let Item::Event(event) = item else { return ControlFlow::Continue(()) };
        told.borrow_mut().push(format!("{} {} {}", event.name(), event.id(), event.data()));
        if event.data() == "enough" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let on_change = |change: Change<'_>| {
        told.borrow_mut().push(match change {
            Change::Connecting => "connecting".into(),
            Change::Open => "open".into(),
            Change::Waiting(_, None) => "ended".into(),
            Change::Waiting(_, Some(error)) => error.status().map_or("broken".into(), |status| status.to_string()),
        });
    };
    let client = client.no_proxy().build().unwrap();
    let server = script.listen().await.unwrap();
    let url = server.url("/stream").parse().unwrap();
    let ended = tokio::select! {
        ended = timeout(DEADLINE, follow(&client, &url, session, on_item, on_change)) => ended.unwrap(),
        // told at once, whatever the follower makes of it
        Err(failure) = server.finished() => panic!("{failure}\n\n{}", server.report()),
    };
    server.expect_finished().await;
    for request in server.report().requests() {
        assert_eq!(request.headers["accept"], "text/event-stream");
    }
    Followed { ended, told: told.into_inner() }
}

#[tokio::test]
async fn a_stream_that_is_cut_off_goes_on_after_its_last_event_until_204() {
    let script = script! {
        accept.no_last_event_id(), head(200), event("a").name("add").id("7").retry(1ms), raw("id: 8\ndata: unfin"), drop,
        // begins anew: that is no field of anything
        expect_reconnect().last_event_id("7"), head(200), raw("ished\n\n"), event("b"), drop,
        expect_reconnect().last_event_id("7"), status(204),
    };
    let followed = run(hasty(Policy::default()), script).await;
    assert_eq!(followed.ended.unwrap(), Closed::NoContent);
    let told = ["connecting", "open", "add 7 a", "broken", "connecting", "open", "message 7 b", "broken", "connecting"];
    assert_eq!(followed.told, told);
}

#[tokio::test]
async fn a_stream_that_ends_and_an_answer_that_never_comes_are_asked_for_again() {
    let script = script! {
        accept, head(200), event("a").id("é"), end,
        expect_reconnect(), drop,
        expect_reconnect().last_event_id("é"), status(204), // as it came
    };
    let followed = run(hasty(Policy::default()), script).await;
    assert_eq!(followed.ended.unwrap(), Closed::NoContent);
    assert_eq!(followed.told, ["connecting", "open", "message é a", "ended", "connecting", "broken", "connecting"]);
}

#[tokio::test]
async fn a_server_that_falls_silent_is_asked_again() {
    let impatient = client().read_timeout(Duration::from_millis(500));
    let script = script![accept, head(200), event("a").id("1"), stall, expect_reconnect(), status(204)];
    let followed = run_with(impatient, hasty(Policy::default()), script).await;
    assert_eq!(followed.ended.unwrap(), Closed::NoContent);
    assert_eq!(followed.told, ["connecting", "open", "message 1 a", "broken", "connecting"]);
}

#[tokio::test]
async fn the_patient_ask_a_busy_server_again_and_others_do_not() {
    let script = script! {
        accept, status(503).header("retry-after", "0"),
        expect_reconnect(), head(200), event("a"), drop,
        expect_reconnect(), status(204),
    };
    let followed = run(hasty(Policy::patient()), script).await;
    assert_eq!(followed.ended.unwrap(), Closed::NoContent);
    let told = ["connecting", "503 Service Unavailable", "connecting", "open", "message  a", "broken", "connecting"];
    assert_eq!(followed.told, told);

    let followed = run(hasty(Policy::default()), script![accept, status(503).header("retry-after", "0")]).await;
    assert_eq!(followed.ended.unwrap(), Closed::Status(503));
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    let server = script![accept, status(503).header("retry-after", "300")].listen().await.unwrap();
    let url = server.url("/stream").parse().unwrap();
    let client = client().no_proxy().build().unwrap();
    let (waiting, mut waits) = mpsc::channel(1);
    let on_change = |change: Change<'_>| {
        if let Change::Waiting(wait, _) = change {
            waiting.try_send(wait).unwrap();
        }
    };
    let following = follow(&client, &url, hasty(Policy::patient()), |_| ControlFlow::Continue(()), on_change);
    let wait = async {
        tokio::select! {
            ended = following => panic!("it ended: {ended:?}"),
            wait = waits.recv() => wait.unwrap(),
        }
    };
    let wait = timeout(DEADLINE, wait).await.unwrap();
    assert!(wait > Duration::from_secs(290) && wait <= Duration::from_secs(300), "{wait:?}");
    server.expect_finished().await;
}

#[tokio::test]
async fn a_redirect_is_followed_and_the_next_connection_begins_where_the_first_did() {
    let script = script! {
        accept.path("/stream"), redirect("/elsewhere"),
        accept.path("/elsewhere"), head(200), event("a").id("1"), drop,
        expect_reconnect().path("/stream").last_event_id("1"), redirect("/elsewhere"),
        accept.path("/elsewhere").last_event_id("1"), status(204),
    };
    let followed = run(hasty(Policy::default()), script).await;
    assert_eq!(followed.ended.unwrap(), Closed::NoContent);
}

#[tokio::test]
async fn what_is_no_stream_ends_it() {
    let text = script![accept, status(200).header("content-type", "text/plain")];
    assert_eq!(run(hasty(Policy::patient()), text).await.ended.unwrap(), Closed::ContentType);
    let missing = script![accept, status(404)];
    assert_eq!(run(hasty(Policy::patient()), missing).await.ended.unwrap(), Closed::Status(404));
}

#[tokio::test]
async fn an_id_to_begin_with_is_sent_and_one_that_no_header_can_hold_is_an_error() {
    let mut session = hasty(Policy::default());
    session.set_last_event_id("41").unwrap();
    let followed = run(session, script![accept.last_event_id("41"), status(204)]).await;
    assert_eq!(followed.ended.unwrap(), Closed::NoContent);

    let followed = run(hasty(Policy::default()), script![accept, head(200), event("a").id("\u{1}"), drop]).await;
    assert!(followed.ended.unwrap_err().is_builder());
}

#[tokio::test]
async fn after_the_end_of_all_topics_it_does_not_come_again() {
    let script = script! {
        accept, head(200), event("a").id("1"),
        raw("event: sse-end\nid: 1\ndata: {\"topics\":[\"runs/42\"]}\n\ndata: none\n\n"), end,
        expect_silence(100ms),
    };
    let followed = run(hasty(Policy::default()), script).await;
    assert_eq!(followed.ended.unwrap(), Closed::Ended);
    assert_eq!(followed.told, ["connecting", "open", "message 1 a", "sse-end 1 {\"topics\":[\"runs/42\"]}"]);
}

#[tokio::test]
async fn break_ends_it_in_the_middle_of_what_came_and_leaves() {
    let script = script![accept, head(200), raw("data: a\n\ndata: enough\n\ndata: c\n\n"), stall];
    let followed = run(Session::default(), script).await;
    assert_eq!(followed.ended.unwrap(), Closed::ByCaller);
    assert_eq!(followed.told, ["connecting", "open", "message  a", "message  enough"]);
}
