use http::header::{HOST, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::{
    script,
    script::{Script, plan::plan},
};

const fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn start(script: &Script) -> (ScriptMachine, Vec<Action>) {
    let (machine, step_actions) = ScriptMachine::start(plan(script.steps()).unwrap().into(), at(0));
    (machine, actions(step_actions))
}

fn actions(step_actions: Vec<StepAction>) -> Vec<Action> {
    step_actions.into_iter().map(|(_, action)| action).collect()
}

fn get(target: &str) -> Input {
    Input::Request(RequestHead { method: Method::GET, target: target.into(), headers: HeaderMap::new() })
}

/// What is done at a moment.
fn when(machine: &mut ScriptMachine, millis: u64, input: Input) -> Vec<Action> {
    actions(machine.handle(at(millis), input))
}

fn failure(machine: &ScriptMachine) -> &str {
    match machine.state() {
        ScriptState::Failed(failure) => &failure.what,
        other => panic!("{other:?}"),
    }
}

fn frame(text: &'static str) -> Action {
    Action::Frame(Bytes::from_static(text.as_bytes()))
}

#[test]
fn a_script_from_its_beginning_to_its_end() {
    let (mut machine, actions) = start(&script![
        accept,
        head(200),
        event("a"),
        wait(1s),
        drop,
        expect_reconnect().not_before(3s),
        status(503),
        accept,
        head(200)
    ]);
    assert_eq!((actions, machine.deadline()), (vec![], Some(at(60_001))));

    let taken = when(&mut machine, 10, get("/"));
    assert!(matches!(&taken[..], [Action::Take, Action::Head { .. }]), "{taken:?}");
    assert_eq!(when(&mut machine, 10, Input::Taken), [frame("data: a\n\n")]);
    assert_eq!(when(&mut machine, 20, Input::Taken), []);
    assert_eq!(machine.deadline(), Some(at(1020)));
    assert_eq!(when(&mut machine, 1019, Input::Time), []); // woken too early
    assert_eq!(when(&mut machine, 1020, Input::Time), [Action::Break { reset: false }]);

    let answered = when(&mut machine, 4020, get("/"));
    assert!(matches!(&answered[..], [Action::Take, Action::Answer { .. }]), "{answered:?}");
    when(&mut machine, 5000, get("/"));
    assert_eq!((machine.at(), machine.state()), (8, &ScriptState::Running));
    assert_eq!(when(&mut machine, 5000, Input::Taken), [Action::End]); // over, with an answer open
    assert_eq!((machine.at(), machine.state(), machine.deadline()), (9, &ScriptState::Finished, None));

    let refused = when(&mut machine, 6000, get("/late"));
    assert_eq!(refused, [Action::Refuse("after the last step: a request came: GET /late".into())]);
}

#[test]
fn what_a_step_does_not_wait_for_fails_it() {
    let too_early = "GET /x came: it came after 2999ms, not 3s or more";
    for (script, inputs, expected) in [
        (script![accept, status(204)], vec![(60_001, Input::Time)], "no request came within 1m"),
        (script![accept, wait(5s), status(204)], vec![(0, get("/")), (1, get("/x"))], "a request came: GET /x"),
        (script![accept, head(200)], vec![(0, get("/")), (1, Input::Left)], "the client left"),
        (
            script![accept, head(200)],
            vec![(0, get("/")), (60_001, Input::Time)],
            "the client did not take it within 1m",
        ),
        (
            script![accept, expect_disconnect().within(5s)],
            vec![(0, get("/")), (5001, Input::Time)],
            "the client had not left within 5s",
        ),
        (
            script![accept, status(204), expect_silence(5s)],
            vec![(0, get("/")), (5000, get("/x"))], // its last moment
            "a request came: GET /x",
        ),
        (
            script![accept, status(503), expect_reconnect().not_before(3s), status(204)],
            vec![(100, get("/")), (3099, get("/x"))],
            too_early,
        ),
        (
            script![accept, stall],
            vec![(0, get("/")), (1, get("/x")), (1001, Input::Time)],
            "a request came, and the client had not left the answer before: GET /x",
        ),
        (script![accept, stall], vec![(0, get("/")), (1, get("/x")), (2, get("/y"))], "a request came: GET /y"),
        (script![accept, stall], vec![(0, get("/")), (1, get("/x")), (2, Input::Left)], "a request came: GET /x"),
    ] {
        let (mut machine, _) = start(&script);
        let mut done = Vec::new();
        for (millis, input) in inputs {
            done = when(&mut machine, millis, input);
        }
        assert_eq!(failure(&machine), expected, "{script:?}");
        assert!(done.iter().any(|action| matches!(action, Action::Refuse(_))), "{done:?}");
        assert!(!machine.connected && machine.deadline().is_none());
        // for good
        assert!(matches!(&when(&mut machine, 99_999, get("/"))[..], [Action::Refuse(_)]));
    }
}

#[test]
fn a_client_may_come_back_before_its_leaving_is_noticed() {
    for script in [
        script![accept, head(200), event("a"), stall, accept, status(204)],
        script![accept, head(200), event("a"), expect_disconnect(), accept, status(204)],
    ] {
        let (mut machine, _) = start(&script);
        when(&mut machine, 0, get("/a"));
        when(&mut machine, 0, Input::Taken);
        when(&mut machine, 0, Input::Taken);
        assert_eq!(when(&mut machine, 500, get("/b")), []);
        assert_eq!(machine.deadline(), Some(at(1500)));
        let done = when(&mut machine, 600, Input::Left);
        assert!(matches!(&done[..], [Action::Take, Action::Answer { .. }]), "{done:?}");
        assert_eq!(machine.state(), &ScriptState::Finished);
    }
}

#[test]
fn also_before_it_is_noticed_that_it_has_taken_what_was_sent() {
    let (mut machine, _) = start(&script![accept, head(200), event("a"), stall, accept, status(204)]);
    when(&mut machine, 0, get("/a"));
    when(&mut machine, 0, Input::Taken);
    assert_eq!(when(&mut machine, 500, get("/b")), []);
    assert_eq!(when(&mut machine, 600, Input::Taken), []);
    let done = when(&mut machine, 700, Input::Left);
    assert!(matches!(&done[..], [Action::Take, Action::Answer { .. }]), "{done:?}");
    assert_eq!(machine.state(), &ScriptState::Finished);
}

#[test]
fn an_accept_ends_what_is_open() {
    let (mut machine, _) = start(&script![accept, head(200), accept, status(204)]);
    when(&mut machine, 0, get("/"));
    assert_eq!(when(&mut machine, 0, Input::Taken), [Action::End]);
    when(&mut machine, 1, Input::Left); // old news
    assert_eq!(machine.state(), &ScriptState::Running);
}

#[test]
fn every_difference_of_a_request_is_told() {
    let script = script![
        accept
            .method("POST")
            .path("/events")
            .header("authorization", "Bearer x")
            .header("host", "a")
            .last_event_id("7")
            .no_header("cookie"),
        status(204)
    ];
    let (mut machine, _) = start(&script);
    let headers = HeaderMap::from_iter([
        (HOST, HeaderValue::from_static("b")),
        (http::header::COOKIE, HeaderValue::from_static("c=1")),
        (HeaderName::from_static("last-event-id"), HeaderValue::from_bytes("ü".as_bytes()).unwrap()),
    ]);
    let head = RequestHead { method: Method::GET, target: "/other?a=1".into(), headers };
    machine.handle(at(0), Input::Request(head));
    assert_eq!(
        failure(&machine),
        r#"GET /other?a=1 came: the method is GET, not POST; the path is "/other", not "/events"; there is no authorization, and it ought to be "Bearer x"; host is "b", not "a"; last-event-id is "ü", not "7"; cookie is "c=1", and ought not to be there"#
    );
}

#[test]
fn a_path_is_compared_with_the_query_if_it_has_one() {
    for (path, target, fits) in [
        ("/a", "/a", true),
        ("/a", "/a?b", true),
        ("/a", "/a/", false),
        ("/a?b", "/a?b", true),
        ("/a?b", "/a", false),
        ("/a?b", "/a?b&c", false),
    ] {
        let (mut machine, _) = start(&script![accept.path(path), status(204)]);
        when(&mut machine, 0, get(target));
        assert_eq!(*machine.state() == ScriptState::Finished, fits, "{path} {target}");
    }
}

proptest! {
    /// Whatever happens, in whatever order: a request that is taken or refused was there, frames go to an open
    /// connection, and the end is the end.
    #[test]
    fn nothing_is_done_out_of_order(
        inputs in prop::collection::vec((0..4_u8, 0..70_000_u64), 0..60),
    ) {
        let script = script![
            accept, head(200), event("a"), wait(1s), stall, expect_reconnect(), wait(1s), status(503), expect_silence(2s),
            accept, head(200), raw("x"), expect_disconnect().within(3s), accept, drop, accept, head(200), comment("c"),
            accept, stall
        ];
        let (mut machine, mut step_actions) = ScriptMachine::start(plan(script.steps()).unwrap().into(), at(0));
        let (mut waiting, mut open, mut asked, mut now, mut over) = (0, false, false, 0, false);
        for (kind, time) in inputs {
            for (step, action) in step_actions {
                prop_assert!(step <= machine.at());
                match action {
                    Action::Take => {
                        prop_assert!(waiting > 0 && !open && !asked);
                        waiting -= 1;
                        asked = true;
                    }
                    Action::Refuse(_) => waiting = 0,
                    Action::Head { .. } => {
                        prop_assert!(std::mem::take(&mut asked) && !open);
                        open = true;
                    }
                    Action::Answer { .. } => prop_assert!(std::mem::take(&mut asked) && !open),
                    Action::Frame(_) => prop_assert!(open),
                    Action::End => prop_assert!(std::mem::take(&mut open)),
                    Action::Break { .. } => prop_assert!(std::mem::take(&mut open) | std::mem::take(&mut asked)),
                }
            }
            prop_assert!(!over || machine.state() != &ScriptState::Running, "it runs again");
            over = machine.state() != &ScriptState::Running;
            prop_assert!(over || machine.deadline().is_some() || machine.at() == 4 || machine.at() == 19);
            let input = match kind {
                0 => {
                    waiting += 1;
                    get("/")
                }
                1 => Input::Taken,
                2 => {
                    open = false;
                    asked = false;
                    Input::Left
                }
                _ => {
                    now += time;
                    Input::Time
                }
            };
            step_actions = machine.handle(at(now), input);
        }
    }
}
