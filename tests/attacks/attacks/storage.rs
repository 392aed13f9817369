//! The disk and the clock.

use std::{
    fs,
    io::{Read, Seek, SeekFrom, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::{
    PATIENCE, eventually,
    http1::{ATTACKER, Chunks, connect},
    target::{Launch, Target, preload},
};

alone! {
    disk_hangs: disk_hangs;
    clock_jumps_ahead: clock_ahead;
    clock_was_years_ahead: clock_was_ahead;
    clock_is_before_1970: clock_before_1970;
    file_goes_away: file_goes;
    files_are_the_owner_s: modes;
    second_hub_on_one_log: second_hub;
    full_disk: full_disk;
    full_disk_with_the_log_lines_on_it: full_disk_with_log;
    flipped_bytes: flipped_bytes;
}

/// Short, since each of these ends a hub.
fn launch(directory: &Path) -> Launch {
    Launch::new(&[("SSE__SERVER__DRAIN", "1s")]).on_disk(&directory.join("data"))
}

async fn disk_hangs(directory: &TempDir) {
    let directory = directory.path();
    let Some(library) = preload(directory) else { return };
    let hang = directory.join("hang");
    let set = |launch: Launch| {
        launch.preload(&library).set("ATTACK_HANG", hang.to_string_lossy()).set("SSE__STORE__DURABILITY", "always")
    };
    let mut hub = set(launch(directory)).start();
    assert_eq!(hub.publish("a", b"before").await.status, 200);
    fs::write(&hang, "").expect("a file");
    // a publisher is answered, that it can come again
    let answer = hub.publish("a", b"hangs").await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    eventually("it is not ready", async || hub.ready().await == 503).await;
    assert_eq!(hub.ask_beside("GET /live", &[], b"").await.status, 200);
    // it ends, in whatever way, although the disk hangs
    hub.signal("TERM");
    hub.end().await;
    fs::remove_file(&hang).expect("it is there");
    let hub = set(launch(directory)).start();
    assert_eq!(hub.publish("a", b"after").await.status, 200);
}

async fn clock_ahead(directory: &TempDir) {
    let directory = directory.path();
    let Some(library) = preload(directory) else { return };
    let clock = directory.join("clock");
    fs::write(&clock, "0").expect("a file");
    let launch = launch(directory).preload(&library).set("ATTACK_CLOCK", clock.to_string_lossy());
    let hub = launch.set("SSE__STORE__AGE", "1h").start();
    assert_eq!(hub.publish("a", b"before").await.status, 200);
    fs::write(&clock, "7200").expect("a file");
    for _ in 0..5 {
        assert_eq!(hub.publish("b", b"after").await.status, 200);
    }
    // retention looks at each topic again with each write, and each second
    for _ in 0..80 {
        assert_eq!(hub.publish("other", b"x").await.status, 200);
    }
    let settled = tokio::time::sleep(std::time::Duration::from_secs(3));
    settled.await;
    let topic = hub.ask("GET /topics/b", &[], b"").await;
    assert_eq!((topic.status, topic.json()["events"].as_u64()), (200, Some(5)), "{}", topic.text());
}

async fn clock_was_ahead(directory: &TempDir) {
    let directory = directory.path();
    let Some(library) = preload(directory) else { return };
    let clock = directory.join("clock");
    fs::write(&clock, (73u64 * 365 * 86_400).to_string()).expect("a file");
    let ahead = launch(directory).preload(&library).set("ATTACK_CLOCK", clock.to_string_lossy());
    let mut hub = ahead.start();
    assert_eq!(hub.publish("a", b"x").await.status, 200);
    hub.stop().await;
    let hub = launch(directory).start();
    assert_eq!(hub.ready().await, 200);
    let said = hub.said();
    assert!(said.contains("WARN") && said.contains("clock"), "a log from the future, and all it says is {said:?}");
}

async fn clock_before_1970(directory: &TempDir) {
    let directory = directory.path();
    let Some(library) = preload(directory) else { return };
    let clock = directory.join("clock");
    fs::write(&clock, "-4000000000").expect("a file");
    let launched = launch(directory).preload(&library).set("ATTACK_CLOCK", clock.to_string_lossy()).try_start();
    let Err(said) = launched else { panic!("it started, and can't date what it answers") };
    assert!(said.contains("clock is before 1970") && !said.contains("panicked"), "{said}");
}

async fn file_goes(directory: &TempDir) {
    let directory = directory.path();
    let hub = launch(directory).start();
    assert_eq!(hub.publish("a", b"x").await.status, 200);
    fs::remove_file(directory.join("data/log.redb")).expect("it is there");
    eventually("it is not ready without its file", async || hub.ready().await == 503).await;
}

async fn modes(directory: &TempDir) {
    let directory = directory.path();
    let hub = launch(directory).shell("umask 022").start();
    assert_eq!(hub.publish("a", b"x").await.status, 200);
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    let data = directory.join("data");
    assert_eq!(format!("{:o}", mode(&data)), "700");
    for entry in fs::read_dir(&data).expect("it can be read") {
        let path = entry.expect("it can be read").path();
        assert_eq!(format!("{:o}", mode(&path)), "600", "{}", path.display());
    }
}

async fn second_hub(directory: &TempDir) {
    let hub = launch(directory.path()).start();
    let second = launch(directory.path()).run();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(hub.publish("a", b"x").await.status, 200);
}

async fn full_disk(directory: &TempDir) {
    no_room(directory.path(), false).await;
}

async fn full_disk_with_log(directory: &TempDir) {
    no_room(directory.path(), true).await;
}

/// A file may not grow any more: that is what a full disk is to who writes it. A hub starts on it all the same, and goes
/// on once there is room.
async fn no_room(directory: &Path, for_log_lines: bool) {
    let set = |launch: Launch| launch.set("SSE__STORE__DURABILITY", "always");
    let mut hub = set(launch(directory)).start();
    let mut last = String::new();
    for number in 0..50 {
        let answer = hub.publish("a", number.to_string().as_bytes()).await;
        last = answer.json()["id"].as_str().expect("an id").to_owned();
    }
    hub.kill();
    let length = fs::metadata(directory.join("data/log.redb")).expect("it is there").len();
    let full = format!("trap '' XFSZ; ulimit -S -f {}", length / 512);
    let said_before = if for_log_lines { length } else { 0 };
    let mut hub = set(launch(directory)).shell(&full).said_before(said_before).start();
    let mut refused = false;
    for _ in 0..200 {
        let status = hub.publish("a", &[b'x'; 200_000]).await.status;
        assert!(matches!(status, 200 | 503), "{status}");
        refused = refused || status == 503;
    }
    assert!(refused, "more is stored than there is room for");
    assert_eq!(hub.ready().await, 503);
    let events = read(&hub, "a", "49").await;
    assert_eq!(events.len(), 50, "what is on the full disk is read");
    assert_eq!(events[49].0, last);
    let process = format!("--pid={}", hub.id());
    let raised = Command::new("prlimit").args([&process, "--fsize=unlimited"]).status();
    assert!(raised.is_ok_and(|status| status.success()), "prlimit is part of every Linux");
    eventually("it takes events again", async || hub.publish("b", b"x").await.status == 200).await;
    assert_eq!(hub.ready().await, 200);
    assert!(hub.stop().await.0.success());
}

/// The events of a topic from its first through one with this data, by id and data.
async fn read(hub: &Target, topic: &str, last: &str) -> Vec<(String, String)> {
    let mut socket = connect(ATTACKER, hub.address()).await.expect("the hub listens");
    let request = format!("GET /events?topic={topic}&since=earliest HTTP/1.1\r\nHost: localhost\r\n\r\n");
    socket.write_all(request.as_bytes()).await.expect("the hub reads");
    let (mut parser, mut chunks, mut head) = (sse_core::Parser::new(), Chunks::default(), Some(Vec::new()));
    let (mut events, mut piece) = (Vec::<(String, String)>::new(), Vec::new());
    let mut through = async || {
        while events.last().is_none_or(|(_, data)| data != last) {
            let read = socket.read_buf(&mut piece).await;
            assert!(matches!(read, Ok(1..)), "the stream ended after {} events", events.len());
            if let Some(mut begun) = head.take() {
                begun.append(&mut piece);
                match begun.windows(4).position(|four| four == b"\r\n\r\n") {
                    Some(end) => piece = begun.split_off(end + 4),
                    None => head = Some(begun),
                }
            }
            parser.feed(&chunks.feed(&piece), |item| match item {
                sse_core::Item::Event(event) if event.name() == "message" => {
                    events.push((event.id().to_owned(), event.data().to_owned()));
                }
                _ => {}
            });
            piece.clear();
        }
    };
    let in_time = timeout(PATIENCE, through()).await;
    assert!(in_time.is_ok(), "a reader waits for ever after {} events", events.len());
    events
}

/// Bytes of the file change behind the hub's back. No event is then other than it was, no reader waits for ever, and the
/// hub can be stopped.
async fn flipped_bytes(directory: &TempDir) {
    const EVENTS: usize = 2_000;
    let directory = directory.path();
    let set = |launch: Launch| launch.set("SSE__WINDOW__EVENTS", "100");
    let data = |number: usize| format!("event {number} {}", "x".repeat(200));
    let mut hub = set(launch(directory)).start();
    let lines = (0..EVENTS).map(|number| format!("{{\"topic\":\"a\",\"data\":\"{}\"}}\n", data(number)));
    assert_eq!(hub.publish_lines(lines.collect::<String>().as_bytes()).await.status, 200);
    let whole = read(&hub, "a", &data(EVENTS - 1)).await;
    assert_eq!(whole.len(), EVENTS);
    assert!(hub.stop().await.0.success());

    let (file, kept) = (directory.join("data/log.redb"), directory.join("kept"));
    fs::copy(&file, &kept).expect("it can be copied");
    let length = fs::metadata(&kept).expect("it is there").len();
    for flip in 0..12u64 {
        fs::copy(&kept, &file).expect("it can be copied");
        // behind the header, which is looked at when the file is opened
        let at = 8_192 + (flip * 2 + 1) * (length - 8_192) / 24 + flip * 577;
        change(&file, at.min(length - 1));
        // a file that is refused is told of; one that is served, is served right
        let Ok(mut hub) = set(launch(directory)).try_start() else { continue };
        if hub.publish("a", b"end").await.status != 200 {
            assert_eq!(hub.ready().await, 503, "with byte {at} changed");
            continue;
        }
        let mut events = read(&hub, "a", "end").await;
        events.pop();
        for event in &events {
            assert!(whole.contains(event), "with byte {at} changed, {event:?} was served");
        }
        let missing = EVENTS - events.len();
        let told = hub.metric("sse_gaps_total").await;
        assert!(missing == 0 || told > 0, "with byte {at} changed, {missing} events were missing without a word");
        assert_eq!(hub.ask("GET /live", &[], b"").await.status, 200);
        let panics = hub.said().matches("panicked at").count();
        assert!(panics <= 10, "{panics} panics in the log");
        hub.stop().await;
    }
}

fn change(file: &Path, at: u64) {
    let mut file = fs::File::options().read(true).write(true).open(file).expect("it opens");
    let mut byte = [0];
    file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut byte)).expect("it is there");
    byte[0] ^= 0xFF;
    file.seek(SeekFrom::Start(at)).and_then(|_| file.write_all(&byte)).expect("it can be changed");
}
