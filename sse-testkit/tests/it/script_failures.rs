//! What a script says that failed, or that can't be run.

use std::time::Duration;

use sse_testkit::{
    TestClient, script,
    script::{Script, ScriptedService},
};

use crate::support::failure;

/// What the script says after a client has done this.
async fn failed<F, A>(script: Script, act: F) -> String
where
    F: FnOnce(TestClient) -> A,
    A: Future<Output = ()>,
{
    let server = script.service();
    act(server.client()).await;
    server.finished().await.unwrap_err().to_string()
}

async fn nothing(_: TestClient) {}

async fn get(client: &TestClient, path: &str) {
    client.get(path).connect().await;
}

/// The report of a script that does not run to its end.
async fn report(server: ScriptedService) -> String {
    failure(async move { server.expect_finished().await }).await
}

#[tokio::test(start_paused = true)]
async fn the_whole_report() {
    let server =
        script![accept, head(200), event("a").id("7"), drop, expect_reconnect().last_event_id("7"), stall].service();
    let mut stream = server.client().get("/events?topic=a").connect().await;
    stream.expect_event("a").await;
    assert_eq!(stream.next().await, None);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let answer = server.client().get("/events").last_event_id("6").send().await;
    let what = r#"step 5, expect_reconnect().last_event_id("7"): GET /events came: last-event-id is "6", not "7""#;
    assert_eq!((answer.status.as_u16(), answer.text()), (500, &*format!("the script failed: {what}\n")));
    assert_eq!(
        report(server).await,
        r#"expected a script that runs to its end
     got step 5, expect_reconnect().last_event_id("7"): GET /events came: last-event-id is "6", not "7"

   0.000 s  step 1, accept: GET /events?topic=a
            accept: "text/event-stream"
            host: "localhost"
   0.000 s  step 2, head(200): 200 OK
            content-type: "text/event-stream"
            cache-control: "no-store"
            access-control-allow-origin: "*"
   0.000 s  step 3, event("a").id("7"): 15 bytes: "id: 7\ndata: a\n\n"
   0.000 s  step 4, drop: the connection was broken off
   3.000 s  step 5, expect_reconnect().last_event_id("7"): GET /events
            last-event-id: "6"
            host: "localhost"
   3.000 s  step 5, expect_reconnect().last_event_id("7"): GET /events came: last-event-id is "6", not "7"
"#
    );
}

#[tokio::test(start_paused = true)]
async fn a_script_that_is_not_over() {
    let server = script![accept, head(200), event("a"), stall].service();
    let stream = server.client().get("/").connect().await;
    let report = report(server).await;
    assert!(
        report.starts_with(
            "expected a script that runs to its end\n     got step 3, event(\"a\") still waits after 5s\n"
        )
    );
    assert!(report.ends_with("   5.001 s  step 3, event(\"a\"): waits\n"), "{report}");
    drop(stream);
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_failure() {
    assert_eq!(
        failed(script![accept.path("/a").within(5s), status(204)], nothing).await,
        r#"step 1, accept.path("/a").within(5s): no request came within 5s"#
    );
    let two = async |client: TestClient| {
        let _first = client.get("/a").connect().await;
        get(&client, "/b").await;
    };
    assert_eq!(
        failed(script![accept, head(200), wait(1s), end], two).await,
        "step 3, wait(1s): a request came: GET /b"
    );
    assert_eq!(
        failed(script![accept, head(200), stall], two).await,
        "step 3, stall: a request came, and the client had not left the answer before: GET /b"
    );
    assert_eq!(failed(script![accept, status(204)], two).await, "after the last step: a request came: GET /b");
    assert_eq!(
        failed(script![accept, status(204), expect_silence(10s)], two).await,
        "step 3, expect_silence(10s): a request came: GET /b"
    );
    assert_eq!(
        failed(script![accept, status(503), expect_reconnect().not_before(500ms), status(204)], two).await,
        "step 3, expect_reconnect().not_before(500ms): GET /b came: it came after 0s, not 500ms or more"
    );
    let one = async |client: TestClient| get(&client, "/").await;
    assert_eq!(failed(script![accept, head(200), event("a")], one).await, "step 3, event(\"a\"): the client left");
    assert_eq!(failed(script![accept, head(200), wait(1s)], one).await, "step 3, wait(1s): the client left");
    assert_eq!(
        failed(script![accept, head(200), drop, expect_reconnect(), status(204)], one).await,
        "step 4, expect_reconnect(): no request came within 1m"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stays_or_does_not_read() {
    let server = script![accept, head(200), expect_disconnect().within(5s)].service();
    let mut stream = server.client().get("/").connect().await;
    let failed = server.finished().await.unwrap_err();
    assert_eq!(failed.to_string(), "step 3, expect_disconnect().within(5s): the client had not left within 5s");
    assert_eq!(stream.next().await, None); // it was broken off

    let server = script![accept, head(200), comment("a")].service();
    let stream = server.client().get("/").connect().await;
    let failed = server.finished().await.unwrap_err();
    assert_eq!(
        (failed.step(), &*failed.to_string()),
        (Some(3), "step 3, comment(\"a\"): the client did not take it within 1m")
    );
    drop(stream);
}

#[tokio::test]
async fn a_client_that_leaves_over_a_socket() {
    let server = script![accept, head(200), event("a"), wait(1h)].listen().await.unwrap();
    server.client().get("/").connect().await.expect_event("a").await;
    assert_eq!(server.finished().await.unwrap_err().to_string(), "step 4, wait(1h): the client left");
}

#[tokio::test]
async fn a_script_that_cannot_be_run() {
    for (script, expected) in [
        (script![head(200)], "step 1, head(200): there is no request to answer: accept one before"),
        (
            script![accept, head(200), status(204)],
            "step 3, status(204): the request has its head already: end, drop or reset it, and accept another before",
        ),
        (
            script![accept, accept],
            "step 2, accept: the request before is not answered yet: head, status, redirect, drop, reset or stall",
        ),
        (
            script![expect_reconnect()],
            "step 1, expect_reconnect(): there was no request before: the first is an accept",
        ),
        (script![accept, end], "step 2, end: there is no open answer: accept and head have to come before"),
        (script![drop], "step 1, drop: there is no connection: an accept has to come before"),
        (
            script![accept, head(200), expect_silence(1s)],
            "step 3, expect_silence(1s): the client is still there: end, drop, reset or stall before",
        ),
        (
            script![accept, wait(1s)],
            "the script is over before its last request is answered; allowed at the end is head, status, redirect, drop, reset or stall",
        ),
        (script![accept, head(600)], "step 2, head(600): the status is 600; allowed is 200 to 599"),
        (script![accept, head(204)], "step 2, head(204): an answer of status 204 has no body; use status(204)"),
        (
            script![accept, status(304).body("x")],
            "step 2, status(304).body(\"x\"): an answer of status 304 has no body",
        ),
        (
            script![accept, redirect("/a").status(200)],
            "step 2, redirect(\"/a\").status(200): the status is 200; allowed is 300 to 399",
        ),
        (script![accept, redirect("/a\nb")], "step 2, redirect(\"/a\\nb\"): \"/a\\nb\" can't be the value of location"),
        (
            script![accept, head(200).header("content-length", "3")],
            "step 2, head(200).header(\"content-length\", \"3\"): content-length is set by the server itself",
        ),
        (script![accept.header("a b", "")], "step 1, accept.header(\"a b\", \"\"): \"a b\" can't name a header field"),
        (
            script![accept.path("events")],
            "step 1, accept.path(\"events\"): the path is \"events\"; allowed is one that begins with / and is encoded",
        ),
        (
            script![accept.method("get")],
            "step 1, accept.method(\"get\"): the method is \"get\"; allowed is one in capitals, such as GET",
        ),
        (
            script![accept, head(200), event("x").id("a\nb")],
            "step 3, event(\"x\").id(\"a\\nb\"): the event ID holds a line feed at byte 1, which can't be sent in that field",
        ),
        (script![accept, head(200), raw("")], "step 3, raw(b\"\"): there are no bytes; allowed is one or more"),
        (
            script![wait(Duration::from_secs(60 * 60 * 8761))],
            "step 1, wait(8761h): the time is 8761h; allowed is a number and a unit (ns, us, ms, s, m, h), such as 250ms, 1.5s or 2m, up to 8760h",
        ),
    ] {
        assert_eq!(script.check().unwrap_err().to_string(), expected);
        let refused = script.listen().await.unwrap_err();
        assert_eq!((refused.kind(), refused.to_string()), (std::io::ErrorKind::InvalidInput, expected.to_owned()));
    }
    let many = (0..10_001).map(|_| script::wait(Duration::ZERO)).collect::<Script>();
    assert_eq!(many.check().unwrap_err().to_string(), "there are 10001 steps; allowed are up to 10000");
    let panic = std::panic::catch_unwind(|| script![end].service()).unwrap_err();
    assert_eq!(
        panic.downcast_ref::<String>().unwrap(),
        "this script can't be run: step 1, end: there is no open answer: accept and head have to come before"
    );
}

#[test]
fn json_that_is_no_script() {
    for (text, expected) in [
        ("{}", "the script is an object; allowed is an array of steps"),
        ("[", "the script is not JSON: EOF while parsing a list at line 1 column 1"),
        (
            "[3]",
            "step 1, 3: a step can't be a number; allowed is a word (accept, expect_reconnect, expect_disconnect, drop, end, reset, stall) or an object",
        ),
        (
            r#"["accept", "go"]"#,
            "step 2, \"go\": there is no such step; allowed as a word is accept, expect_reconnect, expect_disconnect, drop, end, reset, stall",
        ),
        (r#"["head"]"#, "step 1, \"head\": it needs a value: {\"head\": ...}"),
        (
            r#"[{"name": "x"}]"#,
            "step 1, {\"name\":\"x\"}: it does not say what to do; allowed is one of accept, expect_reconnect, expect_disconnect, head, event, redirect, status, comment, retry, raw, raw_base64, wait, expect_silence",
        ),
        (
            r#"[{"wait": 5}]"#,
            "step 1, {\"wait\":5}: wait is 5; allowed is a text of a number and a unit (ns, us, ms, s, m, h), such as 250ms, 1.5s or 2m, up to 8760h",
        ),
        (
            r#"[{"wait": "5 s"}]"#,
            "step 1, {\"wait\":\"5 s\"}: wait is \"5 s\"; allowed is a text of a number and a unit (ns, us, ms, s, m, h), such as 250ms, 1.5s or 2m, up to 8760h",
        ),
        (
            r#"[{"wait": "5s", "drop": true}]"#,
            "step 1, {\"drop\":true,\"wait\":\"5s\"}: the field \"drop\" does not belong to wait; allowed is nothing else",
        ),
        (
            r#"[{"accept": true}]"#,
            "step 1, {\"accept\":true}: accept is a truth value; allowed is an object, or the word alone",
        ),
        (
            r#"[{"accept": {"last_event_id": 7}}]"#,
            "step 1, {\"accept\":{\"last_event_id\":7}}: last_event_id is a number; allowed is a text",
        ),
        (
            r#"[{"accept": {"id": "7"}}]"#,
            "step 1, {\"accept\":{\"id\":\"7\"}}: the field \"id\" does not belong to accept; allowed is method, path, last_event_id, headers, not_before, within",
        ),
        (
            r#"["accept", {"head": "200"}]"#,
            "step 2, {\"head\":\"200\"}: head is a text; allowed is a status code, 200 to 599",
        ),
        (
            r#"["accept", {"status": 70000}]"#,
            "step 2, {\"status\":70000}: status is 70000; allowed is a status code, 200 to 599",
        ),
        (
            r#"["accept", {"status": 503, "headers": {"a": 1}}]"#,
            "step 2, {\"headers\":{\"a\":1},\"status\":503}: the header \"a\" is a number; allowed is a text, null for a field that is not to be there, or an array of these",
        ),
        (
            r#"[{"raw_base64": "*"}]"#,
            "step 1, {\"raw_base64\":\"*\"}: raw_base64 is \"*\"; it is not base64: Invalid symbol 42, offset 0.",
        ),
        (r#"["accept", {"event": null}]"#, "step 2, {\"event\":null}: event is null; allowed is a text"),
        (
            r#"["accept", {"event": "x"}]"#,
            "step 2, event(\"x\"): there is no open answer: accept and head have to come before",
        ),
    ] {
        assert_eq!(Script::from_json(text).unwrap_err().to_string(), expected);
    }
    let long = format!(r#"[{{"go": "{}"}}]"#, "ü".repeat(1000));
    let error = Script::from_json(&long).unwrap_err().to_string();
    assert!(error.starts_with("step 1, {\"go\":\"üü") && error.contains("ü ...: it does not say"), "{error}");
}

#[test]
fn without_a_runtime_it_cannot_begin() {
    let panic = std::panic::catch_unwind(|| script![accept, status(204)].service()).unwrap_err();
    let text =
        panic.downcast_ref::<&str>().map(ToString::to_string).or_else(|| panic.downcast_ref::<String>().cloned());
    assert!(text.as_ref().is_some_and(|text| text.contains("no reactor running")), "{text:?}");
}
