//! The page for ten minutes under hostile payloads: `cargo xtask soak page`. Here times are judged, so it needs a machine
//! that does little else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use serde_json::json;
use sse_test_support::webdriver::{Driver, Page};
use tokio::time;

use super::{Hub, number, payloads::payloads, run, watch};

const MINUTES: usize = 10;

/// Together 200 events a second, of 8 KB and more.
const PUBLISHERS: usize = 4;
const PACE: Duration = Duration::from_millis(20);

/// Tasks that keep a page from answering for longer than this are told of by the browser.
const LONG_TASKS: &str = "window.longTasks = []; new PerformanceObserver(list => { \
                          for (const { duration } of list.getEntries()) longTasks.push(Math.round(duration)); \
                          }).observe({ entryTypes: ['longtask'] })";

/// What the page takes, once garbage is gone.
struct Use {
    elements: u64,
    heap: u64,
}

impl Use {
    async fn of(page: &Page) -> Self {
        page.devtools("HeapProfiler.collectGarbage", json!({})).await;
        Self {
            elements: number(page, "return document.getElementsByTagName('*').length").await,
            heap: number(page, "return performance.memory.usedJSHeapSize").await,
        }
    }
}

#[tokio::test]
#[ignore = "the soak of the page has it"]
async fn for_ten_minutes_no_task_of_the_page_is_long_and_memory_is_steady() {
    let browser = Driver::chromium().await;
    let hub = Arc::new(Hub::start());
    let page = watch(&browser, &hub, "**").await;
    run(&page, LONG_TASKS).await;

    let published = Arc::<AtomicUsize>::default();
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|publisher| {
            let (hub, published) = (Arc::clone(&hub), Arc::clone(&published));
            tokio::spawn(async move {
                let mut ticks = time::interval(PACE); // what one publish takes longer is made up for
                for (i, payload) in payloads().iter().cycle().enumerate() {
                    ticks.tick().await;
                    hub.publish(&format!("{publisher}/{}", i % 50), payload).await;
                    published.fetch_add(1, Relaxed);
                }
            })
        })
        .collect();

    let mut uses = Vec::new();
    for minute in 1..=MINUTES {
        time::sleep(Duration::from_secs(60)).await;
        let used = Use::of(&page).await;
        let received = number(&page, "return Number(document.getElementById('received').textContent)").await;
        let long = number(&page, "return longTasks.length").await;
        let longest = number(&page, "return Math.max(0, ...longTasks)").await;
        println!(
            "minute {minute}: {} published, {received} received, {} elements, heap {:.1} MB; so far {long} tasks over \
             50 ms, the longest {longest} ms",
            published.load(Relaxed),
            used.elements,
            used.heap as f64 / 1e6,
        );
        uses.push(used);
    }
    publishers.iter().for_each(tokio::task::JoinHandle::abort);

    assert!(published.load(Relaxed) >= MINUTES * 60 * 180, "the publishers did not keep up");
    let (first, last) = (&uses[0], &uses[MINUTES - 1]);
    assert!(last.elements <= first.elements + 500, "from {} to {} elements", first.elements, last.elements);
    assert!(last.heap <= first.heap * 2 + 4_000_000, "from {} to {} bytes", first.heap, last.heap);
    assert_eq!(run(&page, "return longTasks.length").await, 0, "no task is over 50 ms");
    page.close().await;
}
