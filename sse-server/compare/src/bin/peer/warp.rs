//! `warp::sse`, as its documentation shows it.

use std::{convert::Infallible, io, net::TcpListener};

use bytes::Bytes;
use futures_util::StreamExt;
use serde::Deserialize;
use warp::{Filter, Reply, http::StatusCode};

use crate::topics::Topics;

/// Bytes of a body that are read.
const MOST_BYTES: u64 = 1 << 20;

#[derive(Deserialize)]
struct Query {
    topic: String,
}

pub(super) async fn serve(listener: TcpListener) -> io::Result<()> {
    let topics = Topics::default();
    let with_topics = warp::any().map(move || topics.clone());
    let events = warp::path!("events").and(warp::get()).and(warp::query::<Query>()).and(with_topics.clone()).map(
        |query: Query, topics: Topics| match topics.subscribe(&query.topic) {
            Some(stream) => {
                let events = stream.map(|data| Ok::<_, Infallible>(warp::sse::Event::default().data(&*data)));
                warp::sse::reply(warp::sse::keep_alive().stream(events)).into_response()
            }
            None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        },
    );
    let publish = warp::path!("publish" / String)
        .and(warp::post())
        .and(warp::body::content_length_limit(MOST_BYTES))
        .and(warp::body::bytes())
        .and(with_topics)
        .map(|topic: String, body: Bytes, topics: Topics| match std::str::from_utf8(&body) {
            Ok(data) if topics.publish(&topic, data) => StatusCode::OK,
            Ok(_) => StatusCode::SERVICE_UNAVAILABLE,
            Err(_) => StatusCode::BAD_REQUEST,
        });
    let listener = tokio::net::TcpListener::from_std(listener)?;
    warp::serve(events.or(publish)).incoming(listener).run().await;
    Ok(())
}

/// The least that a publish over HTTP can cost in warp.
pub(super) async fn serve_route(listener: TcpListener) -> io::Result<()> {
    let route = warp::path!("publish" / String)
        .and(warp::post())
        .and(warp::body::content_length_limit(MOST_BYTES))
        .and(warp::body::bytes())
        .map(|_: String, _: Bytes| StatusCode::OK);
    let listener = tokio::net::TcpListener::from_std(listener)?;
    warp::serve(route).incoming(listener).run().await;
    Ok(())
}
