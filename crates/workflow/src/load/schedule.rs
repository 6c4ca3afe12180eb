//! The keys of an event that is due by the clock.

use std::ops::Range;

use super::{Source, help_or, shape, shape::Shape, words};
use crate::{Catchup, Cron, Overlap, Schedule, json::Node};

/// The zone of a schedule that names none: the system's.
const ZONE: &str = "UTC";

const EXPRESSION: &str = "write when it is due: `0 8 * * 1-5`, or `@daily`";

const RULES: &[shape::Rule] = &[
    ("expression", Shape::Text, EXPRESSION),
    ("timezone", Shape::Text, "name one as `Europe/Berlin`"),
    ("catchup", Shape::Word(&["latest", "all", "none"]), "leave it out for `latest`"),
    ("overlap", Shape::Word(&["skip", "queue", "allow"]), "leave it out for `skip`"),
];

/// The event's keys win over the options of its element. None for a schedule that is wrong: that is reported.
pub(super) fn read(source: &mut Source<'_>, event: &Node, options: Option<&Node>) -> Option<Schedule> {
    shape::check(source, event, None, RULES);
    let given = |key: &str| {
        let of_options = options.and_then(|options| options.get(key));
        event.get(key).filter(|node| !node.is_null()).or(of_options).filter(|node| !node.is_null())
    };
    let word = |key: &str| given(key).and_then(Node::text).filter(|text| !text.is_empty());
    let Some(expression) = word("expression") else {
        let span = given("expression").map_or(event.span.clone(), |node| node.span.clone());
        source.error("HF015", span, None, "a schedule has no `expression`".into(), EXPRESSION);
        return None;
    };
    let timezone = word("timezone").unwrap_or(ZONE);
    let Some(zone) = recipe::time_zone(timezone) else {
        let span = given("timezone").map_or(event.span.clone(), |node| node.span.clone());
        let known = recipe::time_zones();
        let nearest = words::nearest(timezone, known.iter().map(String::as_str));
        let says = format!("there is no time zone `{timezone}`");
        source.error("HF015", span, None, says, &help_or(nearest, "name one as `Europe/Berlin`"));
        return None;
    };
    let place = |span: &Range<usize>| {
        given("expression").map_or(event.span.clone(), |node| node.inside(source.text, span))
    };
    let cron = match Cron::parse(expression, zone) {
        Ok(cron) => cron,
        Err(wrong) => {
            let span = place(&wrong.span);
            source.error("HF015", span, None, wrong.says, &wrong.help);
            return None;
        }
    };
    if !cron.ever() {
        let span = place(&(0..expression.len()));
        let says = format!("`{expression}` is never due: no month that it names has such a day");
        source.warn("HF016", span, None, says, "mend the day or the month");
    }
    Some(Schedule {
        expression: expression.into(),
        timezone: timezone.into(),
        cron,
        catchup: meant(Catchup::WORDS, word("catchup")),
        overlap: meant(Overlap::WORDS, word("overlap")),
    })
}

fn meant<T: Copy + Default>(words: &[(&str, T)], written: Option<&str>) -> T {
    let found = words.iter().find(|(word, _)| Some(*word) == written);
    found.map(|(_, value)| *value).unwrap_or_default()
}
