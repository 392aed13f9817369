//! Answers that are stopped.

use crate::stage::{Stage, answered};

/// What came is the beginning of the answer, then it says that it was stopped.
fn expect_stopped(seen: &[(String, String)], prompt: &str) {
    let (last, before) = seen.split_last().unwrap();
    assert_eq!(last, &("stopped".to_owned(), String::new()));
    let whole = answered(prompt, &llm_relay::answer(prompt));
    assert!(before.len() < whole.len(), "it was stopped before its end");
    assert_eq!(before, &whole[..before.len()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_stopped_and_no_other_is() {
    let stage = Stage::set();
    let (run, another) = (stage.ask("tea?").await, stage.ask("coffee?").await);
    let (reader, other) = (stage.read(&run), stage.read(&another));
    reader.until(20).await;
    stage.stop(&run).await;
    expect_stopped(&reader.end().await, "tea?");
    other.expect_whole("coffee?").await;
    expect_stopped(&stage.read(&run).end().await, "tea?");
    stage.until_put_away().await;
    stage.stop(&run).await; // has nothing to stop
    stage.read(&stage.ask("tea?").await).expect_whole("tea?").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_was_away_hears_of_a_stop() {
    let mut stage = Stage::set();
    let run = stage.ask("tea?").await;
    let reader = stage.read(&run);
    reader.until(20).await;
    stage.relay.kill();
    stage.stop(&run).await;
    stage.restart_relay();
    expect_stopped(&reader.end().await, "tea?");
    stage.until_put_away().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_heard_after_the_hub_was_killed() {
    let mut stage = Stage::set();
    let run = stage.ask("tea?").await;
    let reader = stage.read(&run);
    reader.until(20).await;
    stage.hub.kill();
    stage.restart_hub();
    stage.stop(&run).await;
    expect_stopped(&reader.end().await, "tea?");
}
