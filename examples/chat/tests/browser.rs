//! The chat in a real browser: people, each in a browser of their own.

#[path = "../../host-dashboard/tests/support/chromium.rs"]
mod chromium;
#[path = "support/served.rs"]
mod served;

use chromium::{Chromium, Page};
use serde_json::json;
use served::Served;
use sse_testkit::TestClient;

const LIVE: &str = "document.querySelector('[data-testid=state]').dataset.kind === 'open'";

const MESSAGES: &str = "return [...document.querySelectorAll('[data-testid=message]')]
    .map(message => [message.querySelector('h2').textContent, message.querySelector('p').textContent,
        message.classList.contains('own')])";

/// Fills in the form and sends it.
async fn say(page: &Page, name: &str, text: &str) {
    let script = "const put = (id, value) => { document.getElementById(id).value = value };";
    page.run(&format!(
        "{script} put('name', {}); put('text', {}); document.querySelector('[data-testid=send]').click()",
        json!(name),
        json!(text),
    ))
    .await;
}

async fn until_there_are(page: &Page, count: usize) {
    let shown = format!("document.querySelectorAll('[data-testid=message]').length === {count}");
    page.until(&format!("{count} messages are shown"), &shown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_talk_and_a_third_reads_it_later() {
    let (served, chromium) = (Served::start().await, Chromium::start().await);
    let url = format!("http://{}/?room=kitchen", served.address);
    let (ann, ben) = (chromium.open(&url).await, chromium.open(&url).await);
    ann.until("Ann is connected", LIVE).await;
    ben.until("Ben is connected", LIVE).await;

    say(&ann, "Ann", "<b>tea</b>?").await;
    until_there_are(&ben, 1).await;
    say(&ben, "Ben", "yes & biscuits").await;
    until_there_are(&ann, 2).await;
    until_there_are(&ben, 2).await;
    assert_eq!(ann.run(MESSAGES).await, json!([["Ann", "<b>tea</b>?", true], ["Ben", "yes & biscuits", false]]));
    assert_eq!(ben.run(MESSAGES).await, json!([["Ann", "<b>tea</b>?", false], ["Ben", "yes & biscuits", true]]));
    ann.until("the field is empty again", "document.getElementById('text').value === ''").await;

    let late = chromium.open(&url).await;
    until_there_are(&late, 2).await;
    let elsewhere = chromium.open(&format!("http://{}/?room=hall", served.address)).await;
    elsewhere.until("it says that it is empty", "!document.getElementById('empty').hidden").await;
    assert_eq!(elsewhere.run(MESSAGES).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_said_and_the_chat_goes_on() {
    let (served, chromium) = (Served::start().await, Chromium::start().await);
    let page = chromium.open(&format!("http://{}/", served.address)).await;
    page.until("it is connected", LIVE).await;

    let hub = TestClient::tcp(served.address);
    hub.post("/publish/chat/lobby?event=said").body("not JSON").send().await.expect_status(200);
    page.until("it is said", "document.querySelector('.note')?.textContent.includes(\"can't read\")").await;
    say(&page, "Ann", "still here").await;
    until_there_are(&page, 1).await;

    served.hub.drain();
    page.until("the end is noticed", &format!("!({LIVE})")).await;
    say(&page, "Ann", "anyone?").await;
    let problem = "document.querySelector('[data-testid=problem]').textContent.startsWith('Not sent: ')";
    page.until("that it was not sent is said", problem).await;
    assert_eq!(page.run("return document.getElementById('text').value").await, "anyone?", "what was typed is kept");
}
