//! The server's side of a TLS session, over any socket that never blocks. Its buffers exist only while there is something in
//! them, so that an idle session costs little more than its keys. rustls speaks the protocol; here bytes are only moved.

use std::{
    fmt,
    io::{self, ErrorKind, IoSlice, Read, Write},
    sync::Arc,
};

use bytes::{Buf, Bytes};
use prometheus_client::metrics::gauge::Gauge;
use rustls::{
    ServerConfig,
    pki_types::CertificateDer,
    server::{ServerConnectionData, UnbufferedServerConnection},
    unbuffered::{ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus, WriteTraffic},
};

use crate::base::partial::Partial;

/// The most bytes that are read at once.
const READ: usize = 4 << 10;

/// The most bytes that are encrypted at once, and held back if the socket does not accept them. It fits a record.
const RECORD: usize = 16 << 10;

/// The most bytes that are kept of a record or, in a handshake, of a message that is not whole: those of the largest there are.
const LARGEST_RECORD: usize = 5 + (16 << 10) + 2048;
const LARGEST_MESSAGE: usize = 64 << 10;

/// What a record may be longer than its content, with what TLS itself may have to say before it.
const OVERHEAD: usize = 128;

/// A session, whose socket belongs to the caller and is the same in each call.
pub(crate) struct TlsSession {
    tls: UnbufferedServerConnection,
    /// What has come of a record that is not whole.
    received: Vec<u8>,
    partial: Partial,
    /// What is decrypted and not read yet.
    plain: Bytes,
    /// What is encrypted and not accepted by the socket yet.
    unsent: Bytes,
    /// The peer has said that it sends no more.
    ended: bool,
    /// What the peer sent is no TLS, and it has been told.
    failed: bool,
}

impl fmt::Debug for TlsSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSession").finish_non_exhaustive()
    }
}

impl TlsSession {
    /// A session with a client that has just connected. What comes of its records is counted in `records`.
    ///
    /// # Errors
    ///
    /// If rustls can't work with `config`.
    pub(crate) fn new(config: Arc<ServerConfig>, records: Gauge) -> io::Result<Self> {
        Ok(Self {
            tls: UnbufferedServerConnection::new(config).map_err(io::Error::other)?,
            received: Vec::new(),
            partial: Partial::new(records),
            plain: Bytes::new(),
            unsent: Bytes::new(),
            ended: false,
            failed: false,
        })
    }

    /// Goes on with the handshake. Returns `Ok` once it is done.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if the client's or the socket's turn is next; otherwise why there will be no connection.
    pub(crate) fn handshake(&mut self, socket: &mut (impl Read + Write)) -> io::Result<()> {
        loop {
            let processed = self.process(|_| ());
            let flushed = self.flush(socket); // an alert that says what is wrong goes out as well
            processed?;
            flushed?;
            if !self.tls.is_handshaking() {
                return Ok(());
            }
            if self.receive(socket)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Has something to be read, unless the client sends no more.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub(crate) fn fill(&mut self, socket: &mut (impl Read + Write)) -> io::Result<()> {
        if !self.plain.is_empty() || self.ended {
            return Ok(());
        }
        if self.receive(socket)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let processed = self.process(|_| ());
        match self.flush(socket) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            _ => processed?,
        };
        if self.plain.is_empty() && !self.ended { Err(ErrorKind::Interrupted.into()) } else { Ok(()) }
    }

    /// Reads what the client has sent. 0 means that it sends no more.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if nothing has come; `Interrupted` if something has that is not for the caller, who tries again;
    /// `UnexpectedEof` if the client has gone without a word; otherwise what is wrong with what it has sent.
    pub(crate) fn read(&mut self, socket: &mut (impl Read + Write), bytes: &mut [u8]) -> io::Result<usize> {
        self.fill(socket)?;
        let count = self.plain.len().min(bytes.len());
        self.plain.copy_to_slice(&mut bytes[..count]);
        if self.plain.is_empty() {
            self.plain = Bytes::new();
        }
        Ok(count)
    }

    /// Encrypts some of `bytes` and returns how many. Those that the socket does not accept are [held back](Self::held_back).
    ///
    /// # Errors
    ///
    /// `WouldBlock` if something is held back that the socket still does not accept; otherwise why nothing can be written.
    pub(crate) fn write(&mut self, socket: &mut (impl Read + Write), bytes: &[u8]) -> io::Result<usize> {
        self.flush(socket)?;
        let bytes = &bytes[..bytes.len().min(RECORD)];
        if !bytes.is_empty() {
            let record = self.encode(bytes.len(), |traffic, record| traffic.encrypt(bytes, record))?;
            self.send(socket, record.ok_or(ErrorKind::NotConnected)?)?;
        }
        Ok(bytes.len())
    }

    /// The same for what is in pieces.
    pub(crate) fn write_vectored(
        &mut self,
        socket: &mut (impl Read + Write),
        pieces: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        match pieces {
            [piece] => self.write(socket, piece),
            _ => {
                self.flush(socket)?;
                let mut bytes = Vec::with_capacity(pieces.iter().map(|piece| piece.len()).sum::<usize>().min(RECORD));
                for piece in pieces {
                    let room = RECORD - bytes.len();
                    bytes.extend_from_slice(&piece[..piece.len().min(room)]);
                }
                self.write(socket, &bytes)
            }
        }
    }

    /// Writes what is held back.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if the socket does not accept it all; otherwise what the socket says.
    pub(crate) fn flush(&mut self, socket: &mut (impl Read + Write)) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match socket.write(&self.unsent) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.unsent.advance(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.unsent = Bytes::new();
        Ok(())
    }

    /// Tells the client, once, that nothing more will be written.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    pub(crate) fn end(&mut self, socket: &mut (impl Read + Write)) -> io::Result<()> {
        self.flush(socket)?;
        if self.failed {
            return Ok(()); // it has been told something else
        }
        if let Some(alert) = self.encode(0, |traffic, record| traffic.queue_close_notify(record))? {
            self.send(socket, alert)?; // else both have said so
        }
        self.flush(socket)
    }

    /// The certificates that the client has shown, its own first.
    pub(crate) fn peer_certificates(&self) -> Option<&[CertificateDer<'static>]> {
        self.tls.peer_certificates()
    }

    /// The number of bytes that are encrypted and not accepted by the socket yet.
    pub(crate) const fn held_back(&self) -> usize {
        self.unsent.len()
    }

    /// Reads from the socket once.
    fn receive(&mut self, socket: &mut impl Read) -> io::Result<usize> {
        let before = self.received.len();
        let most = if self.tls.is_handshaking() { LARGEST_MESSAGE } else { LARGEST_RECORD };
        if before >= most {
            return Err(io::Error::new(ErrorKind::InvalidData, "what is in pieces is more than TLS has"));
        }
        self.received.resize(before + READ, 0);
        let read = socket.read(&mut self.received[before..]);
        let count = read.as_ref().map_or(0, |count| *count);
        self.received.truncate(before + count);
        if self.received.is_empty() {
            self.received = Vec::new();
        }
        if !self.partial.set(self.received.len()) {
            return Err(io::Error::other("too many records of TLS are not whole"));
        }
        read
    }

    /// Processes what has come. Calls `then` if something can be written.
    fn process<T>(
        &mut self,
        mut then: impl FnMut(WriteTraffic<'_, ServerConnectionData>) -> T,
    ) -> io::Result<Option<T>> {
        if self.failed {
            return Err(io::Error::new(ErrorKind::InvalidData, "the session has failed"));
        }
        let outcome = loop {
            let UnbufferedStatus { discard, state, .. } = self.tls.process_tls_records(&mut self.received);
            let mut done = None;
            match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let payload = record.map_err(invalid)?.payload;
                        self.plain = [&self.plain, payload].concat().into();
                    }
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    let encoded = sized(0, |bytes| data.encode(bytes))?;
                    self.unsent = [&self.unsent, &*encoded].concat().into();
                }
                // it goes before what is written next
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => self.ended = true,
                Ok(ConnectionState::WriteTraffic(traffic)) => done = Some(Ok(Some(then(traffic)))),
                Ok(ConnectionState::BlockedHandshake | ConnectionState::Closed) => done = Some(Ok(None)),
                Ok(_) => done = Some(Err(ErrorKind::Unsupported.into())),
                Err(error) => done = Some(Err(invalid(error))),
            }
            self.received.drain(..discard);
            if let Some(done) = done {
                break done;
            }
        };
        if self.received.is_empty() {
            self.received = Vec::new();
        }
        self.partial.set(self.received.len());
        if outcome.is_err() {
            self.failed = true;
            self.say_why()?;
        }
        outcome
    }

    /// Encodes what rustls has to say of an error. It looks at nothing that has come: the error is still there.
    fn say_why(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            let UnbufferedStatus { state, .. } = self.tls.process_tls_records(&mut self.received);
            let Ok(ConnectionState::EncodeTlsData(mut alert)) = state else { break };
            self.unsent = [&self.unsent, &*sized(0, |bytes| alert.encode(bytes))?].concat().into();
        }
        Ok(())
    }

    /// What `encode` makes of `len` bytes; `None` if nothing can be written.
    fn encode(
        &mut self,
        len: usize,
        encode: impl Fn(&mut WriteTraffic<'_, ServerConnectionData>, &mut [u8]) -> Result<usize, EncryptError>,
    ) -> io::Result<Option<Vec<u8>>> {
        self.process(|mut traffic| sized(len + OVERHEAD, |bytes| encode(&mut traffic, bytes)))?.transpose()
    }

    /// Writes `record` behind what is held back.
    fn send(&mut self, socket: &mut (impl Read + Write), record: Vec<u8>) -> io::Result<()> {
        self.unsent = if self.unsent.is_empty() { record.into() } else { [&*self.unsent, &record].concat().into() };
        match self.flush(socket) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            flushed => flushed,
        }
    }
}

/// What does not fit says what it needs.
trait Needs: std::error::Error + Send + Sync + 'static {
    fn needs(&self) -> Option<usize>;
}

impl Needs for EncodeError {
    fn needs(&self) -> Option<usize> {
        match self {
            Self::InsufficientSize(InsufficientSizeError { required_size }) => Some(*required_size),
            Self::AlreadyEncoded => None,
        }
    }
}

impl Needs for EncryptError {
    fn needs(&self) -> Option<usize> {
        match self {
            Self::InsufficientSize(InsufficientSizeError { required_size }) => Some(*required_size),
            Self::EncryptExhausted => None,
        }
    }
}

/// What `fill` writes, for which `size` bytes should do.
fn sized<E: Needs>(size: usize, mut fill: impl FnMut(&mut [u8]) -> Result<usize, E>) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; size];
    let filled = fill(&mut bytes).or_else(|error| match error.needs() {
        Some(needed) => {
            bytes.resize(needed, 0);
            fill(&mut bytes)
        }
        None => Err(error),
    });
    bytes.truncate(filled.map_err(io::Error::other)?);
    Ok(bytes)
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests;
