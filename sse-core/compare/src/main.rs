//! Parsers compared: the same bytes in the same pieces, interleaved rounds, medians.

mod peers;
mod work;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use peers::PARSERS;
use work::{CUTS, Work, cut_name};

/// How long one parser gets in one round.
const TURN: Duration = Duration::from_millis(40);
const ROUNDS: usize = 5;

/// The target at cuts of 10 and 128.
const SMALL_CUTS: f64 = 1.1;

/// Arguments pick works by parts of their names; `encoding` is one.
fn main() {
    let only: Vec<String> = std::env::args().skip(1).collect();
    let picked = |name: &str| only.is_empty() || only.iter().any(|part| name.contains(part));
    work::all().iter().filter(|work| picked(work.name)).for_each(table);
    if picked("encoding") {
        encoding();
    }
}

fn table(work: &Work) {
    println!(
        "\n{} ({} bytes an event), ns per event; push is to be {} times as fast as the fastest other, {SMALL_CUTS} times \
         at small cuts, owned at least as fast",
        work.name,
        work.stream.len() / work.events,
        work.target,
    );
    print!("{:>10}", "cut");
    PARSERS.iter().for_each(|parser| print!("{:>20}", parser.name));
    println!("{:>9}{:>9}{:>13}", "push x", "owned x", "of memchr2");
    for cut in CUTS {
        let pieces = work.cut(cut);
        let mut times = vec![Vec::new(); PARSERS.len()];
        for parser in PARSERS {
            let seen = (parser.run)(&pieces);
            let expect = if parser.counts { work.dispatched } else { seen };
            assert_eq!(seen, expect, "{} saw another number of events in {}", parser.name, work.name);
        }
        for _ in 0..ROUNDS {
            for (parser, times) in PARSERS.iter().zip(&mut times) {
                times.push(time(1, || _ = black_box((parser.run)(black_box(&pieces)))) / work.events as f64);
            }
        }
        let medians: Vec<_> = times.iter_mut().map(|times| median(times)).collect();
        let named = |name: &str| PARSERS.iter().position(|parser| parser.name == name).map(|at| medians[at]).unwrap();
        let best = PARSERS.iter().zip(&medians).filter(|(parser, _)| parser.other).map(|(_, time)| *time);
        let best = best.fold(f64::INFINITY, f64::min);
        print!("{:>10}", cut_name(cut));
        medians.iter().for_each(|median| print!("{median:>20.1}"));
        let (push, owned) = (named("ours, push"), named("ours, owned"));
        let (push_ratio, owned_ratio) = (best / push, best / owned);
        let target = if cut < 1400 { SMALL_CUTS } else { work.target };
        let missed = if push_ratio < target || owned_ratio < 1.0 { "  missed" } else { "" };
        println!("{push_ratio:>9.2}{owned_ratio:>9.2}{:>13.2}{missed}", push / named("memchr2 alone"));
    }
}

/// Encoding into a reused buffer, beside the least that it could cost: copying the same bytes line by line.
fn encoding() {
    let event = sse_core::Event::builder()
        .name(sse_core::EventName::from_static("tick"))
        .id(sse_core::EventId::from_static("000041"))
        .data("x".repeat(69))
        .build();
    let wire = event.to_bytes();
    let lines: Vec<&[u8]> = wire.split_inclusive(|byte| *byte == b'\n').collect();
    let mut buffer = Vec::with_capacity(256);
    let (mut ours, mut copied) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(time(1000, || {
            buffer.clear();
            black_box(&event).encode(black_box(&mut buffer));
        }));
        copied.push(time(1000, || {
            buffer.clear();
            black_box(&lines).iter().for_each(|line| black_box(&mut buffer).extend_from_slice(line));
        }));
    }
    let (ours, copied) = (median(&mut ours), median(&mut copied));
    println!(
        "\nencoding an event of {} bytes, ns: {ours:.1}; copied line by line: {copied:.1}; ratio {:.2}",
        wire.len(),
        ours / copied
    );
}

/// Nanoseconds for one run, over as many as its turn lasts. The clock is looked at after each batch.
fn time(batch: u64, mut run: impl FnMut()) -> f64 {
    let began = Instant::now();
    let mut runs = 0_u64;
    while runs == 0 || began.elapsed() < TURN {
        (0..batch).for_each(|_| run());
        runs += batch;
    }
    began.elapsed().as_secs_f64() * 1e9 / runs as f64
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 2]
}
