//! JSON Web Tokens, from the configuration to the end of a stream.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value, json};
use sse_server::{AuthMode, Config, Hub, HubService, Issuer, IssuerKeys, RouteSet};
use sse_test_support::blocks::checked;
use sse_testkit::{TestClient, event};
use tempfile::TempDir;

use crate::{ask::Application, program, support::problem};

const OLD: &[u8] = b"the secret of the beginning, long enough";
const NEW: &[u8] = b"the secret that came after it, and longer";

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

fn sign(secret: &[u8], id: &str, claims: &Value) -> String {
    let head = BASE64.encode(json!({ "alg": "HS256", "kid": id }).to_string());
    let message = format!("{head}.{}", BASE64.encode(claims.to_string()));
    let code = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", BASE64.encode(code))
}

fn set(keys: &[(&str, &[u8])]) -> String {
    let key =
        |(id, secret): &(&str, &[u8])| json!({ "kty": "oct", "kid": id, "alg": "HS256", "k": BASE64.encode(secret) });
    json!({ "keys": keys.iter().map(key).collect::<Vec<_>>() }).to_string()
}

/// A hub that takes the tokens of a login service, which only reads, and of a backend.
struct Hubs {
    client: TestClient,
    operator: TestClient,
    keys: PathBuf,
    _directory: TempDir,
}

fn hub() -> Hubs {
    let directory = tempfile::tempdir().unwrap();
    let (keys, secret) = (directory.path().join("login.json"), directory.path().join("backend.secret"));
    std::fs::write(&keys, set(&[("old", OLD)])).unwrap();
    std::fs::write(&secret, [NEW, b"\n"].concat()).unwrap();
    let mut login = Issuer::with(IssuerKeys::Set(keys.clone()));
    (login.issuer, login.audience) = ("https://login.example".into(), vec!["hub".into()]);
    (login.publish_claim, login.subscribe_claim) = (String::new(), "sse.read".into());
    let mut config = Config::in_memory();
    config.auth.mode = AuthMode::Jwt;
    config.auth.leeway = Duration::ZERO;
    config.auth.issuers = vec![Issuer::with(IssuerKeys::Secret(secret)), login];
    let hub = Hub::new(config).unwrap();
    let client = |routes| checked(&TestClient::new(HubService::new(hub.clone(), routes)));
    Hubs { client: client(RouteSet::All), operator: client(RouteSet::Admin), keys, _directory: directory }
}

fn reader(secret: &[u8], id: &str, until: f64) -> String {
    let claims = json!({
        "iss": "https://login.example", "aud": "hub", "sub": "user 7", "jti": "t7", "exp": until,
        "sse": { "read": ["users/7/**"] }, "publish": ["**"],
    });
    format!("Bearer {}", sign(secret, id, &claims))
}

fn backend(until: f64) -> String {
    let claims = json!({ "sub": "backend", "exp": until, "publish": "users/**", "subscribe": [] });
    format!("Bearer {}", sign(NEW, "", &claims))
}

#[tokio::test]
async fn each_issuer_s_tokens_do_what_their_claims_say() {
    let hub = hub();
    let later = now() + 600.0;
    let read = |token: &str| hub.client.get("/events?topic=users/7/inbox").header("authorization", token);
    let write = |token: &str| hub.client.post("/publish/users/7/inbox").header("authorization", token).body("x");
    let mut stream = read(&reader(OLD, "old", later)).connect().await;
    stream.expect_event(event("sse-cursor")).await;
    assert_eq!(write(&backend(later)).send().await.status, 200);
    stream.expect_event(event("message").data("x")).await;
    let listed = hub.operator.get("/streams").send().await.json();
    assert_eq!((&listed["streams"][0]["subject"], &listed["streams"][0]["token"]), (&json!("user 7"), &json!("t7")));

    // the login's tokens don't publish, whatever they claim, and the backend's don't read
    assert_eq!(write(&reader(OLD, "old", later)).send().await.status, 403);
    assert_eq!(read(&backend(later)).send().await.status, 403);
    for (token, says) in [
        (reader(NEW, "old", later), "no key of the issuer"),
        (reader(OLD, "new", later), "no key of the issuer"),
        (reader(OLD, "old", now() - 1.0), "has expired"),
        (format!("Bearer {}", sign(NEW, "", &json!({ "sub": "x" }))), "exp is missing"),
        ("Bearer sse_0f1a3a8d6c52_b00a".to_owned(), "no JSON Web Token"),
    ] {
        let response = read(&token).send().await;
        assert_eq!(response.status, 401, "{says}");
        assert!(problem(&response).1.contains(says), "{}: {says}", response.text());
        assert!(!response.text().contains(token.rsplit('.').next().unwrap()), "the token is nobody's business");
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let hub = hub();
    let read = |token: &str| hub.client.get("/events?topic=users/7/*").header("authorization", token);
    let mut stream = read(&reader(OLD, "old", now() + 0.3)).connect().await;
    stream.expect_event(event("sse-cursor")).await;
    assert!(stream.expect_event(event("sse-drain")).await.data.contains("expired"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_set_of_keys_counts_without_a_restart() {
    let hub = hub();
    let later = now() + 600.0;
    let status = async |token: String| {
        hub.client
            .request(http::Method::HEAD, "/events?topic=users/7/a")
            .header("authorization", token)
            .send()
            .await
            .status
    };
    assert_eq!(status(reader(OLD, "old", later)).await, 200);
    assert_eq!(status(reader(NEW, "new", later)).await, 401);
    let replace = |text: String| {
        let beside = hub.keys.with_extension("new");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, &hub.keys).unwrap();
    };
    replace(set(&[("old", OLD), ("new", NEW)]));
    while status(reader(NEW, "new", later)).await != 200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(status(reader(OLD, "old", later)).await, 200);
    replace(set(&[("new", NEW)]));
    while status(reader(OLD, "old", later)).await != 401 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // a damaged file changes nothing, and is told
    replace("{".to_owned());
    let metric = async || hub.operator.get("/metrics").send().await.text().to_owned();
    while !metric().await.contains("sse_auth_reload_failures_total 1") {
        assert_eq!(status(reader(NEW, "new", later)).await, 200);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(status(reader(NEW, "new", later)).await, 200);
}

#[test]
fn what_is_wrong_with_issuers_is_said_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    std::fs::write(path("short"), "short").unwrap();
    let issuer = |members: &str| format!("[[auth.issuers]]\n{members}\n");
    let short = issuer(&format!("secret_file = {:?}", path("short")));
    let missing = issuer(&format!("jwks_file = {:?}", path("missing")));
    let two = format!("secret_file = {:?}\njwks_file = {:?}", path("short"), path("missing"));
    for (issuers, status, says) in [
        (String::new(), 2, "auth.issuers is empty and auth.mode is jwt"),
        (issuer("issuer = \"a\""), 2, "auth.issuers"),
        (issuer("secret_file = \"a\"\nissuer = [\"a\", \"b\"]"), 2, "auth.issuers"),
        (issuer("secret_file = \"a\"\naudience = [\"a\", \"\"]"), 2, "auth.issuers"),
        (issuer(&two), 2, "with one of secret_file, public_key_file, jwks_file and jwks_url"),
        (issuer("secret_file = \"a\"\nalgorithm = \"none\""), 2, "HS256, HS384"),
        (issuer("jwks_file = \"a\"\nalgorithm = \"RS256\""), 2, "but with a set"),
        (issuer("jwks_url = \"http://login.example/keys\""), 2, "an address with https, or on this machine"),
        (issuer("jwks_url = \"https://me:secret@login.example/keys\""), 2, "an address with https"),
        (issuer("secret_file = \"a\"\nurl = \"http://localhost\""), 2, "auth.issuers"),
        (format!("{short}{short}"), 2, "has the issuer \"\" twice"),
        (short.clone(), 1, "short: the secret has 5 bytes; 32 are the fewest"),
        (missing, 1, "missing: there is no such file"),
    ] {
        let file = path("config.toml");
        std::fs::write(&file, format!("[auth]\nmode = \"jwt\"\n{issuers}")).unwrap();
        let output = program().run(&["--config", &file, "--store", "memory", "--listen", "127.0.0.1:0"], &[]);
        let line = String::from_utf8(output.stderr).unwrap();
        assert!(line.contains(says) && line.lines().count() == 1, "{issuers}: {line}");
        assert_eq!(output.status.code(), Some(status), "{line}");
    }
}

/// A key of an issuer whose public half is at an address.
struct Signer(EcdsaKeyPair);

impl Signer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap())
    }

    fn public(&self, id: &str) -> Value {
        let [x, y] = [1..33, 33..65].map(|part| BASE64.encode(&self.0.public_key().as_ref()[part]));
        json!({ "kty": "EC", "crv": "P-256", "kid": id, "x": x, "y": y })
    }

    fn sign(&self, id: &str) -> String {
        let head = BASE64.encode(json!({ "alg": "ES256", "kid": id }).to_string());
        let claims = json!({ "iss": "https://login.example", "exp": now() + 600.0, "subscribe": ["a"] });
        let message = format!("{head}.{}", BASE64.encode(claims.to_string()));
        let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("Bearer {message}.{}", BASE64.encode(signature))
    }
}

#[tokio::test]
async fn keys_come_from_an_address_and_a_secret_among_them_is_none() {
    let (signer, other) = (Signer::new(), Signer::new());
    let known = json!({ "kty": "oct", "kid": "known", "alg": "HS256", "k": BASE64.encode(OLD) });
    let keys = json!({ "keys": [signer.public("one"), known] }).to_string();
    let issuer = Application::start(move |_| Some((200, keys.clone()))).await;
    let mut login = Issuer::with(IssuerKeys::Url(issuer.url.clone()));
    login.issuer = "https://login.example".into();
    let mut config = Config::in_memory();
    (config.auth.mode, config.auth.issuers) = (AuthMode::Jwt, vec![login]);
    let client = checked(&TestClient::new(HubService::new(Hub::new(config).unwrap(), RouteSet::Public)));
    let read = |token: &str| client.get("/events?topic=a").header("authorization", token);
    read(&signer.sign("one")).connect().await.expect_event(event("sse-cursor")).await;
    assert!(issuer.last().starts_with("GET /access?from=hub HTTP/1.1"));
    let claims = json!({ "iss": "https://login.example", "exp": now() + 600.0, "subscribe": ["a"] });
    let by_secret = format!("Bearer {}", sign(OLD, "known", &claims));
    for token in [other.sign("one"), signer.sign("two"), by_secret] {
        assert_eq!(read(&token).send().await.status, 401);
    }
    assert_eq!(issuer.questions(), 1, "what tokens say has nobody asked again and again");
}

#[test]
fn issuers_are_printed_as_they_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    let issuers = "[[auth.issuers]]\nissuer = \"a\"\naudience = [\"https://x/?a,b\", \"hub\"]\njwks_file = \"k\"\n\
                   [[auth.issuers]]\nissuer = \"\"\naudience = []\nsecret_file = \"s\"\nalgorithm = \"HS512\"\n\
                   [[auth.issuers]]\nissuer = \"b\"\njwks_url = \"https://b.example/keys\"\n";
    std::fs::write(&file, format!("[auth]\nmode = \"jwt\"\n{issuers}")).unwrap();
    let print = || program().run(&["--config", file.to_str().unwrap(), "--print-config"], &[]).stdout;
    let first = String::from_utf8(print()).unwrap();
    assert!(first.contains(r#"audience = ["https://x/?a,b", "hub"]"#), "{first}");
    std::fs::write(&file, &first).unwrap();
    assert_eq!(String::from_utf8(print()).unwrap(), first);
}
