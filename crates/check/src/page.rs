//! A rule's page, and the page of all of them (docs/check.md).

use std::fmt::Write;

use crate::{Rule, rules::rules};

/// The page of one code, for a terminal; None: no rule has it.
pub fn explain(code: &str) -> Option<String> {
    let rule = rules().iter().find(|rule| rule.code.eq_ignore_ascii_case(code))?;
    let Rule { code, title, severity, why, fix, .. } = rule;
    let mut page = format!("{code}: {title} ({})\n\n{why}\n", severity.word());
    // Writing to a string does not fail.
    for (head, files) in [("Bad", rule.bad), ("Good", rule.good)] {
        for file in files {
            let _ = write!(page, "\n{head}:\n\n{}\n", indented(file));
        }
    }
    let _ = write!(page, "\n{fix}");
    Some(page)
}

fn indented(text: &str) -> String {
    let lines: Vec<String> = text.trim_matches('\n').lines().map(|line| format!("    {line}")).collect();
    lines.join("\n")
}

/// The page of all rules, as Markdown.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for rule in rules() {
        let _ = writeln!(
            page,
            "| [{code}](#{anchor}) | {title} | {severity} |",
            code = rule.code,
            anchor = rule.code.to_lowercase(),
            title = rule.title,
            severity = rule.severity.word(),
        );
    }
    for rule in rules() {
        let _ = write!(page, "\n## {}\n\n{}: {}.\n\n{}\n", rule.code, word(rule), rule.title, rule.why);
        for (head, files) in [("Bad:", rule.bad), ("Good:", rule.good)] {
            if !files.is_empty() {
                let _ = write!(page, "\n{head}\n");
            }
            for file in files {
                let _ = write!(page, "\n```json\n{}\n```\n", file.trim_matches('\n'));
            }
        }
        let _ = write!(page, "\n{}\n", rule.fix);
    }
    page
}

fn word(rule: &Rule) -> &'static str {
    match rule.severity {
        workflow::Severity::Error => "Error",
        workflow::Severity::Warning => "Warning",
        workflow::Severity::Info => "Info",
    }
}

const HEAD: &str = "\
# Findings

`hefe check [PATH..]` reads workflows and says what is wrong with them, and what to do. A path is a project, or a folder or file in
one. It exits with 1 if there is an error, with 2 if it could not run. `--format json` prints a list of {code, severity, path, line,
column, element, says, help}; `--format github` annotates the lines of a pull request. `hefe explain CODE` shows one of the pages below.

An error keeps its file from loading. Warnings and infos change neither loading nor the exit code. How grave a finding is, hefe.toml says:

```toml
[check]
HF021 = \"error\"    # or \"warning\", \"info\", \"off\"
```

A file lives with findings that it names: `\"job\": {\"allow\": [\"HF026\"]}`. What keeps a file from loading cannot be set or allowed.

| code | finding | severity |
| --- | --- | --- |
";
