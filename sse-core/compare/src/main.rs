//! Parsers compared: the same bytes in the same pieces, interleaved rounds, medians.

mod peers;
mod work;

use std::time::{Duration, Instant};

use peers::PARSERS;
use work::Work;

/// How long one parser gets in one round.
const TURN: Duration = Duration::from_millis(40);
const ROUNDS: usize = 5;

fn main() {
    let only: Vec<String> = std::env::args().skip(1).collect();
    for work in work::all().iter().filter(|work| only.is_empty() || only.iter().any(|name| work.name.contains(name))) {
        table(work);
    }
}

fn table(work: &Work) {
    println!("\n{} ({} bytes an event), ns per event", work.name, work.stream.len() / work.events);
    print!("{:>10}", "cut");
    PARSERS.iter().for_each(|parser| print!("{:>20}", parser.name));
    println!("{:>9}{:>9}", "push x", "owned x");
    for cut in work.cuts() {
        let pieces = work.cut(cut);
        let mut times = vec![Vec::new(); PARSERS.len()];
        for parser in PARSERS {
            let seen = (parser.run)(&pieces);
            let expect = if parser.counts { work.dispatched } else { seen };
            assert_eq!(seen, expect, "{} saw another number of events in {}", parser.name, work.name);
        }
        for _ in 0..ROUNDS {
            for (parser, times) in PARSERS.iter().zip(&mut times) {
                let began = Instant::now();
                let mut runs = 0;
                while runs == 0 || began.elapsed() < TURN {
                    std::hint::black_box((parser.run)(std::hint::black_box(&pieces)));
                    runs += 1;
                }
                times.push(began.elapsed().as_secs_f64() * 1e9 / (runs * work.events) as f64);
            }
        }
        let medians: Vec<_> = times.iter_mut().map(|times| median(times)).collect();
        let named = |name: &str| PARSERS.iter().position(|parser| parser.name == name).map(|at| medians[at]).unwrap();
        let best = PARSERS.iter().zip(&medians).filter(|(parser, _)| parser.other).map(|(_, time)| *time);
        let best = best.fold(f64::INFINITY, f64::min);
        print!("{:>10}", if cut == usize::MAX { "whole".to_owned() } else { cut.to_string() });
        medians.iter().for_each(|median| print!("{median:>20.1}"));
        println!("{:>9.2}{:>9.2}", best / named("ours, push"), best / named("ours, owned"));
    }
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 2]
}
