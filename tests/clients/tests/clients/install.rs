//! The clients from npm and PyPI, at the versions of the lock files, below the target directory.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// Where clients and adapters are, once they are installed.
pub(crate) struct Installed {
    /// The adapters, beside the packages in JavaScript.
    pub(crate) adapters: PathBuf,
    /// The packages in Python.
    pub(crate) python: PathBuf,
}

/// Installs what is not there yet.
pub(crate) fn installed() -> &'static Installed {
    static INSTALLED: OnceLock<Installed> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR"));
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients");
        let (adapters, python) = (cache.join("node"), cache.join("python"));
        fs::create_dir_all(&adapters).unwrap();
        fs::copy(source.join("package.json"), adapters.join("package.json")).unwrap();
        once(&source.join("package-lock.json"), &adapters.join("package-lock.json"), || {
            let mut npm = Command::new("npm");
            npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&adapters);
            run(npm);
        });
        once(&source.join("requirements.txt"), &cache.join("requirements.txt"), || {
            if python.exists() {
                fs::remove_dir_all(&python).unwrap();
            }
            let mut pip = Command::new("python3");
            pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check", "--target"]);
            pip.arg(&python).arg("--requirement").arg(source.join("requirements.txt"));
            run(pip);
        });
        for adapter in fs::read_dir(source.join("adapters")).unwrap() {
            let adapter = adapter.unwrap();
            fs::copy(adapter.path(), adapters.join(adapter.file_name())).unwrap();
        }
        Installed { adapters, python }
    })
}

/// Does something unless it was done for this very file, of which a copy is kept as the sign of it.
fn once(file: &Path, copy: &Path, install: impl FnOnce()) {
    let (stamp, wanted) = (copy.with_extension("installed"), fs::read(file).unwrap());
    if fs::read(&stamp).is_ok_and(|done| done == wanted) {
        return;
    }
    fs::write(copy, &wanted).unwrap();
    install();
    fs::write(stamp, wanted).unwrap();
}

pub(crate) fn run(mut command: Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?} can't be started: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}
