//! cast/event

use std::sync::Arc;

use recipe::Value;
use workflow::{Class, Declaration, Json, Kind, Opt};

use crate::{
    effect::{Failure, Live, Message, To},
    element::{Firing, Step, Type, port},
    elements::{IN, OUT, literal, value},
};

/// What the server itself sends under.
const RESERVED: &[&str] = &["progress", "notification", "toast", "run"];

/// What the Pusher protocol sends under.
const OF_PROTOCOL: [&str; 2] = ["pusher:", "pusher_internal:"];

/// The longest name of an event, bytes.
const EVENT_BYTES_MAX: usize = 200;

/// The longest name of a channel, bytes: with `private-system.NAME.` before it, it fits into Pusher's 164.
const CHANNEL_BYTES_MAX: usize = 100;

/// What Pusher carries, bytes of JSON.
const DATA_BYTES_MAX: usize = 10_000;

pub(in crate::elements) const TYPE: Type = Type::plain(
    &Declaration {
        name: "cast/event",
        doc: "Sends one live message to those who listen just then. Passes its input on.",
        class: Class::Live,
        options: &[
            Opt {
                name: "event",
                kind: Kind::Value,
                json: &[Json::Text],
                never: RESERVED,
                doc: "Its name: any but `progress`, `notification`, `toast` and `run`, which are the server's own.",
            },
            value("data", "What it says, up to 10,000 bytes as JSON; null if left out."),
            literal(
                "send_to_user",
                &[Json::Bool],
                "Only the person the run works for gets it; without a person nobody does.",
            ),
            value(
                "channel",
                "Only those who listen to that channel get it: letters, digits and _-=@,.; in its name. Without effect beside `send_to_user`.",
            ),
        ],
        ins: IN,
        outs: OUT,
        outs_from: None,
        examples: &[],
    },
    |firing| {
        let message = Message { event: event(firing)?, data: data(firing)?, to: to(firing)? };
        firing.left.live.push(Live::Message(message));
        Ok(Step::Emit(port("default", firing.input())))
    },
);

fn event(firing: &Firing<'_>) -> Result<Arc<str>, Failure> {
    let event = firing.value("event")?;
    // It goes out as it stands, and those who listen have to know it.
    if event.tainted() {
        return wrong("the `event` of cast/event is made of a provider's words, which it must not show");
    }
    let event = event.to_text();
    let fits = (1..=EVENT_BYTES_MAX).contains(&event.len()) && !event.chars().any(char::is_control);
    if !fits {
        return wrong(format!(
            "the `event` of cast/event has 1 to {EVENT_BYTES_MAX} bytes and no control characters"
        ));
    }
    if RESERVED.contains(&&*event) || OF_PROTOCOL.iter().any(|own| event.starts_with(own)) {
        return wrong(format!(
            "`{event}` is a name that the server itself sends under: the `event` of cast/event needs another"
        ));
    }
    Ok(event.into())
}

fn data(firing: &Firing<'_>) -> Result<Value, Failure> {
    let data = firing.value("data")?;
    let bytes = data.to_json().len();
    if bytes > DATA_BYTES_MAX {
        let says = format!(
            "the `data` of cast/event has {bytes} bytes as JSON, of at most {DATA_BYTES_MAX}: send what leads to it, such as an id"
        );
        return Err(Failure::new("too_large", says));
    }
    Ok(data)
}

/// A provider's words may name a channel: nobody is shown it who has not asked for it by that name.
fn to(firing: &Firing<'_>) -> Result<To, Failure> {
    if firing.value("send_to_user")?.truthy() {
        return Ok(To::Person);
    }
    if !firing.given("channel") {
        return Ok(To::Everyone);
    }
    // One that comes to nothing is no channel: what is meant for a few must not go to everyone.
    let channel = firing.value("channel")?.to_text();
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-=@,.;".contains(c);
    if (1..=CHANNEL_BYTES_MAX).contains(&channel.len()) && channel.chars().all(fits) {
        return Ok(To::Channel(channel.into()));
    }
    wrong(format!("the `channel` of cast/event has 1 to {CHANNEL_BYTES_MAX} letters, digits and _-=@,.;"))
}

fn wrong<T>(says: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::new("invalid", says))
}
