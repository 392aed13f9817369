//! The program as it is run.

use std::process::Output;

use sse_testkit::script;
use tokio::{process::Command, time::timeout};

use crate::DEADLINE;

async fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_follow"));
    command.args(arguments).env("NO_PROXY", "127.0.0.1").kill_on_drop(true);
    timeout(DEADLINE, command.output()).await.unwrap().unwrap()
}

#[tokio::test]
async fn events_go_to_stdout_and_the_rest_to_stderr() {
    let script = script! {
        accept.last_event_id("40"), head(200), retry(1ms), comment("a comment"),
            event("Rain until Thursday\nthen sun").name("headline").id("41"), end,
        expect_reconnect().last_event_id("41"), head(200), event("dry").id("42"), drop,
        expect_reconnect().last_event_id("42"), status(204),
    };
    let server = script.listen().await.unwrap();
    let url = server.url("/stream");
    let arguments = [url.as_str(), "40"];
    let (output, ()) = tokio::join!(run(&arguments), server.expect_finished_within(DEADLINE));
    let (printed, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(printed, "headline\t41\tRain until Thursday\n\t\tthen sun\nmessage\t42\tdry\n");
    assert!(said.starts_with("connecting\nopen\nthe stream ended; again in "), "{said}");
    assert_eq!(output.status.code(), Some(0));
    server.expect_finished().await; // and no request came after the last step
}

#[tokio::test]
async fn the_end_of_all_topics_is_a_success() {
    let script = script! {
        accept, head(200), event("That is all.").id("41"),
            event("{\"topics\":[\"runs/42\"]}").name("sse-end").id("41"), end,
    };
    let server = script.listen().await.unwrap();
    let url = server.url("/stream");
    let arguments = [url.as_str()];
    let (output, ()) = tokio::join!(run(&arguments), server.expect_finished_within(DEADLINE));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed, "message\t41\tThat is all.\nsse-end\t41\t{\"topics\":[\"runs/42\"]}\n");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((said.as_str(), output.status.code()), ("connecting\nopen\nthe stream has ended for good\n", Some(0)));
}

#[tokio::test]
async fn what_it_cannot_do_is_said_in_one_line() {
    for (arguments, expect) in [
        (&[][..], "follow: usage: follow URL [LAST_EVENT_ID]\n"),
        (&["nowhere"], "follow: \"nowhere\" is no URL: relative URL without a base\n"),
        (&["https://hub.example"], "follow: only http: is spoken here, not https:\n"),
        (
            &["http://hub.example", "4\n1"],
            "follow: the event ID holds a line feed at byte 1, which can't be sent in that field\n",
        ),
    ] {
        let output = run(arguments).await;
        assert_eq!(String::from_utf8(output.stderr).unwrap(), expect);
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
    }
}
