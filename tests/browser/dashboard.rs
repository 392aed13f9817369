//! The dashboard in a real browser, against a hub that comes and goes.

mod served;

use std::time::{SystemTime, UNIX_EPOCH};

use dashboard::{event::Event, shop::Shop, words::euros};
use serde_json::{Value, json};
use served::Served;
use sse_test_support::webdriver::{Driver, Page};
use sse_testkit::TestClient;

const LIVE: &str = "document.querySelector('[data-testid=state]')?.dataset.kind === 'open'";

const NUMBERS: &str = "return ['revenue', 'average', 'placed', 'paid', 'shipped', 'cancelled']
    .map(id => document.querySelector(`[data-testid=${id}]`).textContent)";

/// What the list has, the latest first: an order with what became of it, or a gap.
const LINES: &str = "return [...document.querySelectorAll('li')].map(line => line.dataset.testid === 'gap' ? 'gap'
    : `${line.querySelector('.order').textContent} ${line.querySelector('b').textContent}, ${line.querySelector('.more').textContent}`)";

/// Whether anything on the page, also what is only drawn or read out, is no number.
const NO_NUMBER: &str = "return /NaN|Infinity|undefined/.test(document.documentElement.outerHTML)";

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

fn placed(order: u32, items: u16, cents: u32) -> Event {
    Event::Placed { order, at: now(), items, cents }
}

fn paid(order: u32, cents: u32) -> Event {
    Event::Paid { order, at: now(), cents }
}

async fn open(chromium: &Driver, served: &Served) -> Page {
    let page = chromium.open(&format!("http://{}/", served.address)).await;
    page.until("it is connected", LIVE).await;
    page
}

async fn until_it_says(page: &Page, id: &str, text: &str) {
    let shown = format!("document.querySelector('[data-testid={id}]')?.textContent === {}", json!(text));
    page.until(&format!("{id} is {text}"), &shown).await;
}

async fn expect(page: &Page, numbers: [&str; 6], lines: &[&str]) {
    let shown = format!("document.querySelectorAll('li').length === {}", lines.len());
    page.until(&format!("there are {} lines", lines.len()), &shown).await;
    assert_eq!(page.run(NUMBERS).await, json!(numbers));
    assert_eq!(page.run(LINES).await, json!(lines));
    assert_eq!(page.run(NO_NUMBER).await, false);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_summed_and_what_can_t_be_read_is_counted() {
    let (served, chromium) = (Served::start().await, Driver::chromium().await);
    let page = open(&chromium, &served).await;
    page.until("it says that nothing has happened", "document.querySelector('[data-testid=empty]') !== null").await;
    expect(&page, ["€0.00", "–", "0", "0", "0", "0"], &[]).await;

    let hub = TestClient::tcp(served.address);
    served.publish(&[placed(1, 2, 150_050), paid(1, 150_050), placed(2, 1, 1_999)]).await;
    for data in ["not JSON", r#"{"order":3}"#] {
        hub.post("/publish/shop/orders?event=paid").body(data).send().await.expect_status(200);
    }
    let at = now();
    let refunded = Event::Cancelled { order: 1, at, refund: 50 };
    served.publish(&[paid(2, 1_999), Event::Shipped { order: 2, at, to: "<i>Ghent</i>".into() }, refunded]).await;

    let lines = [
        "#1 Cancelled, €0.50 back",
        "#2 Shipped, to <i>Ghent</i>",
        "#2 Paid, €19.99",
        "#2 Placed, 1 item, €19.99",
        "#1 Paid, €1,500.50",
        "#1 Placed, 2 items, €1,500.50",
    ];
    expect(&page, ["€1,519.99", "€760.24", "2", "2", "1", "1"], &lines).await;
    let undecoded =
        "const p = document.querySelector('[data-testid=undecoded]'); return [p.dataset.count, p.textContent]";
    let said = page.run(undecoded).await;
    assert_eq!(said[0], "2");
    let text = said[1].as_str().unwrap();
    assert!(text.starts_with("2 events could not be read. the event `paid` with id `"), "{text}");
    assert!(text.contains("missing field"), "{text}");
    page.until("what was paid is a bar", "document.querySelectorAll('[data-testid=chart] rect').length >= 1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_opened_later_has_it_all_too() {
    let (served, chromium) = (Served::start().await, Driver::chromium().await);
    let opened = now() - 300_000;
    let events: Vec<_> = Shop::new(7, opened).take_while(|event| event.at() < opened + 240_000).collect();
    assert!(events.len() > 300, "{}", events.len());
    let mut sums = [0_i64; 5];
    for event in &events {
        match event {
            Event::Placed { .. } => sums[0] += 1,
            Event::Paid { cents, .. } => (sums[1], sums[4]) = (sums[1] + 1, sums[4] + i64::from(*cents)),
            Event::Shipped { .. } => sums[2] += 1,
            Event::Cancelled { refund, .. } => (sums[3], sums[4]) = (sums[3] + 1, sums[4] - i64::from(*refund)),
        }
    }
    let (before, after) = events.split_at(events.len() / 2);
    served.publish(before).await;
    let page = open(&chromium, &served).await;
    served.publish(after).await;

    until_it_says(&page, "revenue", &euros(sums[4])).await;
    let numbers = page.run(NUMBERS).await;
    let expected: Vec<Value> = sums[..4].iter().map(|sum| json!(sum.to_string())).collect();
    assert_eq!(&numbers.as_array().unwrap()[2..], expected);
    let drawn = "const rects = [...document.querySelectorAll('[data-testid=chart] rect')];
        return rects.every(rect => { const box = rect.getBBox(); return box.width > 0 && box.height > 0 && box.y >= 0; }) && rects.length";
    let bars = page.run(drawn).await.as_u64().expect("all bars are within the chart");
    assert!((20..=26).contains(&bars), "{bars} bars for four minutes");
    let share = "const width = selector => document.querySelector(selector).getBoundingClientRect().width;
        return width('[data-testid=chart]') / width('figure')";
    assert!(page.run(share).await.as_f64().unwrap() > 0.8, "the chart has the room that there is");
    assert_eq!(page.run("return document.querySelectorAll('li').length").await, 40);
    assert_eq!(page.run(NO_NUMBER).await, false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_back_has_what_happened_meanwhile_once() {
    let (mut served, chromium) = (Served::start().await, Driver::chromium().await);
    let page = open(&chromium, &served).await;
    served.publish(&[placed(1, 1, 1_000), paid(1, 1_000)]).await;
    until_it_says(&page, "paid", "1").await;

    served.stop().await;
    page.until("it says so", &format!("!({LIVE})")).await;
    let words = page.run("return document.querySelector('[data-testid=state]').textContent").await;
    assert!(["reconnecting\u{a0}…", "no connection"].contains(&words.as_str().unwrap()), "{words}");
    served.refuse().await;
    until_it_says(&page, "state", "no connection").await;
    let counts = r"/^again in \d+ s$/.test(document.querySelector('[data-testid=meanwhile]').textContent)";
    page.until("it counts down to the next try", counts).await;
    // as the log on disk is the same, the page goes on where it was
    served.start_again(&[placed(2, 1, 2_000), paid(2, 2_000), placed(3, 3, 500)]).await;
    page.until("it is connected again", LIVE).await;
    served.publish(&[paid(3, 500)]).await;
    let lines = [
        "#3 Paid, €5.00",
        "#3 Placed, 3 items, €5.00",
        "#2 Paid, €20.00",
        "#2 Placed, 1 item, €20.00",
        "#1 Paid, €10.00",
        "#1 Placed, 1 item, €10.00",
    ];
    expect(&page, ["€35.00", "€11.66", "3", "3", "0", "0"], &lines).await;
    assert_eq!(page.run("return document.querySelectorAll('[data-testid=gap-mark]').length").await, 0);

    served.stop().await;
    page.until("it says so again", &format!("!({LIVE})")).await;
    served.start_anew(&[placed(9, 1, 100), paid(9, 100)]).await;
    expect(&page, ["€1.00", "€1.00", "1", "1", "0", "0"], &["#9 Paid, €1.00", "#9 Placed, 1 item, €1.00", "gap"]).await;
    page.until("the chart has a mark", "document.querySelectorAll('[data-testid=gap-mark]').length === 1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_it_can_go_on_where_it_was() {
    let (served, chromium) = (Served::start().await, Driver::chromium().await);
    let page = open(&chromium, &served).await;
    served.publish(&[placed(1, 1, 1_000)]).await;
    until_it_says(&page, "placed", "1").await;

    let press = "document.querySelector('[data-testid=stop]').click()";
    page.run(press).await;
    until_it_says(&page, "state", "stopped").await;
    until_it_says(&page, "stop", "Go on").await;
    served.until_nobody_listens().await;
    served.publish(&[paid(1, 1_000), placed(2, 1, 500)]).await;
    page.run(press).await;
    page.until("it is connected again", LIVE).await;
    served.publish(&[paid(2, 500)]).await;
    let lines = ["#2 Paid, €5.00", "#2 Placed, 1 item, €5.00", "#1 Paid, €10.00", "#1 Placed, 1 item, €10.00"];
    expect(&page, ["€15.00", "€7.50", "2", "2", "0", "0"], &lines).await;
}
