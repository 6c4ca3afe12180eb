//! Faults that people make, put into the examples one at a time: nearly all of them are found, with the code and the element
//! that they are about. The rules know none of this.

use std::path::PathBuf;

use check::Settings;
use serde_json::{Map, Value, json};
use workflow::File;

use crate::found;

/// A fault in one file.
struct Fault {
    kind: &'static str,
    /// The system's files with it.
    files: Vec<(String, String)>,
    /// The file that it is in.
    path: String,
    /// One of these codes finds it.
    codes: &'static [&'static str],
    /// At that element; None: at none.
    element: Option<String>,
}

type Files = Vec<(String, Value)>;

/// The systems of the examples.
fn systems() -> Vec<Files> {
    let examples = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples"));
    let mut all = Vec::new();
    let list = |folder: PathBuf| {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    for example in list(examples) {
        for system in list(example.join("systems")) {
            let files = list(system.join("workflows")).into_iter().map(|path| {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                (name, serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
            });
            all.push(files.collect());
        }
    }
    all
}

/// Collects faults of one file.
struct Maker<'f> {
    files: &'f Files,
    at: usize,
    faults: Vec<Fault>,
}

impl Maker<'_> {
    fn file(&self) -> &Value {
        &self.files[self.at].1
    }

    fn elements(&self) -> Vec<(usize, Value)> {
        self.file()["elements"].as_array().unwrap().iter().cloned().enumerate().collect()
    }

    /// A file that `change` has changed.
    fn add(
        &mut self,
        kind: &'static str,
        codes: &'static [&'static str],
        element: Option<&Value>,
        change: impl FnOnce(&mut Value),
    ) {
        let mut files = self.files.clone();
        change(&mut files[self.at].1);
        if files[self.at].1 == *self.file() {
            return;
        }
        let path = format!("workflows/{}", files[self.at].0);
        let files =
            files.into_iter().map(|(name, file)| (name, serde_json::to_string_pretty(&file).unwrap()));
        let element = element.map(|name| name.as_str().unwrap().to_owned());
        self.faults.push(Fault { kind, files: files.collect(), path, codes, element });
    }
}

/// A name with two letters changed places, or one more.
fn misspelt(name: &str, turn: usize) -> String {
    let mut letters: Vec<char> = name.chars().collect();
    let at = 1 + turn % letters.len().max(2).saturating_sub(2).max(1);
    if letters.len() > 3 && letters[at] != letters[at - 1] {
        letters.swap(at, at - 1)
    } else {
        letters.push('x')
    }
    letters.into_iter().collect()
}

fn rename(map: &mut Value, from: &str, to: &str) {
    let map = map.as_object_mut().unwrap();
    *map = map
        .iter()
        .map(|(key, value)| (if key == from { to.to_owned() } else { key.clone() }, value.clone()))
        .collect();
}

fn remove(of: &mut Value, key: &str) {
    of.as_object_mut().unwrap().remove(key);
}

/// How many edges lead to an element.
fn led_to(file: &Value, name: &str) -> usize {
    let elements = file["elements"].as_array().unwrap().iter();
    let targets = elements.flat_map(|element| element["to"].as_object().into_iter().flat_map(Map::values));
    targets.filter(|targets| targets.get(name).is_some()).count()
}

fn structure(maker: &mut Maker<'_>) {
    for (at, element) in maker.elements() {
        let name = element["name"].clone();
        maker.add("type misspelt", &["HF002"], Some(&name), |file| {
            let kind = element["type"].as_str().unwrap();
            file["elements"][at]["type"] = json!(misspelt(kind, at));
        });
        maker.add("name left out", &["HF003"], None, |file| remove(&mut file["elements"][at], "name"));
        if at > 0 {
            let first = maker.elements()[0].1["name"].clone();
            maker.add("name taken", &["HF003"], Some(&first), |file| {
                file["elements"][at]["name"] = first.clone()
            });
        }
        for key in element["options"].as_object().into_iter().flat_map(Map::keys) {
            maker.add("option misspelt", &["HF009"], Some(&name), |file| {
                rename(&mut file["elements"][at]["options"], key, &misspelt(key, at));
            });
        }
        for key in ["options", "to", "set"].iter().filter(|key| element.get(**key).is_some()) {
            maker.add("wrong JSON type", &["HF008"], Some(&name), |file| {
                file["elements"][at][*key] = json!(3)
            });
            maker.add("key misspelt", &["HF010"], Some(&name), |file| {
                rename(&mut file["elements"][at], key, &misspelt(key, at));
            });
        }
        for (variable, from) in element["set"].as_object().into_iter().flatten() {
            maker.add("binding of no port", &["HF012"], Some(&name), |file| {
                let from = from.as_str().unwrap().replacen(':', "s:", 1);
                file["elements"][at]["set"][variable] = json!(from);
            });
        }
        for (port, targets) in element["to"].as_object().into_iter().flatten() {
            maker.add("output port renamed", &["HF012"], Some(&name), |file| {
                rename(&mut file["elements"][at]["to"], port, &misspelt(port, at));
            });
            for target in targets.as_object().unwrap().keys() {
                maker.add("target renamed", &["HF013"], Some(&name), |file| {
                    rename(&mut file["elements"][at]["to"][port], target, &misspelt(target, at));
                });
                maker.add("input port renamed", &["HF012"], Some(&name), |file| {
                    file["elements"][at]["to"][port][target] = json!(["defualt"]);
                });
                let lost = led_to(maker.file(), target) == 1;
                let error = port == "error";
                if lost {
                    // Without an event nobody knows then where it starts.
                    maker.add("target lost", &["HF019", "HF006"], Some(&json!(target)), |file| {
                        remove(&mut file["elements"][at]["to"][port], target);
                    });
                } else if error {
                    maker.add("error edge removed", &["HF026"], Some(&name), |file| {
                        remove(&mut file["elements"][at]["to"], port);
                    });
                }
            }
        }
    }
}

/// Texts with expressions: where they stand, and what they are.
fn texts(value: &Value, steps: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => found.push((steps.to_owned(), text.clone())),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| texts(item, &format!("{steps}/{at}"), found));
        }
        Value::Object(map) => map
            .iter()
            .for_each(|(key, value)| texts(value, &format!("{steps}/{}", key.replace('/', "~1")), found)),
        _ => {}
    }
}

fn expressions(maker: &mut Maker<'_>, given: bool) {
    for (at, element) in maker.elements() {
        let name = element["name"].clone();
        let mut found = Vec::new();
        texts(&element["options"], &format!("/elements/{at}/options"), &mut found);
        for (steps, text) in found {
            let recipe =
                ["/condition", "/recipe", "/collect", "/recipes/"].iter().any(|part| steps.contains(part));
            if recipe {
                maker.add("expression broken", &["HF005"], Some(&name), |file| {
                    *file.pointer_mut(&steps).unwrap() = json!(format!("{text} +"));
                });
            }
            for (start, _) in text.match_indices('$') {
                let word: String =
                    text[start + 1..].chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
                if word.len() > 2 && given {
                    maker.add("variable misspelt", &["HF018"], Some(&name), |file| {
                        let wrong =
                            text.replacen(&format!("${word}"), &format!("${}", misspelt(&word, at)), 1);
                        *file.pointer_mut(&steps).unwrap() = json!(wrong);
                    });
                }
                if text[start..].starts_with("${") {
                    maker.add("bracket lost", &["HF005"], Some(&name), |file| {
                        *file.pointer_mut(&steps).unwrap() = json!(text.replacen('}', "", 1));
                    });
                }
            }
        }
        if element["type"] == "action/run" {
            maker.add("workflow misspelt", &["HF011"], Some(&name), |file| {
                let called = element["options"]["workflow"].as_str().unwrap();
                file["elements"][at]["options"]["workflow"] = json!(misspelt(called, at));
            });
            maker.add("run at once", &["HF021"], Some(&name), |file| {
                file["elements"][at]["options"]["async"] = json!(false);
            });
        }
    }
}

fn people(maker: &mut Maker<'_>) {
    let raw = maker.elements().into_iter().find(|(_, element)| element["type"] == "api/http");
    let in_background = maker.file()["async"] == true;
    for (at, element) in maker.elements() {
        let name = element["name"].clone();
        let shows = ["action/notify", "cast/progress", "action/response"];
        let kind = element["type"].as_str().unwrap();
        if let Some((call, _)) = raw.as_ref().filter(|_| shows.contains(&kind)) {
            maker.add("raw body", &["HF027"], Some(&name), |file| {
                file["elements"][*call]["set"]["rawBody"] = json!("default:");
                let options = &mut file["elements"][at]["options"];
                match kind {
                    "action/notify" => options["notification"]["message"] = json!("it says $rawBody.text"),
                    "cast/progress" => options["statusMessage"] = json!("$rawBody"),
                    _ => options["body"] = json!({ "it": "$rawBody" }),
                }
            });
        }
        match element["type"].as_str().unwrap() {
            "action/notify" if in_background => {
                maker.add("toast in the background", &["HF022"], Some(&name), |file| {
                    file["elements"][at]["options"]["toast"] = json!({ "message": "done" });
                });
            }
            "action/response" if in_background => {
                maker.add("status in the background", &["HF022"], Some(&name), |file| {
                    file["elements"][at]["options"]["status"] = json!(201);
                });
            }
            "api/http" => {
                maker.add("secret in the file", &["HF035"], Some(&name), |file| {
                    file["elements"][at]["options"]["auth"] = json!({ "bearer": "9f86d081884c7d65" });
                });
                maker.add("error bound alone", &["HF026"], Some(&name), |file| {
                    file["elements"][at]["set"]["why"] = json!("error:");
                    if file["elements"][at]["to"].is_object() {
                        remove(&mut file["elements"][at]["to"], "error");
                    }
                });
            }
            "cast/progress" if element["options"]["progress"] == 4 => {
                maker.add("total never reached", &["HF024"], Some(&name), |file| {
                    file["elements"][at]["options"]["progress"] = json!(3);
                });
            }
            "cast/progress" if element["options"].get("status").is_some() => {
                maker.add("bar left open", &["HF024"], None, |file| {
                    remove(&mut file["elements"][at]["options"], "status")
                });
            }
            "op/pick" => maker.add("cleaning left out", &["HF027"], None, |file| {
                file["elements"][at]["type"] = json!("op/set");
                file["elements"][at]["options"] = json!({});
            }),
            _ => {}
        }
        let titled =
            |element: &Value| element["type"] == "cast/progress" && element["options"].get("title").is_some();
        if titled(&element) && maker.elements().iter().filter(|(_, other)| titled(other)).count() > 1 {
            maker.add("another title", &["HF025"], None, |file| {
                file["elements"][at]["options"]["title"] = json!("Another")
            });
        }
    }
}

fn starts(maker: &mut Maker<'_>) {
    let file = maker.file().clone();
    let path = |key: &str, value: Value| {
        let key = key.to_owned();
        move |file: &mut Value| *file.pointer_mut(&key).unwrap() = value
    };
    maker.add("entry of no element", &["HF006"], None, |file| file["entry"] = json!("nowhere"));
    maker.add("job misspelt", &["HF010"], None, |file| file["job"] = json!({ "atempts": 3 }));
    maker.add("attempts as text", &["HF008"], None, |file| file["job"] = json!({ "attempts": "three" }));
    if file["async"] == true {
        let cron = file["events"][0]["type"] == "cron";
        maker.add("async dropped", if cron { &["HF028"] } else { &["HF021"] }, None, |file| {
            remove(file, "async")
        });
        maker.add("async misspelt", &["HF010"], None, |file| rename(file, "async", "asnyc"));
    }
    for at in 0..file["events"].as_array().map_or(0, Vec::len) {
        let event = &file["events"][at];
        maker.add(
            "event of no element",
            &["HF007"],
            None,
            path(&format!("/events/{at}/identifier"), json!("nobody")),
        );
        maker.add("event of no type", &["HF007"], None, path(&format!("/events/{at}/type"), json!("corn")));
        if event["type"] != "cron" {
            continue;
        }
        let expression = format!("/events/{at}/expression");
        maker.add("no such hour", &["HF015"], None, path(&expression, json!("0 25 * * *")));
        maker.add("a field too few", &["HF015"], None, path(&expression, json!("0 4 * *")));
        maker.add("never due", &["HF016"], None, path(&expression, json!("0 4 31 2 *")));
        maker.add("in a gap", &["HF031"], None, path(&expression, json!("30 2 * * *")));
        maker.add(
            "no such zone",
            &["HF015"],
            None,
            path(&format!("/events/{at}/timezone"), json!("Europe/Berlyn")),
        );
        for (element, log) in maker.elements() {
            if log["type"] == "action/log" && log["options"].get("level").is_none() {
                maker.add("no summary", &["HF030"], None, |file| {
                    file["elements"][element]["type"] = json!("op/set");
                    file["elements"][element]["options"] = json!({});
                });
            }
            let counts =
                log["options"]["condition"].as_str().is_some_and(|condition| condition.contains(">="));
            if counts {
                maker.add("bound lost", &["HF032"], None, |file| {
                    file["elements"][element]["options"]["condition"] = json!("this.ready");
                });
            }
        }
    }
}

fn faults() -> Vec<Fault> {
    let mut all = Vec::new();
    for files in systems() {
        for at in 0..files.len() {
            let mut maker = Maker { files: &files, at, faults: Vec::new() };
            structure(&mut maker);
            let called = files.iter().any(|(_, file)| {
                let elements = file["elements"].as_array().unwrap().iter();
                elements
                    .into_iter()
                    .any(|element| element["options"]["workflow"] == files[at].1["identifier"])
            });
            expressions(&mut maker, called || files[at].1.get("events").is_some());
            people(&mut maker);
            starts(&mut maker);
            all.append(&mut maker.faults);
        }
    }
    all
}

impl Fault {
    fn is_found(&self) -> bool {
        let files: Vec<File> = self
            .files
            .iter()
            .map(|(name, text)| File { path: format!("workflows/{name}"), bytes: text.as_bytes().into() })
            .collect();
        found(&files, &Settings::default()).iter().any(|finding| {
            self.codes.contains(&finding.code)
                && *finding.place.path == self.path
                && finding.place.line > 0
                && self.element.as_deref().is_none_or(|element| finding.element.as_deref() == Some(element))
        })
    }
}

#[test]
fn nearly_every_fault_is_found_where_it_is() {
    let faults = faults();
    let missed: Vec<&Fault> = faults.iter().filter(|fault| !fault.is_found()).collect();
    let share = 1.0 - missed.len() as f64 / faults.len() as f64;
    let list: Vec<String> = missed
        .iter()
        .map(|fault| format!("{}: {} {}", fault.kind, fault.path, fault.element.as_deref().unwrap_or("-")))
        .collect();
    assert!(faults.len() >= 500, "{}", faults.len());
    assert!(share >= 0.95, "{share}:\n{}", list.join("\n"));
}
