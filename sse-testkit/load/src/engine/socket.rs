//! Opening connections, and reading and writing them, with TLS or without.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use mio::net::TcpStream;
use rustls::{ClientConfig, ClientConnection, pki_types::ServerName};
use socket2::{Domain, Protocol, Type};

use crate::{
    error::Kind,
    options::{Options, Target},
    tls::{self, Unusable},
};

/// How long a publisher may take to connect.
const PUBLISHER: Duration = Duration::from_secs(5);

/// The receive buffer of a slow subscriber, in bytes; the system may take its least instead.
const SLOW_BUFFER: usize = 2048;

/// What a connection over TLS holds of a request that the system does not take yet, in bytes: a record.
const UNSENT: usize = 16 << 10;

/// How connections are opened.
#[derive(Debug)]
pub(super) struct Connector {
    target: Target,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Connector {
    pub(super) fn new(options: &Options) -> Result<Self, Unusable> {
        let target = options.target.clone();
        let tls = match (target.tls, &options.ca, options.insecure) {
            (true, None, false) => return Err(Unusable::NoTrust(target.host)),
            (true, ca, _) => Some((tls::settings(ca.as_deref())?, tls::name(&target.host)?)),
            (false, Some(_), _) => return Err(Unusable::NoTls("--ca")),
            (false, _, true) => return Err(Unusable::NoTls("--insecure")),
            (false, None, false) => None,
        };
        Ok(Self { target, tls })
    }

    /// Begins a connection. `source` is which of the loopback addresses it comes from; without, the system chooses. The
    /// inner error is the server's refusal.
    pub(super) fn begin(&self, source: Option<u8>, slow: bool) -> Result<io::Result<Socket>, Kind> {
        let target = &self.target;
        let open = || -> io::Result<socket2::Socket> {
            let socket = socket2::Socket::new(Domain::for_address(target.address), Type::STREAM, Some(Protocol::TCP))?;
            socket.set_nonblocking(true)?;
            if slow {
                // before connecting, or the window is agreed upon already
                socket.set_recv_buffer_size(SLOW_BUFFER)?;
            }
            Ok(socket)
        };
        let socket = open().map_err(Kind::Socket)?;
        let bound = source.map_or(Ok(()), |last| {
            // from 127.0.0.1 on: all of 127.0.0.0/8 is this machine
            let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
            socket.bind(&SocketAddr::new(address, 0).into())
        });
        match bound.and_then(|()| socket.connect(&target.address.into())) {
            Ok(()) => {}
            Err(error) if in_progress(&error) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable) => {
                return Err(Kind::Ports { host: target.host.clone(), error });
            }
            Err(error) => return Ok(Err(error)),
        }
        let session = self.session().map_err(Unusable::Settings)?;
        Ok(Ok(Socket::new(socket.into(), session)))
    }

    /// Connects, and waits for it, handshake included.
    pub(super) fn publisher(&self) -> Result<Socket, Kind> {
        self.connect().map_err(|error| {
            if tls::is_distrust(&error) {
                return self.distrust(error);
            }
            Kind::Publisher { host: self.target.host.clone(), error }
        })
    }

    /// What a handshake failed with, if it was for the server's certificate.
    pub(super) fn distrust(&self, error: io::Error) -> Kind {
        Kind::Certificate { host: self.target.host.clone(), error }
    }

    fn connect(&self) -> io::Result<Socket> {
        let mut stream = std::net::TcpStream::connect_timeout(&self.target.address, PUBLISHER)?;
        stream.set_nodelay(true)?;
        let mut session = self.session().map_err(io::Error::other)?;
        if let Some(session) = &mut session {
            stream.set_read_timeout(Some(PUBLISHER))?;
            while session.is_handshaking() {
                session.complete_io(&mut stream)?;
            }
        }
        stream.set_nonblocking(true)?;
        Ok(Socket::new(stream, session))
    }

    fn session(&self) -> Result<Option<Box<ClientConnection>>, rustls::Error> {
        let Some((config, name)) = &self.tls else { return Ok(None) };
        let mut session = ClientConnection::new(config.clone(), name.clone())?;
        session.set_buffer_limit(Some(UNSENT));
        Ok(Some(Box::new(session)))
    }
}

/// A connection that does not block.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    /// The last read took less than there was room for.
    drained: bool,
}

impl Socket {
    fn new(stream: std::net::TcpStream, tls: Option<Box<ClientConnection>>) -> Self {
        Self { stream: TcpStream::from_std(stream), tls, drained: false }
    }

    /// The socket, to be told when it is ready.
    pub(super) const fn source(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Whether a connection stands, handshake included. It is to be asked again when the socket is ready.
    pub(super) fn is_connected(&mut self) -> io::Result<bool> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        match self.stream.peer_addr() {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotConnected || in_progress(&error) => return Ok(false),
            Err(error) => return Err(error),
        }
        self.send()?;
        while self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            match self.receive() {
                Ok(0) => {
                    let kind = io::ErrorKind::UnexpectedEof;
                    return Err(io::Error::new(kind, "the server closed the connection during the TLS handshake"));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Whether the last read left nothing: what comes after it, the system tells anew.
    pub(super) const fn is_drained(&self) -> bool {
        self.drained
    }

    /// Takes records from the system. The number of bytes is 0 at the end.
    fn receive(&mut self) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return Ok(0) };
        let mut noting = Noting { stream: &mut self.stream, drained: &mut self.drained };
        let length = again(|| tls.read_tls(&mut noting))?;
        let processed = tls.process_new_packets();
        // an answer of the handshake, or an alert that says what is wrong
        let sent = self.send();
        processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        sent.map(|()| length)
    }

    /// Gives records to the system, as many as it takes.
    fn send(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            match again(|| tls.write_tls(&mut self.stream)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.tls.is_none() {
            return Noting { stream: &mut self.stream, drained: &mut self.drained }.read(buffer);
        }
        self.send()?;
        loop {
            let Some(tls) = &mut self.tls else { return Ok(0) };
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // an end without a farewell, as there is none without TLS
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                Ok(length) => {
                    // what the session still holds, the system will not tell
                    self.drained &= length < buffer.len();
                    return Ok(length);
                }
                Err(error) => return Err(error),
            }
            self.receive()?;
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send()?;
        let Some(tls) = &mut self.tls else { return self.stream.write(bytes) };
        let taken = tls.writer().write(bytes)?;
        self.send()?;
        if taken == 0 && !bytes.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

/// Reads, and notes whether there was room for more.
struct Noting<'a> {
    stream: &'a mut TcpStream,
    drained: &'a mut bool,
}

impl Read for Noting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.stream.read(buffer)?;
        *self.drained = length < buffer.len();
        Ok(length)
    }
}

/// What a system call comes to that no signal interrupts.
fn again<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

#[cfg(unix)]
fn in_progress(error: &io::Error) -> bool {
    const EINPROGRESS: [i32; 2] = [115, 36]; // Linux; macOS and the BSDs
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error().is_some_and(|code| EINPROGRESS.contains(&code))
}

#[cfg(not(unix))]
fn in_progress(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
