//! Memory that many connections took is given back when they have gone.

use std::time::Duration;

use tokio::time::sleep;

use crate::{base::memory::give_back, hub::Hub};

/// How often it is looked whether connections have gone.
const LOOK: Duration = Duration::from_secs(5);

/// The least number of connections that have to go before it is worth it.
const MANY: i64 = 256;

/// Gives memory back each time that half of the connections have gone, until it is dropped.
pub(super) async fn watch(hub: Hub) {
    let mut most = 0;
    loop {
        sleep(LOOK).await;
        let open = hub.metrics().connections.get();
        most = open.max(most);
        if most - open >= (most / 2).max(MANY) {
            let _ = tokio::task::spawn_blocking(give_back).await; // it takes milliseconds
            most = open;
        }
    }
}
