//! Programs that are killed in the middle of an answer, and started again: each reader has the text whole, once, and its
//! end.

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_whole_once_and_ends() {
    let stage = Stage::set();
    let prompt = "what is tea?\nand <b>coffee</b>";
    let run = stage.ask(prompt).await;
    let early = stage.read(&run);
    early.until(30).await;
    let later = stage.read(&run);
    early.expect_whole(prompt).await;
    later.expect_whole(prompt).await;
    stage.read(&run).expect_whole(prompt).await;
    stage.until_put_away().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hub_is_killed() {
    let mut stage = Stage::set();
    let run = stage.ask("tea?").await;
    let reader = stage.read(&run);
    for events in [20, 50] {
        reader.until(events).await;
        stage.hub.kill();
        stage.restart_hub();
    }
    reader.expect_whole("tea?").await;
    stage.read(&run).expect_whole("tea?").await;
    stage.until_put_away().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relay_is_killed() {
    let mut stage = Stage::set();
    let run = stage.ask("tea?").await;
    let reader = stage.read(&run);
    for events in [20, 50] {
        reader.until(events).await;
        stage.relay.kill();
        stage.restart_relay();
    }
    reader.expect_whole("tea?").await;
    stage.read(&run).expect_whole("tea?").await;
    stage.until_put_away().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_are_killed_and_the_relay_is_back_first() {
    let mut stage = Stage::set();
    let run = stage.ask("tea?").await;
    let reader = stage.read(&run);
    reader.until(20).await;
    stage.hub.kill();
    stage.relay.kill();
    stage.restart_relay();
    // an answer that is whole before the hub is there, in parts of two relays
    let another = stage.ask("coffee?").await;
    stage.restart_hub();
    reader.expect_whole("tea?").await;
    stage.read(&another).expect_whole("coffee?").await;
    stage.until_put_away().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_killed_while_many_answer_goes_on_with_all() {
    let mut stage = Stage::set();
    let prompts: Vec<_> = (0..8).map(|number| format!("number {number}?")).collect();
    let mut runs = Vec::new();
    for prompt in &prompts {
        let run = stage.ask(prompt).await;
        runs.push((stage.read(&run), prompt));
    }
    runs[7].0.until(10).await;
    stage.relay.kill();
    stage.restart_relay();
    for (reader, prompt) in runs {
        reader.expect_whole(prompt).await;
    }
    stage.until_put_away().await;
}
