//! Private events: without access control nobody holds a grant, so nobody gets one.

use serde_json::json;
use sse_testkit::{event, random::Random};

use crate::{
    contract::{delete, everywhere, expect_nothing_before_now, json_id, post, resume, subscribe},
    support::publish,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_private_event_reaches_nobody_without_a_grant() {
    everywhere(async |client| {
        let first = publish(client, "a", "public").await;
        let mut live = subscribe(client, "topic=**&envelope=json").await;
        json_id(client, json!({ "topics": ["a", "b"], "data": "secret", "private": true, "alias": "mine" })).await;
        assert_eq!(post(client, "/publish/only?private", "secret").await.status, 200);
        publish(client, "a", "public too").await;
        live.expect_event(event("message").json(json!({ "topic": "a", "data": "public too" }))).await;

        for query in ["topic=a", "topic=*", "topic=a&topic=b"] {
            resume(client, query, &first).await.expect_event("public too").await;
        }
        // its alias is not known either
        let mut stream = resume(client, "topic=a", "mine").await;
        stream.expect_event(event("sse-gap").json_at("/reason", "unknown")).await;
        assert_eq!(client.get("/topics/a").send().await.json()["events"], 2);
        assert_eq!(
            client.get("/topics/only").send().await.json()["events"],
            0,
            "there is a subscriber, as of any topic"
        );
        let page = client.get("/topics").send().await.text().to_owned();
        assert!(!page.contains("only"), "{page}");
        // not even where nothing is to come, and then the next one that may be read counts
        assert_eq!(post(client, "/publish/over?private&alias=hidden", "secret").await.status, 200);
        assert_eq!(post(client, "/publish/over?end", "last").await.status, 200);
        let mut stream = resume(client, "topic=over", "hidden").await;
        stream.expect_event(event("sse-gap").json_at("/reason", "unknown")).await;
        json_id(client, json!({ "topic": "a", "data": "found", "alias": "mine" })).await;
        let mut found = resume(client, "topic=a", "mine").await;
        expect_nothing_before_now(client, &mut found, "a").await;
        // nor is its loss
        assert_eq!(delete(client, "/topics/only").await.status, 200);
        let mut stream = resume(client, "topic=only", &first).await;
        expect_nothing_before_now(client, &mut stream, "only").await;
    })
    .await;
}

/// Numbers that look random, and are the same each time.
struct Draw(Random);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        (self.0.next() % end as u64) as usize
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_a_private_event_leaves_the_hub_for_those_without_a_grant() {
    const TOPICS: [&str; 5] = ["a", "b", "a/x", "a/y", "b/x/y"];
    const SELECTORS: [&str; 7] = ["a", "b", "a/*", "**", "*/x/**", "b/x/y", "*"];
    const STARTS: [&str; 5] = ["", "&since=earliest", "&since=last", "&since=1h", "&last_event_id=secret-alias"];
    everywhere(async |client| {
        let mut draw = Draw(Random::new(7));
        let query = |draw: &mut Draw| {
            let selectors: Vec<_> = (0..1 + draw.below(3)).map(|_| draw.pick(&SELECTORS)).collect();
            let form = draw.pick(&["", "&envelope=json", "&control=off"]);
            format!("topic={}{}{form}", selectors.join("&topic="), draw.pick(&STARTS))
        };
        let mut streams = Vec::new();
        let mut ids = vec![publish(client, "a", "open").await];
        for _ in 0..15 {
            for _ in 0..10 {
                let topics: Vec<_> = (0..1 + draw.below(3)).map(|_| draw.pick(&TOPICS)).collect();
                let mut event = json!({ "topics": topics, "data": "open", "event": "open" });
                if draw.below(2) == 0 {
                    let (event_name, alias) = ("secret-name", "secret-alias");
                    event = json!({
                        "topics": topics, "data": "secret", "event": event_name, "alias": alias, "private": true,
                    });
                }
                ids.push(json_id(client, event).await);
            }
            let id = &ids[draw.below(ids.len())];
            if draw.below(6) == 0 {
                delete(client, &format!("/topics/{}?before={id}", draw.pick(&TOPICS))).await;
            }
            streams.push(client.get(&format!("/events?{}", query(&mut draw))).connect().await);
            streams.push(client.get(&format!("/events?{}", query(&mut draw))).last_event_id(id).connect().await);
        }
        // who has had this has come to the end
        for topic in TOPICS {
            publish(client, topic, "the end").await;
        }
        let mut whole = 0;
        for stream in &mut streams {
            while stream
                .next()
                .await
                .is_some_and(|seen| seen.event().is_none_or(|event| !event.data.contains("the end")))
            {}
            let raw = String::from_utf8_lossy(&stream.raw()).into_owned();
            whole += usize::from(raw.contains("the end"));
            // what a client asked for by itself is repeated to it
            assert!(!raw.replace(r#""requested":"secret-alias""#, "").contains("secret"), "{raw}");
        }
        assert!(whole > 10, "{whole}: the others lost their place to a deletion");
    })
    .await;
}
