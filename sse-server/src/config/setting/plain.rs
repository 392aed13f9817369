//! Values that only their type bounds: addresses, paths, true or false.

use std::{net::SocketAddr, path::PathBuf};

use super::{Given, Setting};

impl Setting for SocketAddr {
    type Takes = ();

    fn read(given: &Given, (): &()) -> Option<Self> {
        given.text()?.parse().ok()
    }

    fn show(&self) -> toml::Value {
        self.to_string().into()
    }

    fn allowed((): &()) -> String {
        "an address and port, such as 127.0.0.1:8080".into()
    }

    fn allowed_in_table((): &()) -> String {
        "an address and port".into()
    }
}

impl Setting for Option<SocketAddr> {
    type Takes = ();

    fn read(given: &Given, (): &()) -> Option<Self> {
        match given.text()? {
            "" => Some(None),
            text => text.parse().ok().map(Some),
        }
    }

    fn show(&self) -> toml::Value {
        self.map(|address| address.to_string()).unwrap_or_default().into()
    }

    fn allowed((): &()) -> String {
        "an address and port, such as 127.0.0.1:8081, or nothing".into()
    }

    fn allowed_in_table((): &()) -> String {
        "an address and port, or nothing".into()
    }
}

impl Setting for PathBuf {
    type Takes = ();

    fn read(given: &Given, (): &()) -> Option<Self> {
        given.text().map(Into::into)
    }

    fn show(&self) -> toml::Value {
        self.display().to_string().into()
    }

    fn allowed((): &()) -> String {
        "a path".into()
    }
}

impl Setting for Option<PathBuf> {
    type Takes = ();

    fn read(given: &Given, (): &()) -> Option<Self> {
        given.text().map(|text| (!text.is_empty()).then(|| text.into()))
    }

    fn show(&self) -> toml::Value {
        self.as_ref().map(|path| path.display().to_string()).unwrap_or_default().into()
    }

    fn allowed((): &()) -> String {
        "a path, or nothing".into()
    }
}

impl Setting for bool {
    type Takes = ();

    fn read(given: &Given, (): &()) -> Option<Self> {
        given.text()?.parse().ok()
    }

    fn show(&self) -> toml::Value {
        (*self).into()
    }

    fn allowed((): &()) -> String {
        "true or false".into()
    }
}
