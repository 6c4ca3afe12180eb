//! hefe recipe: evaluates an expression, or prints its tree.

use std::{
    fmt::Display,
    io::{self, BufRead, BufWriter, IsTerminal, Write, stderr, stdin, stdout},
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
    #[arg(long, allow_hyphen_values = true, value_name = "JSON")]
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
    let well = match &args.text {
        Some(text) => answer(text, &input, args.ast),
        None => prompt(&input, args.ast),
    };
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Says the value or the tree, or what is wrong; whether all went well.
fn answer(text: &str, input: &Value, ast: bool) -> bool {
    let done = match ast {
        true => Recipe::tree(text).map(show),
        false => Recipe::parse(text).and_then(|recipe| evaluate(&recipe, input)).map(show),
    };
    match done {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            say::note(&format!("standard output cannot be written: {error}"));
            false
        }
        Err(error) => {
            say::note(&error.render(text));
            false
        }
    }
}

/// A line of a result, without a copy of it as text. A reader that has gone away is no failure.
fn show(what: impl Display) -> io::Result<()> {
    let mut out = BufWriter::new(stdout().lock());
    match writeln!(out, "{what}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

fn evaluate(recipe: &Recipe, input: &Value) -> Result<Value, recipe::Error> {
    let none = Map::new();
    let vars = input.as_object().unwrap_or(&none);
    recipe.eval(&Context { this: input, vars, facts: &NoFacts, limits: Limits::default() })
}

/// Answers line by line until there are no more; whether all went well.
fn prompt(input: &Value, ast: bool) -> bool {
    let asks = stdin().is_terminal();
    if asks {
        say::note("an expression a line; `exit`, `quit` or Ctrl-D leaves");
    }
    let mut well = true;
    loop {
        if asks {
            let _ = write!(stderr(), "> ");
            let _ = stderr().flush();
        }
        let mut line = Vec::new();
        match stdin().lock().read_until(b'\n', &mut line) {
            Ok(0) => return well || asks,
            Ok(_) => match str::from_utf8(&line).map(str::trim_end) {
                Ok("") => {}
                Ok(word) if matches!(word.trim(), "exit" | "quit") => return well || asks,
                Ok(line) => well &= answer(line, input, ast),
                Err(_) => {
                    say::note("the line is no UTF-8");
                    well = false;
                }
            },
            Err(error) => {
                say::note(&format!("standard input cannot be read: {error}"));
                return false;
            }
        }
    }
}
