//! Redirects, as the Fetch standard follows them.

use std::time::Duration;

use sse_testkit::{Body, BrowserClient, BrowserStream, event_stream};

use super::{browser, header, open, status};

fn redirect(code: u16, to: &str) -> http::Response<Body> {
    let mut answer = status(code);
    answer.headers_mut().insert("location", to.parse().unwrap());
    answer
}

fn targets(stream: &BrowserStream) -> Vec<&str> {
    stream.requests().iter().map(|request| &*request.target).collect()
}

#[tokio::test(start_paused = true)]
async fn each_kind_is_followed_at_once_with_the_same_headers() {
    for code in [301, 302, 303, 307, 308] {
        let browser = browser(move |n, request| {
            assert_eq!(request.method(), "GET");
            assert_eq!(header(&request, "accept").as_deref(), Some("text/event-stream"));
            assert_eq!(header(&request, "last-event-id"), (n > 1).then(|| "1".into()));
            if n % 2 == 0 { redirect(code, "next") } else { event_stream("data: a\nid: 1\n\n") }
        });
        let mut stream = browser.open("/a/b?c");
        stream.expect_event("a").await;
        assert_eq!(targets(&stream), ["/a/b?c", "/a/next"]);
        assert_eq!(stream.received_at(), Duration::ZERO);
        stream.expect_error().await;
        stream.expect_event("a").await;
        assert_eq!(targets(&stream)[2..], ["/a/next", "/a/next"]); // from where the first led
    }
}

#[tokio::test(start_paused = true)]
async fn to_any_form_of_the_same_origin() {
    for (location, target) in [
        ("/x", "/x"),
        ("../x?y#z", "/x?y"),
        ("?y", "/a/b?y"),
        ("http://localhost/x", "/x"),
        ("HTTP://LocalHost:80/x", "/x"),
        ("//localhost/x", "/x"),
    ] {
        let mut stream =
            browser(move |n, _| if n == 0 { redirect(302, location) } else { open("data: a\n\n") }).open("/a/b");
        stream.expect_event("a").await;
        assert_eq!(targets(&stream), ["/a/b", target], "{location}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_origin_is_that_of_the_host_header() {
    let answer = |n, _| if n == 0 { redirect(302, "http://example.org/x") } else { open("data: a\n\n") };
    browser(answer).header("host", "example.org").open("/").expect_event("a").await;
}

#[tokio::test(start_paused = true)]
async fn to_another_origin_is_a_network_error() {
    for location in ["http://elsewhere/x", "https://localhost/x", "//localhost:81/x", "data:text/event-stream,data:a"] {
        let mut stream = browser(move |_, _| redirect(301, location)).open("/a");
        let why = stream.expect_error().await;
        let expected = format!("a redirect to \"{location}\": another origin, and this client knows no other server");
        assert_eq!(why, expected);
        stream.expect_error().await; // it tries again
        assert_eq!(targets(&stream), ["/a", "/a"]);
        assert_eq!(stream.received_at(), Duration::from_secs(3));
    }
}

#[tokio::test(start_paused = true)]
async fn twenty_in_a_row_and_no_more() {
    let upto = |last: usize| {
        browser(move |n, _| if n < last { redirect(307, &format!("/{}", n + 1)) } else { open("data: a\n\n") })
    };
    let mut stream = upto(20).open("/0");
    stream.expect_event("a").await;
    assert_eq!(targets(&stream).last(), Some(&"/20"));

    let mut stream = upto(21).open("/0");
    assert_eq!(stream.expect_error().await, "more than 20 redirects");
    assert_eq!(stream.requests().len(), 21);
    stream.expect_event("a").await; // it comes back to where it had got
    assert_eq!(targets(&stream).last(), Some(&"/20"));
}

#[tokio::test(start_paused = true)]
async fn each_connection_counts_anew() {
    let browser = browser(|n, _| if n % 16 == 15 { event_stream("data: a\n\n") } else { redirect(307, "/next") });
    let mut stream = browser.open("/");
    for _ in 0..3 {
        stream.expect_event("a").await;
        assert_eq!(stream.expect_error().await, "the stream ended");
    }
    assert_eq!(stream.requests().len(), 48);
}

#[tokio::test(start_paused = true)]
async fn without_a_location_it_is_an_answer_as_any() {
    let mut stream = browser(|_, _| status(302)).open("/");
    assert_eq!(stream.expect_closed().await, "the answer's status is 302");
}

#[tokio::test(start_paused = true)]
async fn what_a_redirect_leads_to_is_judged_as_any_answer() {
    let mut stream = browser(|n, _| if n == 0 { redirect(301, "/x") } else { status(404) }).open("/");
    assert_eq!(stream.expect_closed().await, "the answer's status is 404");
}

#[tokio::test(start_paused = true)]
async fn firefox_comes_back_to_where_the_last_permanent_one_led() {
    let answers = |n: usize, _| match n {
        0 | 4 => redirect(302, "/b"),
        1 => redirect(308, "/c"),
        2 => redirect(303, "/d"),
        _ => event_stream("data: a\n\n"),
    };
    let run = async |browser: BrowserClient| {
        let mut stream = browser.open("/a");
        stream.expect_event("a").await;
        stream.expect_error().await;
        stream.expect_event("a").await;
        targets(&stream).join(" ")
    };
    assert_eq!(run(browser(answers)).await, "/a /b /c /d /d /b");
    assert_eq!(run(browser(answers).firefox()).await, "/a /b /c /d /c /b");
}
