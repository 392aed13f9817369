//! Parsing: each work in chunks of each size, borrowed and owned. `cargo xtask bench parse` compares with other crates.
#![allow(missing_docs, reason = "criterion's macros write functions without")]

#[path = "../compare/src/work.rs"]
mod work;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sse_core::Parser;

fn parse(criterion: &mut Criterion) {
    for work in work::all() {
        let mut group = criterion.benchmark_group(work.name);
        group.throughput(Throughput::Bytes(work.stream.len() as u64));
        for cut in work::CUTS {
            let chunks = work.cut(cut);
            let name = work::cut_name(cut);
            group.bench_with_input(BenchmarkId::new("push", &name), &chunks, |bencher, chunks| {
                bencher.iter(|| {
                    let mut parser = Parser::new();
                    chunks.iter().for_each(|chunk| parser.feed(chunk, |item| _ = black_box(item)));
                });
            });
            group.bench_with_input(BenchmarkId::new("owned", &name), &chunks, |bencher, chunks| {
                bencher.iter(|| {
                    let mut parser = Parser::new();
                    chunks.iter().for_each(|chunk| parser.feed_bytes(chunk, |event| _ = black_box(event)));
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, parse);
criterion_main!(benches);
