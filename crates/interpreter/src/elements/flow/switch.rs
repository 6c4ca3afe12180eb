//! flow/switch

use recipe::Value;
use smallvec::smallvec;
use workflow::{Class, Declaration, Example, Json, Kind, Opt, Port};

use crate::{
    element::{PortName, Step, Type},
    elements::{IN, value},
};

pub(in crate::elements) const TYPE: Type = Type::plain(
    &Declaration {
        name: "flow/switch",
        doc: "Passes its input on to the port of the first case that equals the value (as `==`), else to `default`.",
        class: Class::Pure,
        options: &[
            value("value", "What is compared; the input if left out."),
            Opt {
                name: "cases",
                kind: Kind::Literal,
                json: &[Json::List],
                never: &[],
                doc: "A list of {value, port}: `port` is an output port of this element.",
            },
        ],
        ins: IN,
        outs: &[Port { name: "default", doc: "The input, when no case is equal." }],
        outs_from: Some("cases"),
        examples: &[Example {
            says: "a numeric text equals its number",
            element: r#"{"options": {"value": "$$5", "cases": [{"value": 5, "port": "five"}]}}"#,
            input: "1",
            output: r#"{"default": 1}"#,
        }],
    },
    |firing| {
        let compared = if firing.given("value") { firing.value("value")? } else { firing.input() };
        let cases = firing.value("cases")?;
        let hit = cases.as_list().and_then(|cases| {
            cases.iter().find(|case| compared.loose_eq(case.get("value").unwrap_or(&Value::Null)))
        });
        let name = hit.and_then(|case| case.get("port")).and_then(|port| port.as_str());
        let name = name.map_or(PortName::Fixed("default"), |name| PortName::Named(name.into()));
        Ok(Step::Emit(smallvec![(name, firing.input())]))
    },
);
