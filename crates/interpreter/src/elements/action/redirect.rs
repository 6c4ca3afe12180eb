//! action/redirect

use recipe::Value;
use workflow::{Class, Declaration, Json, Port};

use super::page;
use crate::{
    element::{Step, Type, port},
    elements::{INPUT, OUT, literal, value},
};

pub(in crate::elements) const TYPE: Type = Type::plain(
    &Declaration {
        name: "action/redirect",
        doc: "Sends the browser that asked to another view.",
        class: Class::Pure,
        options: &[
            literal("action", &[Json::Text], "show, edit, create, ..."),
            literal("module", &[Json::Text], "The record type."),
            value("url", "An address instead of a record."),
            value("target", "The record's id; `resource`'s id if left out."),
            literal("fill", &[Json::Bool], "Fill the view with the input."),
            literal("swap", &[Json::Any], "Replace the view instead of adding one."),
            literal("http", &[Json::Any], "Leave the application for `url`."),
            value("queryParams", "Name to value, added to the address."),
        ],
        ins: &[INPUT, Port { name: "resource", doc: "The record; the input if nothing comes." }],
        outs: OUT,
        outs_from: None,
        examples: &[],
    },
    |firing| {
        let input = firing.input();
        let resource = if firing.has("resource") { firing.named("resource") } else { input.clone() };
        let target = firing.value("target")?;
        let id = if target.is_null() { resource.get("id").cloned().unwrap_or_default() } else { target };
        let fill = if firing.value("fill")?.truthy() { input.clone() } else { Value::Null };
        let effect = page(
            "redirect",
            [
                ("action", firing.value("action")?),
                ("module", firing.value("module")?),
                ("id", id),
                ("url", firing.value("url")?),
                ("fill", fill),
                ("swap", firing.value("swap")?),
                ("http", firing.value("http")?),
                ("query", firing.value("queryParams")?),
            ],
        );
        firing.left.page.push(effect);
        Ok(Step::Emit(port("default", input)))
    },
);
