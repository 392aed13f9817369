//! Hubs, each with a store of its own.

use std::path::{Path, PathBuf};

use super::{disk::Disk, plan::Store};
use crate::{
    cores::Cores,
    files,
    server::{self, Server},
};

/// Hubs with stores.
#[derive(Debug)]
pub(super) struct Hubs {
    pub(super) program: PathBuf,
    pub(super) cores: Cores,
    pub(super) disk: Disk,
}

impl Hubs {
    /// Starts a hub with its defaults: on disk it retains 1 GiB, far more than its window in memory holds.
    pub(super) fn start(&self, store: Store, data: &Path) -> Result<Server, String> {
        let mut hub = server::hub(&self.program, &self.cores);
        store.choose(&mut hub, data);
        Server::start(store.name(), &mut hub, None, files::temporary()?)
    }
}
