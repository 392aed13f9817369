//! `[[auth.certificates]]`: what clients may do by the certificates that they show.

use sse_engine::Selector;

use super::setting::{Given, Setting};

/// What may be done by the client whose certificate has a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateGrant {
    /// A name of a host, or a URI such as `spiffe://example.org/sensor`, which the certificate has to have among its
    /// `subjectAltName`s; `*` is any.
    pub name: String,
    /// What may be published: topics and patterns.
    pub publish: Vec<String>,
    /// What may be subscribed to: topics and patterns.
    pub subscribe: Vec<String>,
}

impl CertificateGrant {
    /// Nothing yet, for a client with `name`.
    #[must_use]
    pub fn with(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    fn read(table: &[(String, String)]) -> Option<Self> {
        let mut read = Self::default();
        for (key, value) in table {
            let mut texts = value.split('\n').filter(|text| !text.is_empty()).map(str::to_owned);
            match key.as_str() {
                "name" => read.name = texts.next().filter(|_| texts.next().is_none())?,
                "publish" => read.publish = texts.collect(),
                "subscribe" => read.subscribe = texts.collect(),
                _ => return None,
            }
        }
        let is_whole = !read.name.is_empty() && { read.publish.iter().chain(&read.subscribe) }
            .all(|selector| Selector::new(selector).is_ok());
        is_whole.then_some(read)
    }

    fn show(&self) -> toml::Value {
        let list = |texts: &[String]| toml::Value::Array(texts.iter().map(|text| text.as_str().into()).collect());
        let mut table = toml::Table::new();
        table.insert("name".into(), self.name.as_str().into());
        table.insert("publish".into(), list(&self.publish));
        table.insert("subscribe".into(), list(&self.subscribe));
        toml::Value::Table(table)
    }
}

impl Setting for Vec<CertificateGrant> {
    type Takes = ();

    fn read(given: &Given, (): &()) -> Option<Self> {
        match given {
            Given::Tables(tables) => tables.iter().map(|table| CertificateGrant::read(table)).collect(),
            Given::List(list) if list.is_empty() => Some(Self::new()),
            Given::List(_) | Given::Text(_) => None,
        }
    }

    fn show(&self) -> toml::Value {
        toml::Value::Array(self.iter().map(CertificateGrant::show).collect())
    }

    fn allowed((): &()) -> String {
        "tables [[auth.certificates]] with name (a host's, a URI, or *), and any of publish and subscribe, lists of topics \
         and patterns"
            .into()
    }

    fn allowed_in_table((): &()) -> String {
        "tables, in the file only".into()
    }
}
