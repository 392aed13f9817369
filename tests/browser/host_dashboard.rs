//! The page in a real browser, with this machine's own counters: what is drawn is what was published, and goes on.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use host_dashboard::{Dashboard, Options};
use serde::Deserialize;
use serde_json::Value;
use sse_test_support::{
    address::{self, loopback},
    hub::Hub,
    process::Process,
    webdriver::{Driver, Page},
};
use sse_testkit::{TestClient, TestStream};
use tokio::{sync::oneshot, task::JoinHandle};

/// How often the numbers are compared, each time with newer ones.
const ROUNDS: usize = 5;

const LIVE: &str = "document.querySelector('[data-testid=state]').dataset.state === 'live'";

/// Of every kind of card one has a line of several points. Not all: an interface may go at any time.
const DRAWN: &str = "['cpu', 'mem', 'net'].every(kind => [...document.querySelectorAll(`[data-testid=${kind}] > svg`)]
    .some(chart => Number(chart.dataset.points) > 2))";

/// Everything that the cards show, at one moment.
const CARDS: &str = "return [...document.querySelectorAll('.card')].map(card => ({
    kind: card.dataset.testid, id: card.dataset.id, numbers: { ...card.dataset },
    value: card.querySelector('[data-testid=value]').textContent,
    line: card.querySelector('[data-testid=line]').getAttribute('d'),
    height: card.querySelector('svg').getBoundingClientRect().height,
}))";

#[derive(Debug, Deserialize)]
struct Card {
    kind: String,
    id: String,
    numbers: HashMap<String, String>,
    /// As it is read by people.
    value: String,
    /// The path that is drawn.
    line: String,
    height: f64,
}

impl Card {
    fn number(&self, name: &str) -> f64 {
        self.numbers[name].parse().unwrap()
    }

    /// Where the line ends, in pixels from the top.
    fn line_end(&self) -> f64 {
        self.line.rsplit([' ', 'h']).find_map(|number| number.parse().ok().filter(|y| *y != 0.0)).unwrap()
    }
}

/// A dashboard that runs beside the test until it is stopped.
struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    async fn start(options: Options) -> Self {
        let dashboard = Dashboard::bind(options).await.unwrap();
        let address = dashboard.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let run = async { dashboard.run(async { stopped.await.unwrap_or(()) }).await };
        Self { address, stop, task: tokio::spawn(run) }
    }

    async fn stop(self) {
        let _ = self.stop.send(());
        self.task.await.unwrap();
    }
}

/// A hub that lets pages of this origin in, and wants clients back soon.
fn hub(listen: SocketAddr, origin: &str) -> Process {
    let settings = [("SSE__SERVER__DRAIN", "100ms"), ("SSE__STREAM__RETRY", "100ms"), ("SSE__CORS__ORIGINS", origin)];
    // without an origin, none is let in
    let settings = if origin.is_empty() { &settings[..2] } else { &settings };
    Hub::built().start_at(&listen.to_string(), settings)
}

/// Ends a hub as its operator does.
fn stop(mut hub: Process) {
    hub.signal("TERM");
    assert!(hub.wait().success());
}

/// What was published, by its id, read as it is needed.
struct Published {
    stream: TestStream,
    events: HashMap<String, Value>,
}

impl Published {
    async fn watch(hub: SocketAddr) -> Self {
        let watch = "/events?topic=host/*/**&envelope=json&since=earliest";
        Self { stream: TestClient::tcp(hub).get(watch).connect().await, events: HashMap::new() }
    }

    async fn data(&mut self, id: &str) -> Value {
        if !self.events.contains_key(id) {
            for event in self.stream.collect_until(|event| event.id == id).await {
                self.events.insert(event.id, serde_json::from_str(&event.data).unwrap_or_default());
            }
        }
        self.events[id]["data"].clone()
    }
}

fn options(listen: SocketAddr) -> Options {
    let mut options = Options::default();
    options.listen = listen;
    options.interval = Duration::from_millis(200);
    options.name = Some("a host/*".into());
    options
}

/// That an expression on a `card` holds for one of every kind.
fn of_every_kind(expression: &str) -> String {
    format!(
        "['cpu', 'mem', 'net'].every(kind => [...document.querySelectorAll(`[data-testid=${{kind}}]`)]
            .some(card => {expression}))"
    )
}

async fn cards(page: &Page) -> Vec<Card> {
    serde_json::from_value(page.run(CARDS).await).unwrap()
}

/// Numbers, text and line of every card are those of the event that it names.
async fn compare(cards: &[Card], published: &mut Published) {
    for card in cards {
        let data = published.data(&card.id).await;
        let number = |name: &str| data[name].as_f64().unwrap();
        let names: &[&str] = match card.kind.as_str() {
            "cpu" => &["at", "busy"],
            "mem" => &["at", "total", "available", "used"],
            _ => &["at", "in", "out"],
        };
        for name in names {
            assert_eq!(card.number(name), number(name), "{name} of {card:?}");
        }
        let shown = quantities(&card.value);
        let (expect, share) = match card.kind.as_str() {
            "cpu" => (vec![number("busy") * 100.0], Some(number("busy"))),
            "mem" => (vec![number("used"), number("total")], Some(number("used") / number("total"))),
            _ => (vec![number("in"), number("out")], None),
        };
        assert_eq!(shown.len(), expect.len(), "{card:?}");
        for (shown, expect) in shown.into_iter().zip(expect) {
            // three digits are shown
            assert!((shown - expect).abs() <= expect * 0.006 + 0.06, "{shown} for {expect} in {card:?}");
        }
        if let Some(share) = share {
            // the room that labels have above and below the line
            let (top, bottom) = (8.0, card.height - 19.0);
            let expect = bottom - share * (bottom - top);
            let end = card.line_end();
            assert!((end - expect).abs() <= 0.1, "the line ends at {end}, not {expect}: {card:?}");
        }
    }
}

/// `708 MiB of 23.5 GiB` are two numbers of bytes.
fn quantities(text: &str) -> Vec<f64> {
    let words: Vec<_> = text.split([' ', '↓', '↑']).filter(|word| !word.is_empty()).collect();
    let unit = |name: &str| {
        let units = [
            ("%", 1.0),
            ("B", 1.0),
            ("KiB", 1024.0),
            ("MiB", 1024_f64.powi(2)),
            ("GiB", 1024_f64.powi(3)),
            ("TiB", 1024_f64.powi(4)),
            ("B/s", 1.0),
            ("kB/s", 1e3),
            ("MB/s", 1e6),
            ("GB/s", 1e9),
        ];
        units.iter().find(|(unit, _)| *unit == name).map(|(_, value)| *value)
    };
    words.windows(2).filter_map(|pair| Some(pair[0].parse::<f64>().ok()? * unit(pair[1])?)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_drawn_is_what_was_published_and_goes_on() {
    let running = Running::start(options(loopback(0))).await;
    let mut published = Published::watch(running.address).await;
    let chromium = Driver::chromium().await;
    let page = chromium.open(&format!("http://{}/?minutes=2", running.address)).await;
    page.until("the page is live", LIVE).await;
    page.until("all is drawn", DRAWN).await;
    assert_eq!(page.run("return document.querySelector('h2').textContent").await, "a host/*");

    let mut compared = 0;
    for _ in 0..ROUNDS {
        let cards = cards(&page).await;
        compare(&cards, &mut published).await;
        compared += cards.len();
        let seen: HashMap<_, _> = cards.iter().map(|card| (&card.id, &card.line)).collect();
        let seen = serde_json::to_string(&seen).unwrap();
        let changed = of_every_kind(&format!(
            "(seen => !(card.dataset.id in seen) && !Object.values(seen).includes(
                card.querySelector('[data-testid=line]').getAttribute('d')))({seen})"
        ));
        page.until("what is drawn has changed", &changed).await;
    }
    assert!(compared >= 3 * ROUNDS, "{compared} cards were compared");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_drawn_at_once_for_who_comes_later() {
    let running = Running::start(options(loopback(0))).await;
    let mut published = Published::watch(running.address).await;
    let mut count = 0;
    published
        .stream
        .collect_until(|event| {
            count += usize::from(event.data.contains("/mem\""));
            count == 10
        })
        .await;
    let chromium = Driver::chromium().await;
    let page = chromium.open(&format!("http://{}/", running.address)).await;
    page.until(
        "the line has the readings from before",
        "Number(document.querySelector('[data-testid=mem] > svg')?.dataset.points) >= 10",
    )
    .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_elsewhere_that_starts_again_is_a_gap() {
    // Each has to know the other's address before it begins.
    let own = address::for_later();
    let origin = format!("http://{own}");
    let first = hub(address::for_later(), &origin);
    let address = first.address();
    let mut options = options(own);
    options.hub = Some(first.url().parse().unwrap());
    let running = Running::start(options).await;
    let chromium = Driver::chromium().await;
    let page = chromium.open(&format!("http://{}/?minutes=2", running.address)).await;
    page.until("the page is live", LIVE).await;
    page.until("all is drawn", DRAWN).await;
    compare(&cards(&page).await, &mut Published::watch(address).await).await;

    stop(first);
    page.until("the loss is shown", &format!("!({LIVE})")).await;
    let second = hub(address, &origin);
    let mut published = Published::watch(address).await;
    page.until("the page is live again", LIVE).await;
    page.until(
        "the gap is told",
        "document.querySelector('[data-testid=gaps]').textContent.includes('the hub has begun a new log')",
    )
    .await;
    page.until("and marked", "document.querySelector('.cpu .gap').getAttribute('d') !== ''").await;
    let epoch = published.stream.collect_until(|event| event.data.contains("/cpu")).await;
    let epoch = epoch.last().unwrap().id.split_once('-').unwrap().0.to_owned();
    let moved = of_every_kind(&format!("card.dataset.id.startsWith('{epoch}-')"));
    page.until("the cards show the new log", &moved).await;
    compare(&cards(&page).await, &mut Published::watch(address).await).await;
    stop(second);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_does_not_know_the_page_is_told_what_to_do() {
    let unknown = hub(loopback(0), "");
    let mut options = options(loopback(0));
    options.hub = Some(unknown.url().parse().unwrap());
    let running = Running::start(options).await;
    let chromium = Driver::chromium().await;
    let page = chromium.open(&format!("http://{}/", running.address)).await;
    let advice = format!("Its cors.origins must name http://{}.", running.address);
    page.until("the refusal is told", &format!("document.getElementById('why').textContent.includes({advice:?})"))
        .await;
    stop(unknown);
    running.stop().await;
}
