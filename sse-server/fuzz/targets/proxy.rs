//! The PROXY protocol before a request: one that has a whole header is answered, and no other is.
//!
//! Input: what comes before the request.
#![no_main]
#![cfg(unix)]

use std::{
    io::{Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::PathBuf,
    time::Duration,
};

use libfuzzer_sys::fuzz_target;
use proxy_header::{ParseConfig, ProxyHeader};
use sse_server::{Config, ForwardedBy, Listen, Server};

const REQUEST: &[u8] = b"GET /live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

fuzz_target!(|input: &[u8]| {
    thread_local!(static SOCKET: PathBuf = listen());
    SOCKET.with(|socket| {
        let all = [input, REQUEST].concat();
        let mut stream = UnixStream::connect(socket).expect("the hub listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time");
        let _ = stream.write_all(&all); // it may be closed already
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        if let Err(error) = stream.read_to_end(&mut answer) {
            assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "{input:?} is held");
        }
        let header = ProxyHeader::parse(&all, ParseConfig::default()).ok().map(|(_, length)| length);
        // the parser takes more for a line of version 1 than the hub does: any byte behind `PROXY`, and line ends within
        let is_line = input.starts_with(b"PROXY ") && !input[..input.len() - 1].contains(&b'\n');
        if header == Some(input.len()) && (is_line || input.starts_with(b"\r\n\r\n\0")) {
            assert!(answer.starts_with(b"HTTP/1.1 200"), "{input:?}: {:?}", String::from_utf8_lossy(&answer));
        } else if header.is_none() {
            assert!(answer.is_empty(), "{input:?}: {:?}", String::from_utf8_lossy(&answer));
        }
    });
});

/// A hub that trusts whoever comes by its Unix socket, in a thread of its own.
fn listen() -> PathBuf {
    let socket = std::env::temp_dir().join(format!("sse-fuzz-{}.sock", std::process::id()));
    let mut config = Config::in_memory();
    config.server.listen = vec![Listen::Unix(socket.clone())];
    config.server.trusted_proxies = vec!["unix".into()];
    config.server.forwarded_by = ForwardedBy::ProxyProtocol;
    let (bound, ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let server = Server::bind(config).await.expect("a hub");
            let _ = bound.send(());
            server.run(std::future::pending()).await
        })
    });
    ready.recv().expect("it listens");
    socket
}
