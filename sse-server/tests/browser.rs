//! The page in a real browser: publish, watch, lose the hub and find it again.

#[path = "browser/chromium.rs"]
mod chromium;
#[path = "support/program.rs"]
mod program;

use chromium::{Chromium, Page};
use program::Program;
use sse_testkit::TestClient;

struct Hub(Program);

impl Hub {
    fn start() -> Self {
        Self(Program::start(&[("SSE__STREAM__RETRY", "100ms")]))
    }

    fn address(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// Publishes and gives the ID.
    async fn publish(&self, topic: &str, data: &str) -> String {
        let request = TestClient::tcp(self.0.address).post(&format!("/publish/{topic}")).body(data.to_owned());
        request.send().await.json()["id"].as_str().unwrap().to_owned()
    }

    fn kill(&mut self) {
        self.0.kill();
    }

    /// At the same address, with a new log.
    fn start_again(&mut self) {
        self.0 = Program::start_at(&self.0.address.to_string(), &[("SSE__STREAM__RETRY", "100ms")]);
    }
}

async fn watch(page: &Page, hub: &Hub, topic: &str) {
    page.open(&format!("{}/?topic={topic}", hub.address())).await;
    page.until("the stream is open", "return at('state').dataset.state === 'open'").await;
}

#[tokio::test]
async fn what_is_published_on_the_page_arrives_on_the_page() {
    let browser = Chromium::start().await;
    let hub = Hub::start();
    let page = browser.page().await;
    watch(&page, &hub, "news/**").await;

    page.type_into("publish-topic", "news/today").await;
    page.type_into("publish-event", "headline").await;
    page.type_into("publish-data", r#"{"title":"<b>hi</b>"}"#).await;
    page.click("publish-send").await;
    page.until("the row is there", "return !!at('event-row')").await;

    let id = page.text_of("return at('publish-result').dataset.id").await;
    assert_eq!(page.text_of("return at('event-row').dataset.id").await, id);
    assert_eq!(page.text_of("return at('event-row').dataset.topic").await, "news/today");
    assert_eq!(page.text_of("return at('event-row').dataset.event").await, "headline");
    assert!(page.text_of("return at('event-data').textContent").await.contains("<b>hi</b>"));
    page.until("the last id is the event's", &format!("return at('last-id').dataset.id === '{id}'")).await;
    page.close().await;
}

#[tokio::test]
async fn a_hub_that_dies_and_returns_with_a_new_log_is_shown_as_a_reconnect_and_a_gap() {
    let browser = Chromium::start().await;
    let mut hub = Hub::start();
    let page = browser.page().await;
    watch(&page, &hub, "news").await;
    hub.publish("news", "before").await;
    page.until("the event arrived", "return at('received').textContent === '1'").await;

    hub.kill();
    page.until("the loss is noticed", "return at('state').dataset.state !== 'open'").await;
    hub.start_again();
    hub.publish("news", "after").await;

    page.until("it is open again", "return at('state').dataset.state === 'open'").await;
    page.until("the reconnect is counted", "return at('reconnects').textContent === '1'").await;
    page.until("the gap is counted", "return at('gaps').textContent === '1'").await;
    assert_eq!(page.text_of("return at('gap-row').dataset.reason").await, "epoch");
    page.until("what the new log has follows", "return at('received').textContent === '2'").await;
    assert!(page.text_of("return at('event-data').textContent").await.contains("after"));
    page.close().await;
}

#[tokio::test]
async fn events_published_while_the_page_changes_its_topics_are_not_missed() {
    let browser = Chromium::start().await;
    let hub = Hub::start();
    let page = browser.page().await;
    watch(&page, &hub, "a").await;
    for i in 0..20 {
        hub.publish("a", &i.to_string()).await;
        if i % 5 == 0 {
            page.type_into("selector-input", &format!("extra/{i}")).await;
            page.click("selector-add").await;
        }
    }
    page.until("all arrived", "return at('received').textContent === '20'").await;
    assert_eq!(page.text_of("return at('gaps').textContent").await, "0");
    page.close().await;
}

/// Every ID in the list, oldest first.
const IDS: &str = "return JSON.stringify([...document.querySelectorAll('[data-testid=event-row]')].map(row => row.dataset.id).reverse())";

#[tokio::test]
async fn a_burst_arrives_whole_and_in_order() {
    let browser = Chromium::start().await;
    let hub = Hub::start();
    let page = browser.page().await;
    watch(&page, &hub, "burst").await;
    let mut published = Vec::new();
    for i in 0..300 {
        published.push(hub.publish("burst", &i.to_string()).await);
    }
    page.until("all arrived", "return at('received').textContent === '300'").await;
    let shown: Vec<String> = serde_json::from_str(&page.text_of(IDS).await).unwrap();
    assert_eq!(shown, published);
    page.close().await;
}
