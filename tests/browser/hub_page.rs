//! The page in a real browser: publish, watch, lose the hub and find it again.

mod payloads;
mod soak;

use std::net::SocketAddr;

use sse_test_support::{
    hub,
    process::Process,
    webdriver::{Driver, Page},
};
use sse_testkit::TestClient;

/// Has pages come back soon.
const SOON: (&str, &str) = ("SSE__STREAM__RETRY", "100ms");

struct Hub(Process);

impl Hub {
    fn start() -> Self {
        Self(hub::Hub::built().start(&[SOON]))
    }

    fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Publishes and gives the ID.
    async fn publish(&self, topic: &str, data: &str) -> String {
        let request = TestClient::tcp(self.address()).post(&format!("/publish/{topic}")).body(data.to_owned());
        request.send().await.json()["id"].as_str().unwrap().to_owned()
    }

    fn kill(&mut self) {
        self.0.kill();
    }

    /// At the same address, with a new log.
    fn start_again(&mut self) {
        self.0 = hub::Hub::built().start_at(&self.address().to_string(), &[SOON]);
    }
}

/// The element with a test ID, in what a page runs.
const AT: &str = "const at = name => document.querySelector(`[data-testid=${name}]`);";

async fn run(page: &Page, script: &str) -> serde_json::Value {
    page.run(&format!("{AT} {script}")).await
}

async fn text_of(page: &Page, script: &str) -> String {
    let value = run(page, script).await;
    value.as_str().unwrap_or_else(|| panic!("{script}: {value} is no text")).to_owned()
}

async fn number(page: &Page, script: &str) -> u64 {
    let value = run(page, script).await;
    value.as_u64().unwrap_or_else(|| panic!("{script}: {value} is no number"))
}

/// Waits until a script returns true.
async fn until(page: &Page, what: &str, script: &str) {
    page.until(what, &format!("(() => {{ {AT} {script} }})()")).await;
}

async fn type_into(page: &Page, name: &str, text: &str) {
    page.type_into(&format!("[data-testid={name}]"), text).await;
}

async fn click(page: &Page, name: &str) {
    page.click(&format!("[data-testid={name}]")).await;
}

async fn watch(browser: &Driver, hub: &Hub, topic: &str) -> Page {
    let page = browser.open(&format!("http://{}/?topic={topic}", hub.address())).await;
    until(&page, "the stream is open", "return at('state').dataset.state === 'open'").await;
    page
}

#[tokio::test]
async fn what_is_published_on_the_page_arrives_on_the_page() {
    let browser = Driver::chromium().await;
    let hub = Hub::start();
    let page = watch(&browser, &hub, "news/**").await;

    type_into(&page, "publish-topic", "news/today").await;
    type_into(&page, "publish-event", "headline").await;
    type_into(&page, "publish-data", r#"{"title":"<b>hi</b>"}"#).await;
    click(&page, "publish-send").await;
    until(&page, "the row is there", "return !!at('event-row')").await;

    let id = text_of(&page, "return at('publish-result').dataset.id").await;
    assert_eq!(text_of(&page, "return at('event-row').dataset.id").await, id);
    assert_eq!(text_of(&page, "return at('event-row').dataset.topic").await, "news/today");
    assert_eq!(text_of(&page, "return at('event-row').dataset.event").await, "headline");
    assert!(text_of(&page, "return at('event-data').textContent").await.contains("<b>hi</b>"));
    until(&page, "the last id is the event's", &format!("return at('last-id').dataset.id === '{id}'")).await;
    page.close().await;
}

#[tokio::test]
async fn a_name_can_not_turn_the_page_round_and_no_script_gets_into_it() {
    let browser = Driver::chromium().await;
    let hub = Hub::start();
    let page = watch(&browser, &hub, "**").await;
    hub.publish("news/%E2%80%AEgnp.exe", "hello").await;
    until(&page, "the row is there", "return !!at('event-row')").await;
    let shown = "news/‹U+202E›gnp.exe";
    assert_eq!(text_of(&page, "return at('event-row').querySelector('bdi.topic').textContent").await, shown);
    assert_eq!(text_of(&page, "return at('event-row').dataset.topic").await, "news/\u{202e}gnp.exe");
    until(&page, "it is listed", &format!("return at('topics').querySelector('bdi')?.textContent === '{shown}'")).await;

    let inject = "const script = document.createElement('script'); script.textContent = 'document.title = \"in\"'; \
                  document.body.append(script); \
                  document.body.insertAdjacentHTML('beforeend', '<b id=b style=\"color: red\" onclick=\"document.title = 1\">'); \
                  document.getElementById('b').click(); \
                  return document.title + getComputedStyle(document.getElementById('b')).color";
    let after = text_of(&page, inject).await;
    assert!(after.starts_with("open") && !after.contains("rgb(255, 0, 0)"), "{after}");
    // its own style and script are in force
    assert_eq!(text_of(&page, "return getComputedStyle(document.querySelector('.chips')).display").await, "flex");
    page.close().await;
}

#[tokio::test]
async fn a_hub_that_dies_and_returns_with_a_new_log_is_shown_as_a_reconnect_and_a_gap() {
    let browser = Driver::chromium().await;
    let mut hub = Hub::start();
    let page = watch(&browser, &hub, "news").await;
    hub.publish("news", "before").await;
    until(&page, "the event arrived", "return at('received').textContent === '1'").await;

    hub.kill();
    until(&page, "the loss is noticed", "return at('state').dataset.state !== 'open'").await;
    hub.start_again();
    hub.publish("news", "after").await;

    until(&page, "it is open again", "return at('state').dataset.state === 'open'").await;
    until(&page, "the reconnect is counted", "return at('reconnects').textContent === '1'").await;
    until(&page, "the gap is counted", "return at('gaps').textContent === '1'").await;
    assert_eq!(text_of(&page, "return at('gap-row').dataset.reason").await, "epoch");
    until(&page, "what the new log has follows", "return at('received').textContent === '2'").await;
    assert!(text_of(&page, "return at('event-data').textContent").await.contains("after"));
    page.close().await;
}

#[tokio::test]
async fn events_published_while_the_page_changes_its_topics_are_not_missed() {
    let browser = Driver::chromium().await;
    let hub = Hub::start();
    let page = watch(&browser, &hub, "a").await;
    for i in 0..20 {
        hub.publish("a", &i.to_string()).await;
        if i % 5 == 0 {
            type_into(&page, "selector-input", &format!("extra/{i}")).await;
            click(&page, "selector-add").await;
        }
    }
    until(&page, "all arrived", "return at('received').textContent === '20'").await;
    assert_eq!(text_of(&page, "return at('gaps').textContent").await, "0");
    page.close().await;
}

/// Every ID in the list, oldest first.
const IDS: &str = "return JSON.stringify([...document.querySelectorAll('[data-testid=event-row]')].map(row => row.dataset.id).reverse())";

#[tokio::test]
async fn a_burst_arrives_whole_and_in_order() {
    let browser = Driver::chromium().await;
    let hub = Hub::start();
    let page = watch(&browser, &hub, "burst").await;
    let mut published = Vec::new();
    for i in 0..300 {
        published.push(hub.publish("burst", &i.to_string()).await);
    }
    let all = "return document.querySelectorAll('[data-testid=event-row]').length === 300";
    until(&page, "all are in the list", all).await;
    let shown: Vec<String> = serde_json::from_str(&text_of(&page, IDS).await).unwrap();
    assert_eq!(shown, published);
    page.close().await;
}

#[tokio::test]
async fn the_end_of_all_topics_is_shown_as_an_end() {
    let browser = Driver::chromium().await;
    let hub = Hub::start();
    let page = watch(&browser, &hub, "runs/42").await;
    hub.publish("runs/42", "That is").await;
    let last = hub.publish("runs/42?end", "all.").await;
    until(&page, "it has ended", "return at('state').dataset.state === 'ended'").await;
    assert_eq!(text_of(&page, "return at('detail').textContent").await, "All topics ended.");
    assert!(text_of(&page, "return at('end-row').textContent").await.ends_with("End. All topics ended: runs/42."));
    assert_eq!(text_of(&page, "return at('event-row').dataset.id").await, last);
    assert_eq!(text_of(&page, "return at('event-row').dataset.last").await, "true");
    assert_eq!(text_of(&page, "return at('reconnects').textContent").await, "0");

    click(&page, "toggle").await; // who asks again is answered 204
    until(&page, "it has ended again", "return at('state').dataset.state === 'ended'").await;
    page.close().await;
}

#[tokio::test]
async fn an_event_of_several_topics_is_shown_with_all_of_them() {
    let browser = Driver::chromium().await;
    let hub = Hub::start();
    let page = watch(&browser, &hub, "a").await;
    let request = TestClient::tcp(hub.address()).post("/publish?topic=b&topic=a").body("hello");
    request.send().await.expect_status(200);
    until(&page, "the row is there", "return !!at('event-row')").await;
    assert_eq!(text_of(&page, "return at('event-row').dataset.topic").await, "b");
    assert_eq!(text_of(&page, "return at('event-row').querySelector('bdi.other').textContent").await, "a");
    page.close().await;
}

#[tokio::test]
async fn a_hub_that_wants_a_token_is_used_with_one_and_it_is_kept_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tokens.toml").display().to_string();
    let arguments = ["token", "new", "--file", &file, "--subject", "page", "--publish", "a/**", "--subscribe", "a/**"];
    let made = String::from_utf8(hub::Hub::built().run(&arguments, &[]).stdout).unwrap();
    let token = made.split_whitespace().find(|word| word.starts_with("sse_")).unwrap_or_else(|| panic!("{made}"));
    let hub = hub::Hub::built().start(&[SOON, ("SSE__AUTH__MODE", "tokens"), ("SSE__AUTH__TOKENS", &file)]);
    let browser = Driver::chromium().await;
    let page = browser.open(&format!("{}/?topic=a/**", hub.url())).await;

    until(
        &page,
        "it is refused, and a token asked for",
        "return at('state').dataset.state === 'closed' && at('access').open",
    )
    .await;
    assert!(text_of(&page, "return at('detail').textContent").await.contains("without a token"));
    type_into(&page, "token", token).await;
    click(&page, "token-use").await;
    until(&page, "the stream is open", "return at('state').dataset.state === 'open'").await;
    type_into(&page, "publish-topic", "a/b").await;
    type_into(&page, "publish-data", "with a token").await;
    click(&page, "publish-send").await;
    until(&page, "it arrives", "return at('received').textContent === '1'").await;

    let kept = run(
        &page,
        "return [location.href, document.cookie, JSON.stringify(localStorage), JSON.stringify(sessionStorage), \
         document.documentElement.outerHTML, at('token').value].join(' ')",
    )
    .await;
    assert!(!kept.as_str().unwrap().contains(token), "the page shows or keeps the token");
    // an empty one is none
    click(&page, "token-use").await;
    until(&page, "it is refused again", "return at('state').dataset.state === 'closed'").await;
}
