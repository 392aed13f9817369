//! Faults on a real socket.

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    thread,
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf},
    net::{TcpListener, TcpStream, tcp::ReadHalf},
    sync::watch,
    task::{AbortHandle, JoinSet},
    time::{sleep, timeout},
};

use super::Faults;

/// How long a client may still send after the end.
const LINGER: Duration = Duration::from_secs(1);

/// How long to wait after a connection could not be accepted.
const RETRY: Duration = Duration::from_millis(10);

/// The number of bytes that are read at once.
const BUFFER: usize = 16 << 10;

/// A proxy on loopback whose connections have faults on the way from the server to the client. The other direction has
/// none.
///
/// Offsets count all bytes of a connection, including the head of the answer. A reset is an RST, an end a FIN. A client
/// that closes its side has left. Dropping the proxy resets the open connections; if the test is failing, it prints the
/// faults with their seed.
///
/// ```
/// use sse_testkit::{End, FaultProxy, Faults, TestClient, script};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let server = script![accept, head(200), event("hello"), stall].listen().await?;
/// let proxy = FaultProxy::start(server.address(), Faults::none().cut_every(1)).await?;
///
/// let mut stream = TestClient::tcp(proxy.address()).get("/events").connect().await;
/// stream.expect_event("hello").await;
/// proxy.sever();
/// assert_eq!(stream.next().await, None);
/// assert!(matches!(stream.end(), Some(End::Broken(_))));
/// # Ok(())
/// # }
/// ```
pub struct FaultProxy {
    address: SocketAddr,
    state: Arc<ProxyState>,
    accepting: AbortHandle,
}

struct ProxyState {
    server: SocketAddr,
    /// With the number of connections that have taken their faults from it.
    plan: Mutex<(Faults, u64)>,
    control: watch::Sender<Control>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Control {
    paused: bool,
    /// How often all connections were reset.
    severed: u64,
    connections: u64,
}

impl FaultProxy {
    /// Starts a proxy for `server`, on a free port of 127.0.0.1. It has to be called within a tokio runtime.
    ///
    /// ```
    /// # use sse_testkit::{FaultProxy, Faults};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let server = "127.0.0.1:9".parse().unwrap();
    /// let proxy = FaultProxy::start(server, Faults::seeded(7).cut_randomly(100)).await?;
    /// assert!(proxy.address().ip().is_loopback());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If no port can be opened.
    pub async fn start(server: SocketAddr, faults: Faults) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(ProxyState {
            server,
            plan: Mutex::new((faults, 0)),
            control: watch::Sender::new(Control::default()),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state))).abort_handle();
        Ok(Self { address, state, accepting })
    }

    /// The address that clients connect to.
    ///
    /// ```
    /// # use sse_testkit::{FaultProxy, Faults, TestClient};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let server = "127.0.0.1:9".parse().unwrap();
    /// let proxy = FaultProxy::start(server, Faults::none()).await?;
    /// let client = TestClient::tcp(proxy.address());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets the faults of the connections to come, which are counted anew.
    ///
    /// ```
    /// # use sse_testkit::{FaultProxy, Faults};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let server = "127.0.0.1:9".parse().unwrap();
    /// let proxy = FaultProxy::start(server, Faults::none().reset_after(100)).await?;
    /// // ... and then it recovers
    /// proxy.set(Faults::none());
    /// # Ok(())
    /// # }
    /// ```
    pub fn set(&self, faults: Faults) {
        *self.state.plan() = (faults, 0);
    }

    /// The number of connections so far.
    ///
    /// ```
    /// # use sse_testkit::{FaultProxy, Faults};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let server = "127.0.0.1:9".parse().unwrap();
    /// let proxy = FaultProxy::start(server, Faults::none()).await?;
    /// assert_eq!(proxy.connections(), 0);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.state.control.borrow().connections
    }

    /// Resets all open connections.
    ///
    /// ```
    /// # use sse_testkit::{FaultProxy, Faults};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let server = "127.0.0.1:9".parse().unwrap();
    /// # let proxy = FaultProxy::start(server, Faults::none()).await?;
    /// proxy.sever();
    /// # Ok(())
    /// # }
    /// ```
    pub fn sever(&self) {
        self.state.control.send_modify(|control| control.severed += 1);
    }

    /// Lets nothing pass any more, in either direction, and connects no one to the server: a network that has gone
    /// silent.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use sse_testkit::{FaultProxy, Faults, TestClient, script};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let server = script![accept, head(200), event("a"), wait(10ms), event("b"), stall].listen().await?;
    /// let proxy = FaultProxy::start(server.address(), Faults::none()).await?;
    /// let mut stream = TestClient::tcp(proxy.address()).get("/").connect().await;
    /// stream.expect_event("a").await;
    /// proxy.pause();
    /// stream.expect_silence(Duration::from_millis(50)).await;
    /// proxy.resume();
    /// stream.expect_event("b").await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn pause(&self) {
        self.state.control.send_modify(|control| control.paused = true);
    }

    /// Lets everything pass again, after [`pause`](Self::pause).
    ///
    /// ```
    /// # use sse_testkit::{FaultProxy, Faults};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// # let server = "127.0.0.1:9".parse().unwrap();
    /// # let proxy = FaultProxy::start(server, Faults::none()).await?;
    /// proxy.resume();
    /// # Ok(())
    /// # }
    /// ```
    pub fn resume(&self) {
        self.state.control.send_modify(|control| control.paused = false);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        if thread::panicking() {
            // the clients can't know their faults
            let plan = self.state.plan();
            eprintln!(
                "{} had {} connections, the last {} with these faults: {}",
                self.address,
                self.connections(),
                plan.1,
                plan.0
            );
        }
        self.accepting.abort(); // the task owns all connections
    }
}

impl fmt::Debug for FaultProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let control = *self.state.control.borrow();
        f.debug_struct("FaultProxy").field("address", &self.address).field("control", &control).finish()
    }
}

async fn accept(listener: TcpListener, state: Arc<ProxyState>) {
    let mut connections = JoinSet::new();
    loop {
        let client = tokio::select! {
            client = listener.accept() => client,
            Some(_) = connections.join_next() => continue,
        };
        match client {
            Ok((client, _)) => {
                let faults = state.next_faults();
                let control = state.control.subscribe();
                // a connection that has been counted can be severed, even if its task has not run yet
                let severed = control.borrow().severed;
                connections.spawn(connection(client, state.server, faults, severed, control));
                state.control.send_modify(|control| control.connections += 1);
            }
            // no descriptor is left, or the client is gone already
            Err(_) => sleep(RETRY).await,
        }
    }
}

impl ProxyState {
    fn plan(&self) -> MutexGuard<'_, (Faults, u64)> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_faults(&self) -> Faults {
        let mut plan = self.plan();
        let faults = plan.0.of(plan.1);
        plan.1 += 1;
        faults
    }
}

async fn connection(
    mut client: TcpStream,
    server: SocketAddr,
    faults: Faults,
    severed: u64,
    control: watch::Receiver<Control>,
) {
    // everything but an orderly end is a reset, also when the proxy is dropped
    let client_is_set = client.set_nodelay(true).and_then(|()| client.set_zero_linger());
    let mut watched = control.clone();
    let is_orderly = tokio::select! {
        _ = watched.wait_for(|control| control.severed != severed) => false,
        is_orderly = pass(&mut client, server, &faults, control) => is_orderly && client_is_set.is_ok(),
    };
    if is_orderly && SockRef::from(&client).set_linger(None).is_ok() && client.shutdown().await.is_ok() {
        // with something unread, closing it would be a reset
        let _ = timeout(LINGER, tokio::io::copy(&mut client, &mut tokio::io::sink())).await;
    }
}

/// Passes bytes in both directions. Returns true if the direction to the client came to an orderly end.
async fn pass(client: &mut TcpStream, server: SocketAddr, faults: &Faults, control: watch::Receiver<Control>) -> bool {
    let open = async |mut control: watch::Receiver<Control>| {
        // the proxy's own end aborts this task
        let _ = control.wait_for(|control| !control.paused).await;
    };
    open(control.clone()).await;
    let Ok(mut server) = TcpStream::connect(server).await else { return false };
    let _ = server.set_nodelay(true);
    let (mut from_client, mut to_client) = client.split();
    let (from_server, mut to_server) = server.split();
    let up = async {
        let mut buffer = vec![0; BUFFER];
        while let Ok(count @ 1..) = from_client.read(&mut buffer).await {
            open(control.clone()).await;
            if to_server.write_all(&buffer[..count]).await.is_err() {
                // the other direction reports why
                return std::future::pending().await;
            }
        }
        open(control.clone()).await; // while paused, the client's leaving does not pass either
    };
    let down = async {
        let mut chunks = faults.stream(Incoming { socket: from_server, buffer: vec![0; BUFFER] });
        loop {
            let chunk = chunks.next().await;
            open(control.clone()).await;
            match chunk {
                Some(Ok(chunk)) if to_client.write_all(&chunk).await.is_ok() => {}
                None => return true,
                Some(_) => return false,
            }
        }
    };
    tokio::select! {
        () = up => false, // the client has left
        is_orderly = down => is_orderly,
    }
}

/// The bytes of a socket, as a stream.
struct Incoming<'a> {
    socket: ReadHalf<'a>,
    buffer: Vec<u8>,
}

impl Stream for Incoming<'_> {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let Self { socket, buffer } = &mut *self;
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(socket).poll_read(cx, &mut buffer))?;
        let read = buffer.filled();
        Poll::Ready((!read.is_empty()).then(|| Ok(Bytes::copy_from_slice(read))))
    }
}
