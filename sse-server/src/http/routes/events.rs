//! `GET /events`: a stream.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version, header};
use sse_core::hub::names;
use sse_engine::{Control, DrainReason, Selectors, StartPoint, Surroundings, reconnection_time, turned_away};

use crate::{
    config::Overload,
    http::{
        access::{self, ShownTicket},
        problem::Problem,
        request::{
            Request,
            accept::Accept,
            query::{once, parameters, selector, unknown},
        },
        response::ResponseBody,
    },
    hub::{Hub, SubscribeError, Subscribed},
    metrics::RefusalKind,
    transport::{body::EventBody, takeover::TakenStream},
};

const KNOWN: &str = "topic, last_event_id, since, heartbeat, envelope, control and ticket";

pub(super) async fn subscribe(hub: &Hub, request: &mut Request) -> Result<Response<ResponseBody>, Problem> {
    let accept = Accept::of(&request.headers);
    if accept == Accept::Refused {
        let detail = "this address sends text/event-stream, which Accept rules out";
        return Err(Problem::new(StatusCode::NOT_ACCEPTABLE, RefusalKind::not_acceptable, detail));
    }
    let mut wish = Wish::read(&request.query, &request.headers, hub)?;
    let decided = access::subscriber(hub, request.sender(), wish.ticket.take(), wish.selectors.as_slice()).await;
    let decided = match decided {
        // a page that is signed in comes back
        Err(problem) if problem.is_for_later() => {
            return turn_away(hub, &SubscribeError::Undecided, accept, wish.control);
        }
        decided => decided?,
    };
    if let Some(decided) = &decided {
        // what is selected is granted, so that streams which select the same share a group
        wish.selectors = wish.selectors.controlled(!decided.is_anonymous);
    }
    if request.method == Method::HEAD {
        return match hub.has_ended(&wish.selectors, wish.start).await {
            Ok(true) => Ok(ended()),
            Ok(false) => Ok(head(hub, ResponseBody::no_events())),
            Err(error) => turn_away(hub, &error, accept, wish.control),
        };
    }
    // over HTTP/2 one connection carries many
    let holds_connection = request.peer.is_some() && request.version != Version::HTTP_2;
    if request.peer.as_ref().is_some_and(|peer| peer.surplus)
        || holds_connection && hub.leaves_connections_to_requests()
    {
        return turn_away(hub, &SubscribeError::Full, accept, wish.control);
    }
    let address = request.client;
    let (mut subscriber, mut cursor, mut opening) =
        match hub.add_subscriber(wish.selectors, wish.start, address, decided.as_ref()).await {
            Ok(Subscribed::At(subscriber, cursor, opening)) => (subscriber, cursor, opening),
            Ok(Subscribed::Ended) => return Ok(ended()),
            Err(error) => return turn_away(hub, &error, accept, wish.control),
        };
    if holds_connection {
        subscriber.hold_connection();
    }
    let control = wish.control;
    if control == Control::Off
        && opening.gap.is_none()
        && let Err(error) = hub.look_ahead(&mut cursor, &mut opening).await
    {
        return turn_away(hub, &error, accept, control);
    }
    let name = subscriber.granted().map(|granted| granted.name());
    let gap = opening.gap.as_ref().filter(|_| control == Control::Off).map(|gap| gap.reason.as_str());
    let mut response = match &request.takeover {
        Some(takeover) => head(hub, takeover.put(TakenStream { subscriber, cursor, opening, control }).into()),
        None => head(hub, EventBody::new(subscriber, cursor, opening, control).into()),
    };
    if let Some(name) = name.and_then(|name| HeaderValue::try_from(name.to_string()).ok()) {
        response.headers_mut().insert(names::header::STREAM, name);
    }
    if let Some(reason) = gap {
        response.headers_mut().insert(names::header::GAP, HeaderValue::from_static(reason));
    }
    Ok(response)
}

/// All topics have ended, and the client has had everything: an `EventSource` that is told so does not come back.
fn ended() -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::whole(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// The response head of a stream.
fn head(hub: &Hub, body: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    // in whole seconds, rounded up
    let heartbeat = u64::try_from(hub.config().stream.heartbeat.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(names::media_type::EVENT_STREAM));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    headers.insert(names::header::HEARTBEAT, HeaderValue::from(heartbeat));
    // The connection serves no request after the stream. Over HTTP/2 hyper omits the header.
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn turn_away(
    hub: &Hub,
    error: &SubscribeError,
    accept: Accept,
    control: Control,
) -> Result<Response<ResponseBody>, Problem> {
    let retry = reconnection_time(hub.config().stream.retry, hub.random());
    let (kind, status) = match error {
        SubscribeError::Draining => (RefusalKind::draining, StatusCode::SERVICE_UNAVAILABLE),
        SubscribeError::Full => (RefusalKind::full, StatusCode::SERVICE_UNAVAILABLE),
        SubscribeError::Address => (RefusalKind::full, StatusCode::TOO_MANY_REQUESTS),
        SubscribeError::Store => (RefusalKind::store, StatusCode::SERVICE_UNAVAILABLE),
        SubscribeError::Undecided => (RefusalKind::unauthorized, StatusCode::SERVICE_UNAVAILABLE),
        other => return Err(Problem::invalid(other.to_string())),
    };
    // An EventSource gives up for good at any status other than 200. Who takes every event for one that was published has to
    // make do with the status.
    let events = control != Control::Off;
    if events && accept == Accept::Named && hub.config().stream.overload == Overload::Retry {
        hub.metrics().refused(kind);
        let draining = *error == SubscribeError::Draining;
        let reason = if draining { DrainReason::Shutdown } else { DrainReason::Busy };
        return Ok(head(hub, ResponseBody::whole(turned_away(retry, reason))));
    }
    Err(Problem::later(status, kind, error.to_string(), retry).closing())
}

/// What the client requests.
struct Wish {
    selectors: Selectors,
    start: StartPoint,
    control: Control,
    ticket: Option<ShownTicket>,
}

impl Wish {
    fn read(query: &str, headers: &HeaderMap, hub: &Hub) -> Result<Self, Problem> {
        let mut selectors = Vec::new();
        let (mut id, mut since, mut comments, mut envelope, mut off) = (None, None, None, None, None);
        let mut ticket = None;
        for parameter in parameters(query) {
            let (name, value) = parameter?;
            match name.as_str() {
                names::query::TOPIC => selectors.push(selector(&value)?),
                // Clients append it at each reconnection, some to an address that has one: the last is the newest.
                names::query::LAST_EVENT_ID | names::query::LAST_EVENT_ID_CAMEL if value.is_empty() => {}
                names::query::LAST_EVENT_ID | names::query::LAST_EVENT_ID_CAMEL => id = Some(value),
                names::query::SINCE => once(&mut since, &name, start_since(value)?)?,
                names::query::HEARTBEAT => {
                    let are_comments = match value.as_str() {
                        "cursor" => false,
                        "comment" => true,
                        _ => return Err(one_of(&name, &value, "cursor or comment")),
                    };
                    once(&mut comments, &name, are_comments)?;
                }
                names::query::CONTROL if value == "off" => once(&mut off, &name, ())?,
                names::query::CONTROL => return Err(one_of(&name, &value, "off")),
                names::query::ENVELOPE if value == "json" => once(&mut envelope, &name, ())?,
                names::query::ENVELOPE => return Err(one_of(&name, &value, "json")),
                names::query::TICKET if hub.access().is_some() => once(&mut ticket, &name, value)?,
                _ => unknown(hub, &name, KNOWN)?,
            }
        }
        if selectors.is_empty() {
            return Err(Problem::invalid("no `topic`: name at least one, such as /events?topic=news"));
        }
        let selectors =
            hub.selectors(selectors, envelope.is_some()).map_err(|error| Problem::invalid(error.to_string()))?;
        let start = match (last_event_id(headers).or(id), since) {
            (Some(id), _) => StartPoint::After(id),
            (None, Some(Since::Earliest)) => StartPoint::Earliest,
            (None, Some(Since::Last)) => StartPoint::Last,
            (None, Some(Since::Back(time, asked))) => hub.since(time, asked),
            (None, None) => StartPoint::Head,
        };
        let control = match (off, comments) {
            (Some(()), Some(false)) => {
                let detail = "heartbeat=cursor is one of the hub's own events, which control=off leaves out; give one";
                return Err(Problem::invalid(detail));
            }
            (Some(()), _) => Control::Off,
            (None, Some(true)) => Control::CommentHeartbeats,
            (None, _) => Control::Events,
        };
        let has_position = matches!(&start, StartPoint::After(id) if hub.is_position(id));
        let ticket = ticket.map(|text| ShownTicket { text, has_position });
        Ok(Self { selectors, start, control, ticket })
    }
}

enum Since {
    Earliest,
    Last,
    Back(Duration, String),
}

fn start_since(value: String) -> Result<Since, Problem> {
    match value.as_str() {
        "earliest" => return Ok(Since::Earliest),
        "last" => return Ok(Since::Last),
        _ => {}
    }
    match humantime::parse_duration(&value) {
        Ok(time) => Ok(Since::Back(time, value)),
        Err(_) => Err(one_of("since", &value, "earliest, last or a time such as 10m")),
    }
}

fn one_of(name: &str, value: &str, allowed: &str) -> Problem {
    Problem::invalid(format!("the parameter `{name}` is {value:?}; it takes {allowed}"))
}

/// The ID in the header. Browsers send it in UTF-8 as it is; anything else is not an ID of ours anyway. Lines that
/// differ are one list, as for any header (RFC 9110, 5.3), which is not an ID of ours either.
fn last_event_id(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(names::header::LAST_EVENT_ID).iter();
    let mut ids: Vec<_> = lines.map(|id| String::from_utf8_lossy(id.as_bytes())).filter(|id| !id.is_empty()).collect();
    ids.dedup();
    (!ids.is_empty()).then(|| ids.join(", "))
}
