//! An issuer's keys, from a file or an address. They change: a set that is old, or lacks the key that a token names, is
//! read again; one that cannot be read leaves the keys that were known.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyOperations, PublicKeyUse},
};

use super::seldom::Seldom;

/// After so long the address is asked again.
const OLD: Duration = Duration::from_secs(600);

/// Between two questions to the address, however many tokens name keys that it does not have.
const PAUSE: Duration = Duration::from_secs(30);

pub(super) struct Jwks {
    from: From,
    known: Mutex<Known>,
    /// One at a time asks.
    asking: tokio::sync::Mutex<()>,
    failed: Seldom,
}

enum From {
    File(PathBuf),
    Url(String),
}

#[derive(Default)]
struct Known {
    keys: Arc<Vec<Key>>,
    /// When the source was last asked.
    asked: Option<Instant>,
    /// When the file was last written.
    written: Option<SystemTime>,
}

struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    key: Arc<DecodingKey>,
}

impl Jwks {
    pub(super) fn of_file(path: PathBuf) -> Jwks {
        Jwks {
            from: From::File(path),
            known: Mutex::default(),
            asking: Default::default(),
            failed: Seldom::default(),
        }
    }

    pub(super) fn of_url(url: String) -> Jwks {
        Jwks {
            from: From::Url(url),
            known: Mutex::default(),
            asking: Default::default(),
            failed: Seldom::default(),
        }
    }

    /// The key of that id (without one: the only one) for that algorithm.
    pub(super) async fn key(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<DecodingKey>, String> {
        let found = |keys: &[Key]| {
            let mut fit = keys.iter().filter(|key| {
                key.algorithm == algorithm && id.is_none_or(|id| key.id.as_deref() == Some(id))
            });
            let first = fit.next().map(|key| key.key.clone());
            // Without a name it has to be clear which.
            first.filter(|_| id.is_some() || fit.next().is_none())
        };
        if !self.is_old()
            && let Some(key) = found(&self.keys())
        {
            return Ok(key);
        }
        self.refresh().await;
        found(&self.keys())
            .ok_or_else(|| "the issuer's keys do not hold the one that the token names".to_owned())
    }

    fn keys(&self) -> Arc<Vec<Key>> {
        self.lock().keys.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_old(&self) -> bool {
        let known = self.lock();
        match &self.from {
            From::File(path) => known.written.is_none() || known.written != written(path),
            From::Url(_) => known.asked.is_none_or(|asked| asked.elapsed() > OLD),
        }
    }

    async fn refresh(&self) {
        let _one = self.asking.lock().await;
        let read = match &self.from {
            From::File(path) => {
                self.lock().written = written(path);
                std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
            }
            From::Url(url) => {
                if self.lock().asked.is_some_and(|asked| asked.elapsed() < PAUSE) {
                    return;
                }
                self.lock().asked = Some(Instant::now());
                engine::fetch(url).await
            }
        };
        let set = read.and_then(|bytes| {
            serde_json::from_slice::<JwkSet>(&bytes)
                .map_err(|error| format!("it is no JSON Web Key Set: {error}"))
        });
        match set {
            Ok(set) => self.lock().keys = Arc::new(set.keys.iter().filter_map(usable).collect()),
            Err(error) => {
                if let Some(times) = self.failed.count(Instant::now()) {
                    tracing::warn!(%error, times, "the issuer's keys could not be read; those that were known stay");
                }
            }
        }
    }
}

fn written(path: &PathBuf) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

/// A key for signatures of a kind that we check. A shared secret is none: whoever reads the set could sign with it.
fn usable(jwk: &Jwk) -> Option<Key> {
    let common = &jwk.common;
    let signs = !matches!(common.public_key_use, Some(PublicKeyUse::Encryption));
    let verifies = common.key_operations.as_ref().is_none_or(|list| list.contains(&KeyOperations::Verify));
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => Algorithm::ES256,
        _ => return None,
    };
    let key = DecodingKey::from_jwk(jwk).ok()?;
    (signs && verifies).then(|| Key { id: common.key_id.clone(), algorithm, key: Arc::new(key) })
}
