//! Runs over TLS.

use std::{fs, path::PathBuf, sync::Arc};

use clap::Parser;
use sse_load::{Options, Report};
use tempfile::TempDir;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig, SupportedProtocolVersion,
        crypto::ring,
        pki_types::PrivateKeyDer,
        version::{TLS12, TLS13},
    },
};

use crate::server::{Behaviour, Server};

/// A server, and the file of the only certificate that is right for it.
struct Encrypted {
    server: Server,
    directory: TempDir,
}

impl Encrypted {
    async fn start(behaviour: Behaviour, versions: &[&'static SupportedProtocolVersion]) -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(versions).unwrap().with_no_client_auth();
        let mut config = builder.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("cert.pem"), made.cert.pem()).unwrap();
        let server = Server::start_tls(behaviour, TlsAcceptor::from(Arc::new(config))).await;
        Self { server, directory }
    }

    fn certificate(&self) -> PathBuf {
        self.directory.path().join("cert.pem")
    }

    /// Runs the load tool; `trust` are its options for the certificate.
    async fn run(&self, trust: &[&str], line: &str) -> Result<Report, String> {
        let target = format!("https://{}", self.server.address);
        let words = ["sse-load", &target, "--settle", "0s"].into_iter().chain(line.split_whitespace());
        let options = Options::try_parse_from(words.chain(trust.iter().copied())).unwrap();
        let run =
            tokio::task::spawn_blocking(move || sse_load::run(&options, |_| {}).map_err(|error| error.to_string()));
        run.await.unwrap()
    }

    /// The same with the certificate as the authority.
    async fn run_trusting(&self, line: &str) -> Report {
        self.run(&["--ca", self.certificate().to_str().unwrap()], line).await.unwrap()
    }
}

/// Lost, doubled, out of order, deliveries.
fn account(report: &Report) -> [u64; 4] {
    let json = report.to_json();
    ["lost", "doubled", "out_of_order", "deliveries"].map(|name| json["publish"][name].as_u64().unwrap())
}

#[tokio::test]
async fn every_event_comes_over_tls() {
    for (chunked, versions) in [(true, [&TLS13]), (false, [&TLS12])] {
        let encrypted = Encrypted::start(Behaviour { chunked, ..Behaviour::default() }, &versions).await;
        for line in [
            "-n 20 --rate max --events 300 --publishers 3",
            "-n 20 --lockstep --events 15 --size 20000",
            "-n 10 --slow 30% --slow-rate 1000 --rate max --events 30 --size 20000",
        ] {
            let report = encrypted.run_trusting(line).await;
            assert!(report.is_clean(), "{line}: {report}");
        }
        let report = encrypted.run(&["--insecure"], "-n 20 --rate max --events 50").await.unwrap();
        assert_eq!(account(&report), [0, 0, 0, 1000], "{report}");
    }
}

#[tokio::test]
async fn requests_that_are_larger_than_what_a_session_holds() {
    let encrypted = Encrypted::start(Behaviour::default(), &[&TLS13]).await;
    let report = encrypted.run_trusting("-n 5 --batch 500 --size 4000 --rate max --events 1500").await;
    assert_eq!(account(&report), [0, 0, 0, 7500], "{report}");
}

#[tokio::test]
async fn who_leaves_and_resumes_over_tls_loses_nothing() {
    let encrypted = Encrypted::start(Behaviour::default(), &[&TLS13]).await;
    let report = encrypted.run_trusting("-n 20 --rate 500 --events 200 --churn 100 --churn-share 50%").await;
    assert_eq!(account(&report), [0, 0, 0, 4000], "{report}");
    assert!(encrypted.server.resumed() > 0, "{report}");
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_ends_the_run_at_once() {
    let encrypted = Encrypted::start(Behaviour::default(), &[&TLS13]).await;
    let other = Encrypted::start(Behaviour::default(), &[&TLS13]).await;
    let host = encrypted.server.address;
    // by a subscriber, and by a publisher where there is none
    for line in ["-n 5", "-n 0"] {
        let trust = ["--ca", other.certificate().to_str().unwrap()].map(str::to_owned);
        let error = encrypted.run(&trust.each_ref().map(String::as_str), line).await.unwrap_err();
        let expected = format!("the certificate of {host} is not trusted: invalid peer certificate: ");
        assert!(error.starts_with(&expected) && error.contains("--ca FILE") && error.contains("--insecure"), "{error}");
    }
    let error = encrypted.run(&[], "-n 5").await.unwrap_err();
    assert_eq!(
        error,
        format!(
            "https://{host}: nothing says which certificate is right; give its authority by --ca FILE, or take any by \
             --insecure"
        )
    );
}

#[tokio::test]
async fn a_server_without_tls_is_told_from_one_with() {
    let server = Server::start(Behaviour::default()).await;
    let words = ["sse-load", "-n", "1", "--insecure", "--connect-timeout", "1s"].map(str::to_owned);
    let run = async |target: String| {
        let options = Options::try_parse_from(words.iter().cloned().chain([target])).unwrap();
        tokio::task::spawn_blocking(move || sse_load::run(&options, |_| {}).unwrap_err().to_string()).await.unwrap()
    };
    assert_eq!(run(server.address.to_string()).await, "--insecure is for a server at https://");
    let error = run(format!("https://{}", server.address)).await;
    assert!(error.contains("0 of 1 subscribers were connected"), "{error}");
}
