//! `follow URL [LAST_EVENT_ID]`: the stream's events to stdout, what happens to the connection to stderr.
//!
//! An event is a line of its name, ID and data, with tabs between; further lines of data begin with two tabs.

use std::{
    env,
    ffi::OsString,
    io::{self, Write},
    ops::ControlFlow,
    process::ExitCode,
};

use follow::{Change, causes, client, follow};
use reqwest::Url;
use sse_core::{
    Item, Limits,
    session::{Closed, Policy, Session},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(env::args_os().skip(1).collect()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("follow: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Vec<OsString>) -> Result<(), String> {
    let arguments: Vec<_> = arguments.iter().map(|argument| argument.to_str()).collect();
    let (url, id) = match arguments[..] {
        [Some(url)] => (url, ""),
        [Some(url), Some(id)] => (url, id),
        _ => return Err("usage: follow URL [LAST_EVENT_ID]".into()),
    };
    let url: Url = url.parse().map_err(|error| format!("{url:?} is no URL: {error}"))?;
    if url.scheme() != "http" {
        return Err(format!("only http: is spoken here, not {}:", url.scheme()));
    }
    let mut session = Session::new(Policy::patient(), Limits::default());
    session.set_last_event_id(id).map_err(|error| error.to_string())?;
    let client = client().build().map_err(|error| causes(&error))?;

    match follow(&client, &url, session, print, tell).await.map_err(|error| causes(&error))? {
        why @ (Closed::Ended | Closed::NoContent) => {
            eprintln!("{why}"); // and everything has come
            Ok(())
        }
        Closed::ByCaller => Ok(()), // nobody reads what is printed
        why => Err(why.to_string()),
    }
}

fn print(item: Item<'_>) -> ControlFlow<()> {
    match item {
        Item::Event(event) => {
            let data = event.data().replace('\n', "\n\t\t");
            let printed = writeln!(io::stdout(), "{}\t{}\t{data}", event.name(), event.id());
            return printed.map_or(ControlFlow::Break(()), ControlFlow::Continue);
        }
        Item::Dropped(limit) => eprintln!("an event was dropped: {limit}"),
        _ => {}
    }
    ControlFlow::Continue(())
}

fn tell(change: Change<'_>) {
    match change {
        Change::Connecting => eprintln!("connecting"),
        Change::Open => eprintln!("open"),
        Change::Waiting(wait, None) => eprintln!("the stream ended; again in {wait:.1?}"),
        Change::Waiting(wait, Some(error)) => eprintln!("{}; again in {wait:.1?}", causes(error)),
    }
}
