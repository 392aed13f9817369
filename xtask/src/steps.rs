//! What is done, in which order, and how a step is repeated alone.

use clap::ValueEnum;

use crate::{
    bench_fetch, browser_tests, clients, command,
    compare::{self, Comparison},
    context::Context,
    failure::Result,
    fuzz::{self, Target},
    miri, native, npm, outside, proxies, reference, supply, tools, wasm_build, wasm_tests,
};

/// The steps of `cargo xtask test --native`.
pub(crate) const NATIVE: &[Step] = &[
    Step::Format,
    Step::Lints,
    Step::Docs,
    Step::Tests,
    Step::Features,
    Step::Outside,
    Step::Clients,
    Step::Proxies,
    Step::Dependencies,
];

/// What `cargo xtask test` adds to them.
pub(crate) const BROWSER: &[Step] = &[
    Step::WasmToolchain,
    Step::WasmLints,
    Step::WasmBindgen,
    Step::Browser,
    Step::Firefox,
    Step::WasmTests,
    Step::BrowserTests,
];

/// The steps of `cargo xtask wasm`.
pub(crate) const WASM: &[Step] = &[Step::WasmToolchain, Step::WasmBindgen, Step::WasmOpt, Step::WasmBuild];

/// The steps of `cargo xtask bench parse`.
pub(crate) const BENCH_PARSE: &[Step] = &[Step::BenchParse];

/// The steps of `cargo xtask bench fetch`.
pub(crate) const BENCH_FETCH: &[Step] = &[Step::WasmToolchain, Step::WasmBindgen, Step::Browser, Step::BenchFetch];

/// The steps of `cargo xtask bench fanout` and `store`.
pub(crate) fn bench(what: Comparison) -> Vec<Step> {
    let others: &[Step] = if matches!(what, Comparison::Fanout { .. }) { &[Step::Nchan] } else { &[] };
    [others, &[Step::BenchPrograms, Step::Bench { what }]].concat()
}

/// The steps of `cargo xtask fuzz`.
pub(crate) fn fuzz(seconds: u32) -> Vec<Step> {
    let targets = Target::ALL.map(|target| Step::Fuzz { target, seconds });
    [&[Step::FuzzTargets], &targets[..]].concat()
}

/// The steps of `cargo xtask miri`.
pub(crate) const MIRI: &[Step] = &[Step::Miri];

/// The steps of `cargo xtask setup`.
pub(crate) const SETUP: &[Step] =
    &[Step::Components, Step::CargoDeny, Step::WasmToolchain, Step::WasmBindgen, Step::Browser, Step::Firefox];

/// A step of a chore. Set-up is idempotent, so any step can be run alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// The code is formatted
    Format,
    /// Clippy has nothing to say
    Lints,
    /// Unit, integration and documentation tests
    Tests,
    /// Each feature of the libraries alone, and none of them
    Features,
    /// The documentation builds without a warning
    Docs,
    /// Write the documents that come from the code
    Reference,
    /// Tests of the package outside the workspace that uses it
    Outside,
    /// Clients that others wrote, against the hub
    Clients,
    /// The documented proxies before the hub
    Proxies,
    /// Licences, sources, duplicates and known holes of what is depended on
    Dependencies,
    /// Set up a compiler for the browser
    WasmToolchain,
    /// Clippy has nothing to say of what is built for the browser only
    WasmLints,
    /// Set up wasm-bindgen's test runner
    WasmBindgen,
    /// Set up Chrome or Chromium and its driver
    Browser,
    /// Set up the driver of Firefox, where Firefox is installed
    Firefox,
    /// The browser client's tests, in each browser, against a live hub
    WasmTests,
    /// The hub's, the npm package's and the examples' tests that drive a browser
    BrowserTests,
    /// Set up rustfmt and clippy
    Components,
    /// Set up cargo-deny
    CargoDeny,
    /// Set up binaryen's wasm-opt
    WasmOpt,
    /// Build the npm package, the smallest typed client and the dashboard's page, and print their sizes
    WasmBuild,
    /// Compare sse-core's parser with others
    BenchParse,
    /// Compare the browser client's fetch transport with a reader in JavaScript
    BenchFetch,
    /// Set up nginx with nchan, to compare with
    Nchan,
    /// Build the hub, the load tool and the servers to compare with
    BenchPrograms,
    /// Compare the hub with other servers, or its stores with each other
    #[value(skip)]
    Bench { what: Comparison },
    /// Set up cargo-fuzz and build the fuzz targets
    FuzzTargets,
    /// Run sse-core's tests in Miri
    Miri,
    /// Fuzz with one target
    #[value(skip)]
    Fuzz { target: Target, seconds: u32 },
    /// Crash tests of the hub's log, many rounds of them
    #[value(skip)]
    Soak { rounds: u32 },
    /// Attacks on the hub at full size
    #[value(skip)]
    SoakAttacks,
    /// A thousand streams poured into the hub
    #[value(skip)]
    SoakPours,
    /// Hostile payloads on the hub's page
    #[value(skip)]
    SoakPage,
}

impl Step {
    /// The name in headings, in the table and after `--only`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Lints => "lints",
            Self::Tests => "tests",
            Self::Features => "features",
            Self::Docs => "docs",
            Self::Reference => "reference",
            Self::Outside => "outside",
            Self::Clients => "clients",
            Self::Proxies => "proxies",
            Self::Dependencies => "dependencies",
            Self::WasmToolchain => "wasm-toolchain",
            Self::WasmLints => "wasm-lints",
            Self::WasmBindgen => "wasm-bindgen",
            Self::Browser => "browser",
            Self::Firefox => "firefox",
            Self::WasmTests => "wasm-tests",
            Self::BrowserTests => "browser-tests",
            Self::Components => "components",
            Self::CargoDeny => "cargo-deny",
            Self::WasmOpt => "wasm-opt",
            Self::WasmBuild => "wasm-build",
            Self::BenchParse => "bench-parse",
            Self::BenchFetch => "bench-fetch",
            Self::Miri => "miri",
            Self::Nchan => "nchan",
            Self::BenchPrograms => "bench-programs",
            Self::Bench { what: Comparison::Fanout { .. } } => "bench-fanout",
            Self::Bench { what: Comparison::Store { .. } } => "bench-store",
            Self::FuzzTargets => "fuzz-targets",
            Self::Soak { .. } => "soak",
            Self::SoakAttacks => "soak-attacks",
            Self::SoakPours => "soak-pours",
            Self::SoakPage => "soak-page",
            Self::Fuzz { target: Target::Parse, .. } => "fuzz-parse",
            Self::Fuzz { target: Target::Encode, .. } => "fuzz-encode",
            Self::Fuzz { target: Target::Session, .. } => "fuzz-session",
            Self::Fuzz { target: Target::Selector, .. } => "fuzz-selector",
            Self::Fuzz { target: Target::Path, .. } => "fuzz-path",
            Self::Fuzz { target: Target::Query, .. } => "fuzz-query",
            Self::Fuzz { target: Target::Id, .. } => "fuzz-id",
            Self::Fuzz { target: Target::Lines, .. } => "fuzz-lines",
            Self::Fuzz { target: Target::Pour, .. } => "fuzz-pour",
            Self::Fuzz { target: Target::Token, .. } => "fuzz-token",
            Self::Fuzz { target: Target::Proxy, .. } => "fuzz-proxy",
        }
    }

    /// What the step does: its command, where that is one.
    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::Format => "cargo fmt --check in the workspace and in each package outside it",
            Self::Lints => "cargo clippy in the workspace and in each package outside it",
            Self::Tests => "cargo test --workspace",
            Self::Features => "sse-core, sse-testkit and sse-server with each feature alone, and with none",
            Self::Docs => "RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --all-features",
            Self::Reference => "write docs/configuration.md from the hub's keys",
            Self::Outside => "cargo test in examples/outside, which uses the libraries as a crate elsewhere does",
            Self::Clients => "npm's and PyPI's clients, curl and Chromium against the hub, where Node and Python are",
            Self::Proxies => "nginx, HAProxy, Caddy and Apache before the hub, with the files of docs/operations.md",
            Self::Dependencies => "cargo deny check, for the workspace and each package outside it",
            Self::WasmToolchain => "look for a compiler for wasm32-unknown-unknown, else add one",
            Self::WasmLints => "cargo clippy for the browser: the client and its npm package",
            Self::WasmBindgen => "look for wasm-bindgen-cli of the version in Cargo.lock, else build it",
            Self::Browser => "look for Chrome or Chromium and its driver, else install Debian's",
            Self::Firefox => "look for Firefox and its driver, else build the driver",
            Self::WasmTests => "start a hub and run sse-wasm-client's tests in each browser",
            Self::BrowserTests => "drive browsers against sse-server, the npm package and the examples",
            Self::Components => "look for rustfmt and clippy, else add them",
            Self::CargoDeny => "look for cargo-deny, else build it",
            Self::WasmOpt => "look for binaryen's wasm-opt, else install or build it",
            Self::WasmBuild => "build the npm package, the smallest typed client and the dashboard, and weigh them",
            Self::BenchParse => "compare sse-core's parser with others on the same streams",
            Self::BenchFetch => "compare the fetch transport with npm's eventsource-parser in the same page",
            Self::Miri => "run sse-core's tests in Miri, with a nightly Rust",
            Self::Nchan => "look for nginx with nchan, else unpack Debian's",
            Self::BenchPrograms => "build sse-server, sse-load and the servers to compare with",
            Self::Bench { what: Comparison::Fanout { .. } } => {
                "compare this hub with other servers of events under the same load"
            }
            Self::Bench { what: Comparison::Store { .. } } => "compare the hub's store on disk with that in memory",
            Self::FuzzTargets => "look for cargo-fuzz, else build it; build the fuzz targets",
            Self::Soak { .. } => "kill hubs under load, and look at what their logs lost",
            Self::SoakAttacks => "attack the hub at full size, and measure what that costs",
            Self::SoakPours => "pour a thousand streams into a hub that is killed",
            Self::SoakPage => "keep the hub's page busy for ten minutes",
            Self::Fuzz { target: Target::Parse, .. } => "streams under their cuts and limits, against the oracle",
            Self::Fuzz { target: Target::Encode, .. } => "events of any fields, written and read back",
            Self::Fuzz { target: Target::Session, .. } => "a session's inputs in any order",
            Self::Fuzz { target: Target::Selector, .. } => "topics and selectors, against a naive match and an engine",
            Self::Fuzz { target: Target::Path, .. } => "topics in paths, against a naive decoding",
            Self::Fuzz { target: Target::Query, .. } => "queries of each route: a stream, or a sentence",
            Self::Fuzz { target: Target::Id, .. } => "IDs, and resumes with them",
            Self::Fuzz { target: Target::Lines, .. } => "NDJSON however it is cut",
            Self::Fuzz { target: Target::Pour, .. } => "poured streams however they are cut",
            Self::Fuzz { target: Target::Token, .. } => "what is shown to a hub with access control",
            Self::Fuzz { target: Target::Proxy, .. } => "what comes before a request, by the PROXY protocol",
        }
    }

    /// The command that repeats the step alone.
    pub(crate) fn repeat(self) -> String {
        match self {
            Self::Docs => self.what().to_owned(),
            Self::Reference => "cargo xtask docs".to_owned(),
            Self::Bench { what } => format!("cargo xtask bench {}", what.words().join(" ")),
            Self::Fuzz { seconds, .. } => format!("cargo xtask fuzz --seconds {seconds}"),
            Self::Soak { rounds } => format!("cargo xtask soak --rounds {rounds}"),
            Self::SoakAttacks => "cargo xtask soak attacks".to_owned(),
            Self::SoakPours => "cargo xtask soak pours".to_owned(),
            Self::SoakPage => "cargo xtask soak page".to_owned(),
            _ => format!("cargo xtask test --only {}", self.name()),
        }
    }

    /// Does it. A note goes into the closing table.
    pub(crate) fn run(self, context: &Context) -> Result<Option<String>> {
        match self {
            Self::Format => {
                tools::ensure_component(&context.workspace, "rustfmt", "fmt")?;
                command::run(context.workspace.cargo().args(["fmt", "--all", "--check"]))?;
                outside::format(context).map(|()| None)
            }
            Self::Lints => {
                native::lint(context)?;
                outside::lint(context).map(|()| None)
            }
            Self::Tests => native::test(context).map(|()| None),
            Self::Features => native::features(context).map(|()| None),
            Self::Docs => native::document(context).map(|()| None),
            Self::Reference => reference::write(&context.workspace).map(|()| None),
            Self::Outside => outside::test(context).map(|()| None),
            Self::Clients => clients::tests(&context.workspace),
            Self::Proxies => proxies::tests(&context.workspace),
            Self::Dependencies => supply::check(context),
            Self::WasmToolchain => {
                let toolchain = context.wasm_toolchain()?;
                println!("building for the browser with {toolchain}");
                Ok(Some(toolchain.to_string()))
            }
            Self::WasmLints => wasm_build::lint(context),
            Self::WasmBindgen => context.wasm_bindgen().map(|_| None),
            Self::Browser => context.chromedriver().map(|driver| Some(driver.display().to_string())),
            Self::Firefox => {
                let driver = context.geckodriver()?;
                Ok(Some(driver.map_or_else(|| "left out".to_owned(), |driver| driver.display().to_string())))
            }
            Self::WasmTests => wasm_tests::run(context).map(|()| None),
            Self::BrowserTests => browser_tests::run(context).map(|()| None),
            Self::Components => {
                tools::ensure_component(&context.workspace, "rustfmt", "fmt")?;
                tools::ensure_component(&context.workspace, "clippy", "clippy").map(|()| None)
            }
            Self::CargoDeny => supply::set_up(context).map(|_| None),
            Self::WasmOpt => context.wasm_opt().map(|_| None),
            Self::WasmBuild => npm::build_and_weigh(context).map(Some),
            Self::BenchParse => {
                let run = ["run", "--release", "--manifest-path", "sse-core/compare/Cargo.toml"];
                command::run(context.workspace.cargo().args(run)).map(|()| None)
            }
            Self::Miri => miri::tests(context).map(|()| None),
            Self::Nchan => Ok(context.nchan().is_none().then(|| "left out".to_owned())),
            Self::BenchFetch => bench_fetch::run(context).map(|()| None),
            Self::BenchPrograms => compare::build(context).map(|()| None),
            Self::Bench { what } => compare::run(context, what).map(|()| None),
            Self::FuzzTargets => fuzz::set_up(context).map(|()| None),
            Self::Fuzz { target, seconds } => fuzz::run(context, target, seconds),
            Self::Soak { rounds } => native::soak(context, rounds).map(|()| None),
            Self::SoakAttacks => native::soak_attacks(context).map(|()| None),
            Self::SoakPours => native::soak_pours(context).map(|()| None),
            Self::SoakPage => browser_tests::soak_page(context).map(|()| None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_takes_the_names_that_are_shown() {
        for step in Step::value_variants() {
            assert_eq!(Step::from_str(step.name(), false), Ok(*step));
        }
    }

    #[test]
    fn a_step_repeats_by_its_command_or_by_only() {
        assert_eq!(Step::Format.repeat(), "cargo xtask test --only format");
        assert_eq!(Step::WasmTests.repeat(), "cargo xtask test --only wasm-tests");
    }
}
