//! Reading the configuration from its sources.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    path::{Path, PathBuf},
};

use config::{Environment, File, FileFormat, Map, Source as _, Value, ValueKind};

use super::{
    Config,
    error::ConfigError,
    section::{About, Key, Visitor},
    setting::{Given, Setting},
};

/// Where settings come from. Give them from the weakest to the strongest.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Source {
    /// A TOML file.
    File(PathBuf),
    /// Variables of the process, named `SSE__SECTION__KEY`.
    Environment,
    /// A key, such as `server.listen`, its value, and the flag that gave it.
    Flag(&'static str, String, &'static str),
}

impl Config {
    /// Reads a configuration: of two sources that give a key, the later one wins. What none gives has its default.
    ///
    /// # Errors
    ///
    /// One line with the key, its value, where it came from and what is allowed.
    pub fn load(sources: &[Source]) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        let mut keys = Keys::default();
        let Ok(()) = config.visit(&mut keys);
        let mut layers = config::Config::builder();
        for source in sources {
            let layer = Layer::read(source)?;
            layer.check(&keys.all)?;
            layers = layers.add_source(layer);
        }
        let layered = layers.build().and_then(|layered| layered.cache.into_table());
        let sections = layered.map_err(|error| ConfigError::unreadable("all sources", &error.to_string()))?;
        config.visit(&mut Load { sections, name: "", section: Map::new() })?;
        config.check()?;
        Ok(config)
    }

    /// The same for a hub whose program listens itself.
    pub(crate) fn check_values(&self) -> Result<(), ConfigError> {
        self.clone().visit(&mut Check(""))?;
        self.publish.check()?;
        self.tls.check(&self.auth.certificates, &self.server)?;
        self.auth.check_known()
    }

    /// Checks that every value is allowed, as [`load`](Self::load) does.
    ///
    /// # Errors
    ///
    /// One line with the key, its value and what is allowed.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_values()?;
        self.check_reach(false)
    }

    /// Refuses a hub that all who reach it could use by mistake. It is not open if it `is_controlled` whatever `auth.mode` says.
    pub(crate) fn check_reach(&self, is_controlled: bool) -> Result<(), ConfigError> {
        self.auth.check(&self.server, is_controlled)
    }
}

/// What one source gives: values by dotted key, each with its origin.
#[derive(Debug, Clone)]
struct Layer(BTreeMap<String, Value>);

impl Layer {
    fn read(source: &Source) -> Result<Self, ConfigError> {
        let mut layer = Self(BTreeMap::new());
        match source {
            Source::File(path) => layer.flatten("", file(path)?, &path.display().to_string()),
            Source::Environment => {
                let origin = "the environment";
                let variables = Environment::with_prefix("SSE").prefix_separator("__").separator("__");
                let values = variables.collect().map_err(|error| {
                    let hint = "variables that begin with SSE__ must be Unicode";
                    ConfigError::unreadable(origin, &format!("{error}; {hint}"))
                })?;
                values.into_iter().for_each(|(key, value)| layer.flatten(&key, value, origin));
            }
            Source::Flag(key, value, flag) => layer.flatten(key, value.as_str().into(), flag),
        }
        Ok(layer)
    }

    /// Tables become dotted keys.
    fn flatten(&mut self, key: &str, value: Value, origin: &str) {
        match value.kind {
            ValueKind::Table(table) => {
                for (name, value) in table {
                    let key = if key.is_empty() { name } else { format!("{key}.{name}") };
                    self.flatten(&key, value, origin);
                }
            }
            kind => {
                self.0.insert(key.to_owned(), Value::new(Some(&origin.to_owned()), kind));
            }
        }
    }

    /// Refuses keys that do not exist. It is done for each source: in a later one a table may stand where this one has
    /// something else, and would hide it.
    fn check(&self, keys: &BTreeSet<String>) -> Result<(), ConfigError> {
        match self.0.iter().find(|(key, _)| !keys.contains(*key)) {
            Some((key, value)) => Err(ConfigError::unknown(key, &given(key, value)?, origin(value))),
            None => Ok(()),
        }
    }
}

impl config::Source for Layer {
    fn clone_into_box(&self) -> Box<dyn config::Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self.0.clone().into_iter().collect())
    }
}

fn file(path: &Path) -> Result<Value, ConfigError> {
    let unreadable = |reason: &str| ConfigError::unreadable(&path.display().to_string(), reason);
    let text =
        std::fs::read_to_string(path).map_err(|error| unreadable(&format!("can't be read as a TOML file: {error}")))?;
    let tables = File::from_str(&text, FileFormat::Toml).collect();
    tables.map(Value::from).map_err(|error| unreadable(&error.to_string()))
}

/// The value as it was given.
fn given(key: &str, value: &Value) -> Result<Given, ConfigError> {
    let text = |value: &Value| value.clone().into_string().ok();
    let member = |value: &Value| match &value.kind {
        ValueKind::Array(list) => list.iter().map(text).collect::<Option<Vec<_>>>().map(|texts| texts.join("\n")),
        _ => text(value),
    };
    let given = match &value.kind {
        ValueKind::Array(values) if values.iter().any(|value| matches!(value.kind, ValueKind::Table(_))) => {
            let table = |value: &Value| {
                let ValueKind::Table(table) = &value.kind else { return None };
                let members = table.iter().map(|(name, value)| Some((name.clone(), member(value)?)));
                members.collect::<Option<BTreeMap<_, _>>>().map(|members| members.into_iter().collect())
            };
            values.iter().map(table).collect::<Option<_>>().map(Given::Tables)
        }
        ValueKind::Array(values) => values.iter().map(text).collect::<Option<_>>().map(Given::List),
        _ => text(value).map(Given::Text),
    };
    given.ok_or_else(|| ConfigError::kind(key, origin(value)))
}

fn origin(value: &Value) -> &str {
    value.origin().unwrap_or_default()
}

/// Collects the names of all keys.
#[derive(Default)]
struct Keys {
    section: &'static str,
    all: BTreeSet<String>,
}

impl Visitor for Keys {
    type Error = Infallible;

    fn section(&mut self, name: &'static str, _: &About) {
        self.section = name;
    }

    fn key<S: Setting>(&mut self, key: &Key, _: &mut S, _: &S::Takes) -> Result<(), Infallible> {
        self.all.insert(format!("{}.{}", self.section, key.name));
        Ok(())
    }
}

/// Sets the values that are given.
struct Load {
    sections: Map<String, Value>,
    name: &'static str,
    section: Map<String, Value>,
}

impl Visitor for Load {
    type Error = ConfigError;

    fn section(&mut self, name: &'static str, _: &About) {
        self.name = name;
        let section = name.split('.').try_fold(&self.sections, |tables, name| match &tables.get(name)?.kind {
            ValueKind::Table(table) => Some(table),
            _ => None,
        });
        self.section = section.cloned().unwrap_or_default();
    }

    fn key<S: Setting>(&mut self, key: &Key, value: &mut S, takes: &S::Takes) -> Result<(), ConfigError> {
        let Some(set) = self.section.remove(key.name) else { return Ok(()) };
        let name = format!("{}.{}", self.name, key.name);
        let given = given(&name, &set)?;
        *value = S::read(&given, takes)
            .ok_or_else(|| ConfigError::not_allowed(name, &given, Some(origin(&set)), S::allowed(takes)))?;
        Ok(())
    }
}

/// Checks that every value is one that could have been read.
struct Check(&'static str);

impl Visitor for Check {
    type Error = ConfigError;

    fn section(&mut self, name: &'static str, _: &About) {
        self.0 = name;
    }

    fn key<S: Setting>(&mut self, key: &Key, value: &mut S, takes: &S::Takes) -> Result<(), ConfigError> {
        let given = Given::from(value.show());
        let key = || format!("{}.{}", self.0, key.name);
        *value =
            S::read(&given, takes).ok_or_else(|| ConfigError::not_allowed(key(), &given, None, S::allowed(takes)))?;
        Ok(())
    }
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
    fn retention_is_printed_as_it_is_read() {
        let config = file(concat!(
            "[[store.retention]]\ntopic = \"prices/**\"\nlast_only = true\n",
            "[[store.retention]]\ntopic = \"chat/*\"\nevents = 1000\nbytes = 5\nage = \"7days\"\n",
        ))
        .unwrap();
        let rules = &config.store.retention;
        assert_eq!((rules[0].last_only, rules[1].events, rules[1].bytes), (true, 1000, 5));
        assert_eq!(rules[1].age, Duration::from_secs(7 * 24 * 3600));
        assert_eq!(file(&config.to_toml()).unwrap().store.retention, *rules);
        let error = file("[[store.retention]]\ntopic = \"a\"\nevent = 1\n").unwrap_err();
        let line = error.to_string();
        assert!(line.starts_with("store.retention = [{ event = \"1\", topic = \"a\" }] (from "), "{line}");
        assert!(line.contains("): not allowed; it takes tables [[store.retention]] with topic, and any of "), "{line}");
    }

    #[test]
    fn a_list_is_one_text_or_a_list_without_commas() {
        let read = |hosts: &str| file(&format!("[server]\nhosts = {hosts}\n")).map(|config| config.server.hosts);
        assert_eq!(read("\"a.example, b.example\"").unwrap(), ["a.example", "b.example"]);
        assert_eq!(read("[\"a.example\", \"b.example\"]").unwrap(), ["a.example", "b.example"]);
        let error = read("[\"a.example,b.example\"]").unwrap_err().to_string();
        assert!(error.starts_with("server.hosts = [\"a.example,b.example\"] (from "), "{error}");
        let error = read("[[\"a.example\"]]").unwrap_err().to_string();
        assert!(error.ends_with("): a text, number or list is wanted"), "{error}");
    }

    #[test]
    fn later_sources_win() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.toml");
        std::fs::write(&path, "[window]\nevents = 5\ntopics = 6\n").unwrap();
        let config =
            Config::load(&[Source::File(path), Source::Flag("window.events", "7".into(), "--events")]).unwrap();
        assert_eq!((config.window.events, config.window.topics), (7, 6));
    }

    #[test]
    fn a_bad_value_is_told_with_key_value_origin_and_what_is_allowed() {
        let origins = "origins as a browser sends them, without path or default port, such as https://app.example or \
                       tauri://localhost; one leading `*.` before a name of two labels or more, such as \
                       https://*.app.example; null; or *";
        let hosts = "a host name or address without port, such as hub.example or [2001:db8::7], or one leading `*.` \
                     before a name of two labels or more, such as *.hub.example";
        let log = "a level (error, warn, info, debug, trace) or a filter such as sse_server=debug";
        for (key, value, allowed) in [
            (
                "server.listen",
                "8080",
                "an address and port, such as 127.0.0.1:8080, `unix:` and the path of a socket, such as unix:/run/sse/hub.sock, or `systemd` or `systemd:NAME` for sockets that systemd passes; or several of them",
            ),
            ("stream.heartbeat", "0s", "a time such as 15s, from 1s to 5m"),
            ("window.events", "-1", "a whole number from 1 to 100000000"),
            ("stream.lag", "drop", "disconnect or gap"),
            ("cors.origins", "https://a.example/", origins),
            ("cors.origins", "https://*.com", origins),
            ("cors.origins", "https://app.*.example", origins),
            ("server.hosts", ".hub.example", hosts),
            ("server.hosts", "*.com", hosts),
            ("cors.headers", "x-*", "names of request headers, such as x-request-id, without wildcards"),
            ("server.ignore_parameters", "utm_*", "names of query parameters, such as token, without wildcards"),
            ("cors.credentials", "yes", "true or false"),
            ("telemetry.log", "sse=loud", log),
            ("telemetry.log", "inof", log),
            ("telemetry.log", "info,", log),
            ("telemetry.log", "warn, sse_server=debug", log),
            ("telemetry.log", "sse_server=", log),
            ("telemetry.log", "sse_server[request]=debug", log),
        ] {
            let expect = format!("{key} = {value:?} (from a flag): not allowed; it takes {allowed}");
            assert_eq!(flags(&[(key, value)]).unwrap_err().to_string(), expect);
        }
    }

    #[test]
    fn names_are_converted_to_the_form_in_which_they_are_sent() {
        let config = flags(&[
            ("cors.origins", "https://Bücher.example, HTTPS://*.App.example"),
            ("cors.headers", "X-Request-ID"),
            ("server.hosts", "Bücher.example"),
            ("server.public_origin", "https://Hub.example"),
        ])
        .unwrap();
        assert_eq!(config.cors.origins, ["https://xn--bcher-kva.example", "https://*.app.example"]);
        assert_eq!(config.cors.headers, ["x-request-id"]);
        assert_eq!(config.server.hosts, ["xn--bcher-kva.example"]);
        assert_eq!(config.server.public_origin.as_deref(), Some("https://hub.example"));
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
    fn a_weaker_source_s_mistake_is_not_hidden_by_a_stronger_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.toml");
        std::fs::write(&path, "stream = 5\n").unwrap();
        let flag = Source::Flag("stream.heartbeat", "20s".into(), "a flag");
        let error = Config::load(&[Source::File(path), flag]).unwrap_err();
        assert!(error.to_string().starts_with("stream = \"5\" (from "), "{error}");
    }

    #[test]
    fn an_error_tells_its_key_and_origin() {
        let error = flags(&[("stream.lag", "drop")]).unwrap_err();
        assert_eq!((error.key(), error.origin()), (Some("stream.lag"), Some("a flag")));
        assert!(!error.is_unknown_key() && !error.is_unreadable());
        let error = file("[log]\nevents = 5\n").unwrap_err();
        assert_eq!(error.key(), Some("log.events"));
        assert!(error.is_unknown_key() && error.origin().unwrap().ends_with("hub.toml"));
        let error = Config::load(&[Source::File("/nowhere/hub.toml".into())]).unwrap_err();
        assert_eq!((error.key(), error.is_unreadable()), (None, true));
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
