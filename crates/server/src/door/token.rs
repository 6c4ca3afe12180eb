//! JSON Web Tokens of an issuer. The algorithm is the one of the settings, whatever a token's header says.

use std::{path::PathBuf, sync::Arc};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use store::{Grant, sabotage::Sabotage};

use super::{jwks::Jwks, name::LOCAL};

/// Clocks may differ by so much, seconds.
const LEEWAY_S: u64 = 60;

/// Longer ones are none: a header is read before it is known whose it is.
const BYTES_MAX: usize = 16 << 10;

/// What is known of an issuer.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// `iss` of every token; None: any.
    pub issuer: Option<String>,
    /// `aud` must name it; None: not looked at.
    pub audience: Option<String>,
    /// How they are signed.
    pub algorithm: TokenAlgorithm,
    /// With what that is checked.
    pub keys: TokenKeys,
    /// The claim with the roles.
    pub roles_claim: String,
    /// The claim with the systems; `*` is all.
    pub systems_claim: String,
}

/// How tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenAlgorithm {
    /// A secret that issuer and server share.
    Hs256,
    /// RSA.
    Rs256,
    /// ECDSA on P-256.
    Es256,
}

/// Where the keys come from.
#[derive(Debug, Clone)]
pub enum TokenKeys {
    /// The shared secret.
    Secret(Vec<u8>),
    /// A file with a JSON Web Key Set, read again when it changes.
    File(PathBuf),
    /// An address of one, asked again as it ages and when a token names a key that is not in it.
    Url(String),
}

pub(super) struct Tokens {
    settings: TokenSettings,
    keys: Keys,
}

enum Keys {
    Secret(Arc<DecodingKey>),
    Set(Jwks),
}

/// Whom a token names, and until when.
#[derive(Debug, PartialEq)]
pub(super) struct Named {
    pub(super) user: Arc<str>,
    pub(super) grants: Vec<Grant>,
    pub(super) until_ms: i64,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    #[serde(flatten)]
    more: serde_json::Map<String, serde_json::Value>,
}

impl Tokens {
    pub(super) fn new(settings: TokenSettings) -> Tokens {
        let keys = match &settings.keys {
            TokenKeys::Secret(secret) => Keys::Secret(Arc::new(DecodingKey::from_secret(secret))),
            TokenKeys::File(path) => Keys::Set(Jwks::of_file(path.clone())),
            TokenKeys::Url(url) => Keys::Set(Jwks::of_url(url.clone())),
        };
        Tokens { settings, keys }
    }

    /// Whom it names; `Err` says why it is not taken, for the log.
    pub(super) async fn check(&self, token: &str) -> Result<Named, String> {
        if token.len() > BYTES_MAX {
            return Err("the token is too long".to_owned());
        }
        let header = decode_header(token).map_err(|error| error.to_string())?;
        // What it names has to be understood (RFC 7515, 4.1.11), and nothing of it is.
        if header.crit.is_some() {
            return Err(
                "the token's header has `crit`, and nothing that it could name is understood".to_owned()
            );
        }
        let algorithm = match self.settings.algorithm {
            TokenAlgorithm::Hs256 => Algorithm::HS256,
            TokenAlgorithm::Rs256 => Algorithm::RS256,
            TokenAlgorithm::Es256 => Algorithm::ES256,
        };
        if header.alg != algorithm {
            return Err(format!("the token is signed with {:?}, the settings say {algorithm:?}", header.alg));
        }
        let key = match &self.keys {
            Keys::Secret(key) => key.clone(),
            Keys::Set(set) => set.key(header.kid.as_deref(), algorithm).await?,
        };
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        validation.required_spec_claims = ["sub", "exp"].map(str::to_owned).into();
        if let Some(issuer) = &self.settings.issuer
            && !Sabotage::NoIssuer.on()
        {
            validation.set_issuer(&[issuer]);
            validation.required_spec_claims.insert("iss".to_owned());
        }
        match &self.settings.audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                validation.required_spec_claims.insert("aud".to_owned());
            }
            None => validation.validate_aud = false,
        }
        let claims = decode::<Claims>(token, &key, &validation).map_err(|error| error.to_string())?.claims;
        if claims.sub.is_empty() {
            return Err("the token names nobody".to_owned());
        }
        if claims.sub == LOCAL {
            return Err(format!("the token names `{LOCAL}`, who is the server's own machine"));
        }
        let roles = words(claims.more.get(&self.settings.roles_claim));
        let systems = words(claims.more.get(&self.settings.systems_claim));
        // Who has no role is signed in all the same.
        let roles = if roles.is_empty() { vec!["user".to_owned()] } else { roles };
        let grants = systems.iter().flat_map(|system| {
            roles.iter().map(move |role| Grant {
                system: (system != "*").then(|| system.as_str().into()),
                role: role.as_str().into(),
            })
        });
        let until_ms = (claims.exp + LEEWAY_S as f64) * 1e3;
        Ok(Named { user: claims.sub.into(), grants: grants.collect(), until_ms: until_ms as i64 })
    }
}

/// A list of texts, or texts with spaces between, as `scope` has them.
fn words(claim: Option<&serde_json::Value>) -> Vec<String> {
    match claim {
        Some(serde_json::Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
        Some(serde_json::Value::Array(list)) => {
            list.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    }
}
