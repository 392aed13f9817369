//! axum's `Sse`, as its documentation shows it.

use std::{convert::Infallible, io, net::TcpListener};

use axum::{
    Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response, Sse, sse},
    routing::{get, post},
};
use futures_util::StreamExt;
use serde::Deserialize;

use crate::topics::Topics;

#[derive(Deserialize)]
struct Subscription {
    topic: String,
}

pub(super) async fn serve(listener: TcpListener) -> io::Result<()> {
    let routes = Router::new()
        .route("/events", get(events))
        .route("/publish/{topic}", post(publish))
        .with_state(Topics::default());
    axum::serve(tokio::net::TcpListener::from_std(listener)?, routes).await
}

async fn events(State(topics): State<Topics>, Query(query): Query<Subscription>) -> Response {
    let Some(stream) = topics.subscribe(&query.topic) else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let events = stream.map(|data| Ok::<_, Infallible>(sse::Event::default().data(data)));
    Sse::new(events).keep_alive(sse::KeepAlive::default()).into_response()
}

async fn publish(State(topics): State<Topics>, Path(topic): Path<String>, data: String) -> StatusCode {
    if topics.publish(&topic, &data) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
