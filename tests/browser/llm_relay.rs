//! The relay's page in real browsers, while the page is reloaded, and the relay and the hub are killed.

mod stage;

use serde_json::json;
use sse_test_support::webdriver::{Driver, Page};
use stage::Stage;

/// Asks by the form, and waits until the answer has begun.
async fn ask(page: &Page, prompt: &str) {
    page.type_into("#asked", prompt).await;
    page.click("[data-testid=ask]").await;
    page.until("the prompt is shown", &format!("document.getElementById('prompt').textContent === {}", json!(prompt)))
        .await;
    until_there_are(page, 100).await;
}

/// Waits for so many characters of an answer that has not ended.
async fn until_there_are(page: &Page, characters: usize) {
    let expression = format!("document.getElementById('text').textContent.length >= {characters}");
    page.until(&format!("{characters} characters are there"), &expression).await;
    assert_eq!(page.run("return document.getElementById('end').textContent").await, "", "it goes on");
}

async fn until_it_is_whole(page: &Page, prompt: &str) {
    page.until("the end is told", "document.getElementById('end').textContent === 'The end.'").await;
    let shown = "return [document.getElementById('prompt').textContent, document.getElementById('text').textContent,
        document.getElementById('state').dataset.kind, document.getElementById('stop').disabled]";
    let answer = llm_relay::answer(prompt).concat();
    assert_eq!(page.run(shown).await, json!([prompt, answer, "ended", true]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_reloaded_and_a_second_device_have_it_whole() {
    let (stage, chromium) = (Stage::set(), Driver::chromium().await);
    let page = chromium.open(&stage.url()).await;
    ask(&page, "<b>tea</b> & biscuits?").await;
    page.run("location.reload()").await;
    until_there_are(&page, 150).await;
    let address = page.run("return location.href").await;
    let second = chromium.open(address.as_str().unwrap()).await;
    until_there_are(&second, 100).await;
    until_it_is_whole(&page, "<b>tea</b> & biscuits?").await;
    until_it_is_whole(&second, "<b>tea</b> & biscuits?").await;
    page.run("location.reload()").await;
    until_it_is_whole(&page, "<b>tea</b> & biscuits?").await;

    ask(&page, "and then?").await;
    until_it_is_whole(&page, "and then?").await;
    page.back().await;
    until_it_is_whole(&page, "<b>tea</b> & biscuits?").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relay_is_killed() {
    let (mut stage, chromium) = (Stage::set(), Driver::chromium().await);
    let page = chromium.open(&stage.url()).await;
    ask(&page, "tea?").await;
    stage.kill_relay();
    stage.restart_relay();
    until_it_is_whole(&page, "tea?").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hub_is_killed() {
    let (mut stage, chromium) = (Stage::set(), Driver::chromium().await);
    let page = chromium.open(&stage.url()).await;
    ask(&page, "tea?").await;
    stage.hub.kill();
    page.until("the loss is shown", "document.getElementById('state').dataset.kind !== 'open'").await;
    stage.restart_hub("redb");
    until_it_is_whole(&page, "tea?").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_forgets_all_is_told_all_again() {
    let (mut stage, chromium) = (Stage::set(), Driver::chromium().await);
    let page = chromium.open(&stage.url()).await;
    ask(&page, "tea?").await;
    stage.hub.kill();
    stage.restart_hub("memory");
    until_it_is_whole(&page, "tea?").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_button_stops_it_on_every_device() {
    let (stage, chromium) = (Stage::set(), Driver::chromium().await);
    let page = chromium.open(&stage.url()).await;
    ask(&page, "tea?").await;
    let address = page.run("return location.href").await;
    let second = chromium.open(address.as_str().unwrap()).await;
    until_there_are(&second, 100).await;
    second.click("[data-testid=stop]").await;
    let text = "return document.getElementById('text').textContent";
    for page in [&page, &second] {
        page.until("the stop is told", "document.getElementById('end').textContent === 'Stopped.'").await;
        page.until("it is the end", "document.getElementById('state').dataset.kind === 'ended'").await;
    }
    let (shown, answer) = (page.run(text).await, llm_relay::answer("tea?").concat());
    let shown = shown.as_str().unwrap();
    assert!(answer.starts_with(shown) && shown.len() < answer.len(), "{shown}");
    assert_eq!(second.run(text).await, shown);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_away_is_told_and_a_stop_waits_for_the_relay() {
    let (mut stage, chromium) = (Stage::set(), Driver::chromium().await);
    let page = chromium.open(&stage.url()).await;
    ask(&page, "tea?").await;
    stage.kill_relay();
    page.type_into("#asked", "more?").await;
    page.click("[data-testid=ask]").await;
    let problem = |text| format!("document.getElementById('problem').textContent.startsWith({text:?})");
    page.until("that it was not asked is said", &problem("Not asked: ")).await;
    stage.hub.kill();
    page.click("[data-testid=stop]").await;
    page.until("that it was not stopped is said", &problem("Not stopped: ")).await;
    stage.restart_hub("redb");
    page.click("[data-testid=stop]").await;
    page.until("it is taken", "document.getElementById('problem').textContent === ''").await;
    stage.restart_relay();
    page.until("the stop is told", "document.getElementById('end').textContent === 'Stopped.'").await;
}
