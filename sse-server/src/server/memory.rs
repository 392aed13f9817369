//! Memory that many connections took is given back when they have gone.

use std::time::Duration;

use tokio::time::sleep;

use crate::base::{connections::Connections, memory::give_back};

/// How often it is looked whether connections have gone.
const LOOK: Duration = Duration::from_secs(5);

/// The least number of connections that have to go before it is worth it.
const MANY: usize = 256;

/// Gives memory back each time that half of the connections have gone, until it is dropped.
pub(super) async fn watch(connections: Connections) {
    let mut most = 0;
    loop {
        sleep(LOOK).await;
        most = most.max(connections.take_most());
        let open = connections.count();
        if most.saturating_sub(open) >= MANY.max(most / 2) {
            let _ = tokio::task::spawn_blocking(give_back).await; // it takes milliseconds
            most = open;
        }
    }
}
