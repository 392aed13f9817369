//! Who wants a run to stop, publishes to its topic `runs/ID/stop`. The hub tells of the last one in each of them first,
//! so that a stop is heard also if the relay was not there when it came.

use std::{ops::ControlFlow, time::Duration};

use follow::{client, follow};
use reqwest::Url;
use serde::Deserialize;
use sse_core::{
    Item, Limits,
    session::{Policy, Session},
};
use tokio::time::sleep;

const STOPS: &str = "events?topic=runs/*/stop&since=last&envelope=json";

/// The longest wait for a hub that is away, or refuses.
const WAIT: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Envelope {
    topic: String,
}

/// Tells `stop` the runs that are to be stopped, for ever.
pub(crate) async fn heed(hub: &Url, stop: impl Fn(&str)) {
    let heard = |item: Item<'_>| {
        if let Item::Event(event) = item
            && let Ok(Envelope { topic }) = serde_json::from_str(event.data())
            && let Some(id) = topic.strip_prefix("runs/").and_then(|rest| rest.strip_suffix("/stop"))
        {
            stop(id);
        }
        ControlFlow::Continue(())
    };
    loop {
        let mut policy = Policy::patient();
        policy.max_wait = WAIT;
        let ended = async {
            let (client, url) = (client().build()?, hub.join(STOPS).expect("it is a part of a URL"));
            follow(&client, &url, Session::new(policy, Limits::default()), &heard, |_| {}).await
        };
        match ended.await {
            Ok(why) => eprintln!("llm-relay: nobody can stop a run: {why}"),
            Err(error) => eprintln!("llm-relay: nobody can stop a run: {error}"),
        }
        sleep(WAIT).await;
    }
}
