//! Sign-in as hefe.toml has it, turned into what the server is told.

use std::{path::Path, time::Duration};

use server::{Doors, TokenAlgorithm, TokenKeys, TokenSettings, key, name};
use store::{Grant, User};

use crate::{
    say::Trouble,
    settings::{File, FirstUser, Tokens},
};

/// Shorter secrets can be guessed from one token.
const SECRET_BYTES_MIN: usize = 32;

impl File {
    /// What the server is told.
    pub(crate) fn server(&self, project: &Path) -> Result<server::Settings, Trouble> {
        let users = self.users.iter().map(first).collect::<Result<_, _>>()?;
        let tokens = self.tokens.as_ref().map(|tokens| of_tokens(tokens, project)).transpose()?;
        let usual = server::Settings::default();
        Ok(server::Settings {
            doors: Doors { users, tokens },
            origins: self.origins.iter().map(|origin| of_origin(origin)).collect::<Result<_, _>>()?,
            proxies: self.proxies.iter().map(|proxy| of_proxy(proxy)).collect::<Result<_, _>>()?,
            public_url: self.public_url.clone(),
            base_path: self.base_path().to_owned(),
            body_bytes_max: self.body_bytes_max.unwrap_or(usual.body_bytes_max),
            head_timeout: self.head_timeout_s.map_or(usual.head_timeout, seconds),
            body_timeout: self.body_timeout_s.map_or(usual.body_timeout, seconds),
            streams_max: self.streams_max.unwrap_or(usual.streams_max),
            ..usual
        })
    }
}

fn first(user: &FirstUser) -> Result<User, Trouble> {
    if let Some(fault) = name::fault(&user.name) {
        let says = format!("no user can be named `{}`, as one in hefe.toml is: {fault}", user.name);
        return Err(Trouble::new(says, "choose another name"));
    }
    let key = key::kept(&user.key).ok_or_else(|| {
        let says = format!("the key of the user `{}` in hefe.toml is no `ID:SHA256`", user.name);
        Trouble::new(says, "`hefe user key` prints a key and the line that belongs into the file")
    })?;
    let grants = Grant::each(&user.roles, &user.systems);
    Ok(User { name: user.name.as_str().into(), grants, keys: vec![key], created_at_ms: 0 })
}

fn of_tokens(tokens: &Tokens, project: &Path) -> Result<TokenSettings, Trouble> {
    let wrong = |says: &str| {
        let help = "HS256 takes `secret_file`; RS256 and ES256 take `jwks_file` or `jwks_url`";
        Trouble::new(format!("`[tokens]` in hefe.toml: {says}"), help)
    };
    let algorithm = match tokens.algorithm.as_str() {
        "HS256" => TokenAlgorithm::Hs256,
        "RS256" => TokenAlgorithm::Rs256,
        "ES256" => TokenAlgorithm::Es256,
        _ => return Err(wrong("`algorithm` is one of HS256, RS256, ES256")),
    };
    let keys = match (&tokens.secret_file, &tokens.jwks_file, &tokens.jwks_url) {
        (Some(path), None, None) if algorithm == TokenAlgorithm::Hs256 => {
            let path = project.join(path);
            let secret = std::fs::read(&path)
                .map_err(|error| wrong(&format!("`{}` cannot be read: {error}", path.display())))?;
            let secret = secret.trim_ascii().to_vec();
            if secret.len() < SECRET_BYTES_MIN {
                return Err(wrong(&format!("the secret has less than {SECRET_BYTES_MIN} bytes")));
            }
            TokenKeys::Secret(secret)
        }
        (None, Some(path), None) if algorithm != TokenAlgorithm::Hs256 => TokenKeys::File(project.join(path)),
        (None, None, Some(url)) if algorithm != TokenAlgorithm::Hs256 => {
            let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
            if !url.starts_with("https://") && !local.iter().any(|begin| url.starts_with(begin)) {
                return Err(wrong("`jwks_url` begins with https://: whoever answers it says who comes in"));
            }
            TokenKeys::Url(url.clone())
        }
        _ => return Err(wrong("exactly one source of keys that fits the algorithm is to be named")),
    };
    Ok(TokenSettings {
        issuer: tokens.issuer.clone(),
        audience: tokens.audience.clone(),
        algorithm,
        keys,
        roles_claim: tokens.roles_claim.clone(),
        systems_claim: tokens.systems_claim.clone(),
    })
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}

fn of_origin(origin: &str) -> Result<String, Trouble> {
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    match host.filter(|host| !host.is_empty() && !host.contains('/')) {
        Some(_) => Ok(origin.to_owned()),
        None => Err(Trouble::new(
            format!("`{origin}` in `origins` of hefe.toml is no origin"),
            "write scheme, host and port, such as https://app.example.com",
        )),
    }
}

fn of_proxy(proxy: &str) -> Result<ipnet::IpNet, Trouble> {
    let address = proxy.parse::<std::net::IpAddr>().map(ipnet::IpNet::from);
    proxy.parse().or(address).map_err(|_| {
        Trouble::new(
            format!("`{proxy}` in `proxies` of hefe.toml is no address"),
            "write an address or a network, such as 10.0.0.2 or 10.0.0.0/8",
        )
    })
}
