//! What is refused, and how it is said.

use http::Method;
use sse_server::Overload;
use sse_testkit::event;

use crate::support::{default_hub, hub, metric, problem, publish};

#[tokio::test(start_paused = true)]
async fn bad_requests_name_what_is_wrong() {
    let client = default_hub();
    for (path, named) in [
        ("/events", "no `topic`"),
        ("/events?topic=", "the topic \"\""),
        ("/events?topic=a**", "the topic \"a**\""),
        ("/events?topic=a&foo=1", "the parameter \"foo\""),
        ("/events?topic=a&since=yesterday", "`since` is \"yesterday\""),
        ("/events?topic=a&since=1m&since=2m", "`since` is given twice"),
        ("/events?topic=a&heartbeat=loud", "`heartbeat` is \"loud\""),
        ("/events?topic=a&envelope=xml", "`envelope` is \"xml\""),
        ("/events?topic=a&heartbeat=cursor&heartbeat=cursor", "`heartbeat` is given twice"),
        ("/topics?limit=0", "`limit` is \"0\""),
        ("/topics?page=2", "the parameter \"page\""),
    ] {
        let (status, detail) = problem(&client.get(path).send().await);
        assert_eq!(status, 400, "{path}");
        assert!(detail.contains(named), "{path}: {detail}");
    }
    let (status, detail) = problem(&client.post("/publish/a?evnt=x").body("x").send().await);
    assert_eq!(status, 400);
    assert!(detail.contains("\"evnt\""), "{detail}");
}

#[tokio::test(start_paused = true)]
async fn parameters_that_something_else_needs_are_passed_over() {
    let client = default_hub();
    let (status, detail) = problem(&client.get("/events?topic=a&ticket=x").send().await);
    assert_eq!(status, 400);
    assert!(detail.contains("server.ignore_parameters"), "{detail}");
    let (_, client) = hub(|config| config.server.ignore_parameters = vec!["ticket".into(), "topic".into()]);
    let mut stream = client.get("/events?ticket=x&topic=a&ticket=y").skip_events(["sse-cursor"]).connect().await;
    assert_eq!(client.post("/publish/a?ticket=x").body("hello").send().await.status, 200);
    stream.expect_event("hello").await;
    assert_eq!(client.get("/topics?ticket=x").send().await.status, 200);
    let json = client.post("/publish?ticket=x").header("content-type", "application/json");
    assert_eq!(json.body(r#"{"topic":"a","data":1}"#).send().await.status, 200);
    assert_eq!(problem(&client.get("/events?topic=a&tickets=x").send().await).0, 400);
}

#[tokio::test(start_paused = true)]
async fn an_encoded_body_is_refused_before_it_is_taken_for_text() {
    let client = default_hub();
    for (path, content_type) in
        [("/publish/a", "text/plain"), ("/publish", "application/json"), ("/publish", "application/x-ndjson")]
    {
        let request = || client.post(path).header("content-type", content_type).body(r#"{"topic":"a","data":1}"#);
        for coding in ["gzip", "br", "identity, GZIP", "x"] {
            let response = request().header("content-encoding", coding).send().await;
            assert_eq!(problem(&response).0, 415, "{path} {coding}");
            assert_eq!(response.headers["accept-encoding"], "identity");
        }
        for coding in ["identity", "Identity", ""] {
            let response = request().header("content-encoding", coding).send().await;
            assert_eq!(response.status, 200, "{path} {coding:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn metrics_come_in_the_format_that_is_asked_for() {
    let client = default_hub();
    let ask = |accept: &str| client.get("/metrics").header("accept", accept).send();
    let plain = ask("text/plain;version=0.0.4").await;
    assert_eq!(plain.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = plain.text();
    assert!(!text.contains("# EOF") && !text.contains("# UNIT"), "{text}");
    // each sample has the name that its type was told for
    for sample in text.lines().filter(|line| !line.starts_with('#')) {
        let name = sample.split(['{', ' ']).next().unwrap();
        let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
        assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{name}\n{text}");
    }
    let open = ask("application/openmetrics-text;version=1.0.0").await;
    assert_eq!(open.headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(open.text().ends_with("# EOF\n"));
    let samples = |text: &str| text.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(samples(open.text()), samples(text));
    let both: Vec<_> = open.headers.get_all("vary").iter().collect();
    assert_eq!(both, ["Accept", "Origin"]);
}

#[tokio::test(start_paused = true)]
async fn selectors_are_bounded() {
    let (_, client) = hub(|config| config.limits.selectors = 3);
    let path = "/events?topic=a&topic=b&topic=c&topic=d";
    assert_eq!(problem(&client.get(path).send().await).0, 400);
    let patterns: String = (0..30).map(|i| format!("topic={i}/a/b/c/d/e/f/g/h/*&")).collect();
    let (status, detail) = problem(&default_hub().get(&format!("/events?{patterns}")).send().await);
    assert_eq!(status, 400);
    assert!(detail.contains("300 segments"), "{detail}");
}

#[tokio::test(start_paused = true)]
async fn the_method_is_decided_after_the_path() {
    let client = default_hub();
    for (path, allow) in [
        ("/events", "GET, HEAD, OPTIONS"),
        ("/publish", "POST, OPTIONS"),
        ("/publish/a", "POST, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
    ] {
        let response = client.request(Method::DELETE, path).send().await;
        assert_eq!(problem(&response).0, 405, "{path}");
        assert_eq!(response.headers["allow"], allow);
    }
    assert_eq!(client.request(Method::DELETE, "/nowhere").send().await.status, 404);
    assert_eq!(client.get("/events/").send().await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn accept_can_rule_a_stream_out() {
    let client = default_hub();
    let response = client.get("/events?topic=a").header("accept", "application/json").send().await;
    assert_eq!(problem(&response).0, 406);
}

#[tokio::test(start_paused = true)]
async fn other_content_types_are_refused() {
    let client = default_hub();
    for content_type in ["text/plain", "application/jsonx", ""] {
        let response = client.post("/publish").header("content-type", content_type).body("{}").send().await;
        assert_eq!(problem(&response).0, 415, "{content_type}");
    }
    let with_parameters = client.post("/publish").header("content-type", "Application/JSON; charset=utf-8");
    assert_eq!(with_parameters.body(r#"{"topic":"a","data":1}"#).send().await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn an_allowed_origin_gets_its_headers_and_a_foreign_one_none_and_403() {
    let (_, client) = hub(|config| config.cors.origins = vec!["https://app.example".into()]);
    let of = |origin: &str| client.get("/topics").header("host", "localhost:8080").header("origin", origin);
    let response = of("https://app.example").send().await;
    assert_eq!(response.status, 200);
    assert_eq!(response.headers["access-control-allow-origin"], "https://app.example");
    assert_eq!(response.headers["vary"], "Origin");
    assert!(!response.headers.contains_key("access-control-allow-credentials"));
    for foreign in ["https://evil.example", "null"] {
        let response = of(foreign).send().await;
        assert_eq!(problem(&response).0, 403, "{foreign}");
        assert!(!response.headers.contains_key("access-control-allow-origin"));
    }
    // an error of the hub can be read by the page that may use it
    let response = client.get("/events").header("origin", "https://app.example").send().await;
    assert_eq!(
        (response.status.as_u16(), &response.headers["access-control-allow-origin"]),
        (400, &"https://app.example".parse().unwrap())
    );
    assert_eq!(of("http://localhost:8080").send().await.status, 200, "its own page");
}

#[tokio::test(start_paused = true)]
async fn a_preflight_is_answered_for_allowed_origins() {
    let (_, client) = hub(|config| {
        config.cors.origins = vec!["https://app.example".into()];
        config.cors.credentials = true;
        config.cors.headers = vec!["X-Request-ID".into()];
    });
    let ask = |origin: &str| client.request(Method::OPTIONS, "/publish/a").header("origin", origin).send();
    let response = ask("https://app.example").await;
    assert_eq!(response.status, 204);
    for (name, value) in [
        ("access-control-allow-origin", "https://app.example"),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "GET, HEAD, POST"),
        (
            "access-control-allow-headers",
            "content-type, authorization, last-event-id, idempotency-key, cache-control, x-requested-with, traceparent, \
             tracestate, baggage, sentry-trace, x-request-id",
        ),
        ("access-control-max-age", "600"),
        ("vary", "Origin"),
    ] {
        assert_eq!(response.headers[name], value, "{name}");
    }
    assert_eq!(ask("https://evil.example").await.status, 403);
}

#[tokio::test(start_paused = true)]
async fn another_name_for_the_hub_is_misdirected() {
    let client = default_hub();
    let response = client.get("/topics").header("host", "rebound.example").send().await;
    assert_eq!(problem(&response).0, 421);
    assert_eq!(metric(&client, "sse_refusals_total{reason=\"host\"}").await, 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_full_hub_says_so_in_the_way_the_client_understands() {
    let (_, client) = hub(|config| config.limits.groups = 1);
    let _one = client.get("/events?topic=a").connect().await;
    let mut busy = client.get("/events?topic=b").header("accept", "text/event-stream").connect().await;
    assert_eq!(busy.status(), 200);
    busy.expect_retry().await;
    busy.expect_event(event("sse-drain").data(r#"{"reason":"busy"}"#).id("")).await;
    busy.expect_closed().await;
    let response = client.get("/events?topic=b").header("accept", "*/*").send().await;
    assert_eq!(problem(&response).0, 503);
    assert!(response.headers.contains_key("retry-after"));
    let _same_group = client.get("/events?topic=a").connect().await;

    let (_, client) = hub(|config| {
        config.limits.groups = 1;
        config.stream.overload = Overload::Status;
    });
    let _one = client.get("/events?topic=a").connect().await;
    let response = client.get("/events?topic=b").header("accept", "text/event-stream").send().await;
    assert_eq!(problem(&response).0, 503);
}

#[tokio::test(start_paused = true)]
async fn topics_are_paged_in_the_order_of_their_names() {
    let client = default_hub();
    for topic in ["c", "a/b", "a"] {
        publish(&client, topic, "x").await;
    }
    let _live = client.get("/events?topic=b").connect().await;
    let page = client.get("/topics?limit=2").send().await.json();
    let names = |page: &serde_json::Value| {
        page["topics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|topic| topic["topic"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&page), ["a", "a/b"]);
    assert_eq!(page["next"], "a/b");
    let page = client.get("/topics?limit=2&after=a/b").send().await.json();
    assert_eq!(names(&page), ["b", "c"]);
    assert_eq!(page["next"], serde_json::Value::Null);
    assert_eq!(page["topics"][0]["subscribers"], 1);
}

#[tokio::test(start_paused = true)]
async fn the_page_is_one_file_that_speaks_only_to_the_hub() {
    let client = default_hub();
    let response = client.get("/?topic=news").send().await;
    assert_eq!(response.headers["content-type"], "text/html; charset=utf-8");
    let policy = response.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("connect-src 'self'"));
    assert!(policy.contains("script-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    let page = response.text();
    for elsewhere in ["src=\"", "href=\"http", "@import", "url(http"] {
        assert!(!page.contains(elsewhere), "nothing from elsewhere: {elsewhere}");
    }
}
