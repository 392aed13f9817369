//! The hub over HTTP.

mod service;

mod routes;

mod guard;
mod problem;
mod request;
mod response;

#[cfg(feature = "warp")]
mod warp;

#[cfg(feature = "warp")]
pub use self::warp::routes;
pub(crate) use request::{Peer, place::Places};
pub use response::ResponseBody;
pub use routes::RouteSet;
pub use service::HubService;
