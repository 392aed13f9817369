//! The chat in a real browser: people, each in a browser of their own.

pub(crate) mod served;

use serde_json::{Value, json};
use served::Served;
use sse_test_support::webdriver::{Driver, Page};
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
    let (served, chromium) = (Served::start().await, Driver::chromium().await);
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
    let (served, chromium) = (Served::start().await, Driver::chromium().await);
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

/// A page with a script that runs before its own.
async fn prepared(chromium: &Driver, url: &str, script: &str) -> Page {
    let page = chromium.open(url).await;
    let added = page.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await;
    assert!(added, "the browser takes the script");
    page.run("location.reload()").await;
    page
}

/// Publishes to a room from within a page, all at once, and gives the ids.
async fn publish(page: &Page, room: &str, messages: &[Value]) -> Vec<String> {
    let topic = format!("chat/{room}");
    let events: Vec<_> = messages.iter().map(|data| json!({ "topic": topic, "event": "said", "data": data })).collect();
    let script = "return fetch('/publish', { method: 'POST', headers: { 'Content-Type': 'application/json' }, \
                  body: JSON.stringify(arguments[0]) }).then(answer => answer.json())";
    let answer = page.call(script, vec![json!(events)]).await;
    answer["events"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_messages_at_once_take_few_layouts() {
    let (served, chromium) = (Served::start().await, Driver::chromium().await);
    let page = chromium.open(&format!("http://{}/?room=crowd", served.address)).await;
    page.until("it is connected", LIVE).await;
    page.run(
        "window.layouts = 0;
        const height = Object.getOwnPropertyDescriptor(Element.prototype, 'scrollHeight').get;
        const counted = { get() { window.layouts += 1; return height.call(this); } };
        Object.defineProperty(document.getElementById('log'), 'scrollHeight', counted)",
    )
    .await;
    let messages: Vec<_> = (0..700).map(|at| json!({ "name": "Ann", "text": at.to_string(), "at": 1 })).collect();
    publish(&page, "crowd", &messages).await;
    let last = "[...document.querySelectorAll('[data-testid=message] p')].at(-1)?.textContent === '699'";
    page.until("the last is shown", last).await;
    let shown = page
        .run(
            "const log = document.getElementById('log');
            return { kept: document.querySelectorAll('[data-testid=message]').length, layouts,
                below: log.scrollHeight - log.scrollTop - log.clientHeight }",
        )
        .await;
    assert_eq!(shown["kept"], 500);
    assert!(shown["layouts"].as_u64().unwrap() < 350, "{shown}");
    assert!(shown["below"].as_f64().unwrap() < 1.0, "the last one is in view: {shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_noted_where_it_is() {
    let (served, chromium) = (Served::start().await, Driver::chromium().await);
    let page = chromium.open(&format!("http://{}/", served.address)).await;
    page.until("it is connected", LIVE).await;
    let messages = ["1", "2"].map(|text| json!({ "name": "Ann", "text": text, "at": 1 }));
    let ids = publish(&page, "lobby", &messages).await;
    until_there_are(&page, 2).await;
    for first in [json!(ids[1]), json!(null), json!("unheard-of")] {
        page.call("chat.ongap({ type: 'gap', reason: 'lost', requested: '', first: arguments[0] })", vec![first]).await;
    }
    page.until("all are noted", "document.querySelectorAll('.note').length === 3").await;
    let script =
        "return [...document.querySelectorAll('.note, article p')].map(child => child.textContent.slice(0, 4))";
    assert_eq!(page.run(script).await, json!(["1", "Some", "2", "Some", "Some"]));

    // One that is told before what is older than it: of two messages that are to come it belongs before the second.
    let (epoch, place) = ids[1].split_once('-').unwrap();
    let first = format!("{epoch}-{:011x}", u64::from_str_radix(place, 16).unwrap() + 2);
    page.call("chat.ongap({ type: 'gap', reason: 'lost', requested: '', first: arguments[0] })", vec![json!(first)])
        .await;
    let messages = ["3", "4"].map(|text| json!({ "name": "Ann", "text": text, "at": 1 }));
    assert_eq!(publish(&page, "lobby", &messages).await[1], first);
    until_there_are(&page, 4).await;
    assert_eq!(page.run(script).await, json!(["1", "Some", "2", "Some", "Some", "3", "Some", "4"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_is_not_shown_as_one() {
    let (served, chromium) = (Served::start().await, Driver::chromium().await);
    let page = chromium.open(&format!("http://{}/", served.address)).await;
    page.until("it is connected", LIVE).await;
    let odd = [
        json!({ "name": null, "text": "x" }),
        json!({ "name": { "a": 1 }, "text": "x" }),
        json!({ "name": "Ann", "text": ["x"] }),
        json!({}),
        json!("text"),
        json!(null),
    ];
    publish(&page, "lobby", &odd).await;
    publish(&page, "lobby", &[json!({ "name": "Ann", "text": "x", "at": "no date" })]).await;
    until_there_are(&page, 1).await;
    let notes = "return document.querySelectorAll('.note').length";
    assert_eq!(page.run(notes).await, odd.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_is_sent_once_and_not_lost() {
    const PROBLEM: &str = "document.querySelector('[data-testid=problem]').textContent";
    let (served, chromium) = (Served::start().await, Driver::chromium().await);
    let page = chromium.open(&format!("http://{}/", served.address)).await;
    page.until("it is connected", LIVE).await;
    // Requests wait until the test has an answer for them.
    page.run("window.asked = []; window.fetch = () => new Promise(done => asked.push(done))").await;
    let field = "return document.getElementById('text').value";
    let refuse = "asked.at(-1)(new Response('<html>', { status: 502 }))";

    say(&page, "Ann", "one").await;
    page.run("document.querySelector('[data-testid=send]').click()").await;
    assert_eq!(page.run("return asked.length").await, 1);
    page.run("document.getElementById('text').value = 'two'; asked[0](new Response('{}'))").await;
    page.run("return new Promise(done => setTimeout(done, 50))").await;
    assert_eq!(page.run(field).await, "two");

    page.run("document.querySelector('[data-testid=send]').click()").await;
    page.run(refuse).await;
    page.until("it is said", &format!("{PROBLEM} === 'Not sent: the server answers 502'")).await;
    assert_eq!(page.run(field).await, "two");

    page.run("document.querySelector('[data-testid=send]').click(); document.getElementById('text').value = 'three'")
        .await;
    page.run(refuse).await;
    page.until("it is said", &format!("{PROBLEM} === 'Not sent: “two”: the server answers 502'")).await;
    assert_eq!(page.run(field).await, "three");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_with_any_room_and_without_storage() {
    let (served, chromium) = (Served::start().await, Driver::chromium().await);
    // 𝒜 is a letter of two halves, and the 40th character would end within one.
    let url = format!("http://{}/?room=a{}", served.address, "%F0%9D%92%9C".repeat(50));
    let denied = "Object.defineProperty(window, 'localStorage', { get() { throw new Error('denied') } })";
    let page = prepared(&chromium, &url, denied).await;
    page.until("it is connected", LIVE).await;
    assert_eq!(page.run("return [...document.title].length").await, 41);
    say(&page, "Ann", "hello").await;
    until_there_are(&page, 1).await;
    assert_eq!(page.run(MESSAGES).await, json!([["Ann", "hello", true]]));
}
