//! HTTP/1.1 on a port of loopback.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioTimer;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
    time::sleep,
};

use super::{
    answer::BrokenOff,
    body::ScriptBody,
    wire::{SocketLink, Wire},
};

/// The number of connections that are open at once. Others wait to be accepted.
const CONNECTIONS: usize = 1024;

/// How long the head of a request may take to arrive.
const HEAD: Duration = Duration::from_secs(30);

/// How long to wait after a connection could not be accepted, as when no descriptors are left.
const RETRY: Duration = Duration::from_millis(100);

/// A task that accepts connections. Dropping this ends the task and its connections.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) address: SocketAddr,
    task: AbortHandle,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers requests at `address`, which has to be loopback, with `answer`.
pub(super) async fn serve<H, A>(address: SocketAddr, answer: H) -> io::Result<Serving>
where
    H: Fn(http::Request<Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = Result<http::Response<ScriptBody>, BrokenOff>> + Send + 'static,
{
    if !address.ip().is_loopback() {
        let text = format!("{address} is no address of loopback; allowed is such as 127.0.0.1:0 or [::1]:0");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(accept(listener, answer)).abort_handle();
    Ok(Serving { address, task })
}

async fn accept<H, A>(listener: TcpListener, answer: H)
where
    H: Fn(http::Request<Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = Result<http::Response<ScriptBody>, BrokenOff>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS {
            connections.join_next().await;
        }
        match listener.accept().await {
            Ok((socket, _)) => {
                connections.spawn(connection(socket, answer.clone()));
            }
            Err(_) => sleep(RETRY).await,
        }
    }
}

async fn connection<H, A>(socket: TcpStream, answer: H)
where
    H: Fn(http::Request<Incoming>) -> A + Send + 'static,
    A: Future<Output = Result<http::Response<ScriptBody>, BrokenOff>> + Send + 'static,
{
    // small frames, too, go out at once
    if socket.set_nodelay(true).is_err() {
        return; // the client is gone
    }
    let link = Arc::new(SocketLink::default());
    let service = {
        let link = Arc::clone(&link);
        service_fn(move |request| {
            let link = Arc::clone(&link);
            let answering = answer(request);
            async move {
                match answering.await {
                    Ok(mut response) => {
                        response.body_mut().over(link);
                        Ok(response)
                    }
                    Err(broken) => {
                        if broken.reset {
                            link.reset();
                        }
                        Err(broken)
                    }
                }
            }
        })
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .auto_date_header(false)
        .serve_connection(Wire::new(socket, link), service);
    // the script has noticed how it ended
    let _ = connection.await;
}
