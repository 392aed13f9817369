//! Boundaries between packages, in a workspace on disk.

use std::{fs, path::Path};

use tempfile::TempDir;

use crate::{Boundary, Workspace};

const ROOT: &str = r#"
[workspace]
members = ["core", "packages/*"]
[workspace.dependencies]
tokio-with-a-name = { package = "tokio", version = "1" }
"#;

/// Writes a workspace of two packages, of which `core` has this manifest and this source.
fn workspace(dependencies: &str, source: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("Cargo.toml", ROOT);
    write("core/Cargo.toml", &format!("[package]\nname = \"the-core\"\n{dependencies}"));
    write("core/src/lib.rs", source);
    write("packages/server/Cargo.toml", "[package]\nname = \"the-server\"\n[dependencies]\nthe-core = \"1\"");
    write("packages/server/src/main.rs", "mod a;\nmod b;\nfn main() {}");
    write("packages/server/src/a.rs", "use crate::b::B;\npub(crate) struct A;");
    write("packages/server/src/b.rs", "use crate::a::A;\npub(crate) struct B;");
    write("packages/server/src/bin/other.rs", "use tokio::net;\nfn main() {}");
    folder
}

fn crossings(dependencies: &str, source: &str) -> Vec<String> {
    let folder = workspace(dependencies, source);
    let boundary = Boundary {
        package: "the-core",
        depends_on: &[],
        without: &["tokio"],
        only_optional: &["tokio-util"],
        unnamed: &["std::time::Instant", "tokio"],
    };
    let found = Workspace::read(folder.path()).unwrap().crossings(&[boundary]);
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn a_package_within_its_boundary_passes() {
    let dependencies = concat!(
        "[dependencies]\nbytes = \"1\"\ntokio-util = { version = \"1\", optional = true }\n",
        "[dev-dependencies]\ntokio = \"1\"\nthe-server = { path = \"../packages/server\" }"
    );
    assert_eq!(crossings(dependencies, "use std::time::{Duration, InstantLike};"), [""; 0]);
}

#[test]
fn a_dependency_upward_is_found() {
    assert_eq!(
        crossings("[dependencies]\nthe-server = { path = \"../packages/server\" }", ""),
        ["core/Cargo.toml:4: the-server: the-core may not depend on it; move what needs it to a package above"]
    );
}

#[test]
fn a_dependency_that_the_package_goes_without_is_found_under_any_name() {
    for dependencies in [
        "[dependencies]\ntokio = \"1\"",
        "[dependencies]\ntokio = { version = \"1\", optional = true }",
        "[target.'cfg(unix)'.dependencies]\ntokio-with-a-name.workspace = true",
        "[dependencies]\nrenamed = { package = \"tokio\", version = \"1\" }",
    ] {
        assert_eq!(
            crossings(dependencies, ""),
            ["core/Cargo.toml:4: tokio: the-core goes without it; move what needs it to a package above"]
        );
    }
}

#[test]
fn a_dependency_that_should_be_optional_is_found() {
    assert_eq!(
        crossings("[dependencies]\ntokio-util = \"1\"", ""),
        [concat!(
            "core/Cargo.toml:4: tokio-util: the-core has it with a feature only; ",
            "move what needs it to a package above"
        )]
    );
}

#[test]
fn a_path_that_the_package_goes_without_is_found() {
    for source in [
        "\nuse std::time::Instant;",
        "\nuse std::time::{Duration, Instant as Clock};",
        "\nfn f() { std::time::Instant::now(); }",
        "use std::time;\nfn f() { time::Instant::now(); }",
        "\nuse std::time::*;",
        "\nfn f() { debug_assert!(tokio::spawn()) }",
    ] {
        let found = crossings("", source);
        assert_eq!(found.len(), 1, "{source}: {found:?}");
        assert!(found[0].starts_with("core/src/lib.rs:2: "), "{source}: {found:?}");
    }
}

#[test]
fn programs_are_read_too() {
    let folder = workspace("", "");
    let workspace = Workspace::read(folder.path()).unwrap();
    let circles: Vec<_> = workspace.imports(&[]).iter().map(key).collect();
    assert_eq!(circles, ["packages/server/src/b.rs: crate::a::A"]);
    let boundary =
        Boundary { package: "the-server", depends_on: &["the-core"], unnamed: &["tokio"], ..Boundary::default() };
    let found: Vec<_> = workspace.crossings(&[boundary]).iter().map(key).collect();
    assert_eq!(found, ["packages/server/src/bin/other.rs: tokio::net"]);
}

#[test]
fn long_files_are_found() {
    let folder = workspace("", "fn a() {}\nfn b() {}\nfn c() {}\n#[cfg(test)]\nmod tests;\n");
    let workspace = Workspace::read(folder.path()).unwrap();
    let found: Vec<_> = workspace.long_files(4).iter().map(key).collect();
    assert_eq!(found, ["core/src/lib.rs: its length"]);
    assert_eq!(workspace.long_files(5), []);
}

#[test]
fn a_source_that_is_no_rust_is_an_error() {
    let folder = workspace("", "\nfn {");
    let error = Workspace::read(folder.path()).unwrap_err();
    assert!(error.starts_with("core/src/lib.rs:2: "), "{error}");
    assert!(Workspace::read(Path::new("/nowhere")).is_err());
}

/// File and import of a violation.
fn key(violation: &crate::Violation) -> String {
    format!("{}: {}", violation.file.display(), violation.what)
}
