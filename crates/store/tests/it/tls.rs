//! The way to a PostgreSQL, in its own words: encrypted or not, and who is believed to be the server.

use store::{Error, postgres::Postgres};
use testkit::postgres::Server;

use crate::{
    conformance::{claim, close, run, start},
    postgres,
};

const DATABASE: &str = "hefe";

/// Whether all connections of a store that works there are encrypted.
async fn is_encrypted(server: &Server, parameters: &str) -> bool {
    let store = postgres(&format!("{}?{parameters}", server.url(DATABASE)));
    start(&*store, run(1)).await;
    claim(&*store).await;
    let sql = "SELECT bool_and(ssl), bool_or(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'hefe'";
    let said = server.psql(DATABASE, sql);
    close(store).await;
    server.psql(DATABASE, "TRUNCATE runs, live, ready");
    assert!(matches!(&*said, "t|t" | "f|f"), "some are and some are not: {said}");
    said == "t|t"
}

/// Why a store does not open there.
fn refused(server: &Server, parameters: &str) -> String {
    match Postgres::open(&format!("{}?{parameters}", server.url(DATABASE)), Default::default()) {
        Err(Error::Unavailable(why)) => why.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it opens"),
    }
}

#[tokio::test]
async fn the_address_says_whether_the_way_is_encrypted() {
    let server = Server::start();
    server.create(DATABASE);
    assert!(!is_encrypted(&server, "sslmode=prefer").await, "it cannot yet");
    assert!(refused(&server, "sslmode=require").contains("TLS"));
    let own = server.certificate("IP:127.0.0.1").display().to_string();
    assert!(is_encrypted(&server, "sslmode=require").await);
    assert!(is_encrypted(&server, "connect_timeout=9").await, "as it can");
    assert!(!is_encrypted(&server, "sslmode=disable").await);
    assert!(is_encrypted(&server, &format!("sslmode=verify-full&sslrootcert={own}")).await);
    // Nobody whom the machine trusts says that it is the server.
    let unknown = refused(&server, "sslmode=verify-full");
    assert!(unknown.contains("certificate"), "{unknown}");
    let words = refused(&server, "sslmode=verify-ca");
    assert!(words.contains("verify-full"), "{words}");
    let missing = refused(&server, "sslmode=verify-full&sslrootcert=/nowhere");
    assert!(missing.contains("`sslrootcert`, /nowhere"), "{missing}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let server = Server::start();
    server.create(DATABASE);
    let own = server.certificate("DNS:example.com").display().to_string();
    let other = refused(&server, &format!("sslmode=verify-full&sslrootcert={own}"));
    assert!(other.contains("not valid for"), "{other}");
}
