//! Nobody is asked: the program was built without the feature.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

/// There is none.
#[derive(Debug, Clone)]
pub(crate) enum Fetch {}

impl Fetch {
    pub(crate) fn new(_: &str) -> Result<Self, String> {
        Err("this program was built without the feature fetch".to_owned())
    }

    #[allow(clippy::unused_async, reason = "its other half waits")]
    pub(crate) async fn get(&self, _: &str, _: HeaderMap) -> Result<(StatusCode, Bytes), String> {
        match *self {}
    }
}
