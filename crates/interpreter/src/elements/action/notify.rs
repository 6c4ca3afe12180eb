//! action/notify

use recipe::Value;
use workflow::{Class, Declaration};

use crate::{
    effect::{Live, Own},
    element::{Step, Type, port},
    elements::{IN, OUT, ignored, value},
};

pub(in crate::elements) const TYPE: Type = Type::plain(
    &Declaration {
        name: "action/notify",
        doc: "Tells the person the run works for: a toast for the browser that asked, a notification that is kept until read. A channel without a message is not used.",
        class: Class::Own,
        options: &[
            value("toast", "{type, message, description, duration}: for the browser that asked."),
            value("notification", "{title, message, link, actions}: kept, and pushed live."),
            ignored("mail"),
        ],
        ins: IN,
        outs: OUT,
        outs_from: None,
        examples: &[],
    },
    |firing| {
        let toast = firing.value("toast")?;
        let notification = firing.value("notification")?;
        let has_person = !firing.run.user.is_null();
        if has_person && says_something(&notification) {
            let id = firing.new_id("notification");
            firing.left.own.push(Own::Notify { id, body: object(notification) });
        }
        if says_something(&toast) {
            let toast = object(toast);
            if firing.run.in_request {
                let mut effect = toast.clone();
                effect.path_set("style", effect.path("type"));
                effect.path_set("type", Value::from("toast"));
                firing.left.page.push(effect);
            }
            if has_person {
                firing.left.live.push(Live::Toast(toast));
            }
        }
        Ok(Step::Emit(port("default", firing.input())))
    },
);

fn says_something(channel: &Value) -> bool {
    let said = |field: &str| channel.get(field).is_some_and(|text| !text.to_text().is_empty());
    match channel {
        Value::Text(text) => !text.is_empty(),
        _ => said("message") || said("title"),
    }
}

/// A plain text is its message.
fn object(channel: Value) -> Value {
    match channel {
        text @ Value::Text(_) => {
            let mut object = Value::Object(recipe::Map::new());
            object.path_set("message", text);
            object
        }
        other => other,
    }
}
