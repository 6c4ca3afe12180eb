//! hefe recipe: evaluates an expression, or prints its tree.

use std::{
    io::{BufRead, IsTerminal, Write, stderr, stdin, stdout},
    process::ExitCode,
};

use recipe::{Context, Limits, Map, NoFacts, Recipe, Value};

use crate::say;

/// Its arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The expression; without one, a prompt
    #[arg(allow_hyphen_values = true, value_name = "EXPR")]
    text: Option<String>,
    /// What `this` is; its fields are variables too
    #[arg(long, value_name = "JSON")]
    input: Option<String>,
    /// Print the tree as JSON instead of the value
    #[arg(long)]
    ast: bool,
}

pub(crate) fn main(args: &Args) -> ExitCode {
    let input = match args.input.as_deref().map(Value::from_json).transpose() {
        Ok(input) => input.unwrap_or_default(),
        Err(error) => {
            return say::error(
                &format!("`--input` is no JSON: {error}"),
                "quote it for the shell: '{\"a\": 1}'",
            );
        }
    };
    match &args.text {
        Some(text) => answer(text, &input, args.ast),
        None => prompt(&input, args.ast),
    }
}

fn answer(text: &str, input: &Value, ast: bool) -> ExitCode {
    match evaluate(text, input, ast) {
        Ok(value) => {
            say::line(&value);
            ExitCode::SUCCESS
        }
        Err(error) => {
            say::note(&error.render(text));
            ExitCode::FAILURE
        }
    }
}

/// The value, or the tree, as JSON.
fn evaluate(text: &str, input: &Value, ast: bool) -> Result<String, recipe::Error> {
    let recipe = Recipe::parse(text)?;
    if ast {
        return Ok(recipe.ast());
    }
    let none = Map::new();
    let vars = input.as_object().unwrap_or(&none);
    let value = recipe.eval(&Context { this: input, vars, facts: &NoFacts, limits: Limits::default() })?;
    Ok(value.to_json())
}

fn prompt(input: &Value, ast: bool) -> ExitCode {
    let asks = stdin().is_terminal();
    loop {
        if asks {
            let _ = write!(stderr(), "> ");
            let _ = stderr().flush();
        }
        let mut line = String::new();
        match stdin().lock().read_line(&mut line) {
            Ok(0) | Err(_) => return ExitCode::SUCCESS,
            Ok(_) if line.trim().is_empty() => {}
            Ok(_) => {
                let _ = answer(line.trim_end(), input, ast);
                let _ = stdout().flush();
            }
        }
    }
}
