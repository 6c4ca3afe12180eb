//! action/validate (recipes; the rules of modules come with records)

use recipe::{List, Map, Value};
use smallvec::smallvec;
use workflow::{Class, Declaration, Port, Template};

use crate::{
    effect::Failure,
    element::{Firing, PortName, Step, Type, port},
    elements::{IN, ignored, recipes},
};

/// What a failed rule without words of its own says.
const INVALID: &str = "validation.invalid";

pub(in crate::elements) const TYPE: Type = Type::plain(
    &Declaration {
        name: "action/validate",
        doc: "Checks its input: true or valid() passes, invalid(message) fails, anything else counts by being truthy. All rules are run. Where `invalid` is not connected a failure ends the run with `invalid`, for a request 422 with the messages.",
        class: Class::Pure,
        options: &[
            recipes("recipes", "Field to expression; `this` is the input."),
            ignored("runModuleValidations"),
            ignored("markFailedFields"),
        ],
        ins: IN,
        outs: &[
            Port { name: "valid", doc: "The input, when every rule passes." },
            Port { name: "invalid", doc: "The input, when one fails." },
            Port { name: "errors", doc: "{field: [messages]}, after `invalid`." },
        ],
        outs_from: None,
        examples: &[],
    },
    |firing| {
        let input = firing.input();
        let errors = errors(firing, &input)?;
        if errors.is_empty() {
            return Ok(Step::Emit(port("valid", input)));
        }
        let errors = Value::Object(errors);
        let connected = ["invalid", "errors"].iter().any(|name| {
            firing.element.out(name).is_some_and(|port| {
                let bound = |binding: &workflow::Binding| binding.from == workflow::Source::Out(port);
                !firing.element.outs[usize::from(port)].is_empty() || firing.element.set.iter().any(bound)
            })
        });
        if !connected {
            let failure = Failure::new("invalid", "the input is not valid");
            return Err(Failure { errors: Some(errors), ..failure });
        }
        Ok(Step::Emit(smallvec![(PortName::Fixed("invalid"), input), (PortName::Fixed("errors"), errors),]))
    },
);

fn errors(firing: &Firing<'_>, input: &Value) -> Result<Map, Failure> {
    let mut errors = Map::new();
    let Some(Template::Object(rules)) = firing.template("recipes") else { return Ok(errors) };
    for (field, rule) in rules {
        let verdict = firing.eval(rule, input)?;
        let message = match &verdict {
            Value::Object(map) if map.len() == 2 && map.get("valid") == Some(&Value::Bool(false)) => {
                let said = map.get("message").cloned().unwrap_or_default();
                Some(if said.is_null() { Value::from(INVALID) } else { said })
            }
            other if other.truthy() => None,
            _ => Some(Value::from(INVALID)),
        };
        if let Some(message) = message {
            let field = firing.eval(field, input)?.to_text();
            errors.insert(field, Value::List(List::from(vec![message])));
        }
    }
    Ok(errors)
}
