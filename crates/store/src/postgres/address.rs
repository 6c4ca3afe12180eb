//! Where the database is, and how the way there is kept from others: PostgreSQL's own address, with its own words for TLS.
//!
//! ```text
//! sslmode=disable      in the clear
//! sslmode=prefer       encrypted if the server can (as if nothing were said)
//! sslmode=require      encrypted; whoever answers is believed to be the server
//! sslmode=verify-full  encrypted, and the server's certificate is for its name: of `sslrootcert=FILE`, or as the machine trusts them
//! ```

use rustls_tokio_postgres::{
    MakeRustlsConnect, config_from_ca_cert, config_no_verify, config_platform_verifier,
};
use tokio_postgres::{Client, Config};

use super::link::{Done, fault};
use crate::Error;

/// How long a statement of the network's may take before a server counts as gone.
const SILENCE: std::time::Duration = std::time::Duration::from_secs(10);

type Connection = tokio_postgres::Connection<
    tokio_postgres::Socket,
    <MakeRustlsConnect as tokio_postgres::tls::MakeTlsConnect<tokio_postgres::Socket>>::Stream,
>;

#[derive(Clone)]
pub(super) struct Address {
    config: Config,
    tls: MakeRustlsConnect,
}

impl Address {
    pub(super) fn of(url: &str) -> Result<Address, Error> {
        let refused = |why: String| {
            Error::Unavailable(
                format!("the address of the database is not one of PostgreSQL's: {why}").into(),
            )
        };
        let (mut full, mut unknown, mut root) = (false, false, None);
        // What the library does not know is taken out before it reads the rest.
        let plain = without(url, |name, value| match (name, value) {
            ("sslmode", "verify-full") => {
                full = true;
                Some("sslmode=require")
            }
            ("sslmode", "verify-ca") => {
                unknown = true;
                None
            }
            ("sslrootcert", file) => {
                root = Some(file.to_owned());
                None
            }
            _ => Some(""),
        });
        if unknown {
            return Err(refused("`sslmode` may be disable, prefer, require or verify-full".into()));
        }
        let mut config: Config = plain.parse().map_err(|error: tokio_postgres::Error| {
            refused(std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string))
        })?;
        config.connect_timeout(SILENCE).keepalives_idle(SILENCE).tcp_user_timeout(SILENCE);
        if config.get_application_name().is_none() {
            config.application_name("hefe");
        }
        let tls = match (&root, full) {
            (Some(file), _) => config_from_ca_cert(file)
                .map_err(|error| refused(format!("`sslrootcert`, {file}: {error}")))?,
            (None, true) => config_platform_verifier().map_err(|error| refused(error.to_string()))?,
            (None, false) => config_no_verify(),
        };
        Ok(Address { config, tls: MakeRustlsConnect::new(tls) })
    }

    /// A connection, and its other end, which has to be driven.
    pub(super) async fn connect(&self) -> Done<(Client, Connection)> {
        self.config.connect(self.tls.clone()).await.map_err(fault)
    }
}

/// The address with each of its parameters as `change` says: Some of nothing leaves it, None takes it out.
fn without<'a>(url: &'a str, mut change: impl FnMut(&'a str, &'a str) -> Option<&'static str>) -> String {
    let (before, parameters, between) = match url.split_once("://") {
        Some(_) => match url.split_once('?') {
            Some((before, parameters)) => (format!("{before}?"), parameters, '&'),
            None => return url.to_owned(),
        },
        None => (String::new(), url, ' '),
    };
    let each = |parameter: &'a str| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match change(name, value) {
            None => None,
            Some("") => Some(parameter),
            Some(other) => Some(other),
        }
    };
    let parameters: Vec<&str> = parameters.split(between).filter_map(each).collect();
    let between = between.to_string();
    before + &parameters.join(&between)
}
