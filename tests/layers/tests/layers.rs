//! The imports of this workspace point down. The rules are in the package's documentation; this file has the tables.

use std::{path::Path, sync::LazyLock};

use layers::{Boundary, Order, Workspace, compare};

/// The modules of each crate from the bottom: a module imports only from those before it.
const ORDERS: &[Order<'_>] = &[
    Order {
        package: "sse-core",
        modules: &[
            "utf8", "scan", "line", "limits", "error", "text", "field", "event", "item", "encode", "parser", "session",
            "typed", "hub", "ready", "codec", "stream",
        ],
    },
    Order {
        package: "sse-engine",
        modules: &[
            "ids", "topic", "selector", "draft", "frame", "retained", "topics", "window", "pattern", "interest",
            "group", "gap", "resume", "cursor", "session", "engine",
        ],
    },
    Order {
        package: "sse-server",
        modules: &[
            "random", "hub", "wire", "config", "metrics", "keys", "store", "handle", "publish", "driver", "http",
            "server",
        ],
    },
    Order {
        package: "sse-testkit",
        modules: &[
            "escape",
            "random",
            "table",
            "time",
            "wait",
            "seen",
            "matcher",
            "vectors",
            "conformance",
            "encoding",
            "strategy",
            "body",
            "transport",
            "faults",
            "timeline",
            "report",
            "response",
            "recording",
            "stream",
            "request",
            "client",
            "browser",
            "ledger",
            "fleet",
            "script",
        ],
    },
    Order {
        package: "sse-wasm-client",
        modules: &[
            "clock",
            "url",
            "page",
            "queue",
            "answer",
            "delivery",
            "state",
            "refusal",
            "error",
            "life",
            "signal",
            "reader",
            "outlet",
            "fan",
            "inbox",
            "driver",
            "transport",
            "tabs",
            "source",
            "shared",
            "builder",
        ],
    },
    Order {
        package: "xtask",
        modules: &[
            "failure",
            "lockfile",
            "wasm_choice",
            "command",
            "cpu",
            "system",
            "size",
            "report",
            "workspace",
            "tools",
            "registry",
            "nchan",
            "binaryen",
            "browsers",
            "wasm_toolchain",
            "context",
            "wasm_runner",
            "wasm_build",
            "npm",
            "native",
            "browser_tests",
            "wasm_tests",
            "bench_fetch",
            "clients",
            "outside",
            "supply",
            "reference",
            "miri",
            "fuzz",
            "compare",
            "steps",
            "run",
        ],
    },
];

/// What of the workspace each package may depend on, and what it goes without.
const BOUNDARIES: &[Boundary<'_>] = &[
    Boundary {
        package: "sse-core",
        depends_on: &[],
        without: &["tokio", "hyper", "mio", "socket2"],
        only_optional: &["tokio-util"],
        unnamed: &["tokio", "std::fs", "std::net", "std::thread", "std::time::Instant", "std::time::SystemTime"],
    },
    Boundary {
        package: "sse-engine",
        depends_on: &["sse-core"],
        without: &["tokio", "tokio-util", "hyper", "mio", "socket2", "prometheus-client", "tracing"],
        only_optional: &[],
        unnamed: &[
            "tokio",
            "prometheus_client",
            "std::fs",
            "std::net",
            "std::thread",
            "std::time::Instant",
            "std::time::SystemTime",
        ],
    },
    Boundary {
        package: "sse-server",
        depends_on: &["sse-core", "sse-engine"],
        without: &[],
        only_optional: &[],
        unnamed: &[],
    },
    Boundary { package: "sse-testkit", depends_on: &["sse-core"], without: &[], only_optional: &[], unnamed: &[] },
    Boundary {
        package: "sse-wasm-client",
        depends_on: &["sse-core"],
        without: &["tokio", "tokio-util"],
        only_optional: &[],
        unnamed: &["tokio"],
    },
];

/// How long a source file may be, its tests apart.
const MAX_LINES: usize = 450;

/// Imports that still break a rule, as `file: import`. This list only shrinks.
const KNOWN_IMPORTS: &[&str] = &[
    "sse-core/src/parser/carried.rs: crate::parser::give_back",
    "sse-core/src/parser/carried.rs: crate::parser::keep",
    "sse-core/src/parser/carried.rs: crate::parser::long_line",
    "sse-core/src/parser/dispatch.rs: crate::parser::give_back",
    "sse-core/src/parser/owned.rs: crate::parser::KEPT_CAPACITY",
    "sse-server/compare/src/fanout.rs: crate::fanout::tables::all",
    "sse-server/compare/src/main.rs: crate::fanout::run",
    "sse-server/compare/src/main.rs: crate::store::run",
    "sse-server/compare/src/store.rs: crate::store::log::lines",
    "sse-server/compare/src/store.rs: crate::store::tables::all",
    "sse-server/src/server/http2.rs: crate::server::connection::gone",
    "sse-server/src/server.rs: crate::server::accept::SURPLUS",
    "sse-server/src/server.rs: crate::server::accept::listen",
    "sse-server/src/store/redb/queue.rs: crate::store::redb::ROOM",
    "sse-server/src/cli/log.rs: crate::fail",
    "sse-server/src/main.rs: crate::cli::parse",
    "sse-testkit/src/faults/client.rs: crate::client::TestClient",
    "sse-testkit/load/src/report.rs: crate::report::json::report",
    "sse-testkit/load/src/report.rs: crate::report::text::report",
];

/// Files that are still too long. This list only shrinks.
const KNOWN_LONG: &[&str] = &["sse-testkit/src/stream.rs: its length", "sse-wasm-client/src/life.rs: its length"];

static WORKSPACE: LazyLock<Workspace> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Workspace::read(&root).unwrap_or_else(|e| panic!("{e}"))
});

#[test]
fn imports_point_down() {
    compare(&WORKSPACE.imports(ORDERS), KNOWN_IMPORTS).unwrap_or_else(|lines| panic!("\n{lines}\n"));
}

#[test]
fn packages_stay_within_their_boundaries() {
    compare(&WORKSPACE.crossings(BOUNDARIES), &[]).unwrap_or_else(|lines| panic!("\n{lines}\n"));
}

#[test]
fn files_are_short() {
    compare(&WORKSPACE.long_files(MAX_LINES), KNOWN_LONG).unwrap_or_else(|lines| panic!("\n{lines}\n"));
}
