//! Tokens that the issuer has not signed, or not for this server.

use aws_lc_rs::{
    encoding::AsDer,
    hmac,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as BASE64},
};
use serde_json::{Value, json};
use testkit::provider::Answer;

use super::{
    Rows,
    scene::Scene,
    wire::{Ask, FORM, GET, POST},
};

/// Who signs tokens.
pub(crate) struct Issuer(KeyPair);

impl Issuer {
    pub(crate) fn new() -> Issuer {
        Issuer(KeyPair::generate(KeySize::Rsa2048).expect("a pair of keys"))
    }

    /// Its JSON Web Key Set.
    pub(crate) fn keys(&self) -> Value {
        json!({ "keys": [self.jwk("one")] })
    }

    fn jwk(&self, id: &str) -> Value {
        let public = self.0.public_key();
        let text = |bytes: &[u8]| BASE64.encode(bytes);
        json!({ "kty": "RSA", "kid": id, "use": "sig", "alg": "RS256",
            "n": text(public.modulus().big_endian_without_leading_zero()),
            "e": text(public.exponent().big_endian_without_leading_zero()) })
    }

    /// Those of a good token, and others in their place; null takes one out.
    pub(crate) fn claims(&self, other: &Value) -> Value {
        let mut claims = json!({ "sub": "tom", "iss": "https://id.example", "aud": "hefe", "exp": now_s() + 600,
            "roles": ["viewer"], "systems": ["shop"] });
        for (name, value) in other.as_object().into_iter().flatten() {
            match value {
                Value::Null => drop(claims.as_object_mut().and_then(|claims| claims.remove(name))),
                value => claims[name] = value.clone(),
            }
        }
        claims
    }

    /// Signed with RS256, whatever the header says.
    pub(crate) fn signed(&self, header: &str, claims: &Value) -> String {
        token(header, claims, |body| {
            let mut signature = vec![0; self.0.public_modulus_len()];
            self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), body, &mut signature).expect("a signature");
            signature
        })
    }
}

fn now_s() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_secs()
}

fn token(header: &str, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let body = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims.to_string()));
    let signature = sign(body.as_bytes());
    format!("{body}.{}", BASE64.encode(signature))
}

fn hs256(header: &str, claims: &Value, key: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    token(header, claims, |body| hmac::sign(&key, body).as_ref().to_vec())
}

const HEADER: &str = r#"{"alg":"RS256","kid":"one","typ":"JWT"}"#;

pub(super) async fn all(scene: &Scene, mut rows: Rows) -> Rows {
    let issuer = &scene.issuer;
    let good = issuer.signed(HEADER, &issuer.claims(&json!({})));
    let answer = shown(scene, &good).await;
    rows.control("a token of the issuer's", answer.0, &answer.1);
    for (claims, trick) in [
        (json!({ "iss": "https://evil.example" }), "another issuer"),
        (json!({ "iss": "https://id.example.evil" }), "an issuer that begins the same"),
        (json!({ "iss": "https://id.example/" }), "an issuer with a slash"),
        (json!({ "iss": "HTTPS://ID.EXAMPLE" }), "an issuer in large letters"),
        (json!({ "iss": null }), "no issuer"),
        (json!({ "iss": "" }), "an empty issuer"),
        (json!({ "aud": "other" }), "another audience"),
        (json!({ "aud": ["other", "hefe2"] }), "other audiences"),
        (json!({ "aud": null }), "no audience"),
        (json!({ "exp": now_s() - 70 }), "one that is over"),
        (json!({ "exp": 0 }), "one that never began"),
        (json!({ "exp": -1 }), "an end before all time"),
        (json!({ "exp": "9999999999" }), "an end as text"),
        (json!({ "exp": null }), "no end"),
        (json!({ "nbf": now_s() + 600 }), "one that is not yet"),
        (json!({ "sub": null }), "nobody"),
        (json!({ "sub": "" }), "an empty name"),
        (json!({ "sub": ["ada"] }), "a list for a name"),
        (json!({ "systems": ["other"] }), "another system"),
        (json!({ "systems": ["shop/../other"], "roles": ["admin"] }), "a system with a path"),
        (json!({ "systems": null, "roles": ["admin"] }), "an admin of nothing"),
    ] {
        one(scene, &mut rows, trick, &claims.to_string(), &issuer.signed(HEADER, &issuer.claims(&claims)))
            .await;
    }
    signatures(scene, &mut rows, &good).await;
    headers(scene, &mut rows).await;
    elsewhere(scene, &mut rows, &good).await;
    rows
}

/// Whether a token lets in, and what was answered.
async fn shown(scene: &Scene, token: &str) -> (bool, String) {
    let bearer = format!("Bearer {token}");
    let answer =
        scene.send(&Ask { target: "/shop/runs", headers: &[("authorization", &bearer)], ..GET }).await;
    (answer.is_good(), answer.says())
}

async fn one(scene: &Scene, rows: &mut Rows, trick: &str, sent: &str, token: &str) {
    let (through, answered) = shown(scene, token).await;
    rows.add(trick, sent, &answered, through);
    let form = format!("key={token}");
    let entered =
        scene.send(&Ask { target: "/ui/signin", headers: &[FORM], body: form.as_bytes(), ..POST }).await;
    let cookie = entered.header("set-cookie").unwrap_or_default();
    let cookie = cookie.split(';').next().unwrap_or_default();
    let seen = scene.send(&Ask { target: "/shop/runs", headers: &[("cookie", cookie)], ..GET }).await;
    rows.add(&format!("{trick}, at the sign-in"), sent, &seen.says(), seen.is_good());
}

async fn signatures(scene: &Scene, rows: &mut Rows, good: &str) {
    let (issuer, other) = (&scene.issuer, Issuer::new());
    let claims = issuer.claims(&json!({ "roles": ["admin"], "systems": "*" }));
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = json!({ "alg": alg, "typ": "JWT" }).to_string();
        one(scene, rows, "no algorithm", &header, &token(&header, &claims, |_| Vec::new())).await;
        let body = token(&header, &claims, |_| Vec::new());
        one(scene, rows, "no algorithm, no point", &header, body.trim_end_matches('.')).await;
    }
    let public = issuer.0.public_key();
    let der = public.as_der().expect("its bytes");
    let der: &[u8] = der.as_ref();
    let lines: Vec<String> = BASE64_STANDARD
        .encode(der)
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
    let jwks = issuer.keys().to_string();
    let modulus = public.modulus().big_endian_without_leading_zero();
    for (key, trick) in [
        (der, "the public key for a secret"),
        (pem.as_bytes(), "the same as PEM"),
        (pem.trim_end().as_bytes(), "the same without its last line break"),
        (modulus, "the modulus for a secret"),
        (jwks.as_bytes(), "the set of keys for a secret"),
        (b"".as_slice(), "no secret"),
    ] {
        for alg in ["HS256", "RS256"] {
            let header = json!({ "alg": alg, "kid": "one" }).to_string();
            one(scene, rows, trick, &header, &hs256(&header, &claims, key)).await;
        }
    }
    one(scene, rows, "another's signature", HEADER, &other.signed(HEADER, &claims)).await;
    let (_, signature) = good.rsplit_once('.').expect("three parts");
    let body = format!("{}.{}", BASE64.encode(HEADER), BASE64.encode(claims.to_string()));
    one(scene, rows, "the signature of another token", HEADER, &format!("{body}.{signature}")).await;
    one(scene, rows, "a signature of zeros", HEADER, &token(HEADER, &claims, |_| vec![0; 256])).await;
    one(scene, rows, "no signature", HEADER, &format!("{body}.")).await;
    one(scene, rows, "a signature that is cut off", HEADER, &good[..good.len() - 8]).await;
    one(scene, rows, "four parts", HEADER, &format!("{good}.{signature}")).await;
    for alg in ["RS384", "RS512", "PS256", "ES256", "EdDSA"] {
        let header = json!({ "alg": alg, "kid": "one" }).to_string();
        one(scene, rows, "another algorithm", &header, &issuer.signed(&header, &claims)).await;
    }
}

/// What a header says of where its key is: nobody looks there.
async fn headers(scene: &Scene, rows: &mut Rows) {
    let evil = Issuer::new();
    let claims = evil.claims(&json!({ "roles": ["admin"], "systems": "*" }));
    scene.inside.answer("/jwks", Answer::json(&evil.keys()));
    let url = scene.inside.url("/jwks");
    let before = scene.reached();
    for (header, trick) in [
        (json!({ "alg": "RS256", "jku": url }), "an address of keys"),
        (json!({ "alg": "RS256", "kid": "one", "jku": url }), "an address of keys of a known name"),
        (json!({ "alg": "RS256", "x5u": url }), "an address of certificates"),
        (json!({ "alg": "RS256", "jwk": evil.jwk("one") }), "a key of its own"),
        (json!({ "alg": "RS256", "kid": url }), "an address for a name"),
        (json!({ "alg": "RS256", "kid": "../../../../../../dev/null" }), "a path for a name"),
        (json!({ "alg": "RS256", "kid": "/proc/sys/kernel/randomize_va_space" }), "a file for a name"),
        (json!({ "alg": "RS256", "kid": "' UNION SELECT 'x" }), "a query for a name"),
        (json!({ "alg": "RS256", "kid": "one\0" }), "a NUL in a name"),
        (json!({ "alg": "RS256", "kid": "" }), "an empty name"),
        (json!({ "alg": "RS256", "kid": "one", "crit": ["exp"] }), "what must be understood"),
        (json!({ "alg": "RS256", "kid": "one", "b64": false }), "a body that is not encoded"),
        (json!({ "alg": "RS256", "kid": "one", "zip": "DEF" }), "a body that would unfold"),
    ] {
        let header = header.to_string();
        one(scene, rows, trick, &header, &evil.signed(&header, &claims)).await;
        if header.contains("/dev/null") {
            let header = header.replace("RS256", "HS256");
            one(scene, rows, "a path of nothing for a name", &header, &hs256(&header, &claims, b"")).await;
        }
    }
    rows.add(
        "an address that a token names",
        &url,
        &format!("{} connections", scene.reached() - before),
        scene.reached() > before,
    );
    let deep = format!(r#"{{"alg":"RS256","kid":"one","x":{}1{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    one(scene, rows, "a header that is deep", &deep, &evil.signed(&deep, &claims)).await;
    let long = json!({ "alg": "RS256", "kid": "x".repeat(1 << 15) }).to_string();
    one(scene, rows, "a header of 32 KiB", &long, &evil.signed(&long, &claims)).await;
}

/// A good token where none is looked for would end in logs and histories.
async fn elsewhere(scene: &Scene, rows: &mut Rows, good: &str) {
    for name in ["access_token", "token", "key", "api_key", "ticket"] {
        let target = format!("/shop/runs?{name}={good}");
        let answer = scene.send(&Ask { target: &target, ..GET }).await;
        rows.add("a token in the address", &format!("?{name}="), &answer.says(), answer.is_good());
    }
    let answer = scene
        .send(&Ask { target: "/shop/events", headers: &[("cookie", &format!("hefe_session={good}"))], ..GET })
        .await;
    rows.add("a token for a cookie", "hefe_session=…", &answer.says(), answer.is_good());
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("tom:{good}")));
    let answer =
        scene.send(&Ask { target: "/shop/runs", headers: &[("authorization", &basic)], ..GET }).await;
    rows.add("a token for a password", "Basic …", &answer.says(), answer.is_good());
}
