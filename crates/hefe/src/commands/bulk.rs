//! hefe runs cancel and retry without an id: all runs that a filter finds, as one action.

use hyper::Method;
use serde_json::{Map, Value, json};

use crate::{
    client::Client,
    say::{self, Trouble},
};

/// Which runs, where no id is given.
#[derive(clap::Args)]
pub(crate) struct Which {
    /// All of this status
    #[arg(long, conflicts_with = "id")]
    status: Option<String>,
    /// All of this workflow
    #[arg(long, conflicts_with = "id")]
    workflow: Option<String>,
    /// All in this queue
    #[arg(long, conflicts_with = "id")]
    queue: Option<String>,
    /// All of this person
    #[arg(long, conflicts_with = "id")]
    user: Option<String>,
    /// All that failed with this code
    #[arg(long, conflicts_with = "id")]
    code: Option<String>,
    /// All that failed in this element
    #[arg(long, conflicts_with = "id")]
    element: Option<String>,
    /// All that were created then or later, such as 2026-11-25T14:05:00Z
    #[arg(long, conflicts_with = "id")]
    after: Option<String>,
    /// All that were created earlier
    #[arg(long, conflicts_with = "id")]
    before: Option<String>,
    /// All, however they are called
    #[arg(long, conflicts_with = "id")]
    all: bool,
    /// Only say how many there are
    #[arg(long, conflicts_with = "id")]
    preview: bool,
}

impl Which {
    fn filter(&self) -> Map<String, Value> {
        let fields = [
            ("status", &self.status),
            ("workflow", &self.workflow),
            ("queue", &self.queue),
            ("user", &self.user),
            ("code", &self.code),
            ("element", &self.element),
            ("after", &self.after),
            ("before", &self.before),
        ];
        let given = |(name, value): (&str, &Option<String>)| Some((name.to_owned(), json!(value.as_ref()?)));
        fields.into_iter().filter_map(given).collect()
    }
}

/// Asks for it in every system, and prints a line each. Where no server works, it is done here.
pub(crate) async fn act(
    client: &Client,
    systems: &[String],
    which: &Which,
    asked: Value,
) -> Result<(), Trouble> {
    let filter = which.filter();
    if filter.is_empty() && !which.all {
        return Err(Trouble::new(
            "no run is named",
            "give an id, a filter such as `--workflow NAME`, or `--all`",
        ));
    }
    let mut body = asked;
    body["filter"] = Value::Object(filter);
    body["preview"] = json!(which.preview);
    for system in systems {
        let path = format!("/{system}/runs/bulk");
        let mut answer = client.send(Method::POST, &path, Some(body.to_string())).await?.good()?;
        if let (Some(home), false) = (&client.home, which.preview) {
            home.engine.work_off_bulk().await.map_err(|error| home.trouble(&error))?;
            let id = answer.get("action").and_then(Value::as_str).unwrap_or_default();
            answer = client.get(&format!("{path}/{id}")).await?;
        }
        say::line(&answer.to_string());
    }
    Ok(())
}
