//! The transport that shares another one among tabs: to connect is to join them.

use std::{mem, rc::Weak};

use sse_core::{EventId, EventName};

use super::{
    connector::{Connector, ToDriver},
    position_probe::PositionProbe,
    shared_name::shared_name,
    web::Membership,
};
use crate::{
    ConnectError,
    driver::{Connection, Dial, Driver},
    reconnect::Settings,
    transport::{Sealed, Sharable},
    url,
};

/// One connection for all tabs of a browser, made by `V` in one of them, from
/// [`Builder::across_tabs`](crate::Builder::across_tabs).
#[derive(Debug)]
pub struct AcrossTabs<V>(pub(crate) V);

impl<V: Sharable> Sealed for AcrossTabs<V> {
    fn dialer(self, url: String, names: &[EventName], settings: &mut Settings) -> Result<Box<dyn Dial>, ConnectError> {
        self.0.check(&url)?;
        let name = shared_name(&url, &self.0.options(), names, settings);
        // Each tab pauses for itself, by leaving the others. All other settings are those of the connection.
        let own = Settings {
            pause_when_hidden: settings.pause_when_hidden.take(),
            is_across_tabs: true,
            ..Settings::default()
        };
        let mut settings = mem::replace(settings, own);
        let has_since = url::has_since(&url);
        let dial = self.0.dialer(url, names, &mut settings)?.into();
        Ok(Box::new(TabsDialer { name, has_since, connector: Connector { dial, settings, names: names.into() } }))
    }
}

struct TabsDialer {
    name: String,
    has_since: bool,
    connector: Connector,
}

impl Dial for TabsDialer {
    fn dial(&self, last_event_id: &EventId, driver: &Weak<Driver>) -> Result<Box<dyn Connection>, ConnectError> {
        if self.has_since && last_event_id.text().is_empty() {
            return Ok(Box::new(PositionProbe::send(self.name.clone(), self.connector.clone(), driver)));
        }
        let recipient = ToDriver(driver.clone());
        Ok(Box::new(Membership::join(&self.name, last_event_id.clone(), recipient, self.connector.clone())))
    }
}

impl Connection for Membership {}
