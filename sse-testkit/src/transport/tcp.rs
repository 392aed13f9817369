//! A server at an address.

use std::{
    future::poll_fn,
    net::SocketAddr,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::{
    body::Incoming,
    client::conn::http1::{self, Connection},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{Answer, Answering, BoxError, Transport};
use crate::body::Body;

/// Opens a connection for each request.
pub(crate) struct Tcp {
    address: SocketAddr,
}

impl Tcp {
    pub(crate) const fn new(address: SocketAddr) -> Self {
        Self { address }
    }
}

impl Transport for Tcp {
    fn authority(&self) -> String {
        self.address.to_string()
    }

    fn is_socket(&self) -> bool {
        true
    }

    fn send(&self, request: http::Request<Body>) -> Answering {
        Box::pin(send(self.address, request))
    }
}

async fn send(address: SocketAddr, request: http::Request<Body>) -> Result<Answer, BoxError> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    let mut driver = Driver(Some(Box::pin(connection)));
    let mut answer = pin!(sender.send_request(request));
    let answer = poll_fn(|cx| {
        driver.drive(cx);
        answer.as_mut().poll(cx)
    })
    .await?;
    Ok(answer.map(|incoming| Driven { incoming, driver }.map_err(Into::into).boxed_unsync()))
}

/// The connection, polled by whoever waits for something from it, so that no task reads ahead.
struct Driver(Option<Pin<Box<Socket>>>);

type Socket = Connection<TokioIo<TcpStream>, Body>;

impl Driver {
    fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.0
            && connection.as_mut().poll(cx).is_ready()
        {
            self.0 = None; // the answer or its body reports what went wrong
        }
    }
}

/// A response body that drives its own connection.
struct Driven {
    incoming: Incoming,
    driver: Driver,
}

impl http_body::Body for Driven {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.driver.drive(cx);
        // a pending body has asked the connection for more, which wakes this task
        Pin::new(&mut self.incoming).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
