//! Coming and going.

use std::{
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use sse_testkit::{
    Body, BrowserClient, Fleet, TestClient, event_stream,
    fleet::{FleetView, Observed, Record, RunningFleet},
};
use tokio::time::{Instant, sleep};

use super::{Numbers, S, in_a_row, numbers};

fn count(view: &FleetView, wanted: fn(&Observed) -> bool) -> usize {
    view.records.iter().filter(|record| wanted(&record.what)).count()
}

/// A fleet under churn while numbers are published, until all is calm and the last number has come.
async fn run(server: &Numbers, seed: u64) -> Vec<FleetView> {
    let mut fleet = Fleet::of(30).seed(seed).churn(10 * S, 5 * S).open(server.client());
    server.publish_every(S / 10, 1000).await;
    finish(server, &mut fleet).await;
    fleet.close()
}

async fn finish(server: &Numbers, fleet: &mut RunningFleet) {
    fleet.calm().await;
    server.publish();
    let last = (*server.count.borrow() - 1).to_string();
    fleet.all_saw(|event| event.data == last).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_doubled() {
    for view in run(&Numbers::new(), 7).await {
        let numbers = numbers(&view);
        assert!(in_a_row(&numbers), "{view}");
        assert!(numbers[0] < 5 && *numbers.last().unwrap() == 1000, "{view}");
        let (left, connected) =
            (count(&view, |saw| *saw == Observed::Left), count(&view, |saw| matches!(saw, Observed::Connected { .. })));
        assert!(left >= 4 && connected == left, "{left}, {connected}: {view}"); // the last of both by `close`
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_leaves_at_drawn_times_and_comes_back_with_what_it_saw_last() {
    let views = run(&Numbers::new(), 1).await;
    let (mut stays, mut aways) = (Vec::new(), Vec::new());
    for view in views {
        let mut last = String::new();
        let mut since = None;
        for record in &view.records {
            match &record.what {
                Observed::Connected { last_event_id } => {
                    assert_eq!(*last_event_id, last, "{view}");
                    aways.extend(since.map(|since| record.at - since));
                    since = Some(record.at);
                }
                Observed::Event(event) => last.clone_from(&event.id),
                Observed::Left => {
                    stays.extend(since.map(|since| record.at - since));
                    since = Some(record.at);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    let mean = |times: &[Duration]| times.iter().sum::<Duration>() / u32::try_from(times.len()).unwrap();
    let last_stays = 30; // cut short, or drawn out, by the calm
    assert!(stays.iter().filter(|stay| **stay > 20 * S).count() <= last_stays);
    assert!((8 * S..12 * S).contains(&mean(&stays)), "{:?}", mean(&stays));
    // drawn from 0 to 10 seconds, but never less than the reconnection time
    assert!(aways.iter().all(|away| (3 * S..=10 * S).contains(away)), "{aways:?}");
    assert!((5 * S..6 * S).contains(&mean(&aways)), "{:?}", mean(&aways));
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_views() {
    let first = run(&Numbers::new(), 7).await;
    assert_eq!(first, run(&Numbers::new(), 7).await);
    assert_ne!(first, run(&Numbers::new(), 8).await);
}

#[tokio::test(start_paused = true)]
async fn clients_of_one_seed_go_their_own_ways() {
    let views = run(&Numbers::new(), 7).await;
    let first_left = |view: &FleetView| view.records.iter().find(|record| record.what == Observed::Left).unwrap().at;
    let mut times: Vec<_> = views.iter().map(first_left).collect();
    times.sort_unstable();
    times.dedup();
    assert!(times.len() > 25, "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn an_event_lost_on_resume_is_seen() {
    let mut server = Numbers::new();
    server.lost = 1;
    let views = run(&server, 7).await;
    assert!(views.iter().all(|view| !in_a_row(&numbers(view))));
}

#[tokio::test(start_paused = true)]
async fn a_stay_may_be_over_before_the_answer_comes() {
    let server = Numbers::new();
    let slow = server.clone();
    let client = TestClient::from_fn(async move |request: http::Request<Body>| {
        sleep(S).await;
        slow.answer(request.headers())
    });
    let browser = BrowserClient::new(client).reconnection_time(S / 10);
    let mut fleet = Fleet::of(20).churn(S, S).open(&browser);
    server.publish_every(S / 10, 500).await;
    finish(&server, &mut fleet).await;
    for view in fleet.close() {
        assert!(in_a_row(&numbers(&view)), "{view}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_churn_they_stay_and_calm_is_no_more_than_waiting() {
    let server = Numbers::new();
    let mut fleet = Fleet::of(3).open(server.client());
    sleep(3600 * S).await;
    finish(&server, &mut fleet).await;
    for view in fleet.views() {
        assert_eq!(view.records.len(), 2);
        assert_eq!(
            view.to_string(),
            format!("client {}, /events: connected, 1 events, last event id \"0\"", view.client)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_server_may_end_streams_as_well() {
    let server = Numbers::new();
    let ends = server.clone();
    let client = TestClient::from_fn(async move |request: http::Request<Body>| {
        let body = ends.answer(request.headers()).into_body();
        let (feed, ended) = Body::channel();
        tokio::spawn(async move {
            let mut body = std::pin::pin!(body);
            let end = Instant::now() + 4 * S;
            while let Ok(Some(Ok(frame))) =
                tokio::time::timeout_at(end, http_body_util::BodyExt::frame(&mut body)).await
            {
                feed.send(frame.into_data().unwrap()).await?;
            }
            feed.abort().await;
            Ok::<_, sse_testkit::BodyDropped>(())
        });
        event_stream(ended)
    });
    let mut fleet = Fleet::of(10).seed(3).churn(10 * S, 5 * S).open(client);
    server.publish_every(S / 10, 600).await;
    finish(&server, &mut fleet).await;
    for view in fleet.close() {
        assert!(in_a_row(&numbers(&view)), "{view}");
        assert!(
            count(
                &view,
                |saw| matches!(saw, Observed::Broke { why } if why == "the stream broke off: the body was aborted")
            ) > 2
        );
    }
}

#[tokio::test(start_paused = true)]
async fn paths_gaps_and_the_options_of_the_browser() {
    let client = TestClient::from_fn(async |request: http::Request<Body>| {
        let path = request.uri().path().to_owned();
        let (feed, body) = Body::channel();
        tokio::spawn(async move {
            feed.send(format!("event: sse-gap\ndata: 3\nid: 4\n\nevent: noise\ndata:\n\ndata: {path}\n\n")).await?;
            std::future::pending::<Result<(), sse_testkit::BodyDropped>>().await
        });
        event_stream(body)
    });
    let browser = BrowserClient::new(client).skip_events(["noise"]);
    let mut fleet = Fleet::of(4).path(|n| format!("/t{}", n % 2)).gaps(|event| event.name == "sse-gap").open(browser);
    fleet.until_all(|view| view.events().count() == 1).await;
    for view in fleet.views() {
        let lines: Vec<_> = view.records.iter().map(|record| record.what.to_string()).collect();
        let path = format!("/t{}", view.client % 2);
        let event = format!("event \"message\", data \"{path}\", id \"4\"");
        assert_eq!(lines, ["connected", "a gap: event \"sse-gap\", data \"3\", id \"4\"", &event]);
        assert_eq!((view.path, view.records.len()), (path, 3));
    }
}

#[tokio::test(start_paused = true)]
async fn observers_get_each_record_as_it_is_made() {
    let told: Arc<Mutex<Vec<Vec<Record>>>> = Arc::new(Mutex::new(vec![Vec::new(); 5]));
    let ears = Arc::clone(&told);
    let server = Numbers::new();
    let mut fleet = Fleet::of(5)
        .churn(10 * S, 5 * S)
        .observe(move |n| {
            let ears = Arc::clone(&ears);
            move |record: &Record| ears.lock().unwrap()[n].push(record.clone())
        })
        .open(server.client());
    server.publish_every(S, 100).await;
    finish(&server, &mut fleet).await;
    assert_eq!(fleet.views().into_iter().map(|view| view.records).collect::<Vec<_>>(), *told.lock().unwrap());
    let views = fleet.close();
    assert!(views.iter().all(|view| view.records.last().unwrap().what == Observed::Left));
    assert_eq!(views.into_iter().map(|view| view.records).collect::<Vec<_>>(), *told.lock().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_fleet_that_is_closed_or_dropped_leaves_the_server() {
    for close in [true, false] {
        let server = Numbers::new();
        let mut fleet = Fleet::of(10).open(server.client());
        fleet.calm().await;
        assert_eq!(server.open.load(Ordering::Relaxed), 10);
        if close {
            let views = fleet.close();
            server.publish();
            sleep(10 * S).await;
            assert!(views.iter().all(|view| view.events().count() == 0));
        } else {
            drop(fleet);
            sleep(10 * S).await;
        }
        assert_eq!(server.open.load(Ordering::Relaxed), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn servers_that_never_rest_do_not_stop_the_clock() {
    let ends = TestClient::from_fn(async |_| event_stream("retry: 0\n"));
    let floods = TestClient::from_fn(async |_| {
        let (feed, body) = Body::channel();
        tokio::spawn(async move { while feed.send("data: x\n\n".repeat(100)).await.is_ok() {} });
        event_stream(body)
    });
    for client in [ends, floods] {
        let fleet = Fleet::of(2).churn(S / 100, S / 100).open(client);
        sleep(S / 20).await;
        for view in fleet.close() {
            assert!(view.records.len() > 1000 && view.records.len() <= 1 << 17, "{}", view.records.len());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_any_pause_the_clock_goes_on() {
    let server = Numbers::new();
    let browser = BrowserClient::new(server.client()).reconnection_time(Duration::ZERO);
    let mut fleet = Fleet::of(2).churn(Duration::ZERO, Duration::ZERO).open(browser);
    tokio::time::sleep(S).await;
    fleet.calm().await;
}
