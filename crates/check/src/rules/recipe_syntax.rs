//! HF005: expressions that do not compile.

use workflow::Severity;

use crate::Rule;

pub(super) static RULE: Rule = Rule {
    code: "HF005",
    title: "an expression has a mistake",
    severity: Severity::Error,
    why: "An expression is compiled as its file loads; one that is none could only fail.",
    bad: &[r#"
{ "identifier": "Sum", "elements": [
  { "name": "sum", "type": "op/recipe", "options": { "recipe": "1 + " } } ] }
"#],
    good: &[r#"
{ "identifier": "Sum", "elements": [
  { "name": "sum", "type": "op/recipe", "options": { "recipe": "1 + 2" } } ] }
"#],
    fix: "Mend the expression at the place that is shown; `hefe recipe EXPR` evaluates one.",
    find: None,
};
