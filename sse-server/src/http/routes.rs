//! The routes.

mod admin;
mod events;
mod page;
mod publish;
mod secure;
mod streams;
mod tickets;
mod topics;

use http::{Method, Response};

use super::{problem::Problem, request::Request, response::ResponseBody};
use crate::hub::Hub;

/// The set of routes to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteSet {
    /// All routes.
    All,
    /// The routes for publishers and subscribers, without `/topics`, `/metrics` and the operator's `/streams`.
    Public,
    /// The routes for operators.
    Admin,
}

/// A route of the hub. Topics in it have not been checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Page,
    Events,
    Publish,
    PublishTo(String),
    Topics,
    Topic(String),
    Streams,
    Stream(String),
    Tickets,
    /// The token of the stream with this name.
    StreamToken(String),
    Live,
    Ready,
    Metrics,
    /// What is served over TLS, on another port of the same host.
    Secure {
        port: u16,
        target: String,
    },
    Nowhere,
}

impl Route {
    /// The route of `path`, which lacks its leading `/`, if it is one of `routes`.
    pub(super) fn of(path: &str, routes: RouteSet) -> Option<Self> {
        let (first, rest) = match path.split_once('/') {
            Some((first, rest)) => (first, Some(rest)),
            None => (path, None),
        };
        let route = match (first, rest) {
            ("", None) => Self::Page,
            ("events", None) => Self::Events,
            ("publish", None) => Self::Publish,
            ("publish", Some(topic)) => Self::PublishTo(topic.to_owned()),
            ("topics", None) => Self::Topics,
            ("topics", Some(topic)) => Self::Topic(topic.to_owned()),
            ("tickets", None) => Self::Tickets,
            ("streams", None) => Self::Streams,
            ("streams", Some(rest)) => match rest.split_once('/') {
                Some((name, "token")) => Self::StreamToken(name.to_owned()),
                Some(_) => return None,
                None => Self::Stream(rest.to_owned()),
            },
            ("live", None) => Self::Live,
            ("ready", None) => Self::Ready,
            ("metrics", None) => Self::Metrics,
            _ => return None,
        };
        let served = match route {
            Self::Live | Self::Ready => true,
            Self::Topics | Self::Topic(_) | Self::Streams | Self::Stream(_) | Self::Metrics => {
                routes != RouteSet::Public
            }
            _ => routes != RouteSet::Admin,
        };
        served.then_some(route)
    }

    /// The value of `Allow`.
    pub(super) const fn methods(&self) -> &'static str {
        match self {
            Self::Publish | Self::PublishTo(_) | Self::Tickets | Self::StreamToken(_) => "POST, OPTIONS",
            Self::Streams => "GET, HEAD, DELETE, OPTIONS",
            Self::Stream(_) => "DELETE, OPTIONS",
            Self::Topics | Self::Topic(_) => "GET, HEAD, DELETE, OPTIONS",
            Self::Nowhere => "",
            Self::Secure { .. } => "GET, HEAD",
            _ => "GET, HEAD, OPTIONS",
        }
    }

    /// Returns true if its responses may be large. Those to publishers are not: they must not wait.
    const fn is_large(&self) -> bool {
        matches!(self, Self::Page | Self::Topics | Self::Topic(_) | Self::Streams | Self::Metrics)
    }

    pub(super) fn allows(&self, method: &Method) -> bool {
        *self == Self::Nowhere || self.methods().split(", ").any(|allowed| allowed == method)
    }
}

pub(super) async fn serve(hub: &Hub, route: Route, request: &mut Request) -> Result<Response<ResponseBody>, Problem> {
    let place = match &request.places {
        Some(places) if route.is_large() => places.take().await,
        _ => None,
    };
    let mut response = respond(hub, route, request).await?;
    if place.is_some() {
        response.body_mut().keep(place);
    }
    Ok(response)
}

async fn respond(hub: &Hub, route: Route, request: &mut Request) -> Result<Response<ResponseBody>, Problem> {
    match route {
        Route::Page => Ok(page::page()),
        Route::Events => events::subscribe(hub, request).await,
        Route::Publish => publish::publish(hub, request).await,
        Route::PublishTo(topic) => publish::publish_to(hub, &topic, request).await,
        Route::Topics if request.method == Method::DELETE => topics::delete(hub, None, &request.query).await,
        Route::Topic(topic) if request.method == Method::DELETE => {
            topics::delete(hub, Some(&topic), &request.query).await
        }
        Route::Topics => topics::list(hub, &request.query).await,
        Route::Topic(topic) => topics::one(hub, &topic),
        Route::Streams if request.method == Method::DELETE => streams::end_all(hub, &request.query),
        Route::Streams => streams::list(hub, &request.query),
        Route::Stream(name) => streams::end(hub, &name),
        Route::Tickets => tickets::issue(hub, request).await,
        Route::StreamToken(name) => streams::renew(hub, &name, &request.headers).await,
        Route::Live => admin::live(hub),
        Route::Ready => admin::ready(hub),
        Route::Metrics => Ok(admin::metrics(hub, &request.headers)),
        Route::Secure { port, target } => secure::redirect(request, port, &target),
        Route::Nowhere => Err(Problem::nowhere()),
    }
}
