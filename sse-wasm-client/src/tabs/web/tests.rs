//! In a browser: several tabs on one page, which makes no difference to locks and channels.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use js_sys::{Function, Promise, Reflect};
use sse_core::{EventId, EventName, hub::names::event::CURSOR};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

use super::{
    Connect, Feed, HeldConnection, Membership, Recipient,
    lock::{Fate, Lock},
};
use crate::{Delivery, Message, State, clock, tabs::aside::Aside};

wasm_bindgen_test_configure!(run_in_browser);

/// A server on the page: what it has sent, and the open connections.
#[derive(Default)]
struct Server {
    log: RefCell<Vec<String>>,
    open: RefCell<Vec<Feed>>,
    connections: Cell<usize>,
    /// How often a connection was told to check its deadlines.
    checks: Cell<usize>,
}

struct Connector(Rc<Server>);

/// An open connection.
struct Open(Rc<Server>);

impl Connect for Connector {
    fn connect(&self, last_event_id: &EventId, feed: Feed) -> Rc<dyn HeldConnection> {
        let server = &self.0;
        server.connections.set(server.connections.get() + 1);
        server.open.borrow_mut().push(feed.clone());
        let after: usize = last_event_id.as_str().split('-').next_back().and_then(|id| id.parse().ok()).unwrap_or(0);
        let kept = Rc::clone(server);
        wasm_bindgen_futures::spawn_local(async move {
            feed.state(State::Open);
            for number in after + 1..=kept.log.borrow().len() {
                feed.event(event(number, &kept.log.borrow()[number - 1]));
            }
        });
        Rc::new(Open(Rc::clone(server)))
    }
}

impl HeldConnection for Open {
    fn check_deadlines(&self) {
        self.0.checks.set(self.0.checks.get() + 1);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get() - 1);
        self.0.open.borrow_mut().clear();
    }
}

impl Server {
    fn publish(&self, data: &str) {
        self.log.borrow_mut().push(data.into());
        let number = self.log.borrow().len();
        let open = self.open.borrow().clone();
        for feed in open {
            feed.event(event(number, data));
        }
    }
}

fn event(number: usize, data: &str) -> Delivery<Message> {
    let value = Message { name: EventName::from_static("message"), data: data.into() };
    Delivery { value, id: EventId::new(format!("a-{number:03}")).unwrap(), origin: "http://hub.example".into() }
}

#[derive(Default)]
struct Seen {
    events: RefCell<Vec<String>>,
    state: Cell<Option<State>>,
}

struct Ear(Rc<Seen>);

impl Recipient for Ear {
    fn event(&self, event: Delivery<Message>) {
        if event.value.name.as_str() != CURSOR {
            self.0.events.borrow_mut().push(event.value.data.to_string());
        }
    }

    fn state(&self, state: State) {
        self.0.state.set(Some(state));
    }

    fn aside(&self, _: Aside) {}
}

fn join(name: &str, server: &Rc<Server>) -> (Membership, Rc<Seen>) {
    let seen = Rc::<Seen>::default();
    (Membership::join(name, EventId::default(), Ear(Rc::clone(&seen)), Connector(Rc::clone(server))), seen)
}

async fn sleep(milliseconds: i32) {
    let promise = Promise::new(&mut |resolve, _| {
        let set_timeout: Function = Reflect::get(&js_sys::global(), &"setTimeout".into()).unwrap().unchecked_into();
        set_timeout.call2(&JsValue::UNDEFINED, &resolve, &milliseconds.into()).unwrap();
    });
    JsFuture::from(promise).await.unwrap();
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = clock::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(clock::now() < deadline, "{what}");
        sleep(5).await;
    }
}

fn name() -> String {
    format!("test {}", clock::entropy())
}

async fn all_have(seen: &[&Rc<Seen>], events: &[&str]) {
    for (tab, seen) in seen.iter().enumerate() {
        until(&format!("tab {tab} has {:?}, not {events:?}", seen.events.borrow()), || *seen.events.borrow() == events)
            .await;
    }
}

#[wasm_bindgen_test]
async fn tabs_share_a_connection_and_pass_it_on() {
    let (name, server) = (name(), Rc::<Server>::default());
    let (first, seen_first) = join(&name, &server);
    until("it leads", || seen_first.state.get() == Some(State::Open)).await;
    let (second, seen_second) = join(&name, &server);
    let (third, seen_third) = join(&name, &server);
    until("they follow", || [&seen_second, &seen_third].iter().all(|seen| seen.state.get() == Some(State::Open))).await;
    sleep(50).await;
    server.publish("1");
    server.publish("2");
    all_have(&[&seen_first, &seen_second, &seen_third], &["1", "2"]).await;
    assert_eq!(server.connections.get(), 1);
    assert!(server.checks.get() >= 2); // the others have told their positions

    drop(first);
    assert_eq!(server.connections.get(), 0);
    server.publish("3");
    all_have(&[&seen_second, &seen_third], &["1", "2", "3"]).await;
    assert_eq!(server.connections.get(), 1);
    drop(second);
    server.publish("4");
    all_have(&[&seen_third], &["1", "2", "3", "4"]).await;
    drop(third);
    assert_eq!((server.connections.get(), seen_first.events.borrow().len()), (0, 2));
}

#[wasm_bindgen_test]
async fn a_leader_that_is_robbed_follows() {
    let (name, server) = (name(), Rc::<Server>::default());
    let (_first, seen_first) = join(&name, &server);
    until("it leads", || seen_first.state.get() == Some(State::Open)).await;
    let (_second, seen_second) = join(&name, &server);
    until("it follows", || seen_second.state.get() == Some(State::Open)).await;
    sleep(50).await;
    server.publish("1");
    all_have(&[&seen_first, &seen_second], &["1"]).await;

    let robber = Lock::request(&format!("{}{name}", super::VERSION), true, |_| ()).unwrap();
    until("it lets go", || server.connections.get() == 0).await;
    server.publish("2");
    drop(robber);
    all_have(&[&seen_first, &seen_second], &["1", "2"]).await;
    assert_eq!(server.connections.get(), 1);
}

#[wasm_bindgen_test]
async fn a_leader_that_is_never_heard_is_robbed() {
    let (name, server) = (name(), Rc::<Server>::default());
    let fates = Rc::<RefCell<Vec<Fate>>>::default();
    let told = Rc::clone(&fates);
    let tell = move |fate| told.borrow_mut().push(fate);
    let _silent = Lock::request(&format!("{}{name}", super::VERSION), false, tell).unwrap();
    until("the silent one has it", || *fates.borrow() == [Fate::Granted]).await;
    let (_tab, seen) = join(&name, &server);
    until("another leads", || seen.state.get() == Some(State::Open)).await;
    until("the silent one is told", || *fates.borrow() == [Fate::Granted, Fate::Stolen]).await;
    server.publish("1");
    all_have(&[&seen], &["1"]).await;
    assert_eq!(server.connections.get(), 1);
}

#[wasm_bindgen_test]
async fn one_that_sleeps_lets_another_lead() {
    let (name, server) = (name(), Rc::<Server>::default());
    let (first, seen_first) = join(&name, &server);
    until("it leads", || seen_first.state.get() == Some(State::Open)).await;
    let (_second, seen_second) = join(&name, &server);
    until("it follows", || seen_second.state.get() == Some(State::Open)).await;
    sleep(50).await;
    server.publish("1");
    all_have(&[&seen_first, &seen_second], &["1"]).await;

    first.inner.handle_page(false);
    assert_eq!(server.connections.get(), 0);
    server.publish("2");
    all_have(&[&seen_second], &["1", "2"]).await;
    assert_eq!(seen_first.events.borrow().len(), 1);
    first.inner.handle_page(true);
    all_have(&[&seen_first], &["1", "2"]).await;
    assert_eq!(server.connections.get(), 1);
}

#[wasm_bindgen_test]
async fn without_locks_each_has_its_own() {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into()).unwrap();
    let without = js_sys::Object::new();
    Reflect::set(&without, &"value".into(), &JsValue::UNDEFINED).unwrap();
    Reflect::set(&without, &"configurable".into(), &JsValue::TRUE).unwrap();
    js_sys::Object::<JsValue>::define_property(navigator.unchecked_ref(), &"locks".into(), &without);
    let (name, server) = (name(), Rc::<Server>::default());
    let (_first, seen_first) = join(&name, &server);
    let (_second, seen_second) = join(&name, &server);
    Reflect::delete_property::<js_sys::Object>(navigator.unchecked_ref(), &"locks".into()).unwrap(); // uncovers the prototype's

    until("they are open", || [&seen_first, &seen_second].iter().all(|seen| seen.state.get() == Some(State::Open)))
        .await;
    assert_eq!(server.connections.get(), 2);
    server.publish("1");
    all_have(&[&seen_first, &seen_second], &["1"]).await;
}

#[wasm_bindgen_test]
async fn a_lock_is_waited_for_stolen_and_let_go() {
    let name = name();
    let fates = Rc::<RefCell<Vec<(u8, Fate)>>>::default();
    let request = |number, steal| {
        let fates = Rc::clone(&fates);
        Lock::request(&name, steal, move |fate| fates.borrow_mut().push((number, fate))).unwrap()
    };
    let first = request(1, false);
    let _second = request(2, false);
    let third = request(3, false);
    until("granted", || *fates.borrow() == [(1, Fate::Granted)]).await;
    drop(third); // while it waits
    drop(first);
    until("handed on", || *fates.borrow() == [(1, Fate::Granted), (2, Fate::Granted)]).await;
    let _thief = request(4, true);
    until("stolen", || fates.borrow().len() == 4).await;
    assert!(fates.borrow().contains(&(2, Fate::Stolen)) && fates.borrow().contains(&(4, Fate::Granted)));
    sleep(50).await;
    assert_eq!(fates.borrow().len(), 4);
}
