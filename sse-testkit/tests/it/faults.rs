//! Faults as a client meets them, in virtual time.

use std::time::Duration;

use sse_testkit::{
    Body, BrowserClient, End, Faults, Ledger, Seen, TestClient, browser::BrowserEvent, event, event_stream,
    faults::Credits, ledger::Ids,
};

use crate::support::{
    failure, frames, scripted, sleep,
    toy_hub::{Bug, ToyHub},
};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn cuts_of_every_kind_change_nothing_but_the_cuts() {
    let text = "\u{feff}data: für ☃\r\n\r\nevent: e\rid: 7\rdata: 𝄞\r\r";
    let client = TestClient::from_fn(async move |_| event_stream(text));
    let plans = [
        Faults::none(),
        Faults::none().cut_every(1),
        Faults::none().cut_in_characters(),
        Faults::none().cut_between_cr_and_lf(),
        Faults::seeded(3).cut_randomly(5).cut_in_characters(),
    ];
    let by_two = (0..text.len() as u64).map(|at| Faults::none().cut_at([at]));
    for plan in plans.into_iter().chain(by_two) {
        let mut stream = client.faults(plan).get("/").connect().await;
        stream.expect_event("für ☃").await;
        stream.expect_event(event("e").data("𝄞").id("7")).await;
        stream.expect_closed().await;
        assert_eq!(stream.raw(), text);
    }
}

#[tokio::test(start_paused = true)]
async fn each_chunk_is_late_by_the_delay() {
    let client = scripted(async |feed| {
        feed.send("data: a\n\n").await?;
        sleep(5000).await;
        feed.send("data: b\n\n").await
    });
    let mut stream = client.faults(Faults::none().delay(2 * SECOND)).get("/").connect().await;
    for (data, at) in [("a", 2), ("b", 7)] {
        stream.expect_event(data).await;
        assert_eq!(stream.received_at(), at * SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn merged_is_what_is_there_together() {
    let client = scripted(async |feed| {
        for chunk in ["data: a\n", "\n", "data: b\n\n"] {
            feed.send(chunk).await?;
        }
        sleep(5000).await;
        feed.send("data: c\n\n").await
    });
    let mut stream = client.faults(Faults::none().merge(1000)).get("/").connect().await;
    stream.expect_events(["a", "b", "c"]).await;
    assert_eq!(stream.received_at(), 5 * SECOND);
    stream.expect_closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_what_there_is_credit_for() {
    let client = frames(["data: a\n\n", "data: b\n\n"]);
    let credits = Credits::new(0);
    let mut stream = client.faults(Faults::none().credits(&credits)).get("/").connect().await;
    for granted in 1..=18 {
        assert_eq!(tokio::time::timeout(SECOND, stream.next()).await.is_ok(), granted == 10, "{granted}");
        credits.grant(1);
    }
    stream.expect_event("b").await;
    assert_eq!(credits.left(), 0);
    credits.grant(usize::MAX);
    credits.grant(usize::MAX); // and not too much
    stream.expect_closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_waits_and_is_left_alone_takes_no_credit_from_another() {
    let credits = Credits::new(0);
    let client = frames(["data: a\n\n"]).faults(Faults::none().credits(&credits));
    let mut streams = [client.get("/").connect().await, client.get("/").connect().await];
    for stream in &mut streams {
        stream.expect_silence(SECOND).await;
    }
    credits.grant(9);
    assert_eq!(credits.left(), 9);
    streams[1].expect_event("a").await;
    assert_eq!(credits.left(), 0);
}

#[tokio::test(start_paused = true)]
async fn it_ends_breaks_off_or_stalls_where_it_was_told_to() {
    let client = frames(["data: a\n\nda", "ta: b\n\n"]);
    for (faults, end) in [
        (Faults::none().drop_after(12), Some(End::Closed)),
        (Faults::none().reset_after(12), Some(End::Broken("reset, as the faults have it".into()))),
        (Faults::none().stall_after(12).reset_after(13), None),
    ] {
        let mut stream = client.faults(faults).get("/").connect().await;
        stream.expect_event("a").await;
        match end {
            Some(_) => assert_eq!(stream.next().await, None),
            None => stream.expect_silence(1000 * SECOND).await,
        }
        assert_eq!((stream.raw(), stream.end()), ("data: a\n\ndat".into(), end.as_ref()));
    }
}

#[tokio::test(start_paused = true)]
async fn corrupt_and_twice() {
    let client = frames(["data: a\n\n"]);
    let mut stream = client.faults(Faults::none().corrupt_at(6, b'b').duplicate()).get("/").connect().await;
    stream.expect_events(["b", "b"]).await;
    stream.expect_closed().await;

    let client = TestClient::from_fn(async |_| event_stream("x".repeat(10_000)));
    let raw = async |faults: Faults| {
        let mut stream = client.faults(faults).get("/").connect().await;
        while stream.next().await.is_some() {}
        stream.raw()
    };
    let came = raw(Faults::seeded(1).corrupt(100)).await;
    let wrong = came.iter().filter(|byte| **byte != b'x').count();
    assert!((50..150).contains(&wrong), "{wrong}");
    assert_eq!(raw(Faults::seeded(1).corrupt(100)).await, came);
    assert_ne!(raw(Faults::seeded(2).corrupt(100)).await, came);
}

#[tokio::test(start_paused = true)]
async fn what_the_server_does_itself_passes_through() {
    let client = TestClient::from_fn(async |_| {
        let (feed, body) = Body::channel();
        tokio::spawn(async move {
            let _ = feed.send("data: a\n\n").await;
            feed.abort().await;
        });
        event_stream(body)
    });
    let mut stream = client.faults(Faults::none().merge(100).delay(SECOND)).get("/").connect().await;
    stream.expect_event("a").await;
    assert_eq!(stream.next().await, None);
    assert_eq!(stream.end(), Some(&End::Broken("the body was aborted".into())));
}

#[tokio::test(start_paused = true)]
async fn each_answer_has_draws_of_its_own_that_repeat() {
    let client = TestClient::from_fn(async |_| event_stream(":".repeat(1000) + "\n"));
    let cuts = async |client: &TestClient| {
        let mut stream = client.get("/").connect().await;
        let mut frames = Vec::new();
        while let Some(Seen::Comment(_)) = stream.next().await {}
        stream.reconnect().await;
        while stream.next().await.is_some() {}
        let report = failure(async move { stream.expect_event("a").await }).await;
        frames.extend(report.lines().filter_map(|line| Some(line.split_once("bytes: ")?.0.to_owned())));
        frames
    };
    let faults = Faults::seeded(42).cut_randomly(100);
    let (one, other) = (client.faults(faults.clone()), client.faults(faults));
    let first = cuts(&one).await;
    assert_eq!(first, cuts(&other).await);
    assert_ne!(first, cuts(&one).await);
}

#[tokio::test(start_paused = true)]
async fn a_failure_shows_the_plan_with_its_seed() {
    let client = frames(["data: a\n\n"]).faults(Faults::seeded(42).cut_randomly(3).reset_after(5));
    let report = failure({
        let client = client.clone();
        async move { client.get("/").connect().await.expect_event("a").await }
    })
    .await;
    assert!(report.contains("   0.000 s  faults, seed 42: cut about every 3 bytes, reset after 5 bytes\n"), "{report}");
    let report = failure(async move { BrowserClient::new(client).open("/").expect_event("b").await }).await;
    // the seed that draws this answer alone, and the test's own
    assert!(report.contains("; of answer 2 by seed 42\n"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_browser_loses_and_doubles_nothing_wherever_it_is_cut_off() {
    let opening = ":\nid: 0\n\n".len() as u64; // without an ID it would begin anew
    let all = opening + "data: one\nid: 1\n\ndata: twö\nid: 2\n\ndata: three\nid: 3\n\n".len() as u64;
    for after in opening..=all {
        for plan in [Faults::none().drop_after(after), Faults::none().reset_after(after)] {
            let hub = ToyHub::new(Bug::None);
            let ledger = Ledger::new().ids(Ids::Numeric);
            let reader = ledger.reader("browser");
            let mut browser = BrowserClient::new(hub.client().faults(plan.cut_every(1).only_first(1))).open("/");
            browser.expect_open().await;
            sleep(1).await; // the hub has let it in
            reader.connected("");
            for data in ["one", "twö", "three"] {
                ledger.publish("a", data).acknowledged(hub.publish("a", data));
            }
            let mut last = String::new();
            while last != "three" {
                if let Some(BrowserEvent::Event(event)) = browser.next().await {
                    reader.saw(&event);
                    last = event.data;
                }
            }
            reader.complete();
            ledger.check().expect_clean();
            assert_eq!(browser.requests().len(), if after < all { 2 } else { 1 });
        }
    }
}
