//! Clients that others wrote, against the hub: for who has Node, Python and curl.

use std::env;

use crate::{command, failure::Result, system::find_program, workspace::Workspace};

/// The oldest Node that the packages take.
const NODE: u64 = 20;

/// Runs the tests, or says what is missing for them. The package fetches the clients itself, once.
pub(crate) fn tests(workspace: &Workspace) -> Result<Option<String>> {
    if let Some(missing) = missing(workspace) {
        println!("clients that others wrote are left out: {missing}");
        return Ok(Some(format!("left out: {missing}")));
    }
    let mut test = workspace.cargo();
    command::run(test.args(["test", "--workspace", "--features", "client-tests/real-clients", "--test", "clients"]))?;
    let driver = env::var_os("CHROMEDRIVER").is_some() || find_program("chromedriver").is_some();
    Ok((!driver).then(|| "Chromium left out: there is no chromedriver".to_owned()))
}

fn missing(workspace: &Workspace) -> Option<String> {
    if let Some(program) = ["node", "npm", "python3", "curl"].into_iter().find(|name| find_program(name).is_none()) {
        return Some(format!("there is no {program}"));
    }
    let ask = |program: &str, arguments: &[&str]| command::ask(workspace.command(program).args(arguments));
    match ask("node", &["--version"]).as_deref().and_then(major) {
        Some(major) if major >= NODE => {}
        _ => return Some(format!("node is older than {NODE}")),
    }
    ask("python3", &["-m", "pip", "--version"]).is_none().then(|| "python3 has no pip".to_owned())
}

/// The first number of a version such as `v20.20.2`.
fn major(version: &str) -> Option<u64> {
    version.trim().trim_start_matches('v').split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn versions_of_node() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("v8.0.0\n"), Some(8));
        assert_eq!(major("node"), None);
    }
}
