//! hefe demo: the example of examples/publishing, running, in front of you: one publish that goes well, one whose provider fails.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use hyper::Method;
use serde_json::{Value, json};

use crate::{
    bars::Bars,
    client::Client,
    follow::Events,
    home::Home,
    provider,
    say::{self, Trouble},
    settings::File,
};

/// The example's files; the address of its provider is filled in.
const FILES: &[(&str, &str)] = &[
    ("hefe.toml", include_str!("../../../../examples/publishing/hefe.toml")),
    (
        "systems/shop/workflows/publish-launcher.workflow.json",
        include_str!("../../../../examples/publishing/systems/shop/workflows/publish-launcher.workflow.json"),
    ),
    (
        "systems/shop/workflows/publish-worker.workflow.json",
        include_str!("../../../../examples/publishing/systems/shop/workflows/publish-worker.workflow.json"),
    ),
];

/// Where the example's files say that the provider is.
const PROVIDER: &str = "127.0.0.1:8087";

const SYSTEM: &str = "shop";

/// Its arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// End when both launches have ended; exit 0 if they ended as they should
    #[arg(long)]
    once: bool,
    /// Address and port of the page [default: 127.0.0.1:8086, or a free port]
    #[arg(long, env = "HEFE_LISTEN", value_name = "ADDRESS")]
    listen: Option<String>,
}

pub(crate) async fn main(args: Args) -> ExitCode {
    match demo(args).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            say::note("error: the launches did not end as they should");
            ExitCode::FAILURE
        }
        Err(trouble) => trouble.exit(),
    }
}

async fn demo(args: Args) -> Result<bool, Trouble> {
    let served = provider::listen().await.map_err(|error| {
        Trouble::new(format!("the demo's provider cannot listen: {error}"), "look whether 127.0.0.1 is there")
    });
    let (provider, serving) = served?;
    let project = Folder::write(provider)?;
    // It keeps nothing, so a disk that is nearly full is no reason not to show it.
    let file = File { disk_percent: Some(100), ..File::read(&project.0)? };
    let mut home = Home::open(&project.0, &file).await?;
    home.heed_signals();
    let address = match &args.listen {
        Some(listen) => home.listen_on(listen).await?,
        None => match home.listen_on("127.0.0.1:8086").await {
            Ok(address) => address,
            Err(_) => home.listen_on("127.0.0.1:0").await?,
        },
    };
    home.listen_on_socket()?;
    let client = Client::connect(&project.0).await?;
    let result = {
        let show = async {
            let good = launches(&client, &address, provider).await?;
            if !args.once {
                say::note(&format!(
                    "\nThe server goes on: look at {address}/ui, or start another publish with\n\n    curl {address}/{SYSTEM}/webhook/publish -H 'content-type: application/json' -d '{{\"project\": {{\"id\": 3, \"name\": \"Shop\"}}}}'\n\nCtrl-C ends it.\n",
                ));
                std::future::pending::<()>().await;
            }
            Ok::<bool, Trouble>(good)
        };
        tokio::select! {
            shown = show => shown,
            () = home.work() => Ok(true),
            () = serving => Ok(false),
        }
    };
    home.close().await;
    result
}

/// Both publishes, to their ends. Whether they ended as they should.
async fn launches(client: &Client, address: &str, provider: SocketAddr) -> Result<bool, Trouble> {
    let mut bars = Bars::new();
    bars.say(&format!("Bars are here, and on the page: {address}/ui\n"));
    tell_to_fail(provider, 2).await?;
    let mut events = Events::open(client, SYSTEM).await?;
    let mut roots = Vec::new();
    for (id, name) in [(1, "Website"), (2, "Newsletter")] {
        let body = json!({ "project": { "id": id, "name": name } }).to_string();
        let path = format!("/{SYSTEM}/webhook/publish");
        let answer = client.send(Method::POST, &path, Some(body)).await?.good()?;
        let toast = answer.pointer("/effects/0/message").and_then(Value::as_str).unwrap_or_default();
        bars.say(&format!("answered at once: {toast}"));
        roots.push(answer.get("run").and_then(Value::as_str).unwrap_or_default().to_owned());
    }
    let ends = watch(&mut events, &mut bars, &roots).await?;
    let words = ends.iter().map(|item| item.to_string()).collect::<String>();
    let statuses: Vec<_> = ends.iter().map(|item| item["status"].as_str().unwrap_or_default()).collect();
    let leaked = words.contains("db-7.internal") || words.contains("s3cr3t");
    Ok(statuses == ["succeeded", "failed"] && ends[0]["progress"] == 4.0 && !leaked)
}

/// Shows bars until each root's has ended and its worker too; gives the items' last states.
async fn watch(events: &mut Events<'_>, bars: &mut Bars, roots: &[String]) -> Result<Vec<Value>, Trouble> {
    let mut items = vec![Value::Null; roots.len()];
    let mut ended = vec![false; roots.len()];
    while !(ended.iter().all(|ended| *ended) && items.iter().all(over)) {
        let Some(event) = events.next().await? else { break };
        let of = |key: &str| {
            roots.iter().position(|root| event.data.get(key).and_then(Value::as_str) == Some(root))
        };
        match event.kind.as_str() {
            "progress" => {
                if let Some(at) = of("run") {
                    bars.show(&event.data);
                    items[at] = event.data;
                }
            }
            "run" => {
                if let (Some(at), Some("PublishProject"), true) =
                    (of("root"), event.data["workflow"].as_str(), over(&event.data))
                {
                    ended[at] = true;
                }
            }
            "notification" => {
                let title = event.data["title"].as_str().unwrap_or_default();
                let message = event.data["message"].as_str().unwrap_or_default();
                bars.say(&format!("notification: {title}. {message}"));
            }
            _ => {}
        }
    }
    Ok(items)
}

fn over(state: &Value) -> bool {
    state["status"].as_str().is_some_and(|status| matches!(status, "succeeded" | "failed" | "cancelled"))
}

/// The provider is told as a person would, over HTTP.
async fn tell_to_fail(provider: SocketAddr, project: u32) -> Result<(), Trouble> {
    let lost =
        |error: &dyn std::fmt::Display| Trouble::new(format!("the demo's provider is gone: {error}"), "");
    let stream = tokio::net::TcpStream::connect(provider).await.map_err(|error| lost(&error))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream))
            .await
            .map_err(|error| lost(&error))?;
    let request = hyper::Request::put(format!("/told/{project}"))
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(http_body_util::Full::new(bytes::Bytes::from_static(br#"{"fail": true}"#)))
        .map_err(|error| lost(&error))?;
    tokio::select! {
        answer = sender.send_request(request) => answer.map(drop).map_err(|error| lost(&error)),
        _ = connection => Err(lost(&"the connection ended")),
    }
}

/// The example in a folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn write(provider: SocketAddr) -> Result<Folder, Trouble> {
        let folder = Folder(std::env::temp_dir().join(format!("hefe-demo-{}", std::process::id())));
        for (path, text) in FILES {
            let text = text.replace(PROVIDER, &provider.to_string());
            write(&folder.0.join(path), &text).map_err(|error| {
                Trouble::new(
                    format!("the example cannot be written to `{}`: {error}", folder.0.display()),
                    "look at the disk's free space; TMPDIR says which folder is used",
                )
            })?;
        }
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(path, text)
}
