//! An issuer's keys at an address: fetched when they are needed, and again when they are old or a token names another.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use super::{Denial, circuit::Circuit, jwt::Keys};
use crate::{base::lock::Lock, fetch::Fetch};

/// How long fetching may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// After which time keys are fetched again, and how long they are taken if that goes wrong.
const OLD: Duration = Duration::from_secs(600);
const TOO_OLD: Duration = Duration::from_secs(24 * 3600);

/// How soon keys are fetched again for a token that names one that is not among them: tokens name what they like.
const AGAIN: Duration = Duration::from_secs(30);

/// The keys of an issuer at an address.
#[derive(Debug)]
pub(super) struct RemoteKeys {
    url: String,
    fetch: Fetch,
    known: Lock<Option<Known>>,
    circuit: Lock<Circuit>,
    /// One fetches, and the others wait for it.
    turn: Arc<Mutex<()>>,
}

#[derive(Debug, Clone)]
struct Known {
    keys: Arc<Keys>,
    fetched: Instant,
}

impl RemoteKeys {
    /// # Errors
    ///
    /// Why nothing can be fetched from `url`, in one line.
    pub(super) fn new(url: &str) -> Result<Arc<Self>, String> {
        Ok(Arc::new(Self {
            url: url.to_owned(),
            fetch: Fetch::new(url)?,
            known: Lock::default(),
            circuit: Lock::default(),
            turn: Arc::default(),
        }))
    }

    /// The keys, for a token of which `has_its_key` tells whether its key may be among them.
    pub(super) async fn keys(self: &Arc<Self>, has_its_key: impl Fn(&Keys) -> bool) -> Result<Arc<Keys>, Denial> {
        let unavailable =
            || Denial::Unavailable("the keys of the token's issuer can't be had at the moment".to_owned());
        let known = || self.known.lock_even_so().clone();
        let will_do = |known: &Known| {
            let age = known.fetched.elapsed();
            age < AGAIN || age < OLD && has_its_key(&known.keys)
        };
        if let Some(known) = known().filter(will_do) {
            return Ok(known.keys);
        }
        let usable = known().filter(|known| known.fetched.elapsed() < TOO_OLD);
        let turn = match usable.as_ref().filter(|known| has_its_key(&known.keys)) {
            Some(known) => match self.turn.clone().try_lock_owned() {
                Ok(turn) => turn,
                Err(_) => return Ok(known.keys.clone()), // another fetches, and they are only old
            },
            None => match timeout(PATIENCE, self.turn.clone().lock_owned()).await {
                Ok(turn) => turn,
                Err(_) => return usable.map(|known| known.keys).ok_or_else(unavailable),
            },
        };
        if let Some(known) = known().filter(will_do) {
            return Ok(known.keys); // another has fetched them meanwhile
        }
        let Some(attempt) = self.circuit.lock_even_so().admits(Instant::now()) else {
            return usable.map(|known| known.keys).ok_or_else(unavailable);
        };
        // in a task of its own: who asks may go away, and would leave nothing behind
        let own = self.clone();
        let fetching = tokio::spawn(async move {
            let _turn = turn;
            let error = match timeout(PATIENCE, own.fetch()).await {
                Ok(Ok(keys)) => return Some(keys),
                Ok(Err(error)) => error,
                Err(_) => format!("it took longer than {} s", PATIENCE.as_secs()),
            };
            own.circuit.lock_even_so().failed(attempt, Instant::now());
            tracing::warn!(
                error,
                url = own.url,
                "the keys of an issuer can't be fetched; those known before stay valid"
            );
            None
        });
        match usable {
            Some(known) if has_its_key(&known.keys) => Ok(known.keys), // they are only old
            usable => {
                let fetched = fetching.await.ok().flatten();
                fetched.or_else(|| usable.map(|known| known.keys)).ok_or_else(unavailable)
            }
        }
    }

    async fn fetch(&self) -> Result<Arc<Keys>, String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/jwk-set+json, application/json"));
        let (status, body) = self.fetch.get(&self.url, headers).await?;
        if status != StatusCode::OK {
            return Err(format!("the answer is {status}"));
        }
        let keys = Arc::new(Keys::of_public_set(&body)?);
        self.circuit.lock_even_so().succeeded();
        *self.known.lock_even_so() = Some(Known { keys: keys.clone(), fetched: Instant::now() });
        Ok(keys)
    }
}

#[cfg(all(test, feature = "fetch"))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        time::advance,
    };

    use super::*;

    const SET: &str =
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"one","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    /// An issuer that has keys while `is_well`, and how often it was asked.
    async fn issuer() -> (Arc<RemoteKeys>, Arc<AtomicUsize>, Arc<Lock<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let keys = RemoteKeys::new(&format!("http://{}/keys", listener.local_addr().unwrap())).unwrap();
        let (asked, answer) = (Arc::<AtomicUsize>::default(), Arc::new(Lock::new(SET.to_owned())));
        let (count, body) = (asked.clone(), answer.clone());
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let _ = socket.read(&mut [0; 4096]).await;
                let body = body.lock_even_so().clone();
                let length = body.len();
                let text = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
                let _ = socket.write_all(text.as_bytes()).await;
            }
        });
        (keys, asked, answer)
    }

    #[tokio::test]
    async fn keys_are_fetched_once_and_again_when_they_are_old_or_another_is_named() {
        let (keys, asked, answer) = issuer().await;
        let count = || asked.load(Ordering::Relaxed);
        let all = futures_util::future::join_all((0..20).map(|_| keys.keys(|_| true))).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(count(), 1, "one fetches for all");
        tokio::time::pause();
        keys.keys(|_| false).await.unwrap();
        assert_eq!(count(), 1, "just fetched");
        advance(AGAIN).await;
        keys.keys(|_| true).await.unwrap();
        assert_eq!(count(), 1);
        tokio::time::resume();
        let before = keys.keys(|_| true).await.unwrap();
        let all = futures_util::future::join_all((0..20).map(|_| keys.keys(|_| false))).await;
        assert!(all.into_iter().all(|one| !Arc::ptr_eq(&one.unwrap(), &before)), "who names a new key waits for it");
        assert_eq!(count(), 2, "and one fetches");
        tokio::time::pause();
        advance(OLD).await;
        tokio::time::resume();
        keys.keys(|_| true).await.unwrap();
        while count() < 3 || keys.turn.try_lock().is_err() {
            tokio::task::yield_now().await; // they are old, and fetched beside
        }

        // what it had stays for a day
        *answer.lock_even_so() = r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#.to_owned();
        tokio::time::pause();
        advance(OLD).await;
        tokio::time::resume();
        keys.keys(|_| true).await.unwrap();
        while count() < 4 || keys.turn.try_lock().is_err() {
            tokio::task::yield_now().await;
        }
        tokio::time::pause();
        advance(TOO_OLD).await;
        tokio::time::resume();
        assert!(matches!(keys.keys(|_| true).await, Err(Denial::Unavailable(_))));
    }
}
