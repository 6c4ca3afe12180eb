//! Sessions that an attacker has fixed or stolen, and keys that are guessed.

use super::{
    Rows,
    scene::Scene,
    wire::{Ask, FORM, GET, POST, Reply},
};

const PLANTED: &str = "hefe_session=0000000000000000000000000000000000000000000000000000000000000000";

pub(super) async fn all(scene: &Scene, mut rows: Rows) -> Rows {
    fixed(scene, &mut rows).await;
    over(scene, &mut rows).await;
    cookies(scene, &mut rows).await;
    keys(scene, &mut rows).await;
    rows
}

async fn seen(scene: &Scene, cookie: &str) -> Reply {
    scene.send(&Ask { target: "/shop/runs", headers: &[("cookie", cookie)], ..GET }).await
}

/// Signs in with a browser that brings those cookies; the one that it gets.
async fn enter(scene: &Scene, key: &str, brought: &str) -> String {
    let body = format!("key={key}");
    let headers = [("cookie", brought), FORM];
    let entered =
        scene.send(&Ask { target: "/ui/signin", headers: &headers, body: body.as_bytes(), ..POST }).await;
    let cookie = entered.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {}", entered.head()));
    cookie.split(';').next().unwrap_or_default().to_owned()
}

/// A cookie that stood there before the sign-in opens nothing after it.
async fn fixed(scene: &Scene, rows: &mut Rows) {
    let fresh = enter(scene, &scene.keys.ada, PLANTED).await;
    let good = seen(scene, &fresh).await;
    rows.control("a fresh cookie opens", good.is_good(), &good.says());
    let planted = seen(scene, PLANTED).await;
    rows.add("a planted cookie", PLANTED, &planted.says(), planted.is_good() || fresh == PLANTED);
    let eves = enter(scene, &scene.keys.eve, "").await;
    let adas = enter(scene, &scene.keys.ada, &eves).await;
    let left = seen(scene, &eves).await;
    rows.add("a planted session of the attacker's", &eves, &left.says(), left.is_good() || adas == eves);
    let good = seen(scene, &adas).await;
    rows.control("who signed in over it is in", good.is_good(), &good.says());
    let again = enter(scene, &scene.keys.ada, &adas).await;
    rows.add(
        "the session before the sign-in",
        &adas,
        &seen(scene, &adas).await.says(),
        seen(scene, &adas).await.is_good() || again == adas,
    );
    for both in [format!("{PLANTED}; {again}"), format!("{again}; {PLANTED}"), format!("{again}; {again}x")] {
        let answer = seen(scene, &both).await;
        rows.add("two cookies of one name", &both, &answer.says(), answer.is_good());
    }
}

/// A session that is over stays so.
async fn over(scene: &Scene, rows: &mut Rows) {
    let cookie = enter(scene, &scene.keys.ada, "").await;
    let headers = [("cookie", cookie.as_str()), FORM];
    let left = scene.send(&Ask { target: "/ui/signout", headers: &headers, ..POST }).await;
    rows.control("a browser signs out", left.status() == 303, &left.says());
    let answer = seen(scene, &cookie).await;
    rows.add("a session after its end", &cookie, &answer.says(), answer.is_good());
}

/// How cookies are set, and what is none.
async fn cookies(scene: &Scene, rows: &mut Rows) {
    let body = format!("key={}", scene.keys.ada);
    let entered =
        scene.send(&Ask { target: "/ui/signin", headers: &[FORM], body: body.as_bytes(), ..POST }).await;
    let set = entered.header("set-cookie").unwrap_or_default();
    let kept =
        ["HttpOnly", "SameSite=", "Path=/"].iter().all(|word| set.contains(word)) && !set.contains("Domain=");
    rows.add("a script or another site reads the cookie", "POST /ui/signin", &set, !kept);
    let key = format!("hefe_session={}", scene.keys.ada);
    for (cookie, trick) in [
        ("hefe_session=", "an empty cookie"),
        ("hefe_session=%00", "a NUL for a cookie"),
        ("hefe_session=' OR 1=1 --", "a query for a cookie"),
        ("hefe_session=*", "any cookie"),
        ("HEFE_SESSION=x", "another name"),
        (key.as_str(), "a key for a cookie"),
    ] {
        let answer = seen(scene, cookie).await;
        rows.add(trick, cookie, &answer.says(), answer.is_good());
    }
}

/// Keys that are none are all answered alike, and none lets in.
async fn keys(scene: &Scene, rows: &mut Rows) {
    let key = &scene.keys.ada;
    let (rest, secret) = key.rsplit_once('_').expect("hefe_ID_SECRET");
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.as_bytes());
    let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut answers = Vec::new();
    for (shown, trick) in [
        (String::new(), "no key"),
        (format!("{rest}_"), "no secret"),
        (rest.to_owned(), "an ID alone"),
        (format!("{rest}_{}", &secret[..63]), "a secret that is cut off"),
        (format!("{key}0"), "a secret with more"),
        (format!("{rest}_{}", secret.to_uppercase()), "a secret in large letters"),
        (format!("{rest}_{hash}"), "the hash for the secret"),
        (hash.clone(), "the hash for the key"),
        (format!("{rest}_*"), "any secret"),
        (format!("{rest}_' OR '1'='1"), "a query"),
        (format!("{key},{key}"), "a key twice"),
        (format!("Bearer {key}"), "a key with a word before it"),
    ] {
        let answer =
            scene.send(&Ask { target: "/shop/runs", headers: &[("x-api-key", &shown)], ..GET }).await;
        rows.add(trick, &shown, &answer.says(), answer.is_good());
    }
    for n in 0..200 {
        let guess = format!("{rest}_{n:064x}");
        let answer =
            scene.send(&Ask { target: "/shop/runs", headers: &[("x-api-key", &guess)], ..GET }).await;
        let form = format!("key={guess}");
        let entered =
            scene.send(&Ask { target: "/ui/signin", headers: &[FORM], body: form.as_bytes(), ..POST }).await;
        answers.push((answer.status(), answer.body(), entered.status()));
    }
    answers.dedup();
    let alike = matches!(&answers[..], [(401, _, 401)]);
    rows.add("200 guesses of a key", &format!("{rest}_…"), &format!("{answers:?}"), !alike);
}
