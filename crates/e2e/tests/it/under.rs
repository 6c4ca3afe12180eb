//! `--base-path`: everything under one path of a host.

use serde_json::{Value, json};
use testkit::{process::Hefe, project::Project};

use crate::approval;

#[tokio::test]
async fn a_path_that_is_none_is_refused() {
    let project = Project::new();
    let path = project.path().to_str().unwrap();
    for base in [
        "hefe", "/", "/hefe/", "//hefe", "/a//b", "/..", "/a/../b", "/v1.2", "/a b", "/a%2fb", "/<b>",
        "/a?b", "/ä",
    ] {
        let output =
            testkit::process::run(["serve", path, "--listen", "127.0.0.1:0", "--base-path", base]).await;
        let says = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.code() == Some(2) && says.contains("give `--base-path` a path"),
            "{base}: {says}"
        );
    }
}

#[tokio::test]
async fn everything_begins_with_the_path_and_commands_need_not_know() {
    let project = Project::new();
    project.settings("base_path = \"/apps/hefe\"\npublic_url = \"https://example.com\"\n");
    let (hefe, link, run) = approval::scene(&project, &[]).await;
    assert!(hefe.base().ends_with("/apps/hefe"), "{}", hefe.base());
    let path = link.strip_prefix("https://example.com/apps/hefe").unwrap_or_else(|| panic!("{link}"));
    let client = hefe.client();
    let page = client.get(path).await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("href=\"../../../ui/assets/hefe.css"), "{}", page.text());
    let bare = testkit::client::Client::new(hefe.base().strip_suffix("/apps/hefe").unwrap());
    for (path, status) in [
        ("/healthz", 200),
        ("/readyz", 200),
        ("/metrics", 200),
        ("/ui", 404),
        ("/office/runs", 404),
        ("/apps", 404),
        ("/apps/hefery", 404),
    ] {
        assert_eq!(bare.get(path).await.status, status, "{path}");
    }
    assert!(bare.get("/ui").await.text().contains("everything is under /apps/hefe"));
    for path in ["/apps/hefe", "/apps/hefe/", "/apps/hefe?x=1"] {
        assert_eq!(bare.get(path).await.header("location"), Some("/apps/hefe/ui"), "{path}");
    }
    assert_eq!(client.get("/healthz").await.status, 200);
    assert_eq!(client.get("/openapi.json").await.json()["servers"], json!([{ "url": "/apps/hefe" }]));
    let bulk = client.post("/office/runs/bulk", &json!({ "action": "cancel" })).await;
    let place = bulk.header("location").unwrap().strip_prefix("/apps/hefe").unwrap().to_owned();
    assert_eq!(client.get(&place).await.status, 200);
    let command = ["runs", "show", &run, "--json", "--project", project.path().to_str().unwrap()];
    let shown = testkit::process::run(command).await;
    assert_eq!(serde_json::from_slice::<Value>(&shown.stdout).unwrap()["id"], run);
}

#[tokio::test]
async fn a_public_url_that_names_the_path_is_left_as_it_is() {
    for (url, begins) in [
        ("https://example.com/hefe/", "https://example.com/hefe/office/"),
        ("https://hefe", "https://hefe/hefe/office/"),
    ] {
        let project = Project::new();
        let (_hefe, link, _) =
            approval::scene(&project, &["--base-path", "/hefe", "--public-url", url]).await;
        assert!(link.starts_with(begins), "{link}");
    }
}

#[tokio::test]
async fn without_a_path_the_description_says_the_root() {
    let project = Project::new();
    let hefe = Hefe::serve(project.path(), &[]).await;
    assert_eq!(hefe.client().get("/openapi.json").await.json()["servers"], json!([{ "url": "/" }]));
}
