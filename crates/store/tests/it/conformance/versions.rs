use store::Version;

use super::{Open, close};

pub(crate) async fn the_same_content_is_the_same_version(open: &Open<'_>) {
    let version = |text: &str| Version {
        system: "shop".into(),
        files: vec![("workflows/a.workflow.json".into(), text.as_bytes().into())],
    };
    let store = open();
    let first = store.publish(version("one")).await.unwrap();
    let second = store.publish(version("two")).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(store.publish(version("one")).await.unwrap(), first);
    close(store).await;
    let store = open();
    assert_eq!(store.current().await.unwrap(), [("shop".into(), first)]);
    assert_eq!(store.version(second).await.unwrap(), Some(version("two")));
    close(store).await;
}

pub(crate) async fn a_secret_is_made_once(open: &Open<'_>) {
    let store = open();
    assert_eq!(store.secret("signals", [1; 32]).await.unwrap(), [1; 32]);
    assert_eq!(store.secret("other", [2; 32]).await.unwrap(), [2; 32]);
    close(store).await;
    let store = open();
    assert_eq!(store.secret("signals", [3; 32]).await.unwrap(), [1; 32]);
    close(store).await;
}
