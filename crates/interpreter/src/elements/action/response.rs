//! action/response

use workflow::{Class, Declaration, Port};

use crate::{
    effect::Failure,
    element::{Step, Type, port},
    elements::{INPUT, OUT, ignored, value},
    machine::Response,
};

pub(in crate::elements) const TYPE: Type = Type::plain(
    &Declaration {
        name: "action/response",
        doc: "What the waiting request gets. In a run without a request it is the run's result, in a sync callee the callee's; the last one wins.",
        class: Class::Pure,
        options: &[
            value("status", "The HTTP status (200)."),
            value("body", "The body; the default input if left out."),
            value("headers", "Name to value."),
            ignored("type"),
        ],
        ins: &[INPUT, Port { name: "body", doc: "Stands for the option where it is given." }],
        outs: OUT,
        outs_from: None,
        examples: &[],
    },
    |firing| {
        let input = firing.input();
        let body = if firing.given("body") { firing.value("body")? } else { input.clone() };
        let body = if firing.has("body") { firing.named("body") } else { body };
        let status = match firing.value("status")? {
            recipe::Value::Null => 200,
            given => given.as_i64().filter(|status| (200..600).contains(status)).ok_or_else(|| {
                Failure::new("invalid", "an answer's status must be a number from 200 to 599")
            })?,
        };
        let headers = firing.value("headers")?;
        let headers = headers
            .as_object()
            .map(|map| map.iter().map(|(name, value)| (name.to_string(), value.as_text())).collect());
        let headers = headers.unwrap_or_default();
        firing.left.response = Some(Response { status: status as u16, headers, body });
        Ok(Step::Emit(port("default", input)))
    },
);
