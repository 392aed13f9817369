//! No TLS: the program was built without the feature.

use std::{net::IpAddr, sync::Arc};

use tokio::net::TcpStream;

use super::socket::Socket;
use crate::{auth::ClientCertificate, hub::Hub};

/// A connection over TLS, and the certificate of its client.
pub(super) type Agreed = (Socket, Option<Arc<ClientCertificate>>);

/// There is none.
#[derive(Debug, Clone)]
pub(super) enum Tls {}

/// None begins.
pub(super) struct Handshake(());

impl Tls {
    /// # Errors
    ///
    /// If the configuration of `hub` says that there is to be TLS.
    pub(super) fn open(hub: &Hub) -> Result<Option<Self>, String> {
        match hub.config().tls.files() {
            Some(_) => Err("this program was built without the feature tls".to_owned()),
            None => Ok(None),
        }
    }

    pub(super) fn begin(&self, _: IpAddr) -> Option<Handshake> {
        match *self {}
    }

    pub(super) async fn watch(self) {
        match self {}
    }
}

impl Handshake {
    pub(super) async fn finish(self, _: TcpStream) -> Result<Agreed, String> {
        let Self(()) = self;
        Err("this program was built without the feature tls".to_owned())
    }
}
