//! flow/stop

use workflow::{Class, Declaration, Json};

use crate::{
    effect::Failure,
    element::{Step, Type},
    elements::{IN, literal, value},
};

pub(in crate::elements) const TYPE: Type = Type::plain(
    &Declaration {
        name: "flow/stop",
        doc: "Ends the workflow that it stands in: the run, or a sync callee. As `failed` it is an error `stopped` for the caller.",
        class: Class::Pure,
        options: &[
            literal("status", &[Json::Text], "`succeeded` (default) or `failed`."),
            value("message", "The result, or what is said of the failure."),
        ],
        ins: IN,
        outs: &[],
        outs_from: None,
        examples: &[],
    },
    |firing| {
        let message = firing.value("message")?;
        let failed = firing.value("status")?.as_str() == Some("failed");
        if !failed {
            return Ok(Step::Stop(Ok(message)));
        }
        // A message made from a provider's words would leave with the error: it is kept for operators.
        let says = if message.is_null() || message.tainted() {
            "the workflow stopped as failed".to_owned()
        } else {
            message.to_text()
        };
        Ok(Step::Stop(Err(Failure { detail: message, ..Failure::new("stopped", says) })))
    },
);
