//! Building for the browser.

use std::{
    env, fmt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    command,
    context::Context,
    failure::{Failure, Result},
    hub,
    system::{Apt, find_program},
    tools,
    wasm_choice::{Action, Attempt, Facts, choose, is_at_least},
    wasm_test,
};

/// The target.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's Rust for building browsers: newer than its ordinary one, and installed beside rustup's.
const PACKAGES: &[&str] = &["rustc-web", "cargo-web", "rust-web-src"];

/// A compiler for the target.
#[derive(Debug)]
pub(crate) enum Toolchain {
    /// The Rust in use, which has the target's standard library.
    Plain,
    /// The packaged one, which builds the standard library itself and lacks a linker of its own.
    Packaged { linker: PathBuf },
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => f.write_str("the Rust in use"),
            Self::Packaged { .. } => f.write_str("the system's packaged Rust, with its own build of the library"),
        }
    }
}

impl Toolchain {
    /// `cargo <subcommand> --target …`, ready for more arguments.
    pub(crate) fn cargo(&self, context: &Context, subcommand: &str) -> Command {
        match self {
            Self::Plain => {
                let mut cargo = context.cargo();
                // Named, since a package outside the workspace would be built in a directory of its own.
                cargo.args([subcommand, "--target", TARGET, "--target-dir"]).arg(self.target(context));
                cargo
            }
            Self::Packaged { linker } => {
                let mut cargo = context.command("/usr/bin/cargo");
                cargo
                    .args([subcommand, "--target", TARGET, "-Zbuild-std=std,panic_abort", "--target-dir"])
                    .arg(self.target(context))
                    .env("RUSTC", "/usr/bin/rustc")
                    .env("RUSTDOC", "/usr/bin/rustdoc")
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
                    // What the cargo that started this program left for its own children.
                    .env_remove("CARGO")
                    .env_remove("LD_LIBRARY_PATH");
                cargo
            }
        }
    }

    /// The target directory: a second compiler in the same one would have both build everything
    /// anew in turn.
    fn target(&self, context: &Context) -> PathBuf {
        match self {
            Self::Plain => context.target().to_owned(),
            Self::Packaged { .. } => context.target().join("wasm"),
        }
    }
}

/// Finds a compiler for the target, adding what it takes.
pub(crate) fn set_up(context: &Context) -> Result<Toolchain> {
    let apt = Apt::here();
    let linker = linker(context);
    let open = |possible: bool| if possible { Attempt::Open } else { Attempt::Closed };
    let mut facts = Facts {
        library: has_library(context),
        add_target: open(find_program("rustup").is_some()),
        packaged: linker.is_some() && has_packages(context),
        install: open(apt.is_some() && linker.is_some()),
    };
    loop {
        match (choose(facts), &apt, &linker) {
            (Action::UsePlain, ..) => return Ok(Toolchain::Plain),
            (Action::UsePackaged, _, Some(linker)) => {
                return Ok(Toolchain::Packaged { linker: linker.clone() });
            }
            (Action::AddTarget, ..) => {
                println!("rustup target add {TARGET}");
                let mut add = context.command("rustup");
                // It may well fail, and the next thing is tried then: no need of a backtrace.
                add.args(["target", "add", TARGET]).env("RUST_BACKTRACE", "0");
                if let Err(failure) = command::run(&mut add) {
                    println!("{failure}: looking for the system's packages instead");
                }
                facts.add_target = Attempt::Closed;
                facts.library = has_library(context);
            }
            (Action::Install, Some(apt), _) => {
                if let Err(failure) = apt.install(PACKAGES) {
                    println!("{failure}");
                }
                facts.install = Attempt::Closed;
                facts.packaged = has_packages(context);
            }
            _ => return Err(advice()),
        }
    }
}

fn advice() -> Failure {
    Failure::new(format!(
        "no compiler for {TARGET}: run `rustup target add {TARGET}` where the network allows it, or on Debian \
         `apt-get install {}` as root, or leave these tests out with `cargo xtask test --native`",
        PACKAGES.join(" "),
    ))
}

fn has_library(context: &Context) -> bool {
    command::ask(context.command("rustc").args(["--print", "target-libdir", "--target", TARGET]))
        .is_some_and(|directory| Path::new(&directory).is_dir())
}

/// The linker that comes with rustup's toolchains.
fn linker(context: &Context) -> Option<PathBuf> {
    let sysroot = command::ask(context.command("rustc").args(["--print", "sysroot"]))?;
    let host = command::ask(context.command("rustc").args(["--print", "host-tuple"]))?;
    let program = format!("rust-lld{}", env::consts::EXE_SUFFIX);
    Some(Path::new(&sysroot).join("lib/rustlib").join(host).join("bin").join(program)).filter(|path| path.is_file())
}

/// Whether the system's own Rust is recent enough and comes with the standard library's source.
fn has_packages(context: &Context) -> bool {
    let recent = |program: &str| {
        command::ask(context.command(program).arg("--version"))
            .is_some_and(|said| is_at_least(&said, env!("CARGO_PKG_RUST_VERSION")))
    };
    let sysroot = command::ask(context.command("/usr/bin/rustc").args(["--print", "sysroot"]));
    sysroot.as_deref() == Some("/usr")
        && recent("/usr/bin/rustc")
        && recent("/usr/bin/cargo")
        && Path::new("/usr/lib/rustlib/src/rust/library/Cargo.toml").is_file()
}

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
    tools::ensure_component(context, "clippy", "clippy")?;
    let mut clippy = toolchain.cargo(context, "clippy");
    clippy.args(CLIENT).args(["--", "-D", "warnings"]);
    println!("{}", command::line(&clippy));
    // The tests have them built in; nothing is run here.
    let built_in = [hub::HUB, hub::SCRIPTS, wasm_test::PARSER];
    command::run(clippy.envs(built_in.map(|name| (name, "http://127.0.0.1")))).map(|()| None)
}

/// The profile for what a browser downloads.
const PROFILE: &str = "wasm";

/// What is built to a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// The client's smallest program: typed events over `EventSource`, `serde_json`.
    Typed,
    /// What the npm package is made of.
    Package,
    /// The page of examples/dashboard, which is outside the workspace and has the profile in its own manifest.
    Dashboard,
}

impl Program {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Typed => &["--package", "sse-wasm-client", "--example", "typed"],
            Self::Package => &["--package", "sse-wasm-client-js", "--lib"],
            Self::Dashboard => &["--manifest-path", "examples/dashboard/Cargo.toml", "--bin", "dashboard"],
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

/// Builds a program as small as it gets, and has wasm-bindgen make a module for browsers of it, with the script that
/// loads it: `<name>_bg.wasm` and `<name>.js` in the directory.
pub(crate) fn build(context: &Context, program: Program, directory: &Path, name: &str) -> Result<PathBuf> {
    let toolchain = context.wasm_toolchain()?;
    let mut build = toolchain.cargo(context, "build");
    build.args(["--profile", PROFILE]).args(program.arguments());
    println!("{}", command::line(&build));
    command::run(&mut build)?;

    let built = toolchain.target(context).join(TARGET).join(PROFILE).join(program.output());
    let mut bind = Command::new(context.wasm_bindgen()?.join(format!("wasm-bindgen{}", env::consts::EXE_SUFFIX)));
    bind.args(["--target", "web", "--no-typescript", "--remove-name-section", "--remove-producers-section"])
        .args(["--out-name", name, "--out-dir"])
        .args([directory, &built]);
    println!("{}", command::line(&bind));
    command::run(&mut bind)?;
    Ok(directory.join(format!("{name}_bg.wasm")))
}

#[cfg(test)]
mod tests {
    use crate::lockfile;

    #[test]
    fn one_wasm_bindgen_does_for_the_workspace_and_the_dashboard() {
        let inside = lockfile::version(include_str!("../../Cargo.lock"), "wasm-bindgen");
        let outside = lockfile::version(include_str!("../../examples/dashboard/Cargo.lock"), "wasm-bindgen");
        assert!(inside.is_some() && inside == outside, "the lock files have {inside:?} and {outside:?}");
    }
}
