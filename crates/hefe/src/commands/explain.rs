//! hefe explain: the page of a finding's code.

use std::process::ExitCode;

use crate::say::{self, Trouble};

/// Its arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Such as HF018; without one, all codes
    #[arg(value_name = "CODE")]
    code: Option<String>,
    /// Print the pages of all codes as Markdown: docs/check.md
    #[arg(long, conflicts_with = "code")]
    all: bool,
}

pub(crate) fn main(args: &Args) -> ExitCode {
    let Some(code) = &args.code else {
        if args.all {
            say::line(check::page().trim_end());
        } else {
            let rules = check::rules().iter();
            rules.for_each(|rule| {
                say::line(&format!("{}  {:<7}  {}", rule.code, rule.severity.word(), rule.title))
            });
        }
        return ExitCode::SUCCESS;
    };
    match check::explain(code) {
        Some(page) => {
            say::line(&page);
            ExitCode::SUCCESS
        }
        None => {
            let codes = check::rules().iter().map(|rule| rule.code);
            let nearest = workflow::nearest(&code.to_uppercase(), codes);
            let help = nearest.map_or_else(
                || "`hefe explain` lists the codes".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            Trouble::new(format!("no finding has the code `{code}`"), help).exit()
        }
    }
}
