//! Tokens of an issuer: whose are taken, and which never.

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use server::{Doors, Settings, TokenAlgorithm, TokenKeys, TokenSettings};
use testkit::{
    project::Project,
    provider::{Answer, Provider},
};

use crate::scene::{Scene, hook};

const SECRET: &[u8] = b"a secret that two share, long enough";

fn settings(algorithm: TokenAlgorithm, keys: TokenKeys) -> Settings {
    let tokens = TokenSettings {
        issuer: Some("https://id.example".into()),
        audience: Some("hefe".into()),
        algorithm,
        keys,
        roles_claim: "roles".into(),
        systems_claim: "systems".into(),
    };
    Settings { doors: Doors { users: vec![], tokens: Some(tokens) }, ..Settings::default() }
}

async fn scene(settings: Settings) -> Scene {
    let project = Project::new();
    let go = json!({ "name": "go", "type": "flow/stop" });
    project.workflow("main", "plain", hook("plain", "go", &[go]).to_string());
    Scene::start(project, None, settings).await
}

fn now_s() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64
}

fn claims(more: Value) -> Value {
    let mut claims = json!({ "sub": "ada", "iss": "https://id.example", "aud": "hefe", "exp": now_s() + 600,
        "roles": ["viewer"], "systems": ["main"] });
    for (name, value) in more.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

fn token(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let body = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    let signature = sign(body.as_bytes());
    format!("{body}.{}", BASE64.encode(signature))
}

fn hs256(key: &[u8], claims: &Value) -> String {
    token(&json!({ "alg": "HS256", "typ": "JWT" }), claims, |body| code_of(key, body))
}

fn code_of(key: &[u8], body: &[u8]) -> Vec<u8> {
    let code = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap().chain_update(body);
    code.finalize().into_bytes().to_vec()
}

/// Right but for its header (RFC 7515, 4.1.11).
fn critical(names: Value) -> String {
    let header = json!({ "alg": "HS256", "crit": names, "b64": true });
    token(&header, &claims(json!({})), |body| code_of(SECRET, body))
}

async fn status(scene: &Scene, token: &str) -> u16 {
    scene.client.with("authorization", &format!("Bearer {token}")).get("/main/runs").await.status
}

#[tokio::test]
async fn a_token_has_to_be_right_in_everything() {
    let scene = scene(settings(TokenAlgorithm::Hs256, TokenKeys::Secret(SECRET.to_vec()))).await;
    assert_eq!(scene.client.get("/main/runs").await.status, 401, "an issuer closes the door");
    let good = hs256(SECRET, &claims(json!({})));
    assert_eq!(status(&scene, &good).await, 200);
    let refused = [
        ("another secret", hs256(b"another secret that is long enough", &claims(json!({})))),
        ("another issuer", hs256(SECRET, &claims(json!({ "iss": "https://evil.example" })))),
        ("no issuer", hs256(SECRET, &claims(json!({ "iss": null })))),
        ("another audience", hs256(SECRET, &claims(json!({ "aud": "other" })))),
        ("no audience", hs256(SECRET, &claims(json!({ "aud": null })))),
        ("over for longer than clocks differ", hs256(SECRET, &claims(json!({ "exp": now_s() - 70 })))),
        ("no end", hs256(SECRET, &claims(json!({ "exp": null })))),
        ("not yet", hs256(SECRET, &claims(json!({ "nbf": now_s() + 600 })))),
        ("nobody", hs256(SECRET, &claims(json!({ "sub": null })))),
        ("an empty name", hs256(SECRET, &claims(json!({ "sub": "" })))),
        ("no signature", token(&json!({ "alg": "none" }), &claims(json!({})), |_| vec![])),
        ("an algorithm of its own", token(&json!({ "alg": "HS512" }), &claims(json!({})), |_| vec![0; 64])),
        ("cut off", good[..good.len() - 4].to_owned()),
        ("no token", "a.b.c".to_owned()),
        ("one whose header names what has to be understood", critical(json!(["b64"]))),
        ("the same with nothing named", critical(json!([]))),
        ("who is the server's own machine", hs256(SECRET, &claims(json!({ "sub": "local" })))),
    ];
    for (what, token) in &refused {
        assert_eq!(status(&scene, token).await, 401, "{what}");
    }
    assert_eq!(
        status(&scene, &hs256(SECRET, &claims(json!({ "exp": now_s() - 30 })))).await,
        200,
        "clocks differ"
    );
    assert_eq!(status(&scene, &hs256(SECRET, &claims(json!({ "systems": ["other"] })))).await, 404);
    assert_eq!(status(&scene, &hs256(SECRET, &claims(json!({ "systems": null })))).await, 404);
    assert_eq!(status(&scene, &hs256(SECRET, &claims(json!({ "systems": "*", "roles": null })))).await, 200);
    scene.stop().await;
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let scene = scene(settings(TokenAlgorithm::Hs256, TokenKeys::Secret(SECRET.to_vec()))).await;
    // It is taken for 60 s longer than it says.
    let short = hs256(SECRET, &claims(json!({ "exp": now_s() - 58 })));
    let mut stream =
        scene.client.with("authorization", &format!("Bearer {short}")).events("/main/events").await;
    stream.end().await;
    scene.stop().await;
}

struct Ec(EcdsaKeyPair);

impl Ec {
    fn new() -> Ec {
        Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn jwk(&self, id: &str) -> Value {
        let point = &self.0.public_key().as_ref()[1..];
        json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": id,
            "x": BASE64.encode(&point[..32]), "y": BASE64.encode(&point[32..]) })
    }

    fn token(&self, id: &str, claims: &Value) -> String {
        let sign = |body: &[u8]| self.0.sign(&SystemRandom::new(), body).unwrap().as_ref().to_vec();
        token(&json!({ "alg": "ES256", "kid": id }), claims, sign)
    }
}

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

#[tokio::test]
async fn keys_of_an_issuer_change_while_the_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    let (first, second) = (Ec::new(), Ec::new());
    std::fs::write(&path, set(&[first.jwk("1")])).unwrap();
    let scene = scene(settings(TokenAlgorithm::Es256, TokenKeys::File(path.clone()))).await;
    let (old, new) = (first.token("1", &claims(json!({}))), second.token("2", &claims(json!({}))));
    assert_eq!((status(&scene, &old).await, status(&scene, &new).await), (200, 401));
    assert_eq!(
        status(&scene, &second.token("1", &claims(json!({})))).await,
        401,
        "under the name of another"
    );
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    std::fs::write(&path, set(&[second.jwk("2")])).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
    assert_eq!((status(&scene, &old).await, status(&scene, &new).await), (401, 200));
    std::fs::write(&path, "half of a fi").unwrap();
    assert_eq!(status(&scene, &new).await, 200, "what was known stays");
    scene.stop().await;
}

#[tokio::test]
async fn keys_come_from_an_address_too_and_are_no_secrets() {
    let provider = Provider::start().await;
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = pair.public_key();
    let (n, e) = (public.modulus(), public.exponent());
    let jwk = json!({ "kty": "RSA", "kid": "r", "n": BASE64.encode(n.big_endian_without_leading_zero()),
        "e": BASE64.encode(e.big_endian_without_leading_zero()) });
    provider.answer("/jwks", Answer::json(&json!({ "keys": [jwk] })));
    let url = provider.url("/jwks");
    let scene = scene(settings(TokenAlgorithm::Rs256, TokenKeys::Url(url))).await;
    let sign = |body: &[u8]| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), body, &mut signature).unwrap();
        signature
    };
    let header = json!({ "alg": "RS256", "kid": "r" });
    assert_eq!(status(&scene, &token(&header, &claims(json!({})), sign)).await, 200);
    // The public key is no shared secret, whatever the header says.
    let der = public.as_der().unwrap();
    for key in [der.as_ref(), n.big_endian_without_leading_zero()] {
        assert_eq!(status(&scene, &hs256(key, &claims(json!({})))).await, 401);
    }
    for n in 0..20 {
        let unknown = token(&json!({ "alg": "RS256", "kid": format!("x{n}") }), &claims(json!({})), sign);
        assert_eq!(status(&scene, &unknown).await, 401);
    }
    assert!(provider.seen().len() <= 2, "tokens that name keys nobody has do not make it ask each time");
    scene.stop().await;
}

/// An address that begins with https:// could lead to one that does not.
#[tokio::test]
async fn keys_are_not_looked_for_where_an_address_redirects_to() {
    let (provider, pair) = (Provider::start().await, Ec::new());
    provider.answer("/keys", Answer::redirect(302, &provider.url("/others")));
    provider.answer("/others", Answer::json(&json!({ "keys": [pair.jwk("1")] })));
    let scene = scene(settings(TokenAlgorithm::Es256, TokenKeys::Url(provider.url("/keys")))).await;
    assert_eq!(status(&scene, &pair.token("1", &claims(json!({})))).await, 401);
    assert_eq!((provider.seen_at("/keys").len(), provider.seen_at("/others").len()), (1, 0));
    scene.stop().await;
}
