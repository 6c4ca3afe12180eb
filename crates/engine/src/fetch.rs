//! A document at an address that the settings name, not a workflow: an issuer's keys. It may be a private address.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::redirect::Policy;

const TIMEOUT: Duration = Duration::from_secs(5);

const BYTES_MAX: usize = 1 << 20;

/// All of it, at most 1 MiB.
///
/// # Errors
/// Why there is none, without the address: that may hold a secret.
pub async fn fetch(url: &str) -> Result<Vec<u8>, String> {
    let says = |error: reqwest::Error| error.without_url().to_string();
    // The settings name this address, and that it begins with https://: a redirect would lead to another.
    let client = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().redirect(Policy::none());
    let client = client.build().map_err(says)?;
    let answer = client.get(url).send().await.and_then(reqwest::Response::error_for_status).map_err(says)?;
    if answer.status().is_redirection() {
        return Err("the address redirects, which is not followed; name the one that it leads to".to_owned());
    }
    let mut body = answer.bytes_stream();
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        bytes.extend_from_slice(&piece.map_err(says)?);
        if bytes.len() > BYTES_MAX {
            return Err("it is over 1 MiB".to_owned());
        }
    }
    Ok(bytes)
}
