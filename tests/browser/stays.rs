//! Tabs of a real browser that miss nothing, while their hub is killed, tabs crash, close, freeze and are hidden.

mod hub;
mod tab;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use hub::{Hub, Publisher};
use serde_json::{Value, json};
use sse_test_support::webdriver::{Driver, eventually};
use sse_testkit::{Ledger, ledger::Ids};
use tab::Tab;
use tokio::{task::JoinHandle, time};

use crate::chat::served::Served;

/// Numbers that are published one by one at a steady rate, until it is told to stop.
struct Load {
    acknowledged: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    task: JoinHandle<String>,
}

/// How many a second are to be acknowledged at least, of a hundred.
const LEAST_RATE: f64 = 80.0;

impl Load {
    /// A hundred a second, also when nobody takes them.
    fn start(hub: &Hub, ledger: &Ledger) -> Self {
        let (acknowledged, stop) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let (publisher, ledger) = (Publisher::of(hub), ledger.clone());
        let (count, is_stopped) = (Arc::clone(&acknowledged), Arc::clone(&stop));
        let task = tokio::spawn(async move {
            let mut ticks = time::interval(Duration::from_millis(10));
            for number in 0.. {
                ticks.tick().await;
                let publishing = ledger.publish("numbers", number.to_string());
                if let Some(id) = publisher.publish(number).await {
                    publishing.acknowledged(&id);
                    count.fetch_add(1, Relaxed);
                    if is_stopped.load(Relaxed) {
                        return id;
                    }
                }
            }
            unreachable!("numbers do not end")
        });
        Self { acknowledged, stop, task }
    }

    /// Waits until `count` more are in the log, and publishing has caught up with its rate.
    async fn more(&self, count: usize) {
        let (before, began) = (self.acknowledged.load(Relaxed), time::Instant::now());
        eventually(&format!("{count} numbers more are acknowledged, {LEAST_RATE} a second"), async || {
            let more = self.acknowledged.load(Relaxed) - before;
            more >= count && more as f64 >= LEAST_RATE * began.elapsed().as_secs_f64()
        })
        .await;
    }

    /// The ID of the last, which is acknowledged.
    async fn end(self) -> String {
        self.stop.store(true, Relaxed);
        self.task.await.unwrap()
    }
}

fn patient() -> Value {
    json!({ "reconnectionTime": 100, "maxWait": 1000 })
}

fn with(mut options: Value, name: &str, value: Value) -> Value {
    options[name] = value;
    options
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_dies_twenty_times_costs_no_tab_an_event() {
    let (served, chromium) = (Served::start().await, Driver::chromium().await);
    let mut hub = Hub::start(&format!("http://{}", served.address));
    let ledger = Ledger::new().ids(Ids::Bytewise);
    let url = hub.events("");
    let shared = with(patient(), "shared", json!(true));
    let plans = [
        ("EventSource", patient()),
        ("fetch", with(patient(), "fetch", json!(true))),
        ("shared EventSource 1", shared.clone()),
        ("shared EventSource 2", shared.clone()),
        ("shared EventSource 3", shared.clone()),
        ("shared fetch 1", with(shared.clone(), "fetch", json!(true))),
        ("shared fetch 2", with(shared, "fetch", json!(true))),
    ];
    let mut tabs = Vec::new();
    for (name, options) in plans {
        let reader = ledger.reader(name);
        tabs.push(match tabs.first() {
            None => Tab::open(&chromium, &served, reader, &url, &options).await,
            Some(first) => Tab::beside(first, &served, reader, &url, &options).await,
        });
    }
    assert_eq!(hub.streams().await, 4, "those that share have one");

    let load = Load::start(&hub, &ledger);
    let mut served_for = Duration::ZERO;
    for death in 0..20 {
        // Some live for long enough that all come back, and some do not.
        let began = time::Instant::now();
        load.more(20 + death * 67 % 180).await;
        served_for += began.elapsed();
        hub.kill();
        hub.restart();
    }
    let acknowledged = load.acknowledged.load(Relaxed);
    println!("{acknowledged} events in {served_for:.1?} between 20 deaths");
    load.more(100).await;
    let last = load.end().await;
    let mut had = Vec::new();
    for tab in &tabs {
        tab.until(&last).await;
        had.push(tab.account().await);
    }
    ledger.check().expect_clean();

    // The tabs agree with each other; and with the log, which may hold what was not acknowledged.
    let log = json!(hub.log().await);
    for (tab, had) in tabs.iter().zip(had) {
        assert!(had == log, "{} had {had}, and in the log is {log}", tab.reader.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_tabs_have_one_connection_whichever_of_them_goes() {
    let (served, chromium) = (Served::start().await, Driver::chromium().await);
    let hub = Hub::start(&format!("http://{}", served.address));
    let ledger = Ledger::new().ids(Ids::Bytewise);
    let (url, options) = (hub.events(""), with(patient(), "shared", json!(true)));
    let mut tabs = vec![Tab::open(&chromium, &served, ledger.reader("tab 0"), &url, &options).await];
    for number in 1..10 {
        let reader = ledger.reader(format!("tab {number}"));
        tabs.push(tabs[0].beside(&served, reader, &url, &options).await);
    }
    assert_eq!(hub.streams().await, 1);

    let load = Load::start(&hub, &ledger);
    load.more(20).await;

    assert!(tabs[0].leads().await);
    let crashed = tabs.swap_remove(0);
    crashed.page.devtools("Page.crash", json!({})).await;
    crashed.page.close().await;
    load.more(50).await;
    let led = leader(&tabs).await;
    tabs.swap_remove(led).page.close().await;
    load.more(50).await;
    let frozen = tabs.swap_remove(leader(&tabs).await);
    frozen.page.devtools("Page.setWebLifecycleState", json!({ "state": "frozen" })).await;
    load.more(50).await;
    leader(&tabs).await;
    frozen.page.devtools("Page.setWebLifecycleState", json!({ "state": "active" })).await;
    tabs.push(frozen);
    let last = load.end().await;
    for tab in &tabs {
        tab.until(&last).await;
    }
    eventually("one connection is left", async || hub.streams().await == 1).await;
    for tab in &tabs {
        tab.account().await;
    }
    ledger.check().expect_clean();
    assert_eq!(tabs.len(), 8);
}

/// The one that has taken over, once there is one.
async fn leader(tabs: &[Tab]) -> usize {
    let find = async || {
        for (at, tab) in tabs.iter().enumerate() {
            if tab.leads().await {
                return Some(at);
            }
        }
        None
    };
    eventually("another tab leads", async || find().await.is_some()).await;
    find().await.expect("and goes on to")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_page_rests_and_goes_on_where_it_was() {
    let (served, chromium) = (Served::start().await, Driver::chromium().await);
    let hub = Hub::start(&format!("http://{}", served.address));
    for fetch in [false, true] {
        let options = json!({ "fetch": fetch, "pauseWhenHidden": 50 });
        let ledger = Ledger::new().ids(Ids::Bytewise);
        let tab = Tab::open(&chromium, &served, ledger.reader("tab"), &hub.events(""), &options).await;
        let publish = async |number: usize| {
            let publishing = ledger.publish("numbers", number.to_string());
            let id = hub.publish([number]).await;
            publishing.acknowledged(&id);
            id
        };
        tab.until(&publish(1).await).await;

        tab.page.hide().await;
        tab.page.until("it rests", "document.hidden && stream.state.kind === 'paused'").await;
        eventually("its connection is closed", async || hub.streams().await == 0).await;
        publish(2).await;
        let last = publish(3).await;
        tab.page.show().await;
        tab.until(&last).await;
        tab.account().await;
        ledger.check().expect_clean();
        assert_eq!(tab.states().await, json!(["connecting", "open", "paused", "connecting", "open"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_from_the_back_forward_cache_goes_on_where_it_was() {
    let (served, chromium) = (Served::start().await, Driver::chromium().await);
    let hub = Hub::start(&format!("http://{}", served.address));
    let ledger = Ledger::new().ids(Ids::Bytewise);
    let publish = async |number: usize| {
        let publishing = ledger.publish("numbers", number.to_string());
        let id = hub.publish([number]).await;
        publishing.acknowledged(&id);
        id
    };
    let mut tabs: Vec<Tab> = Vec::new();
    for (name, options) in [
        ("EventSource", json!({})),
        ("fetch", json!({ "fetch": true })),
        ("shared EventSource", json!({ "shared": true })),
        ("shared fetch", json!({ "shared": true, "fetch": true })),
        // These stay.
        ("follower of EventSource", json!({ "shared": true })),
        ("follower of fetch", json!({ "shared": true, "fetch": true })),
    ] {
        let (reader, url) = (ledger.reader(name), hub.events(""));
        tabs.push(match tabs.first() {
            None => Tab::open(&chromium, &served, reader, &url, &options).await,
            Some(first) => first.beside(&served, reader, &url, &options).await,
        });
    }
    assert_eq!(hub.streams().await, 4);
    let (leaving, staying) = tabs.split_at(4);
    let first = publish(1).await;
    for tab in &tabs {
        tab.until(&first).await;
    }

    for tab in leaving {
        tab.page.run("addEventListener('pageshow', event => { window.wasStored = event.persisted; })").await;
        tab.page.leave_for(&format!("http://{}/live?elsewhere", served.address)).await;
    }
    eventually("only those that stay have a connection", async || hub.streams().await == 2).await;
    publish(2).await;
    let missed = publish(3).await;
    for tab in staying {
        tab.until(&missed).await;
    }
    eventually("they have one each", async || hub.streams().await == 2).await;

    for tab in leaving {
        tab.page.back().await;
        let was_stored = "window.wasStored || performance.getEntriesByType('navigation')[0].type === 'back_forward'";
        tab.page.until("it is back", was_stored).await;
        assert_eq!(tab.page.run("return window.wasStored").await, true, "{} was stored", tab.reader.name());
        tab.until(&missed).await;
    }
    let last = publish(4).await;
    for tab in &tabs {
        tab.until(&last).await;
        tab.account().await;
    }
    ledger.check().expect_clean();
    eventually("they share again", async || hub.streams().await == 4).await;
    for tab in leaving {
        let states = json!(["connecting", "open", "paused", "connecting", "open"]);
        assert_eq!(tab.states().await, states, "{}", tab.reader.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_at_once_are_not_too_many() {
    let (served, chromium) = (Served::start().await, Driver::chromium().await);
    let hub = Hub::start(&format!("http://{}", served.address));
    let ledger = Ledger::new().ids(Ids::Bytewise);
    let mut tabs: Vec<Tab> = Vec::new();
    for (name, options) in [
        ("EventSource", json!({})),
        ("fetch", json!({ "fetch": true })),
        ("leader", json!({ "shared": true })),
        ("follower", json!({ "shared": true })),
    ] {
        let (reader, url) = (ledger.reader(name), hub.events(""));
        tabs.push(match tabs.first() {
            None => Tab::open(&chromium, &served, reader, &url, &options).await,
            Some(first) => first.beside(&served, reader, &url, &options).await,
        });
    }
    let publishings: Vec<_> = (0..10_000).map(|number: usize| ledger.publish("numbers", number.to_string())).collect();
    let last = hub.publish(0..10_000).await;
    drop(publishings);
    for tab in &tabs {
        tab.until(&last).await;
        tab.account().await;
        assert_eq!(tab.page.run("return seen.length").await, 10_000, "{}", tab.reader.name());
    }
    ledger.check().expect_clean();
}
