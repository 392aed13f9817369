//! The connection, as signals.

use std::time::Duration;

use futures_util::StreamExt;
use leptos::{prelude::*, task::spawn_local};
use sse_wasm_client::{Broadcast, DecodeError, Delivery, EventId, EventSource, Signal, State};

use crate::{
    board::Board,
    event::{Event, TOPIC},
    words,
};

/// What happened so long before is asked for when the page is opened. It is as long as the board's window.
const SINCE: &str = "10m";

/// A page that nobody has looked at for so long disconnects; it goes on where it was.
const PAUSE: Duration = Duration::from_secs(60);

/// How often the time that the page shows goes on.
const TICK: Duration = Duration::from_secs(1);

/// What is known, for the parts of the page to follow. It ends with the page's owner, and the connection with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Live {
    /// Everything that came. It tells at most once for each frame that is drawn.
    pub(super) board: RwSignal<Board>,
    pub(super) state: RwSignal<State>,
    /// When it was open last, by the page's time, if it ever was.
    pub(super) lost: RwSignal<Option<Duration>>,
    /// How many events made room for later ones.
    pub(super) dropped: RwSignal<u64>,
    /// Why there is no connection and will be none.
    pub(super) fault: RwSignal<Option<String>>,
    /// The page's time, from tick to tick.
    pub(super) now: RwSignal<Duration>,
    clock: Clock,
    is_drawing: StoredValue<bool>,
    /// Where to go on: after what is on the board.
    last_event_id: StoredValue<EventId>,
    connection: StoredValue<Option<Broadcast<Event>>, LocalStorage>,
}

impl Live {
    /// Connects, for as long as the present owner lives.
    pub(super) fn start() -> Self {
        let live = Self {
            board: RwSignal::default(),
            state: RwSignal::new(State::Connecting),
            lost: RwSignal::new(None),
            dropped: RwSignal::new(0),
            fault: RwSignal::new(None),
            now: RwSignal::new(page_time()),
            clock: Clock::start(),
            is_drawing: StoredValue::new(false),
            last_event_id: StoredValue::default(),
            connection: StoredValue::new_local(None),
        };
        live.connect();
        if let Ok(ticking) = set_interval_with_handle(move || live.tick(), TICK) {
            on_cleanup(move || ticking.clear());
        }
        live
    }

    /// Connects, and goes on after what is on the board.
    pub(super) fn connect(self) {
        let source = EventSource::<Event>::builder(format!("/events?topic={TOPIC}&since={SINCE}"))
            .last_event_id(self.last_event_id.get_value())
            .pause_when_hidden(PAUSE)
            .connect();
        let connection = match source {
            Ok(source) => source.into_broadcast(), // one handle to read by, one to close by
            Err(error) => return self.fault.set(Some(error.to_string())),
        };
        let mut signals = connection.source().signals();
        let mut events = connection.events();
        self.connection.set_value(Some(connection));

        // Both end with the connection.
        spawn_local(async move {
            while let Some(signal) = signals.next().await {
                self.hear(&signal);
            }
        });
        spawn_local(async move {
            let mut dropped = 0;
            while let Some(event) = events.next().await {
                self.take(&event);
                let more = events.dropped() - dropped;
                if more > 0 {
                    dropped += more;
                    self.dropped.update(|sum| *sum += more);
                }
            }
        });
    }

    /// Closes the connection. [`connect`](Self::connect) makes another.
    pub(super) fn close(self) {
        self.connection.with_value(|connection| {
            if let Some(connection) = connection {
                connection.source().close();
            }
        });
    }

    /// The shop's time, in milliseconds since 1970.
    pub(super) fn shop_time(self) -> u64 {
        self.clock.now()
    }

    fn hear(self, signal: &Signal) {
        match signal {
            Signal::State(state) => {
                let now = page_time(); // a countdown begins from here
                self.now.set(now);
                if *state == State::Open || self.state.get_untracked() == State::Open {
                    self.lost.set(Some(now));
                }
                self.state.set(*state);
            }
            Signal::Gap(gap) => {
                let (words, anew) = words::gap(gap);
                self.board.update_untracked(|board| board.add_gap(words, anew, self.clock.now()));
                self.draw();
            }
            _ => {} // the end of a stream is told by the state too
        }
    }

    fn take(self, event: &Result<Delivery<Event>, DecodeError>) {
        let id = match event {
            Ok(delivery) => {
                let now = self.clock.now();
                let event = delivery.value.clone();
                self.board.update_untracked(|board| board.add(delivery.id.as_str(), event, now));
                &delivery.id
            }
            Err(undecoded) => {
                self.board.update_untracked(|board| board.add_undecoded(undecoded.to_string()));
                &undecoded.delivery().id
            }
        };
        self.last_event_id.set_value(id.clone());
        self.draw();
    }

    /// Has the board drawn with the next frame, however much comes until then.
    fn draw(self) {
        if !self.is_drawing.get_value() {
            self.is_drawing.set_value(true);
            request_animation_frame(move || {
                self.is_drawing.set_value(false);
                self.board.notify();
            });
        }
    }

    fn tick(self) {
        self.now.set(page_time());
        self.board.update(|board| board.expire(self.clock.now()));
    }
}

/// The page's `performance.now()`.
fn page_time() -> Duration {
    Duration::from_secs_f64(window().performance().map_or(0.0, |performance| performance.now()) / 1000.0)
}

/// Tells the shop's time. It goes by the reader's clock, set right by the time that was in the page when it was served:
/// unlike `performance.now()` that goes on while the machine sleeps.
#[derive(Debug, Clone, Copy)]
struct Clock {
    behind: f64,
}

impl Clock {
    fn start() -> Self {
        let served = document().query_selector("meta[name=now]").ok().flatten();
        let served = served.and_then(|meta| meta.get_attribute("content")?.parse::<f64>().ok());
        let now = served.map(|served| served + page_time().as_secs_f64() * 1000.0);
        Self { behind: now.map_or(0.0, |now| now - js_sys::Date::now()) }
    }

    fn now(self) -> u64 {
        (js_sys::Date::now() + self.behind) as u64
    }
}
