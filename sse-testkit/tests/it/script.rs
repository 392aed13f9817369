//! Scripted servers, with clients that do as the script says.

use std::{fmt::Write as _, time::Duration};

use proptest::prelude::*;
use serde_json::json;
use sse_testkit::{
    End, event, script,
    script::{Script, ScriptHost, Step},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// One of everything that a client may meet.
fn everything() -> Script {
    script![
        accept.path("/events").no_last_event_id(),
        head(200),
        retry(3s),
        event("hello").name("greeting").id("7"),
        comment("x"),
        raw(b"data: cut he"),
        raw(b"re\n\n"),
        drop,
        expect_reconnect().last_event_id("7").within(5s),
        status(503).header("retry-after", "1").body("full"),
        expect_reconnect(),
        redirect("/other"),
        expect_reconnect().path("/other"),
        head(200),
        event("there"),
        end,
        expect_reconnect(),
        head(200),
        event("quiet"),
        stall,
        expect_reconnect(),
        drop,
        accept,
        status(204),
    ]
}

async fn meet_everything(client: sse_testkit::TestClient) {
    let mut stream = client.get("/events").connect().await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    assert_eq!(stream.expect_retry().await, seconds(3));
    stream.expect_event(event("greeting").data("hello").id("7")).await;
    assert_eq!(stream.expect_comment().await, "x");
    stream.expect_event("cut here").await;
    assert_eq!(stream.next().await, None);
    assert!(matches!(stream.end(), Some(End::Broken(_))), "{:?}", stream.end());
    assert_eq!(stream.raw(), "retry: 3000\n\nevent: greeting\nid: 7\ndata: hello\n\n: x\n\ndata: cut here\n\n");

    stream.reconnect().await;
    assert_eq!((stream.status().as_u16(), &stream.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    let redirect = client.get("/events").send().await;
    assert_eq!((redirect.status.as_u16(), &redirect.headers["location"]), (307, &"/other".parse().unwrap()));
    let mut stream = client.get("/other").connect().await;
    stream.expect_event("there").await;
    stream.expect_closed().await;
    stream.reconnect().await;
    stream.expect_event("quiet").await;
    stream.disconnect();
    // broken off before its head
    let refused = crate::support::failure({
        let client = client.clone();
        async move {
            client.get("/").send().await;
        }
    });
    assert!(refused.await.contains("none: "));
    client.get("/").send().await.expect_status(204);
}

#[tokio::test(start_paused = true)]
async fn everything_in_process() {
    let server = everything().service();
    meet_everything(server.client()).await;
    server.expect_finished().await;
}

#[tokio::test]
async fn everything_over_a_socket() {
    let server = everything().listen().await.unwrap();
    meet_everything(server.client()).await;
    server.expect_finished().await;
}

#[tokio::test(start_paused = true)]
async fn everything_from_json() {
    let text = everything().to_json().to_string();
    let server = Script::from_json(&text).unwrap().service();
    meet_everything(server.client()).await;
    server.expect_finished().await;
}

#[tokio::test(start_paused = true)]
async fn times_are_exact_under_a_paused_clock() {
    let server = script![
        accept,
        head(200),
        wait(1h),
        event("late"),
        wait(250ms),
        drop,
        expect_reconnect().not_before(3s).within(3s),
        status(204),
        expect_silence(1m)
    ]
    .service();
    let mut stream = server.client().get("/").connect().await;
    stream.within(seconds(4000)).expect_event("late").await;
    assert_eq!(stream.received_at(), seconds(3600));
    assert_eq!(stream.next().await, None);
    tokio::time::sleep(seconds(3)).await;
    stream.reconnect().await;
    server.expect_finished_within(seconds(61)).await;
    let times: Vec<_> = server.report().requests().iter().map(|request| request.at.as_millis()).collect();
    assert_eq!(times, [0, 3_603_250]);
}

#[tokio::test(start_paused = true)]
async fn the_script_goes_on_as_fast_as_the_client_reads() {
    let server = script![accept, head(200), event("a"), event("b"), wait(1s), event("c")].service();
    let mut stream = server.client().get("/").connect().await;
    tokio::time::sleep(seconds(10)).await;
    assert_eq!(server.report().step(), 3);
    stream.expect_events(["a", "b", "c"]).await;
    assert_eq!(stream.received_at(), seconds(11));
}

#[tokio::test]
async fn each_frame_is_written_on_its_own() {
    let server = script![accept, head(200), raw(b"a"), raw(b"bc"), event("d"), drop].listen().await.unwrap();
    let mut socket = TcpStream::connect(server.address()).await.unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap(); // a close, not a reset
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "1\r\na\r\n2\r\nbc\r\n9\r\ndata: d\n\n\r\n"); // and no last chunk
    server.expect_finished().await;
}

#[tokio::test]
async fn the_end_is_a_last_chunk_and_a_reset_is_a_reset() {
    let server =
        script![accept, head(200), raw(b"a"), end, accept, head(200), reset, accept, reset].listen().await.unwrap();
    let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut socket = TcpStream::connect(server.address()).await.unwrap();
    socket.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n1\r\na\r\n0\r\n\r\n") {
        assert_ne!(socket.read_buf(&mut answer).await.unwrap(), 0, "{}", answer.escape_ascii());
    }
    for _ in 0..2 {
        let mut socket = TcpStream::connect(server.address()).await.unwrap();
        socket.write_all(request).await.unwrap();
        let error = socket.read_to_end(&mut answer).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    server.expect_finished().await;
}

#[tokio::test]
async fn much_data_is_not_cut_off_by_a_drop() {
    const LEN: usize = 4 << 20;
    let mut script = script![accept, head(200)];
    script.extend([script::raw(vec![b'x'; LEN]), script::drop()]);
    let server = script.listen().await.unwrap();
    let mut stream = server.client().get("/").connect().await;
    assert_eq!(stream.next().await, None);
    assert_eq!(stream.raw().len(), LEN);
    server.expect_finished().await;
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let server =
        script![accept, status(503).body("a"), expect_reconnect(), head(200), event("b"), end].listen().await.unwrap();
    let mut socket = TcpStream::connect(server.address()).await.unwrap();
    let mut answer = Vec::new();
    for last in ["\r\n\r\na", "0\r\n\r\n"] {
        socket.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello").await.unwrap();
        while !answer.ends_with(last.as_bytes()) {
            assert_ne!(socket.read_buf(&mut answer).await.unwrap(), 0, "{}", answer.escape_ascii());
        }
    }
    server.expect_finished().await;
}

#[tokio::test(start_paused = true)]
async fn a_browser_may_ask_before() {
    let server = script![accept, status(204)].service();
    let client = server.client();
    let preflight = client
        .request(http::Method::OPTIONS, "/events")
        .header("origin", "http://localhost:1")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "last-event-id, x-own");
    let answer = preflight.send().await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.headers["access-control-allow-headers"], "last-event-id, x-own");
    let answer = client.get("/events").send().await;
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    server.expect_finished().await;
    let report = server.report();
    assert_eq!(report.requests().len(), 1);
    assert!(report.to_string().contains("a preflight was answered: OPTIONS /events\n"), "{report}");
}

#[tokio::test]
async fn a_host_of_scripts() {
    let host = ScriptHost::start("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let client = sse_testkit::TestClient::tcp(host.address());
    let resume = r#"[
        {"accept": {"path": "/"}}, {"head": 200}, {"event": "a", "id": "7"}, "drop",
        {"expect_reconnect": {"last_event_id": "7"}}, {"redirect": "/new?x"},
        {"expect_reconnect": {"path": "/new?x"}}, {"status": 204}
    ]"#;
    let put = |name: &str, script: &'static str| {
        client.request(http::Method::PUT, &format!("/scripts/{name}")).body(script).send()
    };
    assert_eq!(put("resume", resume).await.expect_status(201).json(), json!({ "url": "/run/resume" }));
    put("other", r#"["accept", "stall"]"#).await.expect_status(201);
    assert_eq!(client.get("/scripts").send().await.json(), json!(["other", "resume"]));

    let mut stream = client.get("/run/resume").connect().await;
    stream.expect_event("a").await;
    assert_eq!(stream.next().await, None);
    stream.reconnect().await;
    assert_eq!(stream.headers()["location"], "/run/resume/new?x");
    client.get("/run/resume/new?x").send().await.expect_status(204);
    let report = client.get("/scripts/resume").send().await.expect_status(200).json();
    assert_eq!((&report["finished"], &report["failed"], &report["step"]), (&json!(true), &json!(null), &json!(9)));
    assert_eq!(report["requests"][1]["headers"]["last-event-id"], "7");
    assert_eq!(report["requests"][2]["target"], "/new?x");

    // again from the start
    put("resume", resume).await.expect_status(200);
    client.get("/run/resume/elsewhere").send().await.expect_status(500);
    let report = client.get("/scripts/resume").send().await.json();
    let failed = r#"step 1, accept.path("/"): GET /elsewhere came: the path is "/elsewhere", not "/""#;
    assert_eq!((&report["finished"], &report["failed"]), (&json!(false), &json!(failed)));
    let timeline = client.get("/scripts/resume/timeline").send().await;
    assert!(timeline.text().ends_with(&format!("{failed}\n")), "{}", timeline.text());

    client.request(http::Method::DELETE, "/scripts/resume").send().await.expect_status(204);
    client.get("/run/resume").send().await.expect_status(404);
}

#[tokio::test]
async fn a_host_says_what_it_refuses() {
    let host = ScriptHost::start("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let client = sse_testkit::TestClient::tcp(host.address());
    let long = "x".repeat((1 << 20) + 1);
    for (method, path, body, status, text) in [
        ("PUT", "/scripts/a", "[", 400, "the script is not JSON: EOF while parsing a list at line 1 column 1\n"),
        ("POST", "/scripts/a", r#"["go"]"#, 400, "step 1, \"go\": there is no such step; allowed as a word is"),
        ("PUT", "/scripts/a%20b", "[]", 400, "the name is \"a%20b\"; allowed is 1 to 100 of A-Z a-z 0-9 . _ -\n"),
        ("PUT", "/scripts/", "[]", 400, "the name is \"\"; allowed is"),
        ("PUT", "/scripts/a", &*long, 413, "the script has more than 1048576 bytes\n"),
        ("GET", "/scripts/b", "", 404, "there is no script \"b\"; PUT it at /scripts/NAME\n"),
        ("DELETE", "/scripts/b", "", 404, "there is no script \"b\""),
        ("GET", "/run/b", "", 404, "there is no script \"b\""),
        ("GET", "/other", "", 404, "there is no GET /other; there is\n\nPUT    /scripts/NAME"),
    ] {
        let answer = client.request(method.parse().unwrap(), path).body(body.to_owned()).send().await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(answer.text().starts_with(text), "{path}: {}", answer.text());
        assert_eq!(answer.headers["access-control-allow-origin"], "*");
    }
}

#[tokio::test]
async fn a_host_holds_only_so_many() {
    let host = ScriptHost::start("[::1]:0".parse().unwrap()).await;
    let Ok(host) = host else { return }; // no IPv6 here
    let script = script![accept, status(204)];
    for n in 0..1000 {
        host.install(&n.to_string(), &script).unwrap();
    }
    host.install("999", &script).unwrap(); // in place of another
    let refused = host.install("1000", &script).unwrap_err();
    assert_eq!(refused.to_string(), "there are 1000 scripts already; DELETE one before");
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let time = || (0..100_000_000_u64, 0..9_u32).prop_map(|(n, zeros)| Duration::from_nanos(n * 10_u64.pow(zeros)));
    let times = move || prop::option::of(time());
    let text = || "[a-z\"\\\\ü/ ]{0,8}";
    let headers = || prop::collection::vec(("(last-event-id|[a-cA-C]{1,2})", prop::option::of("[a-z]{0,3}")), 0..5);
    let accept =
        (any::<bool>(), prop::option::of("GET|POST"), prop::option::of("/[a-z]{0,4}"), headers(), times(), times())
            .prop_map(|(again, method, path, headers, not_before, within)| {
                let mut step = if again { script::expect_reconnect() } else { script::accept() };
                step = method.into_iter().fold(step, |step, method| step.method(method));
                step = path.into_iter().fold(step, |step, path| step.path(path));
                for (name, value) in headers {
                    step = match value {
                        Some(value) => step.header(name, value),
                        None => step.no_header(name),
                    };
                }
                step = not_before.into_iter().fold(step, |step, time| step.not_before(time));
                Step::from(within.into_iter().fold(step, |step, time| step.within(time)))
            });
    let head = (200..599_u16, headers()).prop_map(|(status, headers)| {
        let step = script::head(if status == 204 || status == 205 || status == 304 { 200 } else { status });
        Step::from(headers.into_iter().fold(step, |step, (name, value)| match value {
            Some(value) => step.header(name, value),
            None => step.no_header(name),
        }))
    });
    let event =
        (text(), prop::option::of(text()), prop::option::of(text()), times()).prop_map(|(data, name, id, retry)| {
            let mut step = script::event(data);
            step = name.into_iter().fold(step, |step, name| step.name(name));
            step = id.into_iter().fold(step, |step, id| step.id(id));
            Step::from(retry.into_iter().fold(step, |step, time| step.retry(time)))
        });
    let sent = prop_oneof![
        event,
        text().prop_map(script::comment),
        time().prop_map(script::retry),
        prop::collection::vec(any::<u8>(), 1..9).prop_map(script::raw),
        time().prop_map(script::wait),
    ];
    let last = prop_oneof![
        Just(script::drop()),
        Just(script::end()),
        Just(script::reset()),
        Just(script::stall()),
        times().prop_map(|within| {
            let step = script::expect_disconnect();
            Step::from(within.into_iter().fold(step, |step, time| step.within(time)))
        }),
    ];
    let answer = (200..599_u16, 300..399_u16, prop::option::of(text()), headers()).prop_map(
        |(status, redirect, location, headers)| {
            let step = match location {
                None => script::status(status),
                Some(location) => script::redirect(location).status(redirect),
            };
            let step =
                if status % 2 == 0 && ![204, 304].contains(&status) && redirect != 304 { step.body("b") } else { step };
            Step::from(headers.into_iter().fold(step, |step, (name, value)| match value {
                Some(value) => step.header(name, value),
                None => step.no_header(name),
            }))
        },
    );
    let open = (accept.clone(), head, prop::collection::vec(sent, 0..5), last)
        .prop_map(|(accept, head, sent, last)| [vec![accept, head], sent, vec![last]].concat());
    let whole = (accept, answer).prop_map(|(accept, answer)| vec![accept, answer]);
    let silence = time().prop_map(|time| vec![script::expect_silence(time)]);
    let turns = prop::collection::vec(prop_oneof![open, whole, silence], 0..5);
    turns.prop_map(|turns| [vec![Step::from(script::accept()), script::drop()], turns.concat()].concat())
}

proptest! {
    /// A script is the same after its way through JSON.
    #[test]
    fn json_keeps_a_script(steps in steps()) {
        let script = Script::from(steps);
        prop_assert_eq!(script.check(), Ok(()));
        let mut text = String::new();
        write!(text, "{:#}", script.to_json()).unwrap();
        prop_assert_eq!(Script::from_json(&text), Ok(script));
    }

    /// No text makes the reader panic.
    #[test]
    fn any_json_is_read_or_refused(
        word in prop::sample::select(vec!["accept", "head", "event", "raw_base64", "status", "redirect", "wait", "go"]),
        value in prop::sample::select(vec!["null", "1", "-1", "99999", "1.5", "\"x\"", "\"1s\"", "[]", "{}", "{\"headers\": 1}", "true"]),
    ) {
        let text = format!("[\"accept\", {{\"{word}\": {value}}}, {value}]");
        if let Err(error) = Script::from_json(&text) {
            prop_assert!(error.to_string().contains(": "), "{}", error);
        }
    }
}
