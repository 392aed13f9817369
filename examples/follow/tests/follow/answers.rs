//! Against prepared answers: what is sent, what is told, and how it ends.

use std::{cell::RefCell, ops::ControlFlow, time::Duration};

use follow::{Change, client, follow};
use reqwest::ClientBuilder;
use sse_core::{
    Item, Limits,
    session::{Closed, Policy, Session},
};
use tokio::time::timeout;

use crate::{
    DEADLINE,
    script::{NO_CONTENT, Script, answer, cut, whole},
};

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
    /// The heads of the requests.
    heads: Vec<String>,
}

/// Follows a server that gives these answers, until the session is over.
async fn run<A: AsRef<str>>(session: Session, answers: impl IntoIterator<Item = A>) -> Followed {
    run_with(client(), session, Script::bind().await, answers).await
}

async fn run_with<A: AsRef<str>>(
    client: ClientBuilder,
    session: Session,
    script: Script,
    answers: impl IntoIterator<Item = A>,
) -> Followed {
    let told = RefCell::new(Vec::new());
    let on_item = |item: Item<'_>| {
        if let Item::Event(event) = item {
            told.borrow_mut().push(format!("{} {} {}", event.name(), event.id(), event.data()));
        }
        ControlFlow::Continue(())
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
    let url = script.url("/stream").parse().unwrap();
    let both = async { tokio::join!(follow(&client, &url, session, on_item, on_change), script.play(answers)) };
    let (ended, heads) = timeout(DEADLINE, both).await.unwrap();
    Followed { ended, told: told.into_inner(), heads }
}

fn path(head: &str) -> &str {
    head.split(' ').nth(1).unwrap()
}

fn last_event_id(head: &str) -> Option<&str> {
    head.lines().find_map(|line| line.strip_prefix("last-event-id: "))
}

#[tokio::test]
async fn a_stream_that_is_cut_off_goes_on_after_its_last_event_until_204() {
    let first = cut("retry: 1\nid: 7\nevent: add\ndata: a\n\nid: 8\ndata: unfin");
    let second = cut("ished\n\ndata: b\n\n"); // begins anew: that is no field of anything
    let answers = [first, second, NO_CONTENT.into()];
    let followed = run(hasty(Policy::default()), answers).await;
    assert_eq!(followed.ended.unwrap(), Closed::NoContent);
    let told = ["connecting", "open", "add 7 a", "broken", "connecting", "open", "message 7 b", "broken", "connecting"];
    assert_eq!(followed.told, told);
    assert_eq!(followed.heads.iter().map(|head| last_event_id(head)).collect::<Vec<_>>(), [None, Some("7"), Some("7")]);
    assert!(followed.heads.iter().all(|head| head.contains("\r\naccept: text/event-stream\r\n")));
}

#[tokio::test]
async fn a_stream_that_ends_and_an_answer_that_never_comes_are_asked_for_again() {
    let answers = [whole("id: é\ndata: a\n\n"), String::new(), NO_CONTENT.into()];
    let followed = run(hasty(Policy::default()), answers).await;
    assert_eq!(followed.ended.unwrap(), Closed::NoContent);
    assert_eq!(followed.told, ["connecting", "open", "message é a", "ended", "connecting", "broken", "connecting"]);
    assert_eq!(last_event_id(&followed.heads[2]), Some("é"), "an ID is sent back as it came");
}

#[tokio::test]
async fn a_server_that_falls_silent_is_asked_again() {
    let answers = [cut("id: 1\ndata: a\n\n"), NO_CONTENT.into()];
    let impatient = client().read_timeout(Duration::from_millis(500));
    let followed = run_with(impatient, hasty(Policy::default()), Script::bind().await.silent(), answers).await;
    assert_eq!(followed.told, ["connecting", "open", "message 1 a", "broken", "connecting"]);
    assert_eq!(followed.ended.unwrap(), Closed::NoContent);
}

#[tokio::test]
async fn the_patient_ask_a_busy_server_again_and_others_do_not() {
    let busy = answer("503 Service Unavailable\r\nretry-after: 0");
    let answers = [busy.clone(), cut("data: a\n\n"), NO_CONTENT.into()];
    let followed = run(hasty(Policy::patient()), answers).await;
    assert_eq!(followed.ended.unwrap(), Closed::NoContent);
    let told = ["connecting", "503 Service Unavailable", "connecting", "open", "message  a", "broken", "connecting"];
    assert_eq!(followed.told, told);

    let followed = run(hasty(Policy::default()), [busy]).await;
    assert_eq!(followed.ended.unwrap(), Closed::Status(503));
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    let script = Script::bind().await;
    let url = script.url("/stream").parse().unwrap();
    let client = client().no_proxy().build().unwrap();
    let (waiting, mut waits) = tokio::sync::mpsc::channel(1);
    let on_change = |change: Change<'_>| {
        if let Change::Waiting(wait, _) = change {
            waiting.try_send(wait).unwrap();
        }
    };
    let following = follow(&client, &url, hasty(Policy::patient()), |_| ControlFlow::Continue(()), on_change);
    let answers = [answer("503 Service Unavailable\r\nretry-after: 300")];
    let wait = async {
        tokio::select! {
            _ = async { tokio::join!(following, script.play(answers)) } => None,
            wait = waits.recv() => wait,
        }
    };
    let wait = timeout(DEADLINE, wait).await.unwrap().unwrap();
    assert!(wait > Duration::from_secs(290) && wait <= Duration::from_secs(300), "{wait:?}");
}

#[tokio::test]
async fn a_redirect_is_followed_and_the_next_connection_begins_where_the_first_did() {
    let redirect = answer("307 Temporary Redirect\r\nlocation: /elsewhere");
    let answers = [redirect.clone(), cut("id: 1\ndata: a\n\n"), redirect, NO_CONTENT.into()];
    let followed = run(hasty(Policy::default()), answers).await;
    assert_eq!(followed.ended.unwrap(), Closed::NoContent);
    let paths: Vec<_> = followed.heads.iter().map(|head| path(head)).collect();
    assert_eq!(paths, ["/stream", "/elsewhere", "/stream", "/elsewhere"]);
    assert_eq!(last_event_id(&followed.heads[3]), Some("1"));
}

#[tokio::test]
async fn what_is_no_stream_ends_it() {
    let text = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let followed = run(hasty(Policy::patient()), [text]).await;
    assert_eq!(followed.ended.unwrap(), Closed::ContentType);
    let followed = run(hasty(Policy::patient()), [answer("404 Not Found")]).await;
    assert_eq!(followed.ended.unwrap(), Closed::Status(404));
}

#[tokio::test]
async fn an_id_to_begin_with_is_sent_and_one_that_no_header_can_hold_is_an_error() {
    let mut session = hasty(Policy::default());
    session.set_last_event_id("41").unwrap();
    let followed = run(session, [NO_CONTENT]).await;
    assert_eq!(last_event_id(&followed.heads[0]), Some("41"));

    let followed = run(hasty(Policy::default()), [cut("id: \u{1}\ndata: a\n\n")]).await;
    assert!(followed.ended.unwrap_err().is_builder());
    assert_eq!(followed.heads.len(), 1);
}

#[tokio::test]
async fn break_ends_it_in_the_middle_of_what_came() {
    let script = Script::bind().await;
    let url = script.url("/stream").parse().unwrap();
    let client = client().no_proxy().build().unwrap();
    let mut seen = Vec::new();
    let on_item = |item: Item<'_>| {
        if let Item::Event(event) = item {
            seen.push(event.data().to_owned());
        }
        if seen.len() < 2 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let following = follow(&client, &url, Session::default(), on_item, |_| {});
    let answers = [cut("data: a\n\ndata: b\n\ndata: c\n\n")];
    let both = async { tokio::join!(following, script.play(answers)) };
    let (ended, _) = timeout(DEADLINE, both).await.unwrap();
    assert_eq!(ended.unwrap(), Closed::ByCaller);
    assert_eq!(seen, ["a", "b"]);
}
