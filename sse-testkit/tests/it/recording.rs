//! Streams that are recorded, kept and played again, in virtual time.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use sse_testkit::{Body, End, Recording, TestClient, TestStream, event_stream, recording::RecordingEnd};

use crate::support::sleep;

const HEAD: &str =
    r#"{"format":"sse-recording","version":1,"status":200,"headers":[["content-type","text/event-stream"]]}"#;

fn parse(lines: &[&str]) -> Result<Recording, String> {
    let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
    text.parse().map_err(|error: sse_testkit::recording::RecordingError| error.to_string())
}

/// Reads a stream until it has ended, or has been silent for an hour.
async fn read_all(stream: &mut TestStream) {
    let hour = Duration::from_secs(60 * 60);
    while let Ok(Some(_)) = tokio::time::timeout(hour, stream.within(2 * hour).next()).await {}
}

#[tokio::test(start_paused = true)]
async fn head_cuts_times_and_end_are_kept() {
    let client = TestClient::from_fn(async |_| {
        let (feed, body) = Body::channel();
        tokio::spawn(async move {
            sleep(10).await;
            feed.send("data: gr\u{fc}n \"1\"").await?;
            sleep(5).await;
            feed.send(&b"\n\n\xff"[..]).await?;
            feed.send("\u{0}\r\n").await?;
            sleep(1000).await;
            feed.abort().await;
            Ok::<_, sse_testkit::BodyDropped>(())
        });
        let mut answer = event_stream(body);
        answer.headers_mut().append("x", http::HeaderValue::from_bytes(b"\xfc").unwrap());
        answer.headers_mut().append("x", http::HeaderValue::from_static("y"));
        answer
    });
    let mut stream = client.get("/").connect().await;
    read_all(&mut stream).await;
    let recording = stream.recording().unwrap();
    assert_eq!(
        recording.to_string(),
        r#"{"format":"sse-recording","version":1,"status":200,"headers":[["content-type","text/event-stream"],["x",{"base64":"/A=="}],["x","y"]]}
{"at_ms":10,"text":"data: grün \"1\""}
{"at_ms":15,"base64":"Cgr/"}
{"at_ms":15,"text":"\u0000\r\n"}
{"at_ms":1015,"end":"broken","because":"the body was aborted"}
"#
    );
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stream.ndjson");
    recording.save(&path).unwrap();
    assert_eq!(Recording::load(&path).unwrap(), recording);

    sleep(777).await; // times are the stream's own
    let mut again = TestClient::replay(recording.clone()).get("/").connect().await;
    again.expect_event("gr\u{fc}n \"1\"").await;
    assert_eq!(again.received_at(), Duration::from_millis(15));
    read_all(&mut again).await;
    assert_eq!(again.end(), Some(&End::Broken("the body was aborted".into())));
    assert_eq!(again.recording().unwrap(), recording);
}

#[tokio::test(start_paused = true)]
async fn it_is_of_the_last_answer_as_far_as_it_was_read() {
    let client = TestClient::from_fn(async |_| event_stream(Body::chunks(["data: a\n\n", "data: b\n\n"])));
    let mut stream = client.get("/").connect().await;
    read_all(&mut stream).await;
    sleep(100).await;
    stream.reconnect().await;
    stream.expect_event("a").await;
    let recording = stream.recording().unwrap();
    assert_eq!((recording.bytes(), recording.end()), (Bytes::from("data: a\n\n"), &RecordingEnd::Open));
    assert_eq!(recording.chunks()[0].at, Duration::ZERO);
    stream.disconnect();
    assert_eq!(stream.recording().unwrap(), recording, "that the test left is not the server's doing");

    // played again, it stays open
    let mut again = TestClient::replay(recording).get("/").connect().await;
    again.expect_event("a").await;
    again.expect_silence(Duration::from_secs(24 * 60 * 60)).await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_late_gets_what_is_due() {
    let recording = parse(&[HEAD, r#"{"at_ms":1,"text":":\n"}"#, r#"{"at_ms":2,"text":":\n"}"#, r#"{"end":"open"}"#]);
    let mut stream = TestClient::replay(recording.unwrap()).get("/").connect().await;
    sleep(50).await;
    stream.expect_comment().await;
    stream.expect_comment().await;
    assert_eq!(stream.received_at(), Duration::from_millis(50));
}

#[tokio::test(start_paused = true)]
async fn times_beyond_any_clock_do_no_harm() {
    let most = format!(r#"{{"at_ms":{},"text":":\n"}}"#, u64::MAX);
    let recording = parse(&[HEAD, &most, r#"{"end":"open"}"#]).unwrap();
    let mut stream = TestClient::replay(recording).get("/").connect().await;
    stream.expect_silence(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_too_long_is_not_recorded() {
    let client = TestClient::from_fn(async |_| {
        let frame = Bytes::from([&b":"[..], &vec![b'x'; 1 << 20], b"\n"].concat());
        event_stream(Body::chunks(vec![frame; 65]))
    });
    let mut stream = client.get("/").connect().await;
    read_all(&mut stream).await;
    assert_eq!(
        stream.recording().unwrap_err().to_string(),
        "the stream is too long to be recorded: 2 frames are no longer kept"
    );
}

#[test]
fn a_bad_file_is_told_what_is_wrong() {
    let chunk = |line| parse(&[HEAD, r#"{"at_ms":7,"text":"a"}"#, line, r#"{"end":"open"}"#]).unwrap_err();
    let head = |line| parse(&[line, r#"{"end":"open"}"#]).unwrap_err();
    let cases = [
        (chunk("data: a"), "line 3: it is no JSON object: expected value at line 1 column 1"),
        (chunk("[]"), "line 3: it is no JSON object"),
        (chunk(r#"{"text":"a"}"#), "line 3: at_ms is missing; allowed is a whole number of milliseconds, not below 7"),
        (
            chunk(r#"{"at_ms":6,"text":"a"}"#),
            "line 3: at_ms is 6; allowed is a whole number of milliseconds, not below 7",
        ),
        (
            chunk(r#"{"at_ms":7.5,"text":"a"}"#),
            "line 3: at_ms is 7.5; allowed is a whole number of milliseconds, not below 7",
        ),
        (chunk(r#"{"at_ms":7}"#), "line 3: text is missing; allowed is a string"),
        (chunk(r#"{"at_ms":7,"text":8}"#), "line 3: text is 8; allowed is a string"),
        (chunk(r#"{"at_ms":7,"base64":"a"}"#), r#"line 3: base64 is "a"; allowed is bytes in base64, with padding"#),
        (
            chunk(r#"{"at_ms":7,"text":"a","base64":""}"#),
            r#"line 3: "text" is no field of it; allowed is at_ms, and text or base64; or end"#,
        ),
        (chunk(r#"{"end":"soon"}"#), r#"line 3: end is "soon"; allowed is "closed", "broken" or "open""#),
        (
            chunk(r#"{"end":"closed"}"#),
            "line 3: at_ms is missing; allowed is a whole number of milliseconds, not below 7",
        ),
        (chunk(r#"{"end":"broken","at_ms":8}"#), "line 3: because is missing; allowed is a string"),
        (chunk(r#"{"end":"open","at_ms":8}"#), r#"line 3: "at_ms" is no field of it; allowed is end"#),
        (chunk(r#"{"end":"open"}"#), "line 4: it comes after the end"),
        (
            parse(&[HEAD, r#"{"at_ms":7,"text":"a"}"#]).unwrap_err(),
            r#"line 3: the end is missing: the last line has an "end""#,
        ),
        (parse(&[HEAD]).unwrap_err(), r#"line 2: the end is missing: the last line has an "end""#),
        (parse(&[]).unwrap_err(), r#"line 1: format is missing; allowed is "sse-recording""#),
        (head(r#"{"format":"har"}"#), r#"line 1: format is "har"; allowed is "sse-recording""#),
        (head(&HEAD.replace(":1,", ":2,")), "line 1: version is 2; allowed is 1"),
        (head(&HEAD.replace("200", "20")), "line 1: status is 20; allowed is a number from 100 to 999"),
        (
            head(&HEAD.replace(",\"text/event-stream\"", "")),
            r#"line 1: headers is ["content-type"]; allowed is a list of ["name", "value"], or ["name", {"base64": "…"}]"#,
        ),
        (
            head(&HEAD.replace("event-stream\"", "\\n\"")),
            r#"line 1: headers is ["content-type","text/\n"]; allowed is a list of ["name", "value"], or ["name", {"base64": "…"}]"#,
        ),
        (
            head(&HEAD.replace("\"status\"", "\"x\":0,\"status\"")),
            r#"line 1: "x" is no field of it; allowed is format, version, status and headers"#,
        ),
    ];
    for (error, wanted) in cases {
        assert_eq!(error, wanted);
    }
    let long = chunk(&format!(r#"{{"at_ms":"{}"}}"#, "x".repeat(1000)));
    assert!(long.len() < 250 && long.contains("xxx…; allowed"), "{long}");
}

#[test]
fn a_file_that_is_none_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.ndjson");
    let missing = Recording::load(&path).unwrap_err();
    assert!(missing.to_string().starts_with(&format!("{}: can't be read: ", path.display())), "{missing}");
    assert!(std::error::Error::source(&missing).is_some());
    std::fs::write(&path, format!("{HEAD}\n{{}}\n")).unwrap();
    let wrong = Recording::load(&path).unwrap_err();
    assert_eq!(wrong.line(), Some(2));
    assert!(wrong.to_string().starts_with(&format!("{}: line 2: at_ms is missing", path.display())), "{wrong}");
    let recording = parse(&[HEAD, r#"{"end":"open"}"#]).unwrap();
    let unwritten = recording.save(directory.path()).unwrap_err();
    assert!(unwritten.to_string().contains("can't be written: "), "{unwritten}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn recorded_saved_loaded_played_and_recorded_it_is_the_same(
        chunks in proptest::collection::vec((0_u64..5000, chunk()), 0..12),
        end in 0..3,
        pause in 0_u64..5000,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async move {
            let client = TestClient::from_fn(async move |_| {
                let (feed, body) = Body::channel();
                tokio::spawn(async move {
                    for (pause, chunk) in chunks {
                        sleep(pause).await;
                        if feed.send(chunk).await.is_err() {
                            return;
                        }
                    }
                    sleep(pause).await;
                    match end {
                        0 => {}
                        1 => feed.abort().await,
                        _ => std::future::pending().await,
                    }
                });
                event_stream(body)
            });
            let mut stream = client.get("/").connect().await;
            read_all(&mut stream).await;
            let recording = stream.recording().unwrap();
            let loaded: Recording = recording.to_string().parse().unwrap();
            prop_assert_eq!(&loaded, &recording);
            let mut again = TestClient::replay(loaded).get("/").connect().await;
            read_all(&mut again).await;
            prop_assert_eq!(again.recording().unwrap(), recording);
            prop_assert_eq!(again.raw(), stream.raw());
            Ok(())
        })?;
    }
}

fn chunk() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from),
        "(data|id|event)?:? ?[a\u{fc}\u{0}\"\\\\\u{feff}]{0,4}(\r\n|\n|\r){0,3}".prop_map(Bytes::from),
    ]
}
