//! Tabs that come, go, freeze and die, in virtual time, with a server that does likewise.

mod hub;
mod input;
mod joins;
mod page;
mod record;
mod world;

use std::time::Duration;

use proptest::{
    prelude::*,
    test_runner::{Config, TestError, TestRunner},
};

use self::{
    hub::Kind,
    input::Input,
    world::{Fault, USUAL, World},
};
use super::aside::Aside;
use crate::{Limit, Problem, Refusal, State};

/// What is done to the tabs and the server. A tab is picked among those that exist.
#[derive(Debug, Clone)]
enum Deed {
    Publish(u8),
    Join,
    JoinLike(usize),
    JoinLate(u8),
    JoinAstray,
    JoinAlone,
    Close(usize),
    Kill(usize),
    Freeze {
        tab: usize,
        is_announced: bool,
        keeps: bool,
    },
    Thaw(usize),
    Throttle(usize),
    Restart {
        down: u16,
        loses: bool,
    },
    Overload(u16),
    Trim(u8),
    /// A connection reports something besides events and states.
    Report(usize),
    Wait(u16),
}

const TABS: usize = 6;

fn deeds() -> impl Strategy<Value = (u64, Vec<Deed>)> {
    let tab = 0..TABS;
    let deed = prop_oneof![
        8 => (1..6u8).prop_map(Deed::Publish),
        4 => Just(Deed::Join),
        2 => tab.clone().prop_map(Deed::JoinLike),
        1 => (0..12u8).prop_map(Deed::JoinLate),
        1 => Just(Deed::JoinAstray),
        1 => Just(Deed::JoinAlone),
        2 => tab.clone().prop_map(Deed::Close),
        2 => tab.clone().prop_map(Deed::Kill),
        3 => (tab.clone(), any::<bool>(), any::<bool>())
            .prop_map(|(tab, is_announced, keeps)| Deed::Freeze { tab, is_announced, keeps }),
        3 => tab.clone().prop_map(Deed::Thaw),
        2 => tab.clone().prop_map(Deed::Throttle),
        1 => tab.prop_map(Deed::Report),
        1 => (0..5000u16, prop::bool::weighted(0.3)).prop_map(|(down, loses)| Deed::Restart { down, loses }),
        1 => (0..5000u16).prop_map(Deed::Overload),
        1 => (0..10u8).prop_map(Deed::Trim),
        4 => (0..300u16).prop_map(Deed::Wait),
        2 => (300..25_000u16).prop_map(Deed::Wait),
    ];
    (any::<u64>(), prop::collection::vec(deed, 1..50))
}

fn perform(world: &mut World, deed: &Deed) {
    let pick = |world: &World, tab: usize| {
        let tabs: Vec<_> = world.pages.keys().copied().collect();
        (!tabs.is_empty()).then(|| tabs[tab % tabs.len()])
    };
    match *deed {
        Deed::Publish(count) => {
            for _ in 0..count {
                world.publish();
                let wait = world.draw(40);
                world.run(Duration::from_millis(wait));
            }
        }
        Deed::Join | Deed::JoinLike(_) | Deed::JoinLate(_) | Deed::JoinAstray | Deed::JoinAlone
            if world.pages.len() >= TABS => {}
        Deed::Join => drop(world.join(None)),
        Deed::JoinLike(tab) => drop(world.join(pick(world, tab))),
        Deed::JoinLate(ago) => world.join_late(ago.into()),
        Deed::JoinAstray => world.join_astray(),
        Deed::JoinAlone => world.join_alone(),
        Deed::Close(tab) => pick(world, tab).into_iter().for_each(|tab| world.close(tab)),
        Deed::Kill(tab) => pick(world, tab).into_iter().for_each(|tab| world.kill(tab)),
        Deed::Freeze { tab, is_announced, keeps } => {
            pick(world, tab).into_iter().for_each(|tab| world.freeze(tab, is_announced, keeps));
        }
        Deed::Thaw(tab) => pick(world, tab).into_iter().for_each(|tab| world.thaw(tab)),
        Deed::Throttle(tab) => {
            if let Some(page) = pick(world, tab).and_then(|tab| world.pages.get_mut(&tab)) {
                page.is_throttled ^= true;
            }
        }
        Deed::Restart { down, loses } => {
            world.stop_server();
            if loses {
                world.server.begin_epoch();
            }
            world.run(Duration::from_millis(down.into()));
            world.server.is_up = true;
        }
        Deed::Overload(milliseconds) => {
            world.stop_server();
            world.server.is_up = true;
            world.server.is_busy = world.server.kind == Kind::Hub;
            world.run(Duration::from_millis(milliseconds.into()));
            world.server.is_busy = false;
        }
        Deed::Trim(but) => world.server.trim(but.into()),
        Deed::Report(tab) => {
            let tab = pick(world, tab).filter(|tab| world.pages[tab].frozen.is_none());
            tab.into_iter().for_each(|tab| world.input(tab, &Input::Aside(aside(tab))));
        }
        Deed::Wait(milliseconds) => world.run(Duration::from_millis(milliseconds.into())),
    }
}

/// Something that a connection may report, which differs from tab to tab.
fn aside(tab: u64) -> Aside {
    if tab.is_multiple_of(2) {
        return Aside::TooLong([Limit::Line, Limit::Event, Limit::Id, Limit::Name][tab as usize / 2 % 4]);
    }
    let mut refusal = Refusal { retry_after: Some(Duration::from_millis(tab)), ..Refusal::default() };
    if tab % 4 == 1 {
        let mut problem = Problem::default();
        problem.kind = "about:blank".into();
        problem.detail = Some(format!("\"{tab}\" – \u{1}\n").into());
        (refusal.status, refusal.problem) = (Some(503), Some(problem));
    }
    Aside::Refused(refusal)
}

/// Lets everything settle after the end, and checks that all running pages have had everything, and ask for no more.
fn settle_at_end(world: &mut World) -> Result<(), String> {
    let late = Duration::from_millis(2 * world.slowest);
    world.slow = USUAL;
    world.pages.values_mut().for_each(|page| page.is_throttled = false);
    world.run(Duration::from_secs(120));
    for (tab, page) in world.pages.iter().filter(|(_, page)| page.frozen.is_none()) {
        let has_gaps = world.server.gaps > 0;
        page.check_end(&world.server, has_gaps, late)
            .map_err(|fault| format!("tab {tab}: {fault}: {:?}", page.seen))?;
    }
    let asked = world.server.asked;
    world.run(Duration::from_secs(120));
    if world.server.asked == asked { Ok(()) } else { Err("the server is asked after the end".into()) }
}

/// Lets everything settle, and checks that all running pages have had everything, over one connection.
fn settle(world: &mut World) -> Result<(), String> {
    let late = Duration::from_millis(2 * world.slowest); // on the connection, and in the channel
    world.slow = USUAL;
    world.pages.values_mut().for_each(|page| page.is_throttled = false);
    world.run(Duration::from_secs(60));
    for (tab, page) in world.pages.iter().filter(|(_, page)| page.frozen.is_none()) {
        page.check_position().map_err(|fault| format!("tab {tab}: {fault}"))?;
    }
    for _ in 0..3 {
        world.publish();
        world.run(Duration::from_secs(5));
    }
    let has_gaps = match world.server.kind {
        Kind::Hub => world.server.gaps > 0,
        Kind::Foreign => world.gaps > 0, // told to a tab that was away for long
    };
    let runs = || world.pages.iter().filter(|(_, page)| page.frozen.is_none());
    for (tab, page) in runs() {
        page.check(&world.server, has_gaps, late).map_err(|fault| format!("tab {tab}: {fault}: {:?}", page.seen))?;
    }
    let alone = runs().filter(|(_, page)| page.is_alone).count();
    match (world.connections(), alone + usize::from(runs().count() > alone)) {
        (is, ought) if is == ought => Ok(()),
        (is, ought) => Err(format!("{is} connections instead of {ought}")),
    }
}

fn play(kind: Kind, seed: u64, deeds: &[Deed], fault: Option<Fault>) -> Result<(), String> {
    let mut world = World::new(kind, seed, fault);
    world.join(None);
    for deed in deeds {
        perform(&mut world, deed);
    }
    let verdict = settle(&mut world).and_then(|()| {
        for tab in world.pages.keys().copied().collect::<Vec<_>>() {
            world.thaw(tab);
        }
        settle(&mut world)
    });
    verdict.map_err(|fault| format!("{fault}\n{}", world.trace.join("\n")))
}

/// The topic ends amid deeds, the later of which are all but those of the server.
fn play_to_the_end(seed: u64, before: &[Deed], after: &[Deed], fault: Option<Fault>) -> Result<(), String> {
    let mut world = World::new(Kind::Hub, seed, fault);
    world.join(None);
    for deed in before {
        perform(&mut world, deed);
    }
    world.end_topic();
    for deed in after {
        if !matches!(deed, Deed::Restart { loses: true, .. }) {
            perform(&mut world, deed);
        }
    }
    let verdict = settle_at_end(&mut world).and_then(|()| {
        for tab in world.pages.keys().copied().collect::<Vec<_>>() {
            world.thaw(tab);
        }
        world.join(None);
        settle_at_end(&mut world)
    });
    verdict.map_err(|fault| format!("{fault}\n{}", world.trace.join("\n")))
}

/// The number of cases; `PROPTEST_CASES` sets it.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(500)
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

fn holds(kind: Kind) {
    let run =
        runner(cases()).run(&deeds(), |(seed, deeds)| play(kind, seed, &deeds, None).map_err(TestCaseError::fail));
    if let Err(error) = run {
        panic!("{error}");
    }
}

#[test]
fn every_tab_has_every_event_once_over_one_connection() {
    holds(Kind::Hub);
}

#[test]
fn so_too_with_ids_that_do_not_compare() {
    holds(Kind::Foreign);
}

#[test]
fn at_the_end_every_tab_has_had_everything_and_asks_for_no_more() {
    let run = runner(cases()).run(&(deeds(), deeds()), |((seed, before), (_, after))| {
        play_to_the_end(seed, &before, &after, None).map_err(TestCaseError::fail)
    });
    if let Err(error) = run {
        panic!("{error}");
    }
}

#[test]
fn tabs_in_step_learn_of_the_end_together() {
    for seed in 0..200 {
        let mut world = World::new(Kind::Hub, seed, None);
        world.slow = 100;
        for _ in 0..TABS {
            world.join(None);
            world.publish();
            let wait = world.draw(3000);
            world.run(Duration::from_millis(wait));
        }
        world.run(Duration::from_secs(10));
        let asked = world.server.asked;
        world.end_topic();
        world.run(Duration::from_secs(30));
        let told = world.pages.values().filter(|page| page.tab.state.stream_state.has_ended()).count();
        assert_eq!((told, world.server.asked), (TABS, asked), "seed {seed}\n{}", world.trace.join("\n"));
    }
}

#[test]
fn a_server_that_wants_no_more_is_asked_once() {
    for seed in 0..200 {
        let mut world = World::new(Kind::Hub, seed, None);
        world.slow = 100; // so that a new leader waits for everyone
        for _ in 0..TABS {
            world.join(None);
            let wait = world.draw(3000);
            world.run(Duration::from_millis(wait));
        }
        world.run(Duration::from_secs(10));
        world.server.refuses = true;
        world.stop_server();
        world.server.is_up = true;
        world.run(Duration::from_secs(30));
        let closed =
            world.pages.values().filter(|page| matches!(page.tab.state.stream_state, State::Closed { .. })).count();
        assert_eq!((closed, world.server.refused), (TABS, 1), "seed {seed}\n{}", world.trace.join("\n"));
    }
}

#[test]
fn faults_are_found() {
    for fault in [
        Fault::StartsAtOwn,
        Fault::PassesNothingOver,
        Fault::NeverRepeats,
        Fault::HearsNoPositions,
        Fault::NeverSteals,
        Fault::Deaf,
    ] {
        let play = |(seed, deeds): (u64, Vec<Deed>)| {
            play(Kind::Hub, seed, &deeds, Some(fault)).map_err(|_| TestCaseError::fail("found"))
        };
        let mut runner = TestRunner::new(Config {
            cases: 3000,
            max_shrink_iters: 0,
            failure_persistence: None,
            ..Config::default()
        });
        let found = runner.run(&deeds(), play);
        assert!(matches!(found, Err(TestError::Fail(..))), "{fault:?} is not found");
    }
}
