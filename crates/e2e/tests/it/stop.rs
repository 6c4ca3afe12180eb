//! How a server ends: what asks nothing is closed at once, what is under way is waited for, and a second signal ends that.

use testkit::{process::Hefe, project::Project};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn sent(hefe: &Hefe, bytes: &str) -> TcpStream {
    let mut stream = TcpStream::connect(hefe.base().strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    stream
}

/// What the server still says; it has closed the connection then.
async fn rest(stream: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    // One that was closed with bytes in it that nobody read is reset.
    let _ = stream.read_to_end(&mut rest).await;
    String::from_utf8(rest).unwrap()
}

/// A connection whose answer has been read: the server has taken those that were opened before, too.
async fn kept(hefe: &Hefe) -> TcpStream {
    let mut stream = sent(hefe, "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    stream
}

#[tokio::test]
async fn a_connection_that_asks_nothing_holds_no_stop_up() {
    let project = Project::new();
    let mut hefe = Hefe::serve(project.path(), &[]).await;
    let mut half = sent(&hefe, "GET /healthz HT").await;
    let mut silent = sent(&hefe, "").await;
    let mut kept = kept(&hefe).await;
    hefe.terminate();
    assert!(hefe.wait().await.success());
    assert!(!hefe.messages().iter().any(|line| line.contains("cut off")), "{:?}", hefe.messages());
    assert_eq!(rest(&mut half).await + &rest(&mut silent).await, "");
    rest(&mut kept).await;
}

#[tokio::test]
async fn an_answer_under_way_is_waited_for_and_a_second_signal_ends_that() {
    let project = Project::new();
    let mut hefe = Hefe::serve(project.path(), &[]).await;
    let head = "POST /ui/signin HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 5\r\n";
    let expects = format!("{head}expect: 100-continue\r\n\r\n");
    let (mut finished, mut left) = (sent(&hefe, &expects).await, sent(&hefe, &expects).await);
    for stream in [&mut finished, &mut left] {
        // The handler asks for the body: the request is in service.
        let mut first = [0; 25];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 100 Continue\r\n\r\n");
    }
    let mut kept = kept(&hefe).await;
    hefe.terminate();
    rest(&mut kept).await;
    finished.write_all(b"key=x").await.unwrap();
    let answer = rest(&mut finished).await;
    assert!(answer.starts_with("HTTP/1.1 ") && answer.contains("</html>"), "{answer}");
    hefe.terminate();
    assert!(hefe.wait().await.success());
    hefe.message("told to stop at once").await;
    assert_eq!(rest(&mut left).await, "");
}
