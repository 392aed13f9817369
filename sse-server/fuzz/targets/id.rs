//! An ID of the hub's form is read as what it says, and a stream that is resumed with any ID at all begins well.
#![no_main]

mod hub;

use http::Request;
use libfuzzer_sys::fuzz_target;
use sse_core::hub::Position;

fuzz_target!(|input: &[u8]| {
    let mut parts = input.split(|byte| *byte == 0xFF);
    let read = |part: Option<&[u8]>| Position::parse(&String::from_utf8_lossy(part.unwrap_or_default()));
    let (first, second) = (parts.next(), parts.next());
    let positions = (read(first), read(second));
    if let Some(position) = positions.0 {
        let text = String::from_utf8_lossy(first.unwrap_or_default());
        assert_eq!(position.to_string(), text);
        assert_eq!(Position::new(position.epoch(), position.seq()), position);
    }
    if let (Some(one), Some(other)) = positions
        && one.epoch() == other.epoch()
    {
        assert_eq!(one.partial_cmp(&other), Some(one.to_string().cmp(&other.to_string())));
    }
    hub::with(|hub| {
        let request = Request::get("/events?topic=a").header("last-event-id", first.unwrap_or_default());
        let Some(answer) = hub.send(request, Vec::new()) else { return };
        let status = answer.status.as_u16();
        if status == 400 {
            return drop(hub.json(answer));
        }
        assert_eq!(status, 200);
        let beginning = hub.beginning(answer);
        assert!(beginning.starts_with("event: sse-"), "{beginning:?}");
        assert!(beginning.len() < 2_048, "an ID of {} bytes is shown whole", first.unwrap_or_default().len());
    });
});
