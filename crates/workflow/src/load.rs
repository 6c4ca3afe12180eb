//! Files to graphs. Each file is read on its own: what is wrong in one leaves the others alone.

mod described;
mod element;
mod file;
mod schedule;
mod shape;
mod sources;
mod words;

pub(crate) use described::{Described, element_keys, event_keys, file_keys};
pub use sources::{Sources, Spot, Step};
pub use words::nearest;

use std::{collections::HashMap, ops::Range, sync::Arc};

use crate::{
    Catalog, Diagnostic, Graph, Place, Severity, System,
    json::{self, Node},
};

/// The largest workflow file, bytes.
const FILE_BYTES_MAX: usize = 10 << 20;

/// How much of a source line is shown, characters.
const LINE_CHARS_MAX: usize = 200;

/// How much of a long line is shown before the place that is meant, characters.
const BEFORE_CHARS_MAX: usize = 60;

/// A file of a system's folder.
#[derive(Debug, Clone)]
pub struct File {
    /// Path within the system's folder, with forward slashes.
    pub path: String,
    /// Its content.
    pub bytes: Arc<[u8]>,
}

/// Reads every `workflows/**/NAME.workflow.json`. A file with an error does not load; the others do.
pub fn load(system: &str, files: &[File], catalog: &Catalog) -> System {
    load_with_sources(system, files, catalog).0
}

/// The same, and the files as they were read, for whoever looks for places in them.
pub fn load_with_sources<'a>(system: &str, files: &'a [File], catalog: &Catalog) -> (System, Sources<'a>) {
    let mut loaded = System { name: system.into(), ..System::default() };
    let is_workflow =
        |file: &&File| file.path.starts_with("workflows/") && file.path.ends_with(".workflow.json");
    let mut named: Vec<(Source<'_>, file::Mentions)> = Vec::new();
    // Which of two files with one identifier loads must not hang on the order in which a folder was read.
    let mut files: Vec<&File> = files.iter().filter(is_workflow).collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    for file in files {
        let mut source = match Source::read(file) {
            Ok(source) => source,
            Err(finding) => {
                loaded.broken.push((stem(&file.path), (*finding).clone()));
                loaded.findings.push(*finding);
                continue;
            }
        };
        let (graph, mentions) = file::read(&mut source, catalog);
        if let Some(first) = loaded.workflows.get(&graph.identifier) {
            let says = format!("two workflows have the identifier `{}`", graph.identifier);
            let help = format!("give each its own; the first stands in `{}`", first.path);
            source.error("HF004", mentions.identifier.clone(), None, says, &help);
        }
        match source.first_error() {
            Some(finding) => {
                let events = graph.events.iter().map(|event| event.identifier.clone());
                let names: Vec<_> = events.chain([graph.identifier.clone()]).collect();
                loaded.broken.extend(names.into_iter().map(|name| (name, finding.clone())));
            }
            None => drop(loaded.workflows.insert(graph.identifier.clone(), Arc::new(graph))),
        }
        named.push((source, mentions));
    }
    let mut sources = Vec::with_capacity(named.len());
    for (mut source, mentions) in named {
        missing_workflows(&mut source, &mentions, &loaded);
        loaded.findings.append(&mut source.findings);
        sources.push(source);
    }
    loaded.findings.sort_by(|a, b| {
        (&a.place.path, a.place.line, a.place.column).cmp(&(&b.place.path, b.place.line, b.place.column))
    });
    (loaded, Sources::of(sources))
}

/// A name that points outside the file and hits nothing is a warning: it may come later.
fn missing_workflows(source: &mut Source<'_>, mentions: &file::Mentions, loaded: &System) {
    for (name, element, span) in &mentions.workflows {
        let there = loaded.workflows.contains_key(&**name) || loaded.broken.iter().any(|(id, _)| id == name);
        if !there {
            let says = format!("there is no workflow `{name}`");
            let help = words::nearest(name, loaded.workflows.keys().map(|key| &**key));
            source.warn(
                "HF011",
                span.clone(),
                Some(element),
                says,
                &help_or(help, "add it, or mend the name"),
            );
        }
    }
}

fn help_or(nearest: Option<String>, otherwise: &str) -> String {
    nearest.map_or_else(|| otherwise.to_owned(), |name| format!("did you mean `{name}`?"))
}

fn stem(path: &str) -> Arc<str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.trim_end_matches(".workflow.json").into()
}

/// A file that is being read, and what has been found in it.
struct Source<'a> {
    path: Arc<str>,
    text: &'a str,
    root: Arc<Node>,
    /// Where each line begins.
    lines: Vec<usize>,
    findings: Vec<Diagnostic>,
}

impl<'a> Source<'a> {
    fn read(file: &'a File) -> Result<Source<'a>, Box<Diagnostic>> {
        let path: Arc<str> = file.path.as_str().into();
        let whole = |says: String, help: &str| {
            Box::new(Diagnostic {
                code: "HF001",
                severity: Severity::Error,
                place: Place { path: path.clone(), ..Place::default() },
                element: None,
                says,
                help: help.to_owned(),
            })
        };
        if file.bytes.len() > FILE_BYTES_MAX {
            return Err(whole(
                format!("the file is over {} MiB", FILE_BYTES_MAX >> 20),
                "cut it into workflows that run one another",
            ));
        }
        let bytes = file.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&file.bytes);
        let text = std::str::from_utf8(bytes).map_err(|error| {
            // What stands before the place is the same in both texts.
            let (at, shown) = (error.valid_up_to(), String::from_utf8_lossy(bytes));
            let (says, help) = ("the file is no UTF-8".into(), "save it as UTF-8");
            Box::new(Source::of(path.clone(), &shown).finding(
                "HF001",
                Severity::Error,
                at..at + 1,
                None,
                says,
                help,
            ))
        })?;
        let mut source = Source::of(path.clone(), text);
        match json::parse(text) {
            Ok(root) if matches!(root.kind, json::Kind::Object(_)) => source.root = Arc::new(root),
            Ok(root) => {
                let says = format!("a workflow is an object, and this is {}", root.type_name());
                return Err(Box::new(source.finding(
                    "HF001",
                    Severity::Error,
                    root.span,
                    None,
                    says,
                    "begin the file with {",
                )));
            }
            Err(wrong) => {
                return Err(Box::new(source.finding(
                    "HF001",
                    Severity::Error,
                    wrong.span,
                    None,
                    wrong.says,
                    wrong.help,
                )));
            }
        }
        Ok(source)
    }

    fn of(path: Arc<str>, text: &'a str) -> Source<'a> {
        let mut lines = vec![0];
        lines.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        let root = Node { span: 0..0, kind: json::Kind::Object(Vec::new()) };
        Source { path, text, root: Arc::new(root), lines, findings: Vec::new() }
    }

    fn first_error(&self) -> Option<Diagnostic> {
        self.findings.iter().find(|finding| finding.severity == Severity::Error).cloned()
    }

    fn error(
        &mut self,
        code: &'static str,
        span: Range<usize>,
        element: Option<&Arc<str>>,
        says: String,
        help: &str,
    ) {
        let finding = self.finding(code, Severity::Error, span, element, says, help);
        self.findings.push(finding);
    }

    fn warn(
        &mut self,
        code: &'static str,
        span: Range<usize>,
        element: Option<&Arc<str>>,
        says: String,
        help: &str,
    ) {
        let finding = self.finding(code, Severity::Warning, span, element, says, help);
        self.findings.push(finding);
    }

    fn finding(
        &self,
        code: &'static str,
        severity: Severity,
        span: Range<usize>,
        element: Option<&Arc<str>>,
        says: String,
        help: &str,
    ) -> Diagnostic {
        let place = self.place(span);
        Diagnostic { code, severity, place, element: element.cloned(), says, help: help.to_owned() }
    }

    fn place(&self, span: Range<usize>) -> Place {
        let line = self.lines.partition_point(|start| *start <= span.start).max(1) - 1;
        let start = self.lines[line];
        let end = self.lines.get(line + 1).map_or(self.text.len(), |next| next - 1);
        let source = self.text.get(start..end).unwrap_or_default().trim_end_matches('\r');
        let chars = |from: usize, to: usize| self.text.get(from..to).map_or(0, |text| text.chars().count());
        let column = chars(start, span.start) + 1;
        let width = chars(span.start, span.end.min(end).max(span.start)).max(1);
        // Of a file in one line, the part around the place is what helps.
        let long = source.chars().nth(LINE_CHARS_MAX).is_some();
        let cut = if long { (column - 1).saturating_sub(BEFORE_CHARS_MAX) } else { 0 };
        Place {
            path: self.path.clone(),
            line: line as u32 + 1,
            column: column as u32,
            width: width as u32,
            cut: cut as u32,
            source: source.chars().skip(cut).take(LINE_CHARS_MAX).collect::<String>().into(),
        }
    }
}

/// Element names to indices.
type Names = HashMap<Arc<str>, u32>;

impl Graph {
    /// The index of the element of that name.
    pub fn element(&self, name: &str) -> Option<u32> {
        self.elements.iter().position(|element| &*element.name == name).map(|index| index as u32)
    }
}
