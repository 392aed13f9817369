//! What is parsed.

use bytes::Bytes;

/// The sizes of pieces that are tried; `usize::MAX` is one piece.
pub(crate) const CUTS: [usize; 5] = [10, 128, 1400, 16_384, usize::MAX];

pub(crate) fn cut_name(cut: usize) -> String {
    if cut == usize::MAX { "whole".to_owned() } else { cut.to_string() }
}

pub(crate) struct Work {
    pub(crate) name: &'static str,
    pub(crate) stream: Vec<u8>,
    /// How many times as fast as the fastest other parser ours is to be, at cuts of 1,400 and up.
    #[allow(dead_code, reason = "as below")]
    pub(crate) target: f64,
    /// Blocks in the stream, by which time is divided.
    #[allow(dead_code, reason = "the crate's own benches measure bytes")]
    pub(crate) events: usize,
    /// Events that are dispatched.
    #[allow(dead_code, reason = "as above")]
    pub(crate) dispatched: usize,
}

impl Work {
    fn new(name: &'static str, target: f64, events: usize, dispatches: bool, block: impl Fn(usize) -> String) -> Self {
        let stream = (0..events).map(block).collect::<String>().into_bytes();
        Self { name, stream, target, events, dispatched: if dispatches { events } else { 0 } }
    }

    pub(crate) fn cut(&self, size: usize) -> Vec<Bytes> {
        self.stream.chunks(size.min(self.stream.len())).map(Bytes::copy_from_slice).collect()
    }
}

pub(crate) fn all() -> Vec<Work> {
    let delta = |i: usize| {
        let word = ["Hello", " there", ", how", " are you", " today? \\u2019"][i % 5];
        format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\
             \"text\":\"{word}\"}},\"usage\":{{\"input_tokens\":1{i:05},\"output_tokens\":{i:05},\"cache_read_input_tokens\":0,\
             \"service_tier\":\"standard\"}},\"stop\":null}}\n\n"
        )
    };
    vec![
        Work::new("ticks", 3.5, 2000, true, |i| {
            format!("event: tick\nid: {i:06}\ndata: {:.4}\n\n", 100.0 + i as f64 / 7.0)
        }),
        Work::new("LLM deltas", 1.8, 1000, true, delta),
        Work::new("64 KiB events", 1.0, 16, true, |i| {
            let text = "{\"k\":\"the quick brown fox jumps over the lazy dog, and so on\"},".repeat(1100);
            format!("id: {i}\ndata: {}\n\n", &text[..64 << 10])
        }),
        Work::new("keep-alives", 1.3, 4000, false, |_| ": keep-alive\n\n".into()),
        Work::new("CRLF ticks", 1.3, 2000, true, |i| {
            format!("event: tick\r\nid: {i:06}\r\ndata: {:.4}\r\n\r\n", 100.0 + i as f64 / 7.0)
        }),
        Work::new("ten data lines", 1.0, 500, true, |i| {
            let lines: String = (0..10).map(|line| format!("data: line {line} of event {i:05}\n")).collect();
            lines + "\n"
        }),
    ]
}
