//! A service made by hand, tested in virtual time: hours of weather in milliseconds.

use std::time::Duration;

use outside::{Reader, Weather, to_event};
use sse_core::{Event, EventId};
use sse_testkit::{Body, TestClient, event, event_stream};
use tokio::time::sleep;

const HOUR: Duration = Duration::from_secs(3600);

/// The measurement of an hour, as it goes out.
fn measured(hour: u32) -> Event {
    let id = EventId::new(hour.to_string()).unwrap();
    to_event(&Weather::Measured { celsius: f64::from(hour) / 2.0 }, id).unwrap()
}

/// A station that measures every hour, and goes on after the ID that a client comes with. Every six hours it closes.
fn station() -> TestClient {
    TestClient::from_fn(async |request| {
        let id = request.headers().get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
        let (feed, body) = Body::channel();
        let first = id.map_or(0, |id: u32| id + 1);
        tokio::spawn(async move {
            feed.send(Event::builder().retry(HOUR).build().to_bytes()).await?;
            for hour in first..first + 6 {
                feed.send(measured(hour).to_bytes()).await?;
                sleep(HOUR).await;
            }
            let closed = to_event(&Weather::Closed, EventId::new((first + 5).to_string()).unwrap());
            feed.send(closed.unwrap().to_bytes()).await
        });
        event_stream(body)
    })
}

#[tokio::test(start_paused = true)]
async fn every_hour_has_its_measurement() {
    let mut stream = station().get("/weather").connect().await;
    assert_eq!(stream.expect_retry().await, HOUR);
    stream.expect_event(event("measured").json_at("/celsius", 0.0).id("0")).await;
    stream.expect_silence(HOUR - Duration::from_secs(1)).await;
    stream.expect_event(event("measured").json_at("/celsius", 0.5).id("1")).await;
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_goes_on_where_it_was() {
    let mut stream = station().get("/weather").within(2 * HOUR).connect().await;
    for hour in 0..6 {
        stream.expect_event(event("measured").id(hour.to_string())).await;
    }
    stream.expect_event(event("closed").data("")).await;
    stream.expect_closed().await;
    stream.reconnect().await;
    stream.expect_event(event("measured").id("6")).await;
}

#[tokio::test(start_paused = true)]
async fn the_reader_understands_the_station() {
    let mut stream = station().get("/weather").within(7 * HOUR).connect().await;
    stream.collect_until(|event| event.name == "closed").await;
    let mut reader = Reader::new().unwrap();
    let read = reader.feed(&stream.raw());
    assert_eq!(read.len(), 7);
    assert_eq!(read[5].as_ref().unwrap(), &Weather::Measured { celsius: 2.5 });
    assert_eq!(reader.last_event_id(), "5");
}
