mod page;
mod watchdog;

use std::rc::Rc;

use super::*;
use crate::Refusal;

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;

/// The state machine with a clock, and the actions so far.
struct Sim {
    reconnect: Reconnect,
    now: Duration,
    actions: Vec<Action>,
}

impl Sim {
    fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        change(&mut settings);
        let reconnect = Reconnect::new(settings, EventId::default(), Duration::ZERO);
        let mut sim = Self { reconnect, now: Duration::ZERO, actions: Vec::new() };
        sim.collect();
        assert_eq!(sim.take(), [connect("")]);
        sim
    }

    /// An open stream of a hub.
    fn open(change: impl FnOnce(&mut Settings)) -> Self {
        let mut sim = Self::new(change);
        sim.event("e-1");
        sim
    }

    fn event(&mut self, id: &str) {
        assert!(self.reconnect.handle_event(id, true, self.now));
        assert_eq!(self.reconnect.state(), State::Open);
    }

    fn refuse(&mut self, status: Option<u16>) {
        self.refuse_as(&Refusal { status, ..Refusal::default() }, 0);
    }

    fn refuse_as(&mut self, refusal: &Refusal, entropy: u64) {
        let may_pass = (self.reconnect.may_pass())(refusal);
        self.reconnect.handle_refusal(refusal, may_pass, self.now, entropy);
        self.collect();
    }

    fn end(&mut self) {
        self.reconnect.handle_end(CloseReason::Ended, self.now, 0);
        self.collect();
    }

    /// Lets time pass, and tells it whenever that is due.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.reconnect.next_time().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.reconnect.handle_time(self.now, 0);
            self.collect();
        }
        self.now = end;
    }

    fn collect(&mut self) {
        while let Some(action) = self.reconnect.poll_action() {
            self.actions.push(action);
        }
    }

    fn take(&mut self) -> Vec<Action> {
        self.collect();
        std::mem::take(&mut self.actions)
    }

    /// The wait from now on.
    fn wait(&self) -> Duration {
        match self.reconnect.state() {
            State::Waiting { until, .. } => until - self.now,
            other => panic!("{other:?} is not waiting"),
        }
    }
}

fn connect(id: &str) -> Action {
    Action::Connect(EventId::new(id).unwrap())
}

const fn closed(why: CloseReason) -> State {
    State::Closed { why }
}

#[test]
fn open_with_the_first_event_and_not_before() {
    let mut sim = Sim::new(|_| {});
    assert_eq!(sim.reconnect.state(), State::Connecting);
    sim.reconnect.handle_head(None, sim.now);
    sim.reconnect.handle_heard(sim.now);
    assert_eq!(sim.reconnect.state(), State::Connecting);
    sim.event("e-1");
    assert!(sim.take().is_empty());
}

#[test]
fn hands_off_while_the_browser_reconnects() {
    let mut sim = Sim::open(|_| {});
    sim.reconnect.handle_lost(sim.now);
    assert_eq!(sim.reconnect.state(), State::Connecting);
    sim.pass(S(600));
    assert!(sim.take().is_empty());
    sim.reconnect.handle_lost(sim.now); // its attempt has failed
    sim.pass(S(600));
    assert!(sim.take().is_empty());
    sim.event("e-2");
    assert_eq!(sim.reconnect.last_event_id().as_str(), "e-2");
}

#[test]
fn a_refusal_is_followed_by_a_wait_and_a_connection_that_goes_on() {
    let mut sim = Sim::open(|_| {});
    sim.reconnect.handle_lost(sim.now);
    sim.refuse(None);
    assert_eq!(sim.reconnect.state(), State::Waiting { attempt: 1, until: S(3) });
    assert_eq!(sim.take(), [Action::Disconnect]);
    sim.pass(MS(2_999));
    assert!(sim.take().is_empty());
    sim.pass(MS(1));
    assert_eq!((sim.take(), sim.reconnect.state()), (vec![connect("e-1")], State::Connecting));
    assert_eq!(sim.reconnect.start().as_str(), "e-1");
}

#[test]
fn waits_grow_while_the_hub_is_busy() {
    let mut sim = Sim::new(|settings| settings.give_up_after = Some(3));
    sim.refuse(Some(503));
    let wait = sim.wait();
    sim.pass(wait);
    for attempt in 2..8 {
        sim.reconnect.handle_retry(S(1));
        assert!(sim.reconnect.handle_drain("", sim.now));
        assert_eq!(sim.reconnect.state(), State::Connecting);
        sim.pass(S(6));
        sim.reconnect.handle_end(CloseReason::Failed, sim.now, u64::MAX);
        let longest = S(30).min(S(1) * (1 << (attempt - 1)));
        assert!(matches!(sim.reconnect.state(), State::Waiting { attempt: own, .. } if own == attempt));
        assert!((longest / 2..=longest).contains(&sim.wait()), "attempt {attempt}: {:?}", sim.wait());
        let wait = sim.wait();
        sim.pass(wait);
    }
    // These were no more refusals, and did not end the row of them either.
    sim.refuse(Some(503));
    sim.pass(S(30));
    sim.refuse(Some(503));
    assert_eq!(sim.reconnect.state(), closed(CloseReason::GaveUp));
}

#[test]
fn waits_grow_until_a_stream_lasts() {
    let longest = |sim: &mut Sim| {
        sim.refuse_as(&Refusal::default(), u64::MAX);
        let wait = sim.wait();
        sim.pass(wait);
        wait.as_millis()
    };
    let mut sim = Sim::new(|_| {});
    let waits: Vec<_> = (0..5).map(|_| longest(&mut sim)).collect();
    assert_eq!(waits, [5_999, 11_999, 23_999, 29_999, 29_999]);
    assert_eq!(sim.reconnect.state(), State::Connecting);

    // A head and bytes do not make a stream stable, and neither does an event alone.
    sim.reconnect.handle_head(None, sim.now);
    sim.reconnect.handle_heard(sim.now);
    assert_eq!(longest(&mut sim), 29_999);
    sim.event("e-1");
    assert_eq!(longest(&mut sim), 29_999);
    sim.event("e-2");
    sim.pass(S(5));
    assert_eq!(longest(&mut sim), 5_999);
}

#[test]
fn what_the_server_asks_for_is_heeded() {
    let mut sim = Sim::open(|_| {});
    sim.reconnect.handle_retry(MS(700));
    sim.end();
    assert_eq!(sim.wait(), MS(700));
    sim.pass(MS(700));
    let busy = Refusal { status: Some(503), retry_after: Some(S(20)), ..Refusal::default() };
    sim.refuse_as(&busy, 0);
    assert_eq!(sim.wait(), S(20));
    sim.pass(S(20));

    // But not without a bound.
    let for_ever = Refusal { status: Some(503), retry_after: Some(Duration::MAX), ..Refusal::default() };
    sim.refuse_as(&for_ever, 0);
    assert_eq!(sim.wait(), S(600));
    sim.pass(S(600));
    sim.reconnect.handle_retry(Duration::MAX);
    sim.end();
    assert_eq!(sim.wait(), S(600));
}

#[test]
fn what_does_not_pass_by_itself_is_final() {
    for (status, why) in
        [(200, CloseReason::NotAnEventStream), (401, CloseReason::Status(401)), (404, CloseReason::Status(404))]
    {
        let mut sim = Sim::new(|_| {});
        sim.refuse(Some(status));
        assert_eq!((sim.reconnect.state(), sim.take()), (closed(why), vec![Action::Disconnect]));
        assert_eq!(sim.reconnect.next_time(), None);
        assert!(!sim.reconnect.handle_event("e-9", true, sim.now));
        sim.reconnect.handle_online(sim.now);
        sim.reconnect.handle_visible(sim.now);
        sim.reconnect.handle_stored(sim.now);
        sim.reconnect.close();
        assert_eq!((sim.reconnect.state(), sim.take()), (closed(why), vec![]));
    }
}

#[test]
fn after_the_last_word_nothing_more_is_asked_for() {
    let [connecting, mut lost, open]: [Sim; 3] = [Sim::new(|_| {}), Sim::open(|_| {}), Sim::open(|_| {})];
    lost.reconnect.handle_lost(lost.now); // and a 204 follows
    for mut sim in [connecting, lost, open] {
        sim.reconnect.handle_last();
        assert_eq!((sim.reconnect.state(), sim.take()), (closed(CloseReason::Ended), vec![Action::Disconnect]));
        sim.end();
        sim.reconnect.handle_online(sim.now);
        sim.reconnect.close();
        sim.pass(S(3600));
        assert_eq!((sim.reconnect.state(), sim.take()), (closed(CloseReason::Ended), vec![]));
    }
    let mut waiting = Sim::open(|_| {});
    waiting.end();
    waiting.reconnect.handle_last(); // of a connection that is gone already
    assert!(matches!(waiting.reconnect.state(), State::Waiting { .. }));
}

#[test]
fn the_application_decides_what_is_final() {
    let mut sim = Sim::new(|settings| settings.may_pass = Rc::new(|refusal| refusal.status == Some(404)));
    sim.refuse(Some(404));
    assert!(matches!(sim.reconnect.state(), State::Waiting { .. }));
    sim.pass(S(3));
    sim.refuse(Some(503));
    assert_eq!(sim.reconnect.state(), closed(CloseReason::Status(503)));

    let mut sim = Sim::new(|settings| settings.may_pass = Rc::new(|_| false));
    sim.refuse(None);
    assert_eq!(sim.reconnect.state(), closed(CloseReason::GaveUp));
}

#[test]
fn gives_up_after_so_many_refusals_in_a_row() {
    let mut sim = Sim::new(|settings| settings.give_up_after = Some(2));
    sim.refuse(Some(503));
    sim.pass(S(60));
    sim.take();
    sim.end(); // unreachable, which is no refusal
    sim.pass(S(60));
    sim.event("e-1"); // an event ends the row
    sim.refuse(Some(503));
    sim.pass(S(60));
    assert_eq!(sim.reconnect.state(), State::Connecting);
    sim.refuse(None);
    assert_eq!(sim.reconnect.state(), closed(CloseReason::GaveUp));
}

#[test]
fn what_is_undone_before_it_began_is_not_begun() {
    let mut reconnect = Reconnect::new(Settings::default(), EventId::from_static("e-1"), S(1));
    reconnect.close();
    assert_eq!((reconnect.poll_action(), reconnect.state()), (None, closed(CloseReason::ByApplication)));
    assert_eq!(reconnect.last_event_id().as_str(), "e-1");
}

#[test]
fn one_that_is_shared_takes_part_and_adopts_how_it_stands() {
    let mut sim = Sim::new(|settings| {
        settings.is_across_tabs = true;
        settings.pause_when_hidden = Some(S(10));
    });
    assert_eq!((sim.reconnect.state(), sim.reconnect.next_time()), (State::Connecting, None)); // no watchdog here
    let waiting = State::Waiting { attempt: 2, until: S(5) };
    for state in [State::Open, State::Connecting, waiting, State::Paused, State::Open, waiting] {
        sim.reconnect.adopt(state);
        assert_eq!(sim.reconnect.state(), state);
        assert!(sim.reconnect.handle_event("e-1", true, sim.now)); // late events count
        assert_eq!(sim.reconnect.state(), state);
    }
    // The network and waits concern only the connection.
    sim.reconnect.handle_offline(sim.now);
    sim.reconnect.handle_online(sim.now);
    sim.reconnect.handle_visible(sim.now);
    sim.pass(S(60));
    assert_eq!((sim.take(), sim.reconnect.state()), (vec![], waiting));

    sim.reconnect.handle_hidden(sim.now);
    sim.pass(S(10));
    assert_eq!((sim.take(), sim.reconnect.state()), (vec![Action::Disconnect], State::Paused));
    sim.reconnect.adopt(State::Open);
    assert!(!sim.reconnect.handle_event("e-2", true, sim.now));
    assert_eq!(sim.reconnect.state(), State::Paused);
    sim.reconnect.handle_visible(sim.now);
    assert_eq!((sim.take(), sim.reconnect.state()), (vec![connect("e-1")], State::Connecting));

    sim.reconnect.adopt(closed(CloseReason::Status(401)));
    sim.reconnect.adopt(State::Open);
    sim.collect();
    assert_eq!((sim.take(), sim.reconnect.state()), (vec![Action::Disconnect], closed(CloseReason::Status(401))));
}

#[test]
fn an_id_without_an_event_is_where_to_go_on() {
    let mut sim = Sim::open(|_| {});
    sim.reconnect.handle_id("e-7");
    assert_eq!(sim.reconnect.last_event_id().as_str(), "e-7");
    sim.reconnect.close();
    sim.reconnect.handle_id("e-8");
    assert_eq!(sim.reconnect.last_event_id().as_str(), "e-7");
}

#[test]
fn what_is_not_asked_for_again_ends_with_its_stream() {
    use Reconnection::{Always, Never, OnceResumable, UntilBegun};
    let ending = |when: Reconnection, act: fn(&mut Sim)| {
        let mut sim = Sim::new(|settings| settings.reconnection = Some(when));
        act(&mut sim);
        sim.reconnect.state()
    };
    let again = |state: State| matches!(state, State::Waiting { .. });
    // an answer without an ID that ends: it would come again, and be paid for again
    let ends = |sim: &mut Sim| {
        sim.reconnect.handle_event("", false, sim.now);
        sim.end();
    };
    assert!(again(ending(Always, ends)));
    for when in [UntilBegun, OnceResumable, Never] {
        assert_eq!(ending(when, ends), closed(CloseReason::Ended), "{when:?}");
    }
    // one that breaks and can be resumed
    let breaks = |sim: &mut Sim| {
        sim.event("e-1");
        sim.reconnect.handle_end(CloseReason::Failed, sim.now, 0);
    };
    assert!(again(ending(OnceResumable, breaks)));
    for when in [UntilBegun, Never] {
        assert_eq!(ending(when, breaks), closed(CloseReason::Failed), "{when:?}");
    }
    // one that is refused, or turned away by a hub that is full, has not begun
    let refused = |sim: &mut Sim| sim.refuse(Some(503));
    let turned_away = |sim: &mut Sim| {
        sim.reconnect.handle_head(None, sim.now);
        sim.reconnect.handle_drain("", sim.now);
        sim.end();
    };
    assert!(again(ending(UntilBegun, refused)) && again(ending(UntilBegun, turned_away)));
    for when in [OnceResumable, Never] {
        assert_eq!(ending(when, refused), closed(CloseReason::Status(503)), "{when:?}");
    }
    // one that is silent, and one whose page is stored
    let silent = |sim: &mut Sim| {
        sim.event("");
        sim.pass(S(60));
    };
    let stored = |sim: &mut Sim| {
        sim.event("");
        sim.reconnect.handle_stored(sim.now);
    };
    for act in [silent, stored] {
        assert_eq!(ending(Never, act), closed(CloseReason::Failed));
    }
    // the browser makes another by itself
    let lost = |sim: &mut Sim| {
        sim.event("");
        sim.reconnect.handle_lost(sim.now);
        sim.collect();
    };
    assert_eq!(ending(Never, lost), closed(CloseReason::Ended));
    let unreachable = |sim: &mut Sim| sim.reconnect.handle_lost(sim.now);
    assert_eq!(ending(Never, unreachable), closed(CloseReason::Failed));
    // an answer that may not be asked for again may take its time, unless heartbeats are announced
    let slow = |sim: &mut Sim| {
        sim.pass(S(100));
        sim.reconnect.handle_head(None, sim.now);
        sim.pass(S(100));
    };
    assert_eq!(ending(OnceResumable, slow), State::Connecting);
    let announced = |sim: &mut Sim| {
        sim.reconnect.handle_head(Some(S(2)), sim.now);
        sim.pass(S(7));
    };
    assert_eq!(ending(OnceResumable, announced), closed(CloseReason::Failed));
}
