//! All findings of a system: what loading found and what the rules find, as grave as the settings say, without what a file
//! allows.

use std::collections::{BTreeMap, HashMap, HashSet};

use recipe::Value;
use workflow::{Catalog, Diagnostic, Severity, Sources, Step, System, nearest};

use crate::{rule::Found, rules::rules, view::View};

/// What hefe.toml says of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen {
    /// It is that grave.
    Severity(Severity),
    /// It is not looked for.
    Off,
}

/// How grave findings are, where it is not as their rules say.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// By code.
    pub codes: BTreeMap<String, Chosen>,
}

/// Every finding of a system, in order of path and place.
pub fn check(
    system: &System,
    sources: &Sources<'_>,
    catalog: &Catalog,
    settings: &Settings,
) -> Vec<Diagnostic> {
    let view = View::new(system, sources, catalog);
    let looked_for = rules().iter().filter(|rule| settings.codes.get(rule.code) != Some(&Chosen::Off));
    let mut all = system.findings.clone();
    all.extend(looked_for.flat_map(|rule| Found::of(rule, &view)));
    let allowed = allowed(sources, &mut all);
    all.retain_mut(|finding| {
        // What keeps a file from loading is an error whatever anybody says.
        if refuses(finding) {
            return true;
        }
        match settings.codes.get(finding.code) {
            Some(Chosen::Off) => return false,
            Some(Chosen::Severity(severity)) => finding.severity = *severity,
            None => {}
        }
        !allowed.get(&*finding.place.path).is_some_and(|codes| codes.contains(finding.code))
    });
    all.sort_by(|a, b| {
        let key = |finding: &Diagnostic| (finding.place.line, finding.place.column, finding.code);
        (&a.place.path, key(a)).cmp(&(&b.place.path, key(b)))
    });
    all
}

fn refuses(finding: &Diagnostic) -> bool {
    finding.severity == Severity::Error
}

/// `job.allow` of each file; a code that there is none of is found.
fn allowed(sources: &Sources<'_>, found: &mut Vec<Diagnostic>) -> HashMap<String, HashSet<String>> {
    let mut all = HashMap::new();
    for path in sources.paths() {
        let steps = [Step::Key("job"), Step::Key("allow")];
        let Some(Value::List(list)) = sources.value(path, &steps) else { continue };
        let mut codes = HashSet::new();
        for (at, code) in list.iter().enumerate() {
            let code = code.to_text();
            if let Some(says) = unknown(&code) {
                let steps = [steps[0], steps[1], Step::At(at)];
                found.push(Diagnostic {
                    code: "HF011",
                    severity: Severity::Warning,
                    place: sources.place(path, &steps, workflow::Spot::Value),
                    element: None,
                    says,
                    help: nearest(&code, rules().iter().map(|rule| rule.code)).map_or_else(
                        || "`hefe explain` lists the codes".to_owned(),
                        |code| format!("did you mean `{code}`?"),
                    ),
                });
            }
            codes.insert(code);
        }
        all.insert(path.to_owned(), codes);
    }
    all
}

fn unknown(code: &str) -> Option<String> {
    let known = rules().iter().any(|rule| rule.code == code);
    (!known).then(|| format!("no finding has the code `{code}`"))
}
