//! The PROXY protocol, versions 1 and 2: a proxy says before all else for whom it has opened a connection.

use std::{io, net::SocketAddr};

use proxy_header::{ParseConfig, ProxyHeader};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The most bytes of a header: what a proxy may add to the addresses is passed over.
const MOST: usize = 4 << 10;

/// The least that a header has in either version: what comes behind it is not read with it.
const LEAST: usize = "PROXY UNKNOWN\r\n".len();

/// The longest line of version 1.
const LONGEST_LINE: usize = 107;

/// What version 2 begins with.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The bytes of version 2 before those that it counts.
const FIXED: usize = 16;

/// Reads a header. Returns the address of the one that the connection was opened for; `None` if that is the proxy itself or somebody
/// without an address.
///
/// # Errors
///
/// If there is no header, or it ends before its time.
pub(super) async fn read(io: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let mut header = vec![0; LEAST];
    io.read_exact(&mut header).await?;
    if header.starts_with(SIGNATURE) {
        header.push(io.read_u8().await?);
        let more = usize::from(u16::from_be_bytes([header[FIXED - 2], header[FIXED - 1]]));
        if FIXED + more > MOST {
            return Err(io::Error::other("the header of the PROXY protocol is too long"));
        }
        header.resize(FIXED + more, 0);
        io.read_exact(&mut header[FIXED..]).await?;
    } else if header.starts_with(b"PROXY ") {
        // nothing says how long the line is, and what follows it is for somebody else
        while !header.ends_with(b"\n") && header.len() < LONGEST_LINE {
            header.push(io.read_u8().await?);
        }
    }
    let options = ParseConfig { include_tlvs: false, ..ParseConfig::default() };
    let (parsed, length) = ProxyHeader::parse(&header, options)
        .map_err(|error| io::Error::other(format!("there is no header of the PROXY protocol: {error}")))?;
    if length != header.len() {
        return Err(io::Error::other("the header of the PROXY protocol has no end"));
    }
    Ok(parsed.proxied_address().map(|proxied| proxied.source))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    /// What is read of `bytes`, and how many of them are left.
    fn read_all(mut bytes: &[u8]) -> (Result<Option<String>, String>, usize) {
        let read = read(&mut bytes).now_or_never().unwrap();
        let read = read.map(|address| address.map(|address| address.to_string())).map_err(|error| error.to_string());
        (read, bytes.len())
    }

    fn v2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[0x20 | command, family], &length, addresses].concat()
    }

    const V4: &[u8] = &[203, 0, 113, 9, 127, 0, 0, 1, 0x12, 0x34, 0, 80];

    #[test]
    fn what_follows_the_header_is_left() {
        let mut v6 = [0; 36];
        (v6[0], v6[15], v6[32]) = (0x20, 9, 1);
        let more = [V4, &[4, 0, 2, 0, 0]].concat(); // a type, a length and two bytes
        for (header, expect) in [
            (b"PROXY TCP4 203.0.113.9 127.0.0.1 4660 80\r\n".to_vec(), Some("203.0.113.9:4660")),
            (b"PROXY TCP6 2001:db8::9 ::1 4660 80\r\n".to_vec(), Some("[2001:db8::9]:4660")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(), None),
            (v2(1, 0x11, V4), Some("203.0.113.9:4660")),
            (v2(1, 0x11, &more), Some("203.0.113.9:4660")),
            (v2(1, 0x21, &v6), Some("[2000::9]:256")),
            (v2(0, 0x11, V4), None), // it speaks for itself
            (v2(1, 0, &[]), None),
            (v2(1, 0x31, &[0; 216]), None), // Unix
        ] {
            let (read, left) = read_all(&[&header[..], b"GET / HTTP/1.1"].concat());
            assert_eq!((read, left), (Ok(expect.map(str::to_owned)), 14), "{header:?}");
            for cut in 0..header.len() {
                assert!(read_all(&header[..cut]).0.is_err(), "cut at {cut}: {header:?}");
            }
        }
    }

    #[test]
    fn what_is_no_header_is_refused_and_read_no_further_than_needed() {
        let long = [b"PROXY TCP4 ".to_vec(), vec![b'1'; 1000]].concat();
        for bytes in [
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.9 127.0.0.1 4660\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.999 127.0.0.1 4660 80\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.9 127.0.0.1 4660 80\nx".to_vec(),
            long,
            v2(1, 0x11, &V4[..11]),
            v2(2, 0x11, V4),
            v2(1, 0x11, &[0; MOST]),
            [&SIGNATURE[..11], b"x", V4].concat(),
        ] {
            let (read, left) = read_all(&bytes);
            assert!(read.is_err(), "{bytes:?}");
            assert!(bytes.len() - left <= LONGEST_LINE.max(FIXED + V4.len()), "{bytes:?}");
        }
    }
}
