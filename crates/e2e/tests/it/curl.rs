//! What everybody has: curl launches, follows a bar, and comes back to it after the server died.

use std::process::Stdio;

use serde_json::{Value, json};
use testkit::process::Hefe;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::clients::{again_at, held, user};

/// One command, as it is typed: its exit code, and what it printed.
async fn curl(arguments: &[&str]) -> (i32, String) {
    let output = Command::new("curl").arg("-s").args(arguments).output().await.expect("curl");
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// `curl -N` on a stream.
struct Stream {
    _curl: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// The newest `id:`.
    id: String,
}

impl Stream {
    fn open(url: &str, headers: &[&str]) -> Stream {
        let headers = headers.iter().flat_map(|header| ["-H", header]);
        let mut curl = Command::new("curl")
            .args(["-sN", url])
            .args(headers)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("curl");
        let lines = BufReader::new(curl.stdout.take().unwrap()).lines();
        Stream { _curl: curl, lines, id: String::new() }
    }

    /// The first data of that event that fits.
    async fn until(&mut self, event: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let (lines, id) = (&mut self.lines, &mut self.id);
        let found = async {
            let mut name = String::new();
            while let Some(line) = lines.next_line().await.unwrap() {
                let Some((field, value)) = line.split_once(": ") else { continue };
                match field {
                    "event" => name = value.to_owned(),
                    "id" => *id = value.to_owned(),
                    "data" if name == event => {
                        let data = serde_json::from_str(value).unwrap();
                        if fits(&data) {
                            return data;
                        }
                    }
                    _ => {}
                }
            }
            panic!("the stream ended without `{event}`")
        };
        testkit::within(found, || format!("no `{event}` that fits")).await
    }
}

fn at(progress: u32, status: &str) -> impl Fn(&Value) -> bool {
    move |bar| bar["progress"] == progress && bar["status"] == status
}

#[tokio::test]
async fn curl_launches_follows_and_comes_back() {
    let (provider, gate, project) = held().await;
    let shown = format!("x-api-key: {}", user("ada", &project).await);
    let server = Hefe::serve(project.path(), &[]).await;
    let address = server.base().to_owned();
    let (launch, stream) = (format!("{address}/shop/webhook/launch"), format!("{address}/shop/events"));

    let (code, refused) = curl(&["--fail-with-body", "--json", "{}", &launch]).await;
    let refused: Value = serde_json::from_str(&refused).unwrap();
    assert_eq!((code, &refused["status"]), (22, &json!(401)), "{refused}");

    let mut bars = Stream::open(&stream, &[&shown]);
    let (code, started) =
        curl(&["--fail-with-body", "-H", &shown, "--json", r#"{ "id": 1 }"#, &launch]).await;
    assert_eq!(code, 0, "{started}");
    provider.arrived_at("/first/1", 1).await;
    bars.until("progress", at(1, "running")).await;
    let seen = format!("Last-Event-ID: {}", bars.id);
    server.kill().await;
    let server = again_at(&address, &project).await;
    let mut bars = Stream::open(&stream, &[&shown, &seen]);
    gate.open();
    bars.until("progress", at(3, "succeeded")).await;
    drop(server);
}
