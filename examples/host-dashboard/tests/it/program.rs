//! The program as it is run.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_host-dashboard")).args(arguments).output().unwrap()
}

#[test]
fn what_it_cannot_do_is_said_in_one_line() {
    for (arguments, expect, status) in [
        (&["--proc", "/nowhere"][..], "host-dashboard: /nowhere/stat can't be read", 1),
        (&["--hub", "https://hub.example"], "only http:// is spoken here", 2),
        (&["--interval", "1"], "it takes a time such as 500ms or 2s, from 100ms to 1m", 2),
    ] {
        let output = run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.lines().next().unwrap().contains(expect), "{said}");
        assert_eq!(output.status.code(), Some(status), "{arguments:?}");
        assert!(output.stdout.is_empty());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn it_says_where_it_listens_and_stops_on_a_signal() {
    use std::{
        io::{BufRead, BufReader},
        process::{Child, Stdio},
    };

    struct Killed(Child);

    impl Drop for Killed {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    for signal in ["INT", "TERM"] {
        let mut process = Killed(
            Command::new(env!("CARGO_BIN_EXE_host-dashboard"))
                .args(["--listen", "127.0.0.1:0"])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap(),
        );
        let mut lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        assert!(first.starts_with("host-dashboard: listening on http://127.0.0.1:"), "{first}");
        let kill = format!("kill -{signal} {}", process.0.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        assert!(process.0.wait().unwrap().success());
    }
}
