//! A program of someone else's that has nothing but hyper, with a hub in it. It speaks HTTP/1 and HTTP/2.
//!
//! | route | whose | |
//! |---|---|---|
//! | `/hello` | the program's | a greeting, of no interest to the hub |
//! | `/hub/…` | the hub's | its routes, below a prefix: `/hub/events?topic=news` |
//!
//! What is neither is the hub's to answer, which says 404.

use std::{convert::Infallible, pin::pin, time::Duration};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use sse_server::{Hub, HubService, ResponseBody, RouteSet};
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};
use tower_service::Service;

/// How long to wait after a failed accept: most fail because there are no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers a request: the program's own routes first, then the hub's.
async fn answer(
    mut hub: HubService,
    request: Request<Incoming>,
) -> Result<Response<Either<Full<Bytes>, ResponseBody>>, Infallible> {
    match request.uri().path() {
        "/hello" => Ok(Response::new(Either::Left("hello\n".into()))),
        _ => Ok(hub.call(request).await?.map(Either::Right)),
    }
}

/// Serves the program until `stop` is done, then ends the streams and what else is under way.
pub async fn serve(listener: TcpListener, hub: Hub, stop: impl Future<Output = ()>) {
    let service = HubService::new(hub.clone(), RouteSet::Public).below("/hub");
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()); // for hyper's time-out on heads, which there is none without
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(hub.config().stream.heartbeat);
    let connections = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let Ok((socket, _)) = accepted else {
            sleep(PAUSE).await;
            continue;
        };
        _ = socket.set_nodelay(true); // else a small event may wait until the one before it is acknowledged
        let service = service.clone();
        let answer = service_fn(move |request| answer(service.clone(), request));
        let connection = builder.serve_connection(TokioIo::new(socket), answer).into_owned();
        tokio::spawn(connections.watch(connection)); // one that breaks concerns nobody else
    }
    drop(listener);
    hub.drain(); // hyper waits for every answer to end, and a stream ends when the hub ends it
    // a client that has stopped reading holds its connection no longer
    _ = timeout(2 * hub.config().server.drain, connections.shutdown()).await;
    hub.close().await;
}
