//! `curl -N`, and what a script would make of it: it reads the bytes, and starts curl again after the end.

use std::{process::Stdio, time::Duration};

use sse_core::{Item, Parser};
use tokio::{io::AsyncReadExt, process::Command, time::sleep};

use crate::client::{Client, Seen};

pub(crate) fn start(url: &str) -> Client {
    let url = url.to_owned();
    Client::of("curl", async move |log| {
        let mut parser = Parser::new();
        let mut retry = Duration::from_millis(50);
        loop {
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--no-buffer", "--header", "Accept: text/event-stream", &url]);
            if !parser.last_event_id().is_empty() {
                curl.args(["--header", &format!("Last-Event-ID: {}", parser.last_event_id())]);
            }
            let mut process = curl.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
            let mut bytes = process.stdout.take().unwrap();
            let mut buffer = [0; 4096];
            loop {
                let count = bytes.read(&mut buffer).await.unwrap();
                if count == 0 {
                    break;
                }
                parser.feed(&buffer[..count], |item| match item {
                    Item::Event(event) => log.add(Seen::Event {
                        event: event.name().to_owned(),
                        data: event.data().to_owned(),
                        id: event.id().to_owned(),
                    }),
                    Item::Comment(comment) => log.add(Seen::Comment { comment: comment.to_owned() }),
                    Item::Retry(time) => retry = time,
                    _ => {}
                });
            }
            let status = process.wait().await.unwrap();
            log.add(Seen::Ended { ended: status.to_string() });
            parser.reconnect();
            sleep(retry).await;
        }
    })
}
