//! The performer of api/http. A call is made by hand from redirect to redirect, so that each address is looked at before
//! anything is sent to it.
//!
//! It promises that nothing a provider says, and nothing that tells where the call went, is in a failure's message: that
//! stands in `detail`, for operators.

mod address;
mod answer;

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use interpreter::{Failure, effect::Http};
use recipe::{Map, Value};
use reqwest::{
    Method, Response, Url,
    header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, LOCATION, TRANSFER_ENCODING},
    redirect::Policy,
};

use self::address::{Guard, Resolver, Way};

/// Redirects that are followed.
const REDIRECTS_MAX: usize = 5;

/// What can be set.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Hosts (or host:port) whose addresses may be private.
    pub allow_private: Vec<String>,
}

/// What a call came to.
pub type Reply<'a> = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send + 'a>>;

/// Who makes the calls of api/http: [`Client`], or whatever a simulation brings. Dropping a call's future abandons it.
pub trait Perform: fmt::Debug + Send + Sync {
    /// Makes the call under its key and trace context, within its timeout: {status, headers, body}, every text of it marked
    /// as a provider's; or a failure with a code of workflow.md, Errors.
    fn perform<'a>(&'a self, request: &'a Http, key: &'a str, trace: &'a str) -> Reply<'a>;
}

/// For all runs of a process. Dropping a call's future drops its connection.
#[derive(Debug, Clone)]
pub struct Client {
    allowed: reqwest::Client,
    guarded: reqwest::Client,
    guard: Arc<Guard>,
}

impl Client {
    /// # Errors
    /// The TLS library could not be set up.
    pub fn new(settings: Settings) -> Result<Client, reqwest::Error> {
        let builder = || {
            reqwest::Client::builder()
                .redirect(Policy::none())
                .no_proxy()
                .user_agent(concat!("hefe/", env!("CARGO_PKG_VERSION")))
        };
        Ok(Client {
            allowed: builder().build()?,
            guarded: builder().dns_resolver(Arc::new(Resolver)).build()?,
            guard: Arc::new(Guard { allow: settings.allow_private }),
        })
    }

    async fn follow(&self, request: &Http, key: &str, trace: &str) -> Result<Value, Failure> {
        let mut call = Call::first(request, key, trace)?;
        for _ in 0..=REDIRECTS_MAX {
            let client = match self.guard.way(&call.url)? {
                Way::Allowed => &self.allowed,
                Way::Guarded => &self.guarded,
            };
            let mut sent =
                client.request(call.method.clone(), call.url.clone()).headers(call.headers.clone());
            if let Some(body) = &call.body {
                sent = sent.body(body.clone());
            }
            let response = sent.send().await.map_err(|error| unreachable(&error))?;
            match redirected(&response, &call.url) {
                Some(to) => call = call.redirect(response.status().as_u16(), to),
                None => return answer::read(request, response).await,
            }
        }
        Err(Failure::new("redirects", format!("the provider redirected more than {REDIRECTS_MAX} times")))
    }
}

impl Perform for Client {
    fn perform<'a>(&'a self, request: &'a Http, key: &'a str, trace: &'a str) -> Reply<'a> {
        let limit = Duration::from_millis(request.timeout_ms);
        Box::pin(async move {
            match tokio::time::timeout(limit, self.follow(request, key, trace)).await {
                Ok(result) => result,
                Err(_) => Err(timeout()),
            }
        })
    }
}

/// One request of the chain.
struct Call {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<String>,
}

impl Call {
    fn first(request: &Http, key: &str, trace: &str) -> Result<Call, Failure> {
        let invalid = |says: &str| Failure::new("invalid", says);
        let url = Url::parse(&request.url).map_err(|error| Failure {
            detail: Value::from(error.to_string()),
            ..invalid("the address of the call is not a valid one")
        })?;
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| invalid("`method` is no HTTP method"))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let (Ok(known), Ok(value)) =
                (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
            else {
                let detail = Value::from(name.as_str());
                return Err(Failure { detail, ..invalid("a header of the call cannot be sent") });
            };
            // How the message is sent is ours: a length that is not the body's would only hang.
            if !OURS.contains(&known) {
                headers.append(known, value);
            }
        }
        let mut put = |name: &'static str, text: &str| {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.entry(name).or_insert(value);
            }
        };
        put("idempotency-key", key);
        put("traceparent", trace);
        if let Some((kind, _)) = &request.body {
            put("content-type", kind);
        }
        let body = request.body.as_ref().map(|(_, text)| text.clone());
        Ok(Call { method, url, headers, body })
    }

    /// 307 and 308 keep method and body, others become GET; credentials stay with the host they were meant for.
    fn redirect(mut self, status: u16, to: Url) -> Call {
        if to.origin() != self.url.origin() {
            let names: Vec<HeaderName> = self.headers.keys().filter(|name| of_host(name)).cloned().collect();
            for name in names {
                self.headers.remove(name);
            }
        }
        if !matches!(status, 307 | 308) && self.method != Method::HEAD {
            self.method = Method::GET;
            self.body = None;
            self.headers.remove("content-type");
        }
        self.url = to;
        self
    }
}

/// Headers that a file does not set.
const OURS: [HeaderName; 3] = [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION];

/// Whether a header is for the host that the file names alone: its name, or what may be a credential. The Idempotency-Key
/// is a hash, and without it the other host could do the same thing twice.
fn of_host(name: &HeaderName) -> bool {
    const WORDS: &[&str] = &["auth", "cookie", "credential", "key", "password", "secret", "session", "token"];
    let name = name.as_str();
    name == "host" || (name != "idempotency-key" && WORDS.iter().any(|word| name.contains(word)))
}

fn redirected(response: &Response, from: &Url) -> Option<Url> {
    let follows = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let to = response.headers().get(LOCATION)?.to_str().ok()?;
    from.join(to).ok().filter(|_| follows)
}

fn timeout() -> Failure {
    Failure { retryable: true, ..Failure::new("timeout", "the provider did not answer in time") }
}

/// The connection could not be made, or broke.
fn unreachable(error: &reqwest::Error) -> Failure {
    let mut chain = Vec::new();
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(at) = cause {
        if at.is::<address::Refused>() {
            return address::refused();
        }
        chain.push(at.to_string());
        cause = at.source();
    }
    let detail: Map = [("causes", Value::from(chain.into_iter().map(Value::from).collect::<Vec<_>>()))]
        .into_iter()
        .collect();
    if error.is_timeout() {
        return timeout();
    }
    Failure {
        retryable: true,
        detail: Value::Object(detail),
        ..Failure::new("connect", "the provider could not be reached")
    }
}
