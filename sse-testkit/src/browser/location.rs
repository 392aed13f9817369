//! Where a redirect leads.

use http::Uri;

use crate::escape::quoted;

/// The target of a `location` header that leads from `base` to the same origin, whose authority is `host`.
///
/// References are resolved as in [RFC 3986](https://www.rfc-editor.org/rfc/rfc3986#section-5.2). The fragment is left
/// out.
///
/// # Errors
///
/// A text that says why the redirect can't be followed.
pub(super) fn resolve(base: &Uri, host: &str, location: &[u8]) -> Result<Uri, String> {
    let text = encoded(location.trim_ascii());
    let reference = text.split('#').next().unwrap_or_default();
    let relative = match scheme(reference) {
        None => reference,
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
        Some(_) => return Err(elsewhere(location)),
    };
    let target = match relative.strip_prefix("//") {
        None => merged(base, relative),
        Some(rest) => {
            let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
            if origin(authority) != origin(host) {
                return Err(elsewhere(location));
            }
            if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") }
        }
    };
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    format!("{}{query}", without_dots(path))
        .parse()
        .map_err(|error| format!("a redirect to {}, which is no URL: {error}", quoted(location)))
}

fn elsewhere(location: &[u8]) -> String {
    format!("a redirect to {}: another origin, and this client knows no other server", quoted(location))
}

/// The scheme and the rest, if there is a scheme.
fn scheme(reference: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = reference.split_once(':')?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_scheme.then_some((scheme, rest))
}

/// Host and port in a form that can be compared.
fn origin(authority: &str) -> String {
    let host = authority.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
    host.strip_suffix(":80").map(str::to_owned).unwrap_or(host)
}

/// A relative reference, merged with `base`.
fn merged(base: &Uri, relative: &str) -> String {
    match relative.chars().next() {
        None => base.path_and_query().map_or_else(|| "/".into(), ToString::to_string),
        Some('/') => relative.into(),
        Some('?') => format!("{}{relative}", base.path()),
        Some(_) => {
            let folder = base.path().rfind('/').map_or("/", |end| &base.path()[..=end]);
            format!("{folder}{relative}")
        }
    }
}

/// The path without its segments `.` and `..`.
fn without_dots(path: &str) -> String {
    let mut kept = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            _ => {
                kept.push(segment);
                continue;
            }
        }
        if segments.peek().is_none() {
            kept.push(""); // a folder keeps its slash
        }
    }
    format!("/{}", kept.join("/"))
}

/// `location` with the bytes that a URL can't have percent-encoded.
fn encoded(location: &[u8]) -> String {
    let mut text = String::with_capacity(location.len());
    for byte in location {
        match byte {
            b'"' | b'<' | b'>' | b'`' | b'{' | b'}' => text.push_str(&format!("%{byte:02X}")),
            b'!'..=b'~' => text.push(char::from(*byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(base: &str, location: &str) -> Result<String, String> {
        let base = base.parse().expect("a base");
        resolve(&base, "LocalHost", location.as_bytes()).map(|uri| uri.to_string())
    }

    #[test]
    fn references_as_in_rfc_3986() {
        // section 5.4, those that stay within the origin
        for (reference, target) in [
            ("g", "/b/c/g"),
            ("./g", "/b/c/g"),
            ("g/", "/b/c/g/"),
            ("/g", "/g"),
            ("?y", "/b/c/d;p?y"),
            ("g?y", "/b/c/g?y"),
            ("#s", "/b/c/d;p?q"),
            ("g#s", "/b/c/g"),
            (";x", "/b/c/;x"),
            ("", "/b/c/d;p?q"),
            (".", "/b/c/"),
            ("./", "/b/c/"),
            ("..", "/b/"),
            ("../g", "/b/g"),
            ("../..", "/"),
            ("../../g", "/g"),
            ("../../../g", "/g"),
            ("/./g", "/g"),
            ("/../g", "/g"),
            ("g.", "/b/c/g."),
            ("..g", "/b/c/..g"),
            ("./g/.", "/b/c/g/"),
            ("g/../h", "/b/c/h"),
            ("g?y/../x", "/b/c/g?y/../x"),
            ("http:g", "/b/c/g"),
        ] {
            assert_eq!(from("/b/c/d;p?q", reference).as_deref(), Ok(target), "{reference}");
        }
    }

    #[test]
    fn the_same_origin_and_others() {
        assert_eq!(from("/a", "http://localhost/b?c#d").as_deref(), Ok("/b?c"));
        assert_eq!(from("/a", "HTTP://localhost:80").as_deref(), Ok("/"));
        assert_eq!(from("/a", "//localhost?b").as_deref(), Ok("/?b"));
        for other in ["http://elsewhere/", "https://localhost/", "//localhost:81/", "data:,x", "javascript:0"] {
            let why = from("/a", other).expect_err(other);
            assert!(why.starts_with(&format!("a redirect to \"{other}\": another origin")), "{why}");
        }
    }

    #[test]
    fn any_bytes_are_a_target_or_none_but_no_panic() {
        assert_eq!(from("/a", "/\u{fc} {x}").as_deref(), Ok("/%C3%BC%20%7Bx%7D"));
        assert_eq!(from("*", "b").as_deref(), Ok("/b"));
        for byte in 0..=255 {
            let _ = resolve(&"/a".parse().expect("a base"), "localhost", &[byte, b'/', byte]);
        }
    }
}
