//! The imports of this workspace point down. The rules are in the package's documentation; this file has the tables.

use std::{path::Path, sync::LazyLock};

use layers::{Boundary, Order, Workspace, ensure_none};

/// The modules of each crate from the bottom: a module imports only from those before it.
const ORDERS: &[Order<'_>] = &[
    Order {
        package: "sse-core",
        modules: &[
            "utf8", "scan", "line", "limits", "error", "text", "field", "event", "item", "encode", "parser", "session",
            "typed", "hub", "queue", "codec", "stream",
        ],
    },
    Order {
        package: "sse-engine",
        modules: &[
            "bounds",
            "ids",
            "order",
            "portion",
            "stream_name",
            "looks",
            "topic",
            "selector",
            "matcher",
            "alias",
            "draft",
            "retained",
            "chunk",
            "by_size",
            "topic_state",
            "topics",
            "aliases",
            "frame",
            "envelopes",
            "window",
            "group_list",
            "pattern",
            "interest",
            "hidden",
            "group",
            "cursor",
            "lasts",
            "resume",
            "wire",
            "session",
            "engine",
        ],
    },
    Order {
        package: "sse-server",
        modules: &[
            "base",
            "config",
            "metrics",
            "fetch",
            "auth",
            "store",
            "log_file",
            "hub",
            "transport",
            "http",
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
            "timeline",
            "report",
            "response",
            "recording",
            "call",
            "stream",
            "request",
            "client",
            "faults",
            "browser",
            "ledger",
            "fleet",
            "script",
        ],
    },
    Order {
        package: "sse-load",
        modules: &[
            "pace", "payload", "options", "tls", "template", "http", "process", "ledger", "mix", "error", "report",
            "engine",
        ],
    },
    Order {
        package: "sse-wasm-client",
        modules: &[
            "weak",
            "url",
            "transport_options",
            "response",
            "queue",
            "clock",
            "state",
            "refusal",
            "delivery",
            "error",
            "signal",
            "decoder",
            "sink",
            "reconnect",
            "readers",
            "dispatcher",
            "page",
            "driver",
            "transport",
            "tabs",
            "source",
            "builder",
            "broadcast",
        ],
    },
    Order {
        package: "xtask",
        modules: &[
            "failure",
            "lockfile",
            "wasm_choice",
            "cpu",
            "command",
            "system",
            "size",
            "report",
            "workspace",
            "tools",
            "registry",
            "binaryen",
            "debian",
            "nchan",
            "browsers",
            "wasm_toolchain",
            "context",
            "wasm_runner",
            "wasm_build",
            "native",
            "clients",
            "proxies",
            "reference",
            "outside",
            "supply",
            "fuzz",
            "miri",
            "compare",
            "wasm_tests",
            "npm",
            "browser_tests",
            "bench_fetch",
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
const MAX_LINES: usize = 425;

static WORKSPACE: LazyLock<Workspace> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Workspace::read(&root).unwrap_or_else(|e| panic!("{e}"))
});

#[test]
fn imports_point_down() {
    ensure_none(&WORKSPACE.imports(ORDERS)).unwrap_or_else(|lines| panic!("\n{lines}\n"));
}

#[test]
fn packages_stay_within_their_boundaries() {
    ensure_none(&WORKSPACE.crossings(BOUNDARIES)).unwrap_or_else(|lines| panic!("\n{lines}\n"));
}

#[test]
fn files_are_short() {
    ensure_none(&WORKSPACE.long_files(MAX_LINES)).unwrap_or_else(|lines| panic!("\n{lines}\n"));
}
