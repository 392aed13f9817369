//! Reading the configuration from its sources.

use std::{collections::BTreeMap, path::PathBuf};

use config::{Environment, File, FileFormat, Source as _, Value, ValueKind};

use super::{Config, Field, Visitor, setting::Given};

/// Where settings come from. Give them from the weakest to the strongest.
#[derive(Debug, Clone)]
pub enum Source {
    /// A TOML file.
    File(PathBuf),
    /// Variables of the process, named `SSE__SECTION__KEY`.
    Environment,
    /// A key, such as `server.listen`, its value, and the flag that gave it.
    Flag(&'static str, String, &'static str),
}

/// What is wrong with the configuration, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

/// A value and where it came from.
type Settings = BTreeMap<String, (Given, String)>;

pub(super) fn load(sources: &[Source]) -> Result<Config, ConfigError> {
    let mut settings = Settings::new();
    for source in sources {
        match source {
            Source::File(path) => {
                let shown = path.display();
                let text = std::fs::read_to_string(path)
                    .map_err(|error| one_line(&format!("{shown}: can't be read as a TOML file: {error}")))?;
                let tables = File::from_str(&text, FileFormat::Toml)
                    .collect()
                    .map_err(|error| one_line(&format!("{shown}: {error}")))?;
                flatten("", &Value::from(tables), &shown.to_string(), &mut settings)?;
            }
            Source::Environment => {
                let variables = Environment::with_prefix("SSE").prefix_separator("__").separator("__");
                let tables = variables.collect().map_err(|error| {
                    one_line(&format!("the environment: {error}; variables that begin with SSE__ must be Unicode"))
                })?;
                for (key, value) in tables {
                    flatten(&key, &value, "the environment", &mut settings)?;
                }
            }
            Source::Flag(key, value, flag) => {
                settings.insert((*key).to_owned(), (Given::Text(value.clone()), (*flag).to_owned()));
            }
        }
    }
    let mut load = Load { section: "", settings };
    let mut config = Config::default();
    config.visit(&mut load)?;
    if let Some((key, (value, origin))) = load.settings.first_key_value() {
        return Err(ConfigError(format!(
            "{key} = {value} (from {origin}): there is no such key; --print-config lists them all"
        )));
    }
    check(config.clone())?;
    Ok(config)
}

/// Whether every value is one that could have been read.
pub(super) fn check(mut config: Config) -> Result<(), ConfigError> {
    config.visit(&mut Check(""))?;
    if config.publish.retry_min > config.publish.retry_max {
        return Err(ConfigError(
            "publish.retry_min is above publish.retry_max: the least time must not exceed the greatest".into(),
        ));
    }
    Ok(())
}

/// Sets every value to itself.
struct Check(&'static str);

impl Visitor for Check {
    type Error = ConfigError;

    fn section(&mut self, name: &'static str, _: &'static str) {
        self.0 = name;
    }

    fn key(&mut self, name: &'static str, _: &'static str, field: Field<'_>) -> Result<(), ConfigError> {
        let value = field.given();
        field
            .set(&value)
            .map_err(|allowed| ConfigError(format!("{}.{name} = {value}: not allowed; it takes {allowed}", self.0)))
    }
}

struct Load {
    section: &'static str,
    settings: Settings,
}

impl Visitor for Load {
    type Error = ConfigError;

    fn section(&mut self, name: &'static str, _: &'static str) {
        self.section = name;
    }

    fn key(&mut self, name: &'static str, _: &'static str, field: Field<'_>) -> Result<(), ConfigError> {
        let key = format!("{}.{name}", self.section);
        let Some((value, origin)) = self.settings.remove(&key) else { return Ok(()) };
        field
            .set(&value)
            .map_err(|allowed| ConfigError(format!("{key} = {value} (from {origin}): not allowed; it takes {allowed}")))
    }
}

/// Tables become dotted keys.
fn flatten(key: &str, value: &Value, origin: &str, into: &mut Settings) -> Result<(), ConfigError> {
    let text = |value: &Value| value.clone().into_string().ok();
    let given = match &value.kind {
        ValueKind::Table(table) => {
            for (name, value) in table {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                flatten(&key, value, origin, into)?;
            }
            return Ok(());
        }
        ValueKind::Array(values) if values.iter().any(|value| matches!(value.kind, ValueKind::Table(_))) => {
            let table = |value: &Value| {
                let ValueKind::Table(table) = &value.kind else { return None };
                let mut members: Vec<_> =
                    table.iter().map(|(name, value)| Some((name.clone(), text(value)?))).collect::<Option<_>>()?;
                members.sort_unstable();
                Some(members)
            };
            values.iter().map(table).collect::<Option<_>>().map(Given::Tables)
        }
        ValueKind::Array(values) => values.iter().map(text).collect::<Option<_>>().map(Given::List),
        _ => text(value).map(Given::Text),
    };
    let given = given.ok_or_else(|| ConfigError(format!("{key} (from {origin}): a text, number or list is wanted")))?;
    into.insert(key.to_owned(), (given, origin.to_owned()));
    Ok(())
}

fn one_line(message: &str) -> ConfigError {
    ConfigError(message.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn flags(flags: &[(&'static str, &str)]) -> Result<Config, ConfigError> {
        let flags: Vec<_> = flags.iter().map(|(key, value)| Source::Flag(key, (*value).to_owned(), "a flag")).collect();
        Config::load(&flags)
    }

    fn file(toml: &str) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.toml");
        std::fs::write(&path, toml).unwrap();
        Config::load(&[Source::File(path)])
    }

    #[test]
    fn what_is_printed_is_read_back() {
        let config = flags(&[
            ("stream.heartbeat", "1m 30s"),
            ("cors.origins", "https://a.example, http://b.example:8080"),
            ("server.admin_listen", "[::1]:9"),
            ("stream.lag", "gap"),
        ])
        .unwrap();
        assert_eq!(config.stream.heartbeat, Duration::from_secs(90));
        let printed = config.to_toml();
        assert_eq!(file(&printed).unwrap().to_toml(), printed);
        assert_eq!(file(&Config::default().to_toml()).unwrap().to_toml(), Config::default().to_toml());
    }

    #[test]
    fn later_sources_win() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.toml");
        std::fs::write(&path, "[log]\nevents = 5\ntopics = 6\n").unwrap();
        let config = Config::load(&[Source::File(path), Source::Flag("log.events", "7".into(), "--events")]).unwrap();
        assert_eq!((config.log.events, config.log.topics), (7, 6));
    }

    #[test]
    fn a_bad_value_is_told_with_key_value_origin_and_what_is_allowed() {
        for (key, value, allowed) in [
            ("server.listen", "8080", "an address and port, such as 127.0.0.1:8080"),
            ("stream.heartbeat", "0s", "a time such as 15s, from 1s to 5m"),
            ("log.events", "-1", "a whole number from 1 to 100000000"),
            ("stream.lag", "drop", "disconnect or gap"),
            ("cors.origins", "https://a.example/", "origins, such as https://app.example, or *"),
            ("cors.credentials", "yes", "true or false"),
            (
                "telemetry.log",
                "sse=loud",
                "a level (error, warn, info, debug, trace) or a filter such as sse_server=debug",
            ),
        ] {
            let expect = format!("{key} = {value:?} (from a flag): not allowed; it takes {allowed}");
            assert_eq!(flags(&[(key, value)]).unwrap_err().to_string(), expect);
        }
    }

    #[test]
    fn what_a_program_sets_is_checked_too() {
        let mut config = Config::default();
        assert_eq!(config.check(), Ok(()));
        config.stream.max_age = Duration::MAX;
        assert!(config.check().unwrap_err().to_string().starts_with("stream.max_age = "));
    }

    #[test]
    fn an_unknown_key_is_told() {
        let error = file("[stream]\nhartbeat = \"1s\"\n").unwrap_err().to_string();
        assert!(error.starts_with("stream.hartbeat = \"1s\" (from "), "{error}");
        assert!(error.contains("there is no such key"), "{error}");
    }

    #[test]
    fn a_broken_file_is_one_line() {
        let error = file("[stream\n").unwrap_err().to_string();
        assert!(error.contains("hub.toml") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn the_reconnection_times_must_be_in_order() {
        assert!(flags(&[("publish.retry_min", "2s"), ("publish.retry_max", "1s")]).is_err());
    }
}
