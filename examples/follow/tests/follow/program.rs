//! The program as it is run.

use std::process::Output;

use tokio::{process::Command, time::timeout};

use crate::{
    DEADLINE,
    script::{NO_CONTENT, Script, cut, whole},
};

async fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_follow"));
    command.args(arguments).env("NO_PROXY", "127.0.0.1").kill_on_drop(true);
    timeout(DEADLINE, command.output()).await.unwrap().unwrap()
}

#[tokio::test]
async fn events_go_to_stdout_and_the_rest_to_stderr() {
    let script = Script::bind().await;
    let url = script.url("/stream");
    let first = whole("retry: 1\n: a comment\nid: 41\nevent: headline\ndata: Rain until Thursday\ndata: then sun\n\n");
    let answers = [first, cut("id: 42\ndata: dry\n\n"), NO_CONTENT.into()];
    let arguments = [url.as_str(), "40"];
    let (output, heads) = tokio::join!(run(&arguments), script.play(answers));
    let (printed, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(printed, "headline\t41\tRain until Thursday\n\t\tthen sun\nmessage\t42\tdry\n");
    assert!(said.starts_with("connecting\nopen\nthe stream ended; again in "), "{said}");
    assert_eq!(output.status.code(), Some(0));
    assert!(heads[0].contains("\r\nlast-event-id: 40\r\n") && heads[2].contains("\r\nlast-event-id: 42\r\n"));
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
