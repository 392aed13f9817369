//! Building for the browser.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    command,
    context::Context,
    failure::Result,
    tools, wasm_runner,
    wasm_toolchain::{TARGET, Toolchain},
};

/// What of the workspace is built for the browser.
const CLIENT: &[&str] = &[
    "--package",
    "sse-wasm-client",
    "--package",
    "sse-wasm-client-js",
    "--all-targets",
    "--features",
    "sse-wasm-client/speed-test",
];

/// Clippy of what other targets do not see.
pub(crate) fn lint(context: &Context) -> Result<Option<String>> {
    let toolchain = context.wasm_toolchain()?;
    if let Toolchain::Packaged { .. } = toolchain {
        return Ok(Some("left out: the packaged Rust has no clippy".to_owned()));
    }
    tools::ensure_component(&context.workspace, "clippy", "clippy")?;
    let mut clippy = toolchain.cargo(&context.workspace, "clippy");
    clippy.args(CLIENT).args(["--", "-D", "warnings"]);
    println!("{}", command::line(&clippy));
    // The tests have them built in; nothing is run here.
    let built_in = [wasm_runner::HUB, wasm_runner::SCRIPTS, wasm_runner::PARSER];
    command::run(clippy.envs(built_in.map(|name| (name, "http://127.0.0.1")))).map(|()| None)
}

/// How well modules are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// As the browser client's tests are, with which most of the build is shared.
    Dev,
    /// As small as it gets: what a browser downloads.
    Wasm,
}

impl Profile {
    const fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Wasm => "wasm",
        }
    }

    const fn directory(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Wasm => "wasm",
        }
    }
}

/// What is built to a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// The client's smallest program: typed events over `EventSource`, `serde_json`.
    Typed,
    /// What the npm package is made of.
    Package,
    /// The page of examples/dashboard.
    Dashboard,
}

impl Program {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Typed => &["--package", "sse-wasm-client", "--example", "typed"],
            Self::Package => &["--package", "sse-wasm-client-js", "--lib"],
            Self::Dashboard => &["--package", "dashboard", "--bin", "dashboard"],
        }
    }

    /// Where cargo puts the module, in the profile's directory.
    fn output(self) -> &'static str {
        match self {
            Self::Typed => "examples/typed.wasm",
            Self::Package => "sse_wasm_client_js.wasm",
            Self::Dashboard => "dashboard.wasm",
        }
    }
}

/// Builds a program, and has wasm-bindgen make a module for browsers of it, with the script that loads it:
/// `<name>_bg.wasm` and `<name>.js` in the directory.
pub(crate) fn build(
    context: &Context,
    program: Program,
    profile: Profile,
    directory: &Path,
    name: &str,
) -> Result<PathBuf> {
    let toolchain = context.wasm_toolchain()?;
    let mut build = toolchain.cargo(&context.workspace, "build");
    build.args(["--profile", profile.name()]).args(program.arguments());
    println!("{}", command::line(&build));
    command::run(&mut build)?;

    let target = toolchain.target(&context.workspace).join(TARGET);
    let built = target.join(profile.directory()).join(program.output());
    let mut bind = Command::new(context.wasm_bindgen()?.join(format!("wasm-bindgen{}", env::consts::EXE_SUFFIX)));
    bind.args(["--target", "web", "--no-typescript", "--remove-name-section", "--remove-producers-section"])
        .args(["--out-name", name, "--out-dir"])
        .args([directory, &built]);
    println!("{}", command::line(&bind));
    command::run(&mut bind)?;
    Ok(directory.join(format!("{name}_bg.wasm")))
}
