//! A page that follows a stream, and what it had.

use serde_json::{Value, json};
use sse_test_support::webdriver::{Driver, Page};
use sse_testkit::{Event, ledger::Reader};

use crate::{chat::served::Served, npm::BUILDS};

const FOLLOW: &str = include_str!("follow.js");

/// A tab with a reader in the ledger.
pub(crate) struct Tab {
    pub(crate) page: Page,
    pub(crate) reader: Reader,
}

impl Tab {
    /// In a browser of its own.
    pub(crate) async fn open(chromium: &Driver, served: &Served, reader: Reader, url: &str, options: &Value) -> Self {
        let page = chromium.open(&blank(served)).await;
        Self::follow(page, reader, url, options).await
    }

    /// In the same browser as another.
    pub(crate) async fn beside(&self, served: &Served, reader: Reader, url: &str, options: &Value) -> Self {
        let page = self.page.beside(&blank(served)).await;
        Self::follow(page, reader, url, options).await
    }

    /// From when it is open nothing may pass it by.
    async fn follow(page: Page, reader: Reader, url: &str, options: &Value) -> Self {
        // tabs with both clients share one connection
        let build = BUILDS[usize::from(reader.name().ends_with(['1', '3', '5', '7', '9']))];
        page.call(FOLLOW, vec![json!(url), options.clone(), json!(build)]).await;
        page.until(&format!("{} is open", reader.name()), "stream.state.kind === 'open'").await;
        reader.connected("");
        Self { page, reader }
    }

    /// Waits until it has had the event with this ID.
    pub(crate) async fn until(&self, id: &str) {
        let name = self.reader.name();
        self.page.until(&format!("{name} has the event {id}"), &format!("seen.some(([had]) => had === {id:?})")).await;
    }

    /// Enters what it had, which is to be all of it, and gives that: IDs with data.
    pub(crate) async fn account(&self) -> Value {
        let had = self.page.run("return [seen, gaps, stream.dropped]").await;
        let name = self.reader.name();
        assert_eq!((&had[1], &had[2]), (&json!([]), &json!(0)), "{name} has no gap, and nothing made room");
        for event in had[0].as_array().unwrap() {
            let text = |at: usize| event[at].as_str().unwrap();
            self.reader.saw(&Event::new("message", text(1), text(0)));
        }
        self.reader.complete();
        had[0].clone()
    }

    pub(crate) async fn states(&self) -> Value {
        self.page.run("return states").await
    }

    /// Whether this tab made the connection, among those that share one and were there from the start.
    pub(crate) async fn leads(&self) -> bool {
        self.page.run("return made > 0").await == true
    }
}

/// A page without a script of its own.
fn blank(served: &Served) -> String {
    format!("http://{}/live", served.address)
}
