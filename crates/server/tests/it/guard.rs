//! Who may speak to a server that nobody signs in to.

use bytes::Bytes;
use engine::Stop;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixListener, UnixStream},
    sync::watch,
};

use crate::{
    doors::{known, user},
    scene::{Scene, hook},
};

async fn scene() -> Scene {
    let go = json!({ "name": "go", "type": "flow/stop" });
    Scene::of(
        &[
            ("go", hook("go", "go2", &[json!({ "name": "go2", "type": "flow/stop" })])),
            ("x", hook("x", "go", &[go])),
        ],
        None,
    )
    .await
}

#[tokio::test]
async fn other_hosts_proxies_and_origins_are_refused() {
    let scene = scene().await;
    let status = async |method: &str, path: &str, header: (&str, &str)| {
        scene.client.request(method, path, &[header], Bytes::new()).await.status
    };
    for path in ["/healthz", "/main/runs", "/main/events", "/ui"] {
        assert_eq!(status("GET", path, ("host", "example.com")).await, 403, "{path}");
    }
    assert_eq!(status("GET", "/main/runs", ("x-forwarded-for", "10.0.0.1")).await, 403);
    assert_eq!(status("GET", "/main/runs", ("forwarded", "for=10.0.0.1")).await, 403);
    assert_eq!(status("GET", "/main/runs", ("host", "localhost:80")).await, 200);
    assert_eq!(status("POST", "/main/webhook/go", ("origin", "http://example.com")).await, 403);
    assert_eq!(status("POST", "/main/webhook/go", ("sec-fetch-site", "cross-site")).await, 403);
    scene.inside("go", &json!({})).await;
    assert_eq!(
        scene.client.get("/main/runs").await.json()["items"].as_array().unwrap().len(),
        1,
        "refused is not run"
    );
    scene.stop().await;
}

#[tokio::test]
async fn a_request_names_one_host() {
    let scene = scene().await;
    let address = scene.client.base().strip_prefix("http://").unwrap();
    let status = async |head: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /healthz {head}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    for signed in [false, true] {
        if signed {
            let key = user(&scene, "ada", "admin", None).await;
            known(&scene, &key).await;
        }
        for (head, says) in [
            ("HTTP/1.1", "400"),
            ("HTTP/1.1\r\nhost: localhost\r\nhost: localhost", "400"),
            ("HTTP/1.0\r\nhost: localhost\r\nhost: localhost", "400"),
            ("HTTP/1.1\r\nhost: localhost", "200"),
            ("HTTP/1.0", if signed { "200" } else { "403" }),
        ] {
            assert_eq!(status(head).await, says, "{head}");
        }
    }
    scene.stop().await;
}

#[tokio::test]
async fn a_socket_file_takes_any_host() {
    let scene = scene().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let (stop, stopped) = watch::channel(Stop::No);
    let site = server::site(scene.engine.clone(), server::Settings::default()).await.unwrap();
    let served = tokio::spawn(server::serve(listener, site, stopped));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"GET /main/runs HTTP/1.1\r\nhost: hefe\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    stop.send(Stop::Soon).unwrap();
    served.await.unwrap();
    scene.stop().await;
}
