//! What strategies make, how it shrinks, and a hub driven by schedules.

use crate::support::{
    next,
    toy_hub::{Bug, ToyHub},
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner},
};
use sse_testkit::{
    Ledger, TestClient, TestStream,
    ledger::Ids,
    strategy::{self, Schedule, ScheduleStep, schedules},
};

/// The least value for which `holds` does.
fn least<S: Strategy>(strategy: &S, holds: impl Fn(&S::Value) -> bool) -> S::Value {
    let config = Config { failure_persistence: None, cases: 5000, max_shrink_iters: 100_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let found = runner.run(strategy, |value| match holds(&value) {
        true => Err(TestCaseError::fail("found")),
        false => Ok(()),
    });
    match found {
        Err(TestError::Fail(_, value)) => value,
        other => panic!("nothing of the kind is made: {other:?}"),
    }
}

#[test]
fn an_event_shrinks_to_the_one_character_that_counts() {
    let event = least(&strategy::events(), |event| event.data().is_some_and(|data| data.contains('\r')));
    assert_eq!(
        (event.data().map(|data| &**data), event.comment(), event.retry(), event.id()),
        (Some("\r"), None, None, None)
    );
    let event = least(&strategy::events(), |event| event.id().is_some_and(|id| id.as_str().len() > 2));
    assert_eq!((event.id().map(|id| id.as_str().len()), event.data(), event.comment()), (Some(3), None, None));
}

#[test]
fn a_stream_shrinks_to_the_bytes_that_count() {
    let stream = least(&strategy::event_streams(), |stream| stream.windows(2).any(|pair| pair == b"\r\n"));
    assert_eq!(stream, b"\r\n");
    let stream = least(&strategy::event_streams(), |stream| std::str::from_utf8(stream).is_err());
    assert_eq!(stream.len(), 1);
}

#[test]
fn a_cut_shrinks_to_one_place_and_to_the_front() {
    let between =
        |chunks: &Vec<Vec<u8>>| chunks.windows(2).any(|pair| pair[0].ends_with(b"\r") && pair[1].starts_with(b"\n"));
    assert_eq!(least(&strategy::cut(*b"a\r\nb\r\n"), between), [&b"a\r"[..], b"\nb\r\n"]);
    let chunks = least(&strategy::cut(*b"abcdefgh"), |chunks| chunks.len() > 2);
    assert_eq!(chunks, [&b""[..], b"", b"abcdefgh"]);
}

#[test]
fn a_schedule_shrinks_to_the_steps_that_count() {
    let resumed_after_restart = |schedule: &Schedule| {
        let mut restarted = false;
        schedule.steps().any(|(step, _)| match step {
            ScheduleStep::Restart => std::mem::replace(&mut restarted, true),
            ScheduleStep::Connect { .. } => restarted,
            _ => false,
        })
    };
    let schedule = least(&schedules().into_strategy(), resumed_after_restart);
    let steps: Vec<_> = schedule.steps().map(|(step, _)| step).collect();
    assert_eq!(steps, [ScheduleStep::Restart, ScheduleStep::Connect { client: 0 }]);
}

#[test]
fn schedules_are_within_what_was_asked_for() {
    let strategy = schedules().topics(2).clients(1).longest(20).restarts(false).into_strategy();
    let mut runner = TestRunner::deterministic();
    for _ in 0..500 {
        let schedule = strategy.new_tree(&mut runner).unwrap().current();
        assert!(schedule.steps().count() <= 20);
        for (step, connected) in schedule.steps() {
            match step {
                ScheduleStep::Publish { topic } => assert!(topic < 2),
                ScheduleStep::Connect { client } | ScheduleStep::Leave { client } => {
                    assert_eq!((client, connected.len()), (0, 1));
                    assert_eq!(connected[client], matches!(step, ScheduleStep::Connect { .. }));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Drives a hub: clients read now and then, come back, and in the end have everything. To be killed is to cut off all.
async fn run(schedule: Schedule, bug: Bug) -> Ledger {
    let hub = ToyHub::new(bug);
    let client = hub.client();
    let ledger = Ledger::new().ids(Ids::Numeric);
    let mut streams: [Option<TestStream>; 3] = [const { None }; 3];
    let mut published = 0;
    for (step, connected) in schedule.steps() {
        match step {
            ScheduleStep::Publish { topic } => {
                published += 1;
                let (topic, data) = (topic.to_string(), published.to_string());
                ledger.publish(&topic, &data).acknowledged(hub.publish(&topic, &data));
            }
            ScheduleStep::Connect { client: number } => connect(&client, &ledger, number, &mut streams[number]).await,
            _ => {}
        }
        for (number, stream) in streams.iter_mut().enumerate() {
            match stream {
                Some(stream) if !connected[number] => stream.disconnect(),
                Some(stream) if (number + published).is_multiple_of(2) => read(stream, &ledger, number).await,
                _ => {}
            }
        }
    }
    for (number, stream) in streams.iter_mut().enumerate().filter(|(_, stream)| stream.is_some()) {
        connect(&client, &ledger, number, stream).await;
        read(stream.as_mut().unwrap(), &ledger, number).await;
        ledger.reader(number.to_string()).complete();
    }
    ledger
}

async fn connect(client: &TestClient, ledger: &Ledger, number: usize, stream: &mut Option<TestStream>) {
    let stream = match stream {
        Some(stream) => {
            stream.reconnect().await;
            stream
        }
        empty => empty.insert(client.get("/").connect().await),
    };
    stream.expect_comment().await; // it is let in
    ledger.reader(number.to_string()).connected(stream.last_event_id());
}

/// Reads what is there.
async fn read(stream: &mut TestStream, ledger: &Ledger, number: usize) {
    while let Some(event) = next(stream).await {
        ledger.reader(number.to_string()).saw(&event);
    }
}

/// Whether the ledger is clean.
fn is_clean(schedule: &Schedule, bug: Bug) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(run(schedule.clone(), bug)).check().is_clean()
}

#[test]
fn a_hub_without_a_fault_is_clean_under_any_schedule() {
    let config = Config { failure_persistence: None, cases: 100, ..Config::default() };
    let strategy = schedules().longest(60).into_strategy();
    let run = TestRunner::new(config).run(&strategy, |schedule| {
        prop_assert!(is_clean(&schedule, Bug::None));
        Ok(())
    });
    run.unwrap();
}

#[test]
fn a_fault_shrinks_to_the_schedule_that_shows_it() {
    let (there, publish) = (ScheduleStep::Connect { client: 0 }, ScheduleStep::Publish { topic: 0 });
    for (bug, least_steps) in [
        (Bug::LosesOneOnResume, &[there, publish][..]), // not read, then it comes back
        (Bug::DoublesOneOnResume, &[there, publish, publish]), // read, then it comes back
    ] {
        let strategy = schedules().longest(60).restarts(false).into_strategy();
        let schedule = least(&strategy, |schedule| !is_clean(schedule, bug));
        assert_eq!(schedule.steps().map(|(step, _)| step).collect::<Vec<_>>(), least_steps);
    }
}
