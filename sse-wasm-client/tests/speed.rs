//! In a browser: what the fetch transport takes for 100,000 events, beside npm's `eventsource-parser`. Run by
//! `cargo xtask bench fetch`.
#![cfg(target_arch = "wasm32")]

use futures_util::StreamExt;
use js_sys::Promise;
use serde::Deserialize;
use sse_wasm_client::{EventSource, Message};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// The text of a module that exports `createParser`.
const PARSER: &str = env!("SSE_TEST_PARSER");

const EVENTS: u32 = 100_000;
const ROUNDS: usize = 7;

/// 200 bytes on the wire.
fn event(number: u32) -> String {
    let head = format!("id: e-{number:012}\nevent: tick\ndata: {{\"number\":{number:>6},\"text\":\"");
    let tail = "\"}\n\n";
    format!("{head}{}{tail}", "x".repeat(200 - head.len() - tail.len()))
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Any {
    Tick { number: u32, text: String },
}

#[wasm_bindgen_test]
async fn beside_a_bare_reader() {
    let body: String = (0..EVENTS).map(event).collect();
    assert_eq!(body.len(), 200 * EVENTS as usize);
    let url = url_of(&body, "text/event-stream");
    let create = JsFuture::from(import(&url_of(PARSER, "text/javascript"))).await.unwrap();

    let mut ratios = Vec::new();
    for json in [false, true] {
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let begun = now();
            if json {
                typed(&url).await;
            } else {
                untyped(&url).await;
            }
            ours.push(now() - begun);
            let taken = JsFuture::from(read(&create, &url, EVENTS, json)).await.unwrap();
            bare.push(taken.as_f64().unwrap());
        }
        let (ours, bare) = (median(ours), median(bare));
        let rate = |taken: f64| f64::from(EVENTS) / taken;
        let what = if json { "as JSON" } else { "as text" };
        ratios.push(bare / ours);
        console_log!("{what}: {:.0} events/ms, eventsource-parser {:.0}: {:.2}", rate(ours), rate(bare), bare / ours);
    }
    assert!(ratios.iter().all(|ratio| *ratio >= 0.8), "less than 0.8: {ratios:?}");
}

async fn untyped(url: &str) {
    let mut source = EventSource::<Message>::untyped(url).listen("tick").fetch().connect().unwrap();
    for _ in 0..EVENTS {
        let tick = source.next().await.unwrap().unwrap();
        assert!(tick.value.data.len() > 100);
    }
    assert_eq!(source.dropped(), 0);
}

async fn typed(url: &str) {
    let mut source = EventSource::<Any>::builder(url).fetch().connect().unwrap();
    for expected in 0..EVENTS {
        let Any::Tick { number, text } = source.next().await.unwrap().unwrap().value;
        assert!(number == expected && text.len() > 100);
    }
    assert_eq!(source.dropped(), 0);
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

#[wasm_bindgen(inline_js = r#"
    export const now = () => performance.now();
    export const url_of = (text, type) => URL.createObjectURL(new Blob([text], { type }));
    export const import_parser = async url => (await import(url)).createParser;
    export const read = async (createParser, url, events, json) => {
        const begun = performance.now();
        const controller = new AbortController();
        const response = await fetch(url, { signal: controller.signal });
        const reader = response.body.getReader();
        const decoder = new TextDecoder();
        let count = 0;
        const parser = createParser({
            onEvent(event) {
                if (json) {
                    const { number, text } = JSON.parse(event.data);
                    if (number !== count || text.length < 100) throw new Error("read wrongly");
                } else if (event.data.length < 100) throw new Error("read wrongly");
                count += 1;
            },
        });
        while (count < events) {
            const { done, value } = await reader.read();
            if (done) throw new Error(`ended after ${count}`);
            parser.feed(decoder.decode(value, { stream: true }));
        }
        controller.abort();
        return performance.now() - begun;
    };
"#)]
extern "C" {
    fn now() -> f64;
    fn url_of(text: &str, of: &str) -> String;
    #[wasm_bindgen(js_name = import_parser)]
    fn import(url: &str) -> Promise;
    fn read(create: &JsValue, url: &str, events: u32, json: bool) -> Promise;
}
