//! A compiler for the browser: found, or installed.

use std::{
    env, fmt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    command,
    failure::{Failure, Result},
    system::{Apt, find_program},
    wasm_choice::{Action, Attempt, Facts, choose, is_at_least},
    workspace::Workspace,
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
    pub(crate) fn cargo(&self, workspace: &Workspace, subcommand: &str) -> Command {
        match self {
            Self::Plain => {
                let mut cargo = workspace.cargo();
                cargo.args([subcommand, "--target", TARGET]);
                cargo
            }
            Self::Packaged { linker } => {
                let mut cargo = workspace.command("/usr/bin/cargo");
                cargo
                    .args([subcommand, "--target", TARGET, "-Zbuild-std=std,panic_abort", "--target-dir"])
                    .arg(self.target(workspace))
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
    pub(crate) fn target(&self, workspace: &Workspace) -> PathBuf {
        match self {
            Self::Plain => workspace.target().to_owned(),
            Self::Packaged { .. } => workspace.target().join("wasm"),
        }
    }
}

/// Finds a compiler for the target, adding what it takes.
pub(crate) fn set_up(workspace: &Workspace) -> Result<Toolchain> {
    let apt = Apt::here();
    let linker = linker(workspace);
    let open = |possible: bool| if possible { Attempt::Open } else { Attempt::Closed };
    let mut facts = Facts {
        library: has_library(workspace),
        add_target: open(find_program("rustup").is_some()),
        packaged: linker.is_some() && has_packages(workspace),
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
                let mut add = workspace.command("rustup");
                // It may well fail, and the next thing is tried then: no need of a backtrace.
                add.args(["target", "add", TARGET]).env("RUST_BACKTRACE", "0");
                if let Err(failure) = command::run(&mut add) {
                    println!("{failure}: looking for the system's packages instead");
                }
                facts.add_target = Attempt::Closed;
                facts.library = has_library(workspace);
            }
            (Action::Install, Some(apt), _) => {
                if let Err(failure) = apt.install(PACKAGES) {
                    println!("{failure}");
                }
                facts.install = Attempt::Closed;
                facts.packaged = has_packages(workspace);
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

fn has_library(workspace: &Workspace) -> bool {
    command::ask(workspace.command("rustc").args(["--print", "target-libdir", "--target", TARGET]))
        .is_some_and(|directory| Path::new(&directory).is_dir())
}

/// The linker that comes with rustup's toolchains.
fn linker(workspace: &Workspace) -> Option<PathBuf> {
    let sysroot = command::ask(workspace.command("rustc").args(["--print", "sysroot"]))?;
    let host = command::ask(workspace.command("rustc").args(["--print", "host-tuple"]))?;
    let program = format!("rust-lld{}", env::consts::EXE_SUFFIX);
    Some(Path::new(&sysroot).join("lib/rustlib").join(host).join("bin").join(program)).filter(|path| path.is_file())
}

/// Whether the system's own Rust is recent enough and comes with the standard library's source.
fn has_packages(workspace: &Workspace) -> bool {
    let recent = |program: &str| {
        command::ask(workspace.command(program).arg("--version"))
            .is_some_and(|said| is_at_least(&said, env!("CARGO_PKG_RUST_VERSION")))
    };
    let sysroot = command::ask(workspace.command("/usr/bin/rustc").args(["--print", "sysroot"]));
    sysroot.as_deref() == Some("/usr")
        && recent("/usr/bin/rustc")
        && recent("/usr/bin/cargo")
        && Path::new("/usr/lib/rustlib/src/rust/library/Cargo.toml").is_file()
}
