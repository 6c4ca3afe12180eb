//! What a recipe may ask of the run it stands in.

use super::Function;
use crate::{Map, Value, eval::Val};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "user",
        takes: (0, 0),
        lambda: None,
        usage: "user()",
        run: |args| Ok(Val::Own(args.machine.context.facts.user())),
    },
    Function {
        name: "run",
        takes: (0, 0),
        lambda: None,
        usage: "run()",
        run: |args| Ok(Val::Own(args.machine.context.facts.run())),
    },
    Function {
        name: "system",
        takes: (0, 0),
        lambda: None,
        usage: "system()",
        run: |args| Ok(Val::Own(args.machine.context.facts.system())),
    },
    Function {
        name: "locale",
        takes: (0, 0),
        lambda: None,
        usage: "locale()",
        run: |args| Ok(args.machine.context.facts.locale().into()),
    },
    Function {
        name: "uuid",
        takes: (0, 0),
        lambda: None,
        usage: "uuid()",
        run: |args| Ok(args.machine.context.facts.uuid().into()),
    },
    Function {
        name: "isRoot",
        takes: (0, 0),
        lambda: None,
        usage: "isRoot()",
        run: |args| Ok(args.machine.context.facts.is_root().into()),
    },
    Function {
        name: "hasRole",
        takes: (1, 1),
        lambda: None,
        usage: "hasRole(role)",
        run: |args| Ok(args.machine.context.facts.has_role(&args.at(0).to_text()).into()),
    },
    Function {
        name: "now",
        takes: (0, 0),
        lambda: None,
        usage: "now()",
        run: |args| {
            let at = jiff::Timestamp::from_millisecond(args.machine.context.facts.now_ms());
            Ok(at.map(|at| at.to_string()).ok().into())
        },
    },
    Function {
        name: "t",
        takes: (1, 2),
        lambda: None,
        usage: "t(key, args)",
        run: |args| {
            let key = args.at(0).to_text();
            let none = Map::new();
            let with = args.at(1);
            let found = args.machine.context.facts.translate(&key, with.as_object().unwrap_or(&none));
            Ok(Value::from(found.unwrap_or(key)).into())
        },
    },
];
