use std::collections::VecDeque;

use rustls::{
    ClientConfig, ClientConnection, ProtocolVersion, RootCertStore,
    pki_types::{PrivateKeyDer, ServerName},
    version::{TLS12, TLS13},
};

use super::*;
use crate::base::partial::SMALL;

/// A socket in memory, and the client's end of it.
struct Wire {
    to_server: VecDeque<u8>,
    to_client: Vec<u8>,
    /// The bytes that are accepted while the client takes none.
    room: usize,
    /// The most bytes that are read at once.
    sip: usize,
    shut: bool,
}

impl Read for Wire {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let most = bytes.len().min(self.sip);
        match self.to_server.read(&mut bytes[..most])? {
            0 if !self.shut => Err(ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match bytes.len().min(self.room - self.to_client.len()) {
            0 => Err(ErrorKind::WouldBlock.into()),
            count => {
                self.to_client.extend(&bytes[..count]);
                Ok(count)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Pair {
    client: ClientConnection,
    wire: Wire,
    session: TlsSession,
    records: Gauge,
}

impl Pair {
    /// Two that have not begun.
    fn new(version: &'static rustls::SupportedProtocolVersion, room: usize, sip: usize) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server =
            ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
        let server = server.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
        let client = client.with_root_certificates(roots).with_no_client_auth();
        let records = Gauge::default();
        Self {
            client: ClientConnection::new(Arc::new(client), ServerName::try_from("localhost").unwrap()).unwrap(),
            wire: Wire { to_server: VecDeque::new(), to_client: Vec::new(), room, sip, shut: false },
            session: TlsSession::new(Arc::new(server), records.clone()).unwrap(),
            records,
        }
    }

    /// Two that have shaken hands.
    fn agreed(version: &'static rustls::SupportedProtocolVersion, room: usize, sip: usize) -> Self {
        let mut pair = Self::new(version, room, sip);
        loop {
            pair.carry().unwrap();
            match pair.session.handshake(&mut pair.wire) {
                Ok(()) => break,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
            }
        }
        pair.carry().unwrap();
        assert!(!pair.client.is_handshaking());
        pair
    }

    /// Carries what is on the wire to the client, and what it says to the wire.
    fn carry(&mut self) -> Result<(), rustls::Error> {
        let taken = std::mem::take(&mut self.wire.to_client);
        let mut taken = taken.as_slice();
        while !taken.is_empty() {
            self.client.read_tls(&mut taken).unwrap();
            self.client.process_new_packets()?;
        }
        while self.client.wants_write() {
            self.client.write_tls(&mut self.wire.to_server).unwrap();
        }
        Ok(())
    }

    /// Writes all of `bytes`, and returns what the client read of them.
    fn write_all(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut read = Vec::new();
        loop {
            match self.session.write(&mut self.wire, bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
            }
            self.carry().unwrap();
            let _ = self.client.reader().read_to_end(&mut read);
            if bytes.is_empty() && self.session.held_back() == 0 {
                return read;
            }
        }
    }

    /// Reads once, and again while there is nothing for us in what is read.
    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; 1000];
        loop {
            match self.session.read(&mut self.wire, &mut bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read.map(|count| bytes[..count].to_vec()),
            }
        }
    }

    fn is_idle(&self) -> bool {
        let session = &self.session;
        session.received.capacity() == 0 && session.plain.is_empty() && session.unsent.is_empty()
    }
}

#[test]
fn all_arrives_whatever_the_socket_takes_and_gives_at_once() {
    for version in [&TLS13, &TLS12] {
        for (room, sip) in [(1, 1), (7, 100), (1 << 20, 1 << 20)] {
            let mut pair = Pair::agreed(version, room, sip);
            assert!(pair.is_idle());
            let long: Vec<u8> = (0..40_000_u32).map(|i| i.to_le_bytes()[0]).collect();
            assert_eq!(pair.write_all(b"hello"), b"hello");
            assert!(pair.write_all(&long) == long);
            pair.client.writer().write_all(&long).unwrap();
            let mut read = Vec::new();
            while read.len() < long.len() {
                pair.carry().unwrap();
                match pair.read() {
                    Ok(bytes) => read.extend(bytes),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                }
            }
            assert!(read == long);
            assert_eq!(pair.read().unwrap_err().kind(), ErrorKind::WouldBlock);
            assert!(pair.is_idle());
            assert_eq!(pair.records.get(), 0);
        }
    }
}

#[test]
fn pieces_are_written_as_one() {
    let mut pair = Pair::agreed(&TLS13, 1 << 20, 1 << 20);
    let pieces = [b"one ".as_slice(), b"", b"two"].map(IoSlice::new);
    assert_eq!(pair.session.write_vectored(&mut pair.wire, &pieces).unwrap(), 7);
    pair.carry().unwrap();
    let mut read = [0; 100];
    assert_eq!(pair.client.reader().read(&mut read).unwrap(), 7);
    assert_eq!(&read[..7], b"one two");
}

#[test]
fn either_side_may_end_first_and_both_are_told() {
    for version in [&TLS13, &TLS12] {
        let mut pair = Pair::agreed(version, 1 << 20, 1 << 20);
        pair.client.writer().write_all(b"the last").unwrap();
        pair.client.send_close_notify();
        pair.carry().unwrap();
        assert_eq!(pair.read().unwrap(), b"the last");
        assert_eq!(pair.read().unwrap(), b"");
        assert_eq!(pair.read().unwrap(), b"", "and again");
        if pair.client.protocol_version() == Some(ProtocolVersion::TLSv1_3) {
            assert_eq!(pair.write_all(b"an answer"), b"an answer");
        }
        for _ in 0..2 {
            pair.session.end(&mut pair.wire).unwrap();
        }
        pair.carry().unwrap();
        assert_eq!(pair.client.reader().read(&mut [0; 9]).unwrap(), 0, "an end, not a break");
    }
    let mut pair = Pair::agreed(&TLS13, 1 << 20, 1 << 20);
    pair.wire.shut = true;
    assert_eq!(pair.read().unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn new_keys_may_be_asked_for_at_any_time() {
    let mut pair = Pair::agreed(&TLS13, 5, 3);
    for i in 0..5 {
        pair.client.refresh_traffic_keys().unwrap();
        pair.client.writer().write_all(b"more").unwrap();
        pair.carry().unwrap();
        assert_eq!(pair.read().unwrap(), b"more");
        let text = format!("with keys {i}");
        assert_eq!(pair.write_all(text.as_bytes()), text.as_bytes());
        assert!(pair.is_idle());
    }
}

#[test]
fn what_is_no_tls_is_answered_with_an_alert() {
    let mut pair = Pair::new(&TLS13, 1000, 1000);
    pair.wire.to_server.extend(b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(pair.session.handshake(&mut pair.wire).unwrap_err().kind(), ErrorKind::InvalidData);
    assert_eq!(pair.wire.to_client.first(), Some(&21), "an alert");
    let mut pair = Pair::agreed(&TLS13, 1000, 1000);
    pair.wire.to_server.extend([23, 3, 3, 0, 30]);
    pair.wire.to_server.extend([7; 30]);
    assert_eq!(pair.read().unwrap_err().kind(), ErrorKind::InvalidData);
    let error = pair.carry().unwrap_err();
    assert!(matches!(error, rustls::Error::AlertReceived(_)), "{error}");
    for _ in 0..2 {
        assert_eq!(pair.session.write(&mut pair.wire, b"x").unwrap_err().kind(), ErrorKind::InvalidData);
        pair.session.end(&mut pair.wire).unwrap();
    }
    assert!(pair.wire.to_client.is_empty(), "it is told once");
}

#[test]
fn records_that_are_not_whole_share_a_bound() {
    for others in [0, 64 << 20] {
        let mut pair = Pair::agreed(&TLS13, 1 << 20, 1 << 20);
        let of_others = Partial::new(pair.records.clone());
        assert!(of_others.set(others + SMALL));
        pair.wire.to_server.extend([23, 3, 3, 0x40, 0]);
        pair.wire.to_server.extend(vec![0; 16_000]);
        let error = pair.read().unwrap_err();
        assert_eq!(error.kind() == ErrorKind::WouldBlock, others == 0, "{error}");
        drop((pair.session, of_others));
        assert_eq!(pair.records.get(), 0);
    }
}

#[test]
fn a_message_in_pieces_has_a_bound() {
    let mut pair = Pair::new(&TLS13, 1000, 1 << 20);
    // the longest ClientHello there could be, of which each record has one byte
    pair.wire.to_server.extend([22, 3, 1, 0, 4, 1, 0, 0xff, 0xf0]);
    let error = loop {
        pair.wire.to_server.extend([22, 3, 3, 0, 1, 0]);
        match pair.session.handshake(&mut pair.wire) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            outcome => break outcome.unwrap_err(),
        }
        assert!(pair.session.received.len() <= LARGEST_MESSAGE + READ, "{}", pair.session.received.len());
    };
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
}

#[test]
fn the_last_word_waits_for_room() {
    let mut pair = Pair::agreed(&TLS13, 30, 1000);
    assert_eq!(pair.session.write(&mut pair.wire, &[7; 100]).unwrap(), 100);
    for _ in 0..2 {
        assert_eq!(pair.session.end(&mut pair.wire).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
    while pair.session.end(&mut pair.wire).is_err() {
        pair.carry().unwrap();
    }
    pair.carry().unwrap();
    let mut read = Vec::new();
    pair.client.reader().read_to_end(&mut read).unwrap();
    assert_eq!(read, [7; 100], "and an end");
}
