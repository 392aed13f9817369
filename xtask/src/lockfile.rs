//! The one thing read out of `Cargo.lock`: a package's version.

/// The version of the package `name`, if the lock file has exactly one.
///
/// Cargo writes this file itself, one `key = "value"` a line and `name` before `version`, so no
/// TOML parser is needed.
pub(crate) fn version<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let mut versions = lock.split("[[package]]").skip(1).filter_map(|package| {
        let value = |key: &str| {
            package.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"'))
        };
        (value("name")? == name).then(|| value("version"))?
    });
    let version = versions.next()?;
    versions.next().is_none().then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
version = 4

[[package]]
name = "wasm-bindgen-macro"
version = "0.2.129"

[[package]]
name = "wasm-bindgen"
version = "0.2.130"
source = "registry+https://github.com/rust-lang/crates.io-index"
dependencies = [
 "cfg-if",
]

[[package]]
name = "twice"
version = "1.0.0"

[[package]]
name = "twice"
version = "2.0.0"
"#;

    #[test]
    fn finds_the_package_of_the_whole_name() {
        assert_eq!(version(LOCK, "wasm-bindgen"), Some("0.2.130"));
    }

    #[test]
    fn reads_crlf_line_ends() {
        assert_eq!(version(&LOCK.replace('\n', "\r\n"), "wasm-bindgen"), Some("0.2.130"));
    }

    #[test]
    fn finds_nothing_where_there_is_none_or_no_single_one() {
        assert_eq!(version(LOCK, "serde"), None);
        assert_eq!(version(LOCK, "twice"), None);
        assert_eq!(version("", "wasm-bindgen"), None);
    }
}
