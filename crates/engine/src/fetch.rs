//! A document at an address that the settings name, not a workflow: an issuer's keys. It may be a private address.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::redirect::Policy;

const TIMEOUT: Duration = Duration::from_secs(5);

const BYTES_MAX: usize = 1 << 20;

/// All of it, at most 1 MiB.
///
/// # Errors
/// The address, without what in it may be a secret (user, password, query), and every cause: a certificate, a refusal, the time.
pub async fn fetch(url: &str) -> Result<Vec<u8>, String> {
    body(url).await.map_err(|why| format!("{}: {why}", without_secrets(url)))
}

async fn body(url: &str) -> Result<Vec<u8>, String> {
    // The settings name this address, and that it begins with https://: a redirect would lead to another.
    let client = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().redirect(Policy::none());
    let client = client.build().map_err(causes)?;
    let answer =
        client.get(url).send().await.and_then(reqwest::Response::error_for_status).map_err(causes)?;
    if answer.status().is_redirection() {
        return Err("the address redirects, which is not followed; name the one that it leads to".to_owned());
    }
    let mut body = answer.bytes_stream();
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        bytes.extend_from_slice(&piece.map_err(causes)?);
        if bytes.len() > BYTES_MAX {
            return Err("it is over 1 MiB".to_owned());
        }
    }
    Ok(bytes)
}

/// "error sending request" alone says nothing: what it came from says it.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let all = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    let mut says: Vec<String> = all.map(ToString::to_string).collect();
    says.dedup();
    says.join(": ")
}

fn without_secrets(url: &str) -> String {
    let Ok(mut url) = reqwest::Url::parse(url) else { return "the address".to_owned() };
    // An address without a host takes neither, and has none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::net::TcpListener;

    use super::fetch;

    #[tokio::test]
    async fn what_went_wrong_is_said_with_the_address_and_no_secret_of_it() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        drop(taken);
        let says = fetch(&format!("http://ada:lovelace@{address}/keys?token=secret#part")).await.unwrap_err();
        assert!(says.starts_with(&format!("http://{address}/keys: ")), "{says}");
        assert!(says.to_lowercase().contains("refused"), "{says}");
        assert!(!["lovelace", "ada", "secret", "part"].iter().any(|word| says.contains(word)), "{says}");
    }
}
