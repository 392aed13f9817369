//! Encoding into a reused buffer, beside copying the same bytes line by line, which is the least that it could cost.
#![allow(missing_docs, reason = "criterion's macros write functions without")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sse_core::{Event, EventId, EventName};

fn encode(criterion: &mut Criterion) {
    let event = Event::builder()
        .name(EventName::from_static("tick"))
        .id(EventId::from_static("000041"))
        .data("x".repeat(100 - "event: tick\nid: 000041\ndata: \n\n".len()))
        .build();
    let wire = event.to_bytes();
    assert_eq!(wire.len(), 100);
    let lines: Vec<&[u8]> = wire.split_inclusive(|byte| *byte == b'\n').collect();

    let mut group = criterion.benchmark_group("100-byte event");
    group.throughput(Throughput::Bytes(wire.len() as u64));
    let mut buffer = Vec::with_capacity(256);
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            buffer.clear();
            black_box(&event).encode(black_box(&mut buffer));
        });
    });
    group.bench_function("copied line by line", |bencher| {
        bencher.iter(|| {
            buffer.clear();
            black_box(&lines).iter().for_each(|line| black_box(&mut buffer).extend_from_slice(line));
        });
    });
    group.bench_function("encoded_len", |bencher| bencher.iter(|| black_box(&event).encoded_len()));
    group.finish();
}

criterion_group!(benches, encode);
criterion_main!(benches);
