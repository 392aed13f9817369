//! Which compiler builds for the browser, decided from facts alone.
//!
//! In this order: the Rust in use, if it has the target's standard library or rustup can add it;
//! else Debian's newer Rust packages, which bring the library's source, so that no download of a
//! toolchain is needed.

/// What is known so far. Each action changes a fact, so asking again after each one comes to an
/// end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// The Rust in use has a standard library for the target.
    pub(crate) library: bool,
    /// `rustup target add`.
    pub(crate) add_target: Attempt,
    /// The packaged compiler, its cargo, the library's source and a linker are all there.
    pub(crate) packaged: bool,
    /// Installing the packages.
    pub(crate) install: Attempt,
}

/// How something that may help stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// It can be tried.
    Open,
    /// It cannot be tried on this machine, or was tried and did not help.
    Closed,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Build with the Rust in use.
    UsePlain,
    /// Run `rustup target add`.
    AddTarget,
    /// Build with the packaged compiler, and the standard library with it.
    UsePackaged,
    /// Install the packages.
    Install,
    /// Say what to install.
    GiveUp,
}

/// The next thing to do.
pub(crate) fn choose(facts: Facts) -> Action {
    match facts {
        Facts { library: true, .. } => Action::UsePlain,
        Facts { add_target: Attempt::Open, .. } => Action::AddTarget,
        Facts { packaged: true, .. } => Action::UsePackaged,
        Facts { install: Attempt::Open, .. } => Action::Install,
        _ => Action::GiveUp,
    }
}

/// Whether the line that a compiler or cargo says of its version names at least this one: `rustc
/// 1.96.0 (…)`, `1.90`.
pub(crate) fn is_at_least(said: &str, wanted: &str) -> bool {
    let version = said.split_ascii_whitespace().nth(1).and_then(minor);
    version.zip(minor(wanted)).is_some_and(|(version, wanted)| version >= wanted)
}

fn minor(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Facts =
        Facts { library: false, add_target: Attempt::Closed, packaged: false, install: Attempt::Closed };

    #[test]
    fn rustup_comes_before_packages() {
        let all = Facts { library: true, add_target: Attempt::Open, packaged: true, install: Attempt::Open };
        assert_eq!(choose(all), Action::UsePlain);
        assert_eq!(choose(Facts { library: false, ..all }), Action::AddTarget);
        assert_eq!(choose(Facts { packaged: true, install: Attempt::Open, ..NOTHING }), Action::UsePackaged);
        assert_eq!(choose(Facts { install: Attempt::Open, ..NOTHING }), Action::Install);
        assert_eq!(choose(NOTHING), Action::GiveUp);
    }

    #[test]
    fn asking_again_after_each_failure_ends() {
        let mut facts = Facts { add_target: Attempt::Open, install: Attempt::Open, ..NOTHING };
        let mut taken = Vec::new();
        loop {
            let action = choose(facts);
            taken.push(action);
            match action {
                Action::AddTarget => facts.add_target = Attempt::Closed,
                Action::Install => facts.install = Attempt::Closed,
                Action::UsePlain | Action::UsePackaged | Action::GiveUp => break,
            }
        }
        assert_eq!(taken, [Action::AddTarget, Action::Install, Action::GiveUp]);
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(is_at_least("rustc 1.96.0 (0123abc 2026-08-01) (built from a source tarball)", "1.90"));
        assert!(is_at_least("cargo 1.90.0", "1.90"));
        assert!(is_at_least("rustc 1.100.0-nightly", "1.90.0"));
        assert!(!is_at_least("rustc 1.63.0", "1.90"));
        assert!(!is_at_least("rustc 1.9.0", "1.90"));
        assert!(!is_at_least("", "1.90"));
    }
}
