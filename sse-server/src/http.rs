//! The hub over HTTP.

mod service;

mod routes;

mod access;
mod credential;

mod guard;
mod problem;
mod request;
mod response;

mod place;

#[cfg(feature = "warp")]
mod warp;

#[cfg(feature = "warp")]
pub use self::warp::routes;
pub(crate) use place::Places;
pub(crate) use request::Peer;
pub use response::ResponseBody;
pub use routes::RouteSet;
pub use service::HubService;
