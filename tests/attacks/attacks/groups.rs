//! Sets of selectors, topics and resumes: what costs work or memory for each that a client chooses.

use std::fmt::Write;

use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::{
    PATIENCE, eventually,
    http1::{ATTACKER, OTHER, connect},
    http2::Connection,
    stage::{Attack, Stage},
};

attacks! {
    one_client_takes_all_groups: all_groups,
        Attack::right("others get a stream with a set of their own").scaled(GROUPS)
            .seen_in("sse_groups");
    array_to_many_groups: array,
        Attack::right("nobody waits for it").megabytes(256).seen_in("sse_groups");
    lines_to_many_groups: lines,
        Attack::right("nobody waits for it").megabytes(256).seen_in("sse_groups");
    topics_page_with_many_groups: page,
        Attack::right("nobody waits for it").megabytes(256).seen_in("sse_groups");
    resumes_with_patterns: resumes,
        Attack::right("a resume costs what it finds, not topics times patterns").seen_in("sse_topics"), over_tls;
    resumes_with_patterns_on_disk: resumes,
        Attack::right("a resume costs what it finds, not topics times patterns").on_disk().seen_in("sse_topics");
    long_selectors: long_selectors,
        Attack::right("their bytes are bounded").with(&[("SSE__LIMITS__SELECTOR_BYTES", "8388608")])
            .seen_in("sse_selector_bytes");
    new_topics: new_topics,
        Attack::right("no more are kept than is allowed").scaled(TOPICS).seen_in("sse_topics");
    new_topics_on_disk: new_topics,
        Attack::right("no more are kept than is allowed").on_disk().scaled(TOPICS).seen_in("sse_topics");
    new_topics_against_a_history: history,
        Attack::right("the history of another topic stays").with(TOPICS).seen_in("sse_topics");
    new_topics_against_a_history_on_disk: history,
        Attack::right("the history of another topic stays").on_disk().with(TOPICS).seen_in("sse_topics");
    history_read_with_envelopes: envelopes,
        Attack::right("what reading costs does not drive out history").with(&[("SSE__WINDOW__BYTES", "4194304")])
            .seen_in("sse_log_events");
}

const GROUPS: &[(&str, &str)] = &[("SSE__LIMITS__GROUPS", "500"), ("SSE__LIMITS__GROUPS_PER_ADDRESS", "125")];

const TOPICS: &[(&str, &str)] = &[("SSE__WINDOW__TOPICS", "500")];

/// Selectors that all match `a/b/c/d`.
fn matching_selectors() -> String {
    let parts = ["a", "b", "c", "d"];
    let mut selectors = vec!["**".to_owned()];
    for stars in 0..16u32 {
        let of = |place: usize| if stars >> place & 1 == 1 { "*" } else { parts[place] };
        selectors.push((0..4).map(of).collect::<Vec<_>>().join("/"));
        for length in (1..4).filter(|length| stars < 1 << length) {
            selectors.push(format!("{}/**", (0..length).map(of).collect::<Vec<_>>().join("/")));
        }
    }
    selectors.iter().fold(String::new(), |mut query, selector| {
        let _ = write!(query, "topic={selector}&");
        query
    })
}

/// Streams with a set of their own each, of which all match the same topic; as many as the hub lets one address have.
async fn many_groups(stage: &Stage, number: usize, query: &str) -> Vec<Connection> {
    let mut held = Vec::new();
    let mut asked = 0;
    while asked < number {
        let mut connection = Connection::open(stage.hub.address(), 0).await.expect("the hub listens");
        let here = 64.min(number - asked);
        connection.get((asked..asked + here).map(|group| format!("/events?{query}topic=g{group}"))).await;
        eventually("they are answered", async || {
            let seen = connection.seen();
            seen.answered() >= here || seen.closed
        })
        .await;
        asked += here;
        held.push(connection);
    }
    held
}

async fn all_groups(stage: &Stage) {
    let held = many_groups(stage, stage.size(640, 20_000), "topic=common&").await;
    let mut socket = connect(OTHER, stage.hub.address()).await.expect("the hub listens");
    let request = b"GET /events?topic=newcomer/**&topic=own HTTP/1.1\r\nHost: localhost\r\n\r\n";
    socket.write_all(request).await.expect("the hub reads");
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains("\n\n") {
        if matches!(socket.read_buf(&mut answer).await, Ok(0) | Err(_)) {
            break;
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.contains("sse-cursor"), "a newcomer from another address got {answer:?}");
    drop(held);
}

async fn array(stage: &Stage) {
    let held = many_groups(stage, stage.size(5_000, 20_000), &matching_selectors()).await;
    let event = r#"{"topic":"a/b/c/d","data":1}"#;
    let array = format!("[{}]", vec![event; 2_000].join(","));
    let send = stage.hub.ask("POST /publish", &[("Content-Type", "application/json")], array.as_bytes());
    let answer = stage.without_standing_still("an array of 2,000 events", send).await;
    assert!(matches!(answer.status, 200 | 413 | 503), "{}", answer.text());
    drop(held);
}

async fn lines(stage: &Stage) {
    let held = many_groups(stage, stage.size(5_000, 20_000), &matching_selectors()).await;
    let lines = b"{\"topic\":\"a/b/c/d\",\"data\":1}\n".repeat(1_000);
    let answer = stage.without_standing_still("1,000 lines", stage.hub.publish_lines(&lines)).await;
    assert!(matches!(answer.status, 200 | 503), "{}", answer.text());
    drop(held);
}

async fn page(stage: &Stage) {
    let held = many_groups(stage, stage.size(2_000, 20_000), &matching_selectors()).await;
    for part in 0..4 {
        let lines: String = (0..250).fold(String::new(), |mut lines, number| {
            let _ = writeln!(lines, r#"{{"topic":"a/b/c/d{part}-{number}","data":1}}"#);
            lines
        });
        assert_eq!(stage.hub.publish_lines(lines.as_bytes()).await.status, 200);
    }
    let send = stage.hub.ask("GET /topics?limit=1000", &[], b"");
    let answer = stage.without_standing_still("a page of topics", send).await;
    assert_eq!(answer.status, 200);
    drop(held);
}

/// The processor time of some resumes with 64 patterns, none of which finds anything.
async fn resume(stage: &Stage, times: usize) -> std::time::Duration {
    let patterns = (0..64).fold(String::new(), |mut query, number| {
        let _ = write!(query, "topic={PREFIX}*/n{number}&");
        query
    });
    let request = format!("GET /events?{patterns}since=earliest HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let resumes = async {
        for _ in 0..times {
            let mut socket = connect(ATTACKER, stage.hub.address()).await.expect("the hub listens");
            socket.write_all(request.as_bytes()).await.expect("the hub reads");
            let mut answer = Vec::new();
            while !String::from_utf8_lossy(&answer).contains("\n\n") {
                assert!(socket.read_buf(&mut answer).await.expect("it answers") > 0, "a resume is answered");
            }
        }
    };
    stage.cost(resumes).await
}

/// As long as the names of topics are where one program publishes for many.
const PREFIX: &str = "pppppppppppppppppppppppppppppppppppp/qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq/";

async fn topics(stage: &Stage, from: usize, through: usize) {
    for begin in (from..through).step_by(5_000) {
        let lines = (begin..through.min(begin + 5_000)).fold(String::new(), |mut lines, number| {
            let _ = writeln!(lines, r#"{{"topic":"{PREFIX}r/t{number}","data":1}}"#);
            lines
        });
        let status = stage.hub.publish_lines(lines.as_bytes()).await.status;
        assert!(matches!(status, 200 | 503 | 507), "{status}");
    }
}

async fn resumes(stage: &Stage) {
    let times = stage.size(10, 100);
    topics(stage, 0, 200).await;
    resume(stage, times).await;
    let few = resume(stage, times).await;
    topics(stage, 200, 19_000).await;
    let many = resume(stage, times).await;
    let bound = few * 10 + std::time::Duration::from_millis(200);
    assert!(many < bound, "{times} resumes took {few:?} of the processor with 200 topics, {many:?} with 19,000");
}

async fn long_selectors(stage: &Stage) {
    let number = stage.size(1_000, 4_000);
    let mut held = Vec::new();
    for set in 0..number {
        let query = (0..64).fold(String::new(), |mut query, selector| {
            let _ = write!(query, "topic={set}-{selector}-{}&", "x".repeat(240));
            query
        });
        let mut socket = connect(ATTACKER, stage.hub.address()).await.expect("the hub listens");
        let request = format!("GET /events?{} HTTP/1.1\r\nHost: localhost\r\n\r\n", query.trim_end_matches('&'));
        socket.write_all(request.as_bytes()).await.expect("the hub reads");
        let mut answer = [0; 64];
        let _ = socket.read(&mut answer).await;
        held.push(socket);
    }
    stage.settled().await;
    let groups = stage.hub.metric("sse_groups").await;
    assert!(groups < number as u64, "{number} sets of 16 KB, and room for all of them");
    let bytes = stage.hub.metric("sse_selector_bytes").await;
    assert!(bytes <= 8 << 20, "{bytes} bytes of selectors");
}

async fn new_topics(stage: &Stage) {
    let limit = stage.size(500, 20_000) as u64;
    let publishers = (0..3).map(|publisher| async move {
        for part in 0..stage.size(6, 40) {
            let lines = (0..stage.size(1_000, 20_000)).fold(String::new(), |mut lines, number| {
                let _ = writeln!(lines, r#"{{"topic":"{publisher}-{part}-{number}","data":""}}"#);
                lines
            });
            let status = stage.hub.publish_lines(lines.as_bytes()).await.status;
            assert!(matches!(status, 200 | 503 | 507), "{status}");
        }
    });
    join_all(publishers).await;
    let bound = limit + limit / 10;
    eventually("there are no more topics than are allowed", async || stage.hub.metric("sse_topics").await <= bound)
        .await;
}

async fn history(stage: &Stage) {
    let news = b"{\"topic\":\"news\",\"data\":1}\n".repeat(2_000);
    assert_eq!(stage.hub.publish_lines(&news).await.status, 200);
    let junk = (0..600).fold(String::new(), |mut lines, number| {
        let _ = writeln!(lines, r#"{{"topic":"junk{number}","data":""}}"#);
        lines
    });
    let answer = stage.hub.publish_lines(junk.as_bytes()).await;
    assert!(matches!(answer.status, 200 | 503 | 507), "{}: {}", answer.status, answer.text());
    // what is trimmed goes with the writes after it
    stage.meanwhile(40).await;
    let answer = stage.hub.ask_beside("GET /topics/news", &[], b"").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["events"], 2_000, "600 new topics of one event each drove out others' history");
}

async fn envelopes(stage: &Stage) {
    for _ in 0..14 {
        assert_eq!(stage.hub.publish("a", &[0; LARGE]).await.status, 200);
    }
    let events = async || stage.hub.ask_beside("GET /topics/a", &[], b"").await.json()["events"].as_u64();
    let before = events().await;
    let mut socket = connect(ATTACKER, stage.hub.address()).await.expect("the hub listens");
    let request = b"GET /events?topic=a&since=earliest&envelope=json HTTP/1.1\r\nHost: localhost\r\n\r\n";
    socket.write_all(request).await.expect("the hub reads");
    // a NUL is six bytes in JSON
    let (mut taken, mut buffer) = (0, vec![0; 64 << 10]);
    while taken < 14 * LARGE * 6 {
        let read = timeout(PATIENCE, socket.read(&mut buffer)).await.expect("it goes on").expect("it is read");
        assert!(read > 0, "the stream ended after {taken} bytes");
        taken += read;
    }
    assert_eq!(stage.hub.publish("b", b"x").await.status, 200);
    assert_eq!(events().await, before, "what a reader made the hub keep drove out history");
}

const LARGE: usize = 260_000;
