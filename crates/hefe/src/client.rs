//! Speaks to the process that owns a project, over its socket; where there is none, this process becomes it.

use std::{future::Future, path::Path, time::Duration};

use bytes::Bytes;
use engine::Publishes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use crate::{
    home::{Home, Socket},
    say::Trouble,
    settings::{File, Works},
};

/// How long a server may be silent before it is asked whether it lives, and how long it may take to say so. An answer may
/// take its time, and a stream that is followed may have nothing to tell: only a server that says nothing at all is left.
const SILENCE: Duration = Duration::from_secs(5);

/// A way to the project's server.
pub(crate) struct Client {
    socket: Socket,
    /// Set where this process owns the project itself.
    pub(crate) home: Option<Home>,
}

/// An answer: its status and its JSON.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
    /// The run that the server names beside it.
    pub(crate) run: Option<String>,
}

impl Answer {
    /// What the server said is wrong.
    pub(crate) fn trouble(&self) -> Trouble {
        let text = |key: &str| self.body.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let says = match text("message") {
            empty if empty.is_empty() => format!("the server answered {}", self.status),
            message => message,
        };
        Trouble::new(says, text("help"))
    }

    /// The JSON of a good answer.
    pub(crate) fn good(self) -> Result<Value, Trouble> {
        if self.status.is_success() { Ok(self.body) } else { Err(self.trouble()) }
    }
}

impl Client {
    /// To the server that has the project, else to one of our own that works nothing by itself.
    pub(crate) async fn connect(project: &Path) -> Result<Client, Trouble> {
        let file = File::read(project)?;
        let publishes = file.publishes();
        Client::connect_and(project, &file, publishes).await
    }

    /// The same; one of our own publishes nothing by itself.
    pub(crate) async fn connect_as_it_is(project: &Path) -> Result<Client, Trouble> {
        Client::connect_and(project, &File::read(project)?, Publishes::Nothing).await
    }

    async fn connect_and(project: &Path, file: &File, publishes: Publishes) -> Result<Client, Trouble> {
        if file.database.is_none()
            && let Some(socket) = served(project).await
        {
            return Ok(Client { socket, home: None });
        }
        let mut home = match Home::open_and(project, file, publishes, Works::Nothing).await {
            Ok(home) => home,
            // Somebody else came first, and has begun to answer meanwhile.
            Err(trouble) => {
                let socket = served(project).await.ok_or(trouble)?;
                return Ok(Client { socket, home: None });
            }
        };
        let socket = home.listen_on_socket()?;
        Ok(Client { socket, home: Some(home) })
    }

    /// One request with its answer.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Answer, Trouble> {
        self.send_as(None, method, path, body).await
    }

    /// One request on behalf of a person.
    pub(crate) async fn send_as(
        &self,
        person: Option<&str>,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Answer, Trouble> {
        let response = self.open_as(person, method, path, body).await?;
        let status = response.status();
        let run = response.headers().get("x-hefe-run").and_then(|id| id.to_str().ok()).map(str::to_owned);
        let body = self.patiently(response.into_body().collect()).await?;
        let bytes = body.map_err(|error| lost(&error))?.to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer { status, body, run })
    }

    /// GET.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Trouble> {
        self.send(Method::GET, path, None).await?.good()
    }

    /// A response whose body has not been read.
    pub(crate) async fn open(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<hyper::Response<Incoming>, Trouble> {
        self.open_as(None, method, path, body).await
    }

    async fn open_as(
        &self,
        person: Option<&str>,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<hyper::Response<Incoming>, Trouble> {
        self.patiently(self.ask(person, method, path, body)).await?
    }

    /// Waits for what the server has to say, as long as it lives.
    pub(crate) async fn patiently<T>(&self, said: impl Future<Output = T>) -> Result<T, Trouble> {
        let mut said = std::pin::pin!(said);
        // A server of our own stands still only as we do.
        if self.home.is_some() {
            return Ok(said.await);
        }
        loop {
            if let Ok(said) = tokio::time::timeout(SILENCE, &mut said).await {
                return Ok(said);
            }
            let lives = self.ask(None, Method::GET, "/healthz", None);
            // One that went away is told by what is waited for.
            if tokio::time::timeout(SILENCE, lives).await.is_err() {
                return Err(self.stands_still());
            }
        }
    }

    fn stands_still(&self) -> Trouble {
        let named = std::fs::read_to_string(self.socket.path.with_extension("lock")).unwrap_or_default();
        let help = match named.trim().parse::<u32>() {
            Ok(process) => format!(
                "look at process {process}: `kill -CONT {process}` lets it go on if it was stopped, `kill -9 {process}` ends it; \
                 what it had answered is kept"
            ),
            Err(_) => "look whether its process was stopped; what it had answered is kept".to_owned(),
        };
        Trouble::new(format!("the server has said nothing for {} s", 2 * SILENCE.as_secs()), help)
    }

    async fn ask(
        &self,
        person: Option<&str>,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<hyper::Response<Incoming>, Trouble> {
        let stream = UnixStream::connect(&self.socket.path).await.map_err(|error| lost(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| lost(&error))?;
        #[expect(
            clippy::disallowed_methods,
            reason = "it ends with the connection, which ends with the response"
        )]
        tokio::spawn(connection);
        let request = Request::builder().method(method);
        let request = match person {
            // Who may open the socket owns the project, and may act for anyone.
            Some(person) => request.header("x-hefe-user", person),
            None => request,
        };
        let request = request
            .uri(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.unwrap_or_default())))
            .map_err(|error| Trouble::new(format!("`{path}` is no path to ask for: {error}"), ""))?;
        sender.send_request(request).await.map_err(|error| lost(&error))
    }

    /// Names of the project's systems.
    pub(crate) fn systems(project: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(project.join("systems")).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.path().is_dir());
        let mut names: Vec<_> = folders.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.retain(|name| !name.starts_with('.'));
        names.sort();
        names
    }

    /// Gives the project back, if it is ours.
    pub(crate) async fn close(self) {
        if let Some(home) = self.home {
            home.close().await;
        }
    }
}

/// The socket of whoever answers there.
async fn served(project: &Path) -> Option<Socket> {
    let socket = Socket::of(project).ok()?;
    UnixStream::connect(&socket.path).await.ok().map(|_| socket)
}

fn lost(error: &dyn std::fmt::Display) -> Trouble {
    Trouble::new(format!("the server went away: {error}"), "try again; what it had answered is kept")
}
