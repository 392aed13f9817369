//! The checker of all streams, checked.

use sse_test_support::blocks::Blocks;

fn feed(stream: &str) -> Result<(), String> {
    let whole = Blocks::default().feed(stream.as_bytes());
    let mut blocks = Blocks::default();
    assert_eq!(stream.bytes().try_for_each(|byte| blocks.feed(&[byte])), whole, "cut otherwise: {stream:?}");
    whole
}

#[test]
fn it_takes_what_the_hub_may_send() {
    for stream in [
        "",
        ":\n",
        "event: sse-cursor\nid: a\nretry: 1\ndata: {}\n\n:\nevent: e\nid: b\ndata: x\ndata: \n\n:\n",
        "event: sse-drain\nretry: 1\ndata: {\"reason\":\"busy\"}\n\n",
        "retry: 1\n", // unfinished
    ] {
        assert_eq!(feed(stream), Ok(()), "{stream:?}");
    }
}

#[test]
fn it_takes_nothing_else() {
    for (stream, fault) in [
        ("retry: 2000\n\nevent: sse-cursor\nid: a\ndata: {}\n\n", "without data"),
        (":\n\n", "without data"),
        (": busy\n\n", "without data"),
        ("id: a\n\n", "without data"),
        ("event: sse-cursor\nid: a\ndata: \n\n", "no JSON object"),
        ("event: sse-cursor\nid: a\ndata: 1\n\n", "no JSON object"),
        ("event: sse-cursor\ndata: {}\n\n", "without an ID"),
        ("event: sse-gap\ndata: {\"reason\":\"lost\"}\n\n", "without an ID"),
        ("data: x\r\n\r\n", "a CR"),
    ] {
        let result = feed(stream);
        assert!(result.as_ref().is_err_and(|found| found.contains(fault)), "{stream:?} gives {result:?}");
    }
}

#[tokio::test]
#[should_panic(expected = "a block without data: [\"retry: 1\"]")]
async fn a_stream_that_breaks_the_rules_fails_its_test() {
    let client = sse_testkit::TestClient::from_fn(async |_| sse_testkit::event_stream("retry: 1\n\ndata: a\n\n"));
    sse_test_support::blocks::checked(&client).get("/").connect().await.expect_event("a").await;
}
