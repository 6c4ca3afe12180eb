//! What the run answers.

use super::{Args, Function, row};
use crate::{
    Map, Value,
    eval::{Got, Machine, Stop, Val},
};

pub(super) const FUNCTIONS: &[Function] = &[
    row("user()", "The person for whom the run was started; null without one.", &[("user()", "null")], |args| {
        Ok(args.machine.context.facts.user().into())
    })
    .that_asks(),
    row("hasRole(role)", "Whether that person has the role.", &[("hasRole('admin')", "false")], |args| {
        let role = args.words(0)?;
        Ok(args.machine.context.facts.has_role(&role).into())
    })
    .that_asks(),
    row("isRoot()", "Whether that person may do everything.", &[("isRoot()", "false")], |args| {
        Ok(args.machine.context.facts.is_root().into())
    })
    .that_asks(),
    row("locale()", "The language: the request's, else the user's, else the system's.", &[("locale()", "\"\"")], |args| {
        Ok(args.machine.context.facts.locale().into())
    })
    .that_asks(),
    row(
        "t(key, args?)",
        "The translation of a key (dots walk nested keys), `{{ a }}` and `:a` filled from args; an unknown key gives itself.",
        &[("t('greeting.hello')", "\"greeting.hello\""), ("t('for :name', {name: 'Ada'})", "\"for Ada\"")],
        |args| {
            let key = args.words(0)?.into_owned();
            let empty = Map::new();
            let given = args.get(1).as_object().unwrap_or(&empty).clone();
            let found = args.machine.context.facts.translate(&key, &given).unwrap_or(key);
            args.machine.spend(found.len())?;
            let filled = fill(args.machine, &found, &given)?;
            args.made(&filled)
        },
    )
    .that_asks(),
    row("system()", "The system.", &[("system()", "null")], |args| Ok(args.machine.context.facts.system().into()))
        .that_asks(),
    row(
        "run()",
        "The run: {id}, and signalUrl where its file waits for exactly one signal by a literal name.",
        &[("run()", "null")],
        |args| Ok(args.machine.context.facts.run().into()),
    )
    .that_asks(),
    row(
        "signalUrl(run, name)",
        "The signed address at which somebody without an account brings this run the signal of that name, once.",
        &[("run().signalUrl('approve')", "null")],
        signal_url,
    )
    .that_asks(),
    row(
        "uuid()",
        "A new id at every call; a run that is repeated gets the same ones.",
        &[("uuid()", "\"\"")],
        |args| Ok(args.machine.context.facts.uuid().into()),
    )
    .that_asks(),
    row("config(key)", "A value of the configuration as of the run's version.", &[("config('shop.name')", "null")], |args| {
        let key = args.words(0)?;
        Ok(args.machine.context.facts.config(&key).into())
    })
    .that_asks(),
    row(
        "env(key)",
        "A secret from the environment, where settings allow it; only in options of outside elements.",
        &[("env('TOKEN')", "null")],
        |args| {
            let key = args.words(0)?;
            Ok(args.machine.context.facts.env(&key).map_or(Val::NULL, Val::from))
        },
    )
    .that_asks(),
];

fn signal_url<'a>(args: &mut Args<'_, 'a>) -> Got<'a> {
    let facts = args.machine.context.facts;
    let own = facts.run();
    if args.get(0).get("id") != own.get("id") {
        return Err(args.wrong_says("the run that it stands in: `run().signalUrl('NAME')`"));
    }
    let name = args.words(1)?.into_owned();
    // A browser takes the two for a way up.
    if matches!(&*name, "" | "." | "..") {
        return Err(args.wrong_says("the name of a signal"));
    }
    match facts.signal_url(&name) {
        Some(address) => args.made(&address),
        None => Ok(Val::NULL),
    }
}

/// `{{ name }}` and `:name` replaced by the text of what is given under that name; others stay.
fn fill(machine: &mut Machine<'_>, text: &str, given: &Map) -> Result<String, Stop> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['{', ':']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (value, length) =
            placeholder(rest, given).map_or((None, 1), |(value, length)| (Some(value), length));
        match value {
            Some(value) => drop(machine.add_words(value, &mut out)?),
            None => out.push_str(&rest[..1]),
        }
        rest = &rest[length..];
    }
    Ok(out + rest)
}

/// A longer name is none: the text would be searched to its end again and again.
const NAME_MAX: usize = 256;

/// What the placeholder at the start of a text stands for, and its length.
fn placeholder<'g>(text: &str, given: &'g Map) -> Option<(&'g Value, usize)> {
    if let Some(inside) = text.strip_prefix("{{") {
        let (name, _) = inside.get(..inside.floor_char_boundary(NAME_MAX))?.split_once("}}")?;
        return Some((given.get(name.trim())?, name.len() + 4));
    }
    let name = text.strip_prefix(':')?;
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
    Some((given.get(&name[..end])?, end + 1))
}
