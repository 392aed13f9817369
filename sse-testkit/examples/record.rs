//! Records a live event stream, with its cuts and times, to a file that a test can play again.

use std::{env, error::Error, process::ExitCode, time::Duration};

use http::Uri;
use sse_testkit::TestClient;
use tokio::time::{Instant, timeout_at};

const USAGE: &str = "\
Records an event stream, with its cuts and times, to a file.

usage: record URL FILE [--seconds N] [--events N]

  URL           of the stream: http, without TLS
  FILE          where to save it, as NDJSON
  --seconds N   stop after N seconds [10]
  --events N    stop after N events

A test plays it again with TestClient::replay(Recording::load(FILE)?).";

/// In seconds; nobody waits longer, and a clock does not reach much further.
const YEAR: u64 = 365 * 24 * 60 * 60;

#[derive(Debug)]
struct Options {
    url: Uri,
    file: String,
    seconds: u64,
    events: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Vec<_> = env::args().skip(1).collect();
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let recorded = match options(&args) {
        Ok(options) => record(&options).await.map_err(|error| error.to_string()),
        Err(wrong) => Err(format!("{wrong}\n\n{USAGE}")),
    };
    match recorded {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn options(args: &[String]) -> Result<Options, String> {
    let (mut places, mut seconds, mut events) = (Vec::new(), 10, u64::MAX);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let option = match &**arg {
            "--seconds" => &mut seconds,
            "--events" => &mut events,
            other if other.starts_with('-') => return Err(format!("{other} is no option")),
            _ => {
                places.push(arg.clone());
                continue;
            }
        };
        let value = args.next().map_or("", |value| value);
        *option = value.parse().map_err(|_| format!("{arg} is {value:?}; allowed is a whole number"))?;
    }
    let Ok([url, file]) = <[String; 2]>::try_from(places) else { return Err("URL and FILE are needed".into()) };
    let allowed = format!("URL is {url:?}; allowed is http://HOST[:PORT]/PATH");
    let url = url.parse::<Uri>().map_err(|_| allowed.clone())?;
    match url.scheme_str() {
        Some("http") => Ok(Options { url, file, seconds, events }),
        _ => Err(allowed),
    }
}

async fn record(options: &Options) -> Result<String, Box<dyn Error>> {
    let Options { url, file, seconds, events } = options;
    let authority = url.authority().map(ToString::to_string).unwrap_or_default();
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    let address = tokio::net::lookup_host((host, url.port_u16().unwrap_or(80))).await?.next();
    let address = address.ok_or_else(|| format!("{host} has no address"))?;
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let mut stream = TestClient::tcp(address).get(path).header("host", authority).connect().await;

    let time = Duration::from_secs((*seconds).min(YEAR));
    let deadline = Instant::now() + time;
    let patience = time + Duration::from_secs(1);
    let mut count = 0;
    while count < *events {
        match timeout_at(deadline, stream.within(patience).next()).await {
            Ok(Some(seen)) => count += u64::from(seen.event().is_some()),
            Ok(None) | Err(_) => break,
        }
    }
    let recording = stream.recording()?;
    recording.save(file)?;
    let (chunks, bytes) = (recording.chunks().len(), recording.bytes().len());
    Ok(format!("{file}: {count} events, {bytes} bytes in {chunks} chunks"))
}
