//! What the page makes of payloads that have made pages freeze. Only counts are judged, never a time.

use sse_test_support::webdriver::Driver;

use super::{Hub, number, run, text_of, type_into, until, watch};

/// Of an event, in bytes.
const SIZE: usize = 8_000;

/// Long, hostile, or both: each of about [`SIZE`] bytes.
pub(super) fn payloads() -> Vec<String> {
    let filled = |text: &str| text.repeat(SIZE / text.len());
    let records: Vec<_> = (0..SIZE / 64)
        .map(|id| serde_json::json!({ "id": id, "name": "user", "tags": ["a", "b"], "ok": true }))
        .collect();
    vec![
        serde_json::to_string(&records).unwrap(),
        "[".repeat(SIZE / 2) + &"]".repeat(SIZE / 2),
        filled("שלום"),
        filled("مرحبا بالعالم "),
        filled("Z\u{351}\u{36b}\u{343}\u{36a}\u{302}\u{363}\u{328}\u{327}\u{321}\u{315}\u{34d}\u{330}"),
        format!("a{}", filled("\u{301}")),
        filled("x"),
        filled("👩\u{200d}👩\u{200d}👧"),
        filled("\u{202e}"),
        filled("line\n"),
        filled("<img src=x onerror=alert(1)>"),
        serde_json::to_string(&filled("\\ud800")).unwrap().replace("\\\\", "\\"),
    ]
}

/// The longest text that the browser lays out in one piece, within what `$0` stands for.
const LONGEST: &str = "const walk = document.createTreeWalker($0, NodeFilter.SHOW_TEXT); let longest = 0; \
                       while (walk.nextNode()) longest = Math.max(longest, walk.currentNode.length); return longest";

#[tokio::test]
async fn however_large_and_hostile_events_are_they_make_few_nodes_and_short_texts() {
    const EVENTS: usize = 600;
    let browser = Driver::chromium().await;
    let hub = Hub::start();
    let page = watch(&browser, &hub, "**").await;
    let payloads = payloads();
    for (i, payload) in payloads.iter().cycle().take(EVENTS).enumerate() {
        hub.publish(&format!("{}{}", "deep/".repeat(i % 40), i % 7), payload).await;
    }
    let accounted = "const count = name => Number(at(name).dataset.count); \
                     const rows = document.querySelectorAll('[data-testid=event-row]').length; \
                     return Number(at('received').textContent) === 600 && rows + count('dropped') + count('skipped') === 600";
    until(&page, "each event is in the list, or counted", accounted).await;

    let rows = "[...document.querySelectorAll('[data-testid=event-row]')]";
    assert!(number(&page, &format!("return {rows}.length")).await <= 500);
    let of_a_row = format!("return Math.max(...{rows}.map(row => row.querySelectorAll('*').length))");
    assert!(number(&page, &of_a_row).await <= 12, "a row has few nodes");
    let longest = number(&page, &LONGEST.replace("$0", "at('events')")).await;
    assert!(longest <= 241, "{longest} characters in a row");
    assert!(number(&page, "return document.getElementsByTagName('*').length").await <= 500 * 13 + 500);
    let turned = "return /[\\u202a-\\u202e\\u2066-\\u2069]/.test(at('events').textContent)";
    assert_eq!(run(&page, turned).await, false, "nothing in a row turns the text round");

    // Each of them opened, and read on in.
    for which in 0..payloads.len() {
        let open = format!("const row = {rows}[{which}]; row.querySelector('[data-testid=event-data]').click();");
        let read_on = "for (let page = 0; page < 3; page++) row.querySelector('[data-testid=event-more]').click();";
        let nodes = number(&page, &format!("{open} {read_on} return row.querySelectorAll('*').length")).await;
        assert!(nodes <= 850, "{nodes} nodes in event {which}, opened");
        let full = format!("{rows}[{which}].querySelector('[data-testid=event-full]')");
        let characters = number(&page, &format!("return {full}.textContent.length")).await;
        assert!((1..=8_000).contains(&characters), "{characters} characters in event {which}, opened");
        let close = format!("{rows}[{which}].querySelector('[data-testid=event-data]').click()");
        run(&page, &close).await;
    }
    page.close().await;
}

#[tokio::test]
async fn an_opened_event_shows_all_there_is_of_it_and_the_list_stands_still_meanwhile() {
    let browser = Driver::chromium().await;
    let hub = Hub::start();
    let page = watch(&browser, &hub, "orders").await;
    hub.publish("orders", r#"{"id":10000000000000000001,"name":"<b>Ada</b>"}"#).await;
    until(&page, "the row is there", "return !!at('event-row')").await;
    run(&page, "at('event-data').click()").await;
    let full = text_of(&page, "return at('event-full').textContent").await;
    let whole = r#"{"id":10000000000000000001,"name":"<b>Ada</b>"}"#;
    assert_eq!(full.split_whitespace().collect::<String>(), whole);

    hub.publish("orders", "later").await;
    until(&page, "the new one waits", "return at('held').textContent.includes('1 new held back')").await;
    assert_eq!(number(&page, "return document.querySelectorAll('[data-testid=event-row]').length").await, 1);
    run(&page, "at('pause').click()").await;
    until(&page, "it is shown", "return at('event-data').textContent === 'later' && !at('event-full')").await;
    page.close().await;
}

#[tokio::test]
async fn the_keyboard_alone_finds_an_event_opens_it_and_comes_back() {
    let browser = Driver::chromium().await;
    let hub = Hub::start();
    let page = watch(&browser, &hub, "a").await;
    for data in ["first", "second", "third"] {
        hub.publish("a", data).await;
    }
    until(&page, "all are there", "return document.querySelectorAll('[data-testid=event-row]').length === 3").await;
    let press = |key: &str| {
        format!(
            "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}', bubbles: true, cancelable: true }}));"
        )
    };
    let skip = "document.querySelector('a.skip').click();";
    assert_eq!(text_of(&page, &format!("{skip} return document.activeElement.id")).await, "log");
    let focused = "return document.activeElement.textContent";
    assert_eq!(text_of(&page, &(press("ArrowDown") + &press("ArrowDown") + focused)).await, "second");
    assert_eq!(text_of(&page, &(press("End") + focused)).await, "first");
    assert_eq!(text_of(&page, &(press("Home") + focused)).await, "third");
    hub.publish("a", "fourth").await;
    until(&page, "the list waits for the reader", "return at('held').textContent.includes('1 new')").await;
    let opened = "document.activeElement.click(); return document.activeElement.getAttribute('aria-expanded')";
    assert_eq!(text_of(&page, opened).await, "true");
    let closed = press("Escape") + "return document.activeElement.getAttribute('aria-expanded')";
    assert_eq!(text_of(&page, &closed).await, "false");
    assert_eq!(text_of(&page, &(press("Escape") + "return document.activeElement.id")).await, "log");
    until(&page, "it goes on", "return at('event-data').textContent === 'fourth'").await;
    page.close().await;
}

#[tokio::test]
async fn the_filter_hides_what_it_has_not_and_takes_nothing_away() {
    let browser = Driver::chromium().await;
    let hub = Hub::start();
    let page = watch(&browser, &hub, "**").await;
    hub.publish("orders/1", r#"{"name":"Ada"}"#).await;
    hub.publish("orders/2", "Grace").await;
    until(&page, "both are there", "return document.querySelectorAll('[data-testid=event-row]').length === 2").await;
    let shown = "[...document.querySelectorAll('[data-testid=event-row]')].filter(row => !row.hidden).map(row => row.dataset.topic).join()";
    type_into(&page, "filter", "ADA").await;
    until(&page, "one is left", &format!("return {shown} === 'orders/1'")).await;
    hub.publish("orders/3", "Grace too").await;
    hub.publish("ada/4", "by its topic").await;
    until(&page, "one comes", &format!("return {shown} === 'ada/4,orders/1'")).await;
    assert_eq!(text_of(&page, "return at('sifted').dataset.count").await, "1");
    assert_eq!(text_of(&page, "return at('received').textContent").await, "4");
    run(&page, "at('filter').value = ''; at('filter').dispatchEvent(new Event('input'))").await;
    until(&page, "the hidden one is back", &format!("return {shown} === 'ada/4,orders/2,orders/1'")).await;
    page.close().await;
}

#[tokio::test]
async fn topics_are_searched_and_come_a_hundred_at_a_time() {
    let browser = Driver::chromium().await;
    let hub = Hub::start();
    for i in 0..250 {
        hub.publish(&format!("many/{i:03}"), "x").await;
    }
    let page = watch(&browser, &hub, "none").await;
    let range = |text: &str| format!("return at('topics-range').textContent === '{text}'");
    until(&page, "the first are listed", &range("1 to 100 of 251")).await; // and the one that is watched
    assert_eq!(number(&page, "return at('topics').childElementCount").await, 100);
    run(&page, "at('topics-after').click(); at('topics-after').click()").await;
    until(&page, "the last are listed", &range("201 to 251 of 251")).await;
    assert_eq!(number(&page, "return at('topics').childElementCount").await, 51);
    type_into(&page, "topics-search", "MANY/24").await;
    until(&page, "those with the text are listed", &range("1 to 10 of 10")).await;
    run(&page, "at('topics').querySelector('button').click()").await;
    let chips = "return [...document.querySelectorAll('[data-testid=chip]')].map(chip => chip.dataset.selector).join()";
    assert_eq!(text_of(&page, chips).await, "none,many/240");
    page.close().await;
}
