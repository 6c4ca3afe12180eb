//! Schedules: what may be written, and when it is due. The proof `clock` compares ten years with a reference.

use jiff::Timestamp;
use workflow::{Catchup, Cron, Overlap};

use crate::{check, graph};

/// The next due times after a moment, by the clock of the zone.
fn due(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let zone = recipe::time_zone(zone).unwrap();
    let cron = Cron::parse(expression, zone.clone()).unwrap();
    let mut at = after.parse::<Timestamp>().unwrap().as_millisecond();
    let mut next = || {
        at = cron.next(at)?;
        Some(
            Timestamp::from_millisecond(at)
                .unwrap()
                .to_zoned_datetime(zone.clone())
                .strftime("%F %T %z")
                .to_string(),
        )
    };
    (0..count).map_while(|_| next()).collect()
}

fn wrong(expression: &str) -> String {
    match Cron::parse(expression, recipe::time_zone("UTC").unwrap()) {
        Ok(_) => format!("`{expression}` is taken"),
        Err(wrong) => format!(
            "{} [{}] {}",
            wrong.says,
            &expression[wrong.span.start..wrong.span.end.min(expression.len())],
            wrong.help
        ),
    }
}

#[test]
fn fields() {
    let from = "2026-01-01T00:00:00Z";
    assert_eq!(
        due("0 8 * * 1-5", "UTC", from, 3),
        ["2026-01-01 08:00:00 +0000", "2026-01-02 08:00:00 +0000", "2026-01-05 08:00:00 +0000"]
    );
    assert_eq!(
        due("5-15/5,40 7,19 * FEB-mar/1 *", "UTC", from, 5)[3..],
        ["2026-02-01 07:40:00 +0000", "2026-02-01 19:05:00 +0000"]
    );
    assert_eq!(
        due("*/20 59 23 31 12 *", "UTC", from, 4)[2..],
        ["2026-12-31 23:59:40 +0000", "2027-12-31 23:59:00 +0000"]
    );
    assert_eq!(due("@weekly", "UTC", from, 1), due("0 0 * * 7", "UTC", from, 1));
    assert_eq!(due("0 0 * * fri-sun", "UTC", from, 3), due("0 0 * * 5,6,0", "UTC", from, 3));
    assert_eq!(due(" @Hourly ", "UTC", "2026-01-01T00:59:59.999Z", 1), ["2026-01-01 01:00:00 +0000"]);
    assert_eq!(due("* * * * *", "UTC", from, 1), ["2026-01-01 00:01:00 +0000"], "strictly after");
}

#[test]
fn both_days_restricted_is_either_and_a_star_restricts_nothing() {
    let from = "2026-01-01T00:00:00Z";
    let days = |expression| {
        due(expression, "UTC", from, 4).into_iter().map(|at| at[..10].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(days("0 12 13 * fri"), ["2026-01-02", "2026-01-09", "2026-01-13", "2026-01-16"]);
    assert_eq!(days("0 12 */2 * fri"), ["2026-01-09", "2026-01-23", "2026-02-13", "2026-02-27"]);
}

#[test]
fn a_fixed_time_lost_in_a_gap_comes_at_its_end_and_once_in_a_fold() {
    let spring = "2026-03-28T12:00:00Z";
    assert_eq!(
        due("15,30,45 2 * * *", "Europe/Berlin", spring, 2),
        ["2026-03-29 03:00:00 +0200", "2026-03-30 02:15:00 +0200"]
    );
    assert_eq!(
        due("0 2,3 * * *", "Europe/Berlin", spring, 2),
        ["2026-03-29 03:00:00 +0200", "2026-03-30 02:00:00 +0200"]
    );
    assert_eq!(
        due("*/30 2 * * *", "Europe/Berlin", spring, 1),
        ["2026-03-30 02:00:00 +0200"],
        "this one follows elapsed time"
    );
    let autumn = "2026-10-24T12:00:00Z";
    assert_eq!(
        due("30 2 * * *", "Europe/Berlin", autumn, 2),
        ["2026-10-25 02:30:00 +0200", "2026-10-26 02:30:00 +0100"]
    );
    assert_eq!(due("30 2 * * *", "Europe/Berlin", "2026-10-25T00:45:00Z", 1), ["2026-10-26 02:30:00 +0100"]);
    assert_eq!(due("30 2 * * *", "Europe/Berlin", "2026-10-25T01:15:00Z", 1), ["2026-10-26 02:30:00 +0100"]);
    assert_eq!(
        due("30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 3),
        ["2026-10-25 02:30:00 +0200", "2026-10-25 02:30:00 +0100", "2026-10-25 03:30:00 +0100"]
    );
    // Half an hour, and a day that never was.
    assert_eq!(
        due("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z", 1),
        ["2026-10-04 02:30:00 +1100"]
    );
    assert_eq!(
        due("0 10 * * *", "Pacific/Apia", "2011-12-29T21:00:00Z", 2),
        ["2011-12-31 00:00:00 +1400", "2011-12-31 10:00:00 +1400"]
    );
}

#[test]
fn rare_days_are_found_at_once_and_those_that_never_come_are_not_sought_for_ever() {
    let weekend = "0 0 29 2 */6";
    assert_eq!(
        due(weekend, "Europe/Berlin", "2026-01-01T00:00:00Z", 3)
            .iter()
            .map(|at| &at[..10])
            .collect::<Vec<_>>(),
        ["2032-02-29", "2048-02-29", "2060-02-29"]
    );
    assert_eq!(
        due(weekend, "Europe/Berlin", "2088-03-01T00:00:00Z", 1),
        ["2116-02-29 00:00:00 +0100"],
        "2100 is no leap year"
    );
    assert_eq!(
        due("*/5 0 29 2 */6", "Europe/Berlin", "2088-03-01T00:00:00Z", 1),
        ["2116-02-29 00:00:00 +0100"]
    );
    let never = Cron::parse("0 0 30 2 *", recipe::time_zone("UTC").unwrap()).unwrap();
    assert!(!never.ever());
    assert_eq!(never.next(0), None);
    assert!(
        Cron::parse("0 0 30 2 1", recipe::time_zone("UTC").unwrap()).unwrap().ever(),
        "a Monday of February"
    );
    assert_eq!(due("* * * * *", "UTC", "9999-12-30T21:00:00Z", 1_000).len(), 60, "jiff's calendar ends");
}

#[test]
fn what_is_wrong_is_told_at_its_place() {
    let all = [
        "",
        "* * * *",
        "@reboot",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "* * ? * *",
        "1,,2 * * * *",
        "5/15 * * * *",
        "*/0 * * * *",
        "*/90 * * * *",
        "0 22-2 * * *",
        "0 8 * * mo",
        "-1 * * * *",
        "0 0 L * *",
        "+5 * * * *",
    ];
    insta::assert_snapshot!(all.map(wrong).join("\n"), @r#"
    a cron expression has five fields, or six with seconds, and this has 0 [] write minute, hour, day of month, month and day of week: `0 8 * * 1-5`
    a cron expression has five fields, or six with seconds, and this has 4 [* * * *] write minute, hour, day of month, month and day of week: `0 8 * * 1-5`
    there is no `@reboot` [@reboot] write `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly` or `@annually`
    `60` is no value of the field `minute` [60] write `*`, or a number from 0 to 59
    `24` is no value of the field `hour` [24] write `*`, or a number from 0 to 23
    `0` is no value of the field `day of month` [0] write `*`, or a number from 1 to 31
    `13` is no value of the field `month` [13] write `*`, or a number from 1 to 12, or a name from `jan` to `dec`
    `8` is no value of the field `day of week` [8] write `*`, or a number from 0 to 7, or a name from `sun` to `sat`
    `?` is no value of the field `day of month` [?] write `*`, or a number from 1 to 31
    a value is missing in the field `minute` [,] write `*`, or a number from 0 to 59
    a step goes with a range, and `5` is one value [5/15] write `5-59/..`, or `*/..`
    `0` is no step of the field `minute` [0] write a number from 1 to 59
    `90` is no step of the field `minute` [90] write a number from 1 to 59
    the range `22-2` runs backwards [22-2] write `22-23,0-2`
    `mo` is no value of the field `day of week` [mo] write `*`, or a number from 0 to 7, or a name from `sun` to `sat`
    a value is missing in the field `minute` [-] write `*`, or a number from 0 to 59
    `L` is no value of the field `day of month` [L] write `*`, or a number from 1 to 31
    `+5` is no value of the field `minute` [+5] write `*`, or a number from 0 to 59
    "#);
}

#[test]
fn an_event_says_when_it_is_due() {
    let file = |event: &str, options: &str| {
        format!(
            "{{ \"elements\": [{{ \"name\": \"one\", \"type\": \"event/cron\", \"options\": {{{options}}} }}],\n\"events\": [{{ \"identifier\": \"one\", \"type\": \"cron\", {event} }}] }}"
        )
    };
    let graph =
        graph(&file(r#""expression": "0 8 * * 1-5", "timezone": "europe/berlin", "overlap": "allow""#, ""));
    let schedule = graph.events[0].schedule.as_ref().unwrap();
    assert_eq!(
        (&*schedule.expression, schedule.catchup, schedule.overlap),
        ("0 8 * * 1-5", Catchup::Latest, Overlap::Allow)
    );
    assert_eq!(schedule.cron.next(0), Some(7 * 3_600_000), "Thursday, 8 in Berlin");

    let told = |event: &str| check(&[("a", &file(event, ""))]);
    insta::assert_snapshot!(told(r#""expression": "0 8\t* * mo-fr""#), @r#"
    error[HF015]: `mo` is no value of the field `day of week`
      --> workflows/a.workflow.json:2:75
      |
    2 | "events": [{ "identifier": "one", "type": "cron", "expression": "0 8\t* * mo-fr" }] }
      |                                                                           ^^
    help: write `*`, or a number from 0 to 7, or a name from `sun` to `sat`

    loaded: nothing
    "#);
    insta::assert_snapshot!(told(r#""title": "At night""#), @r#"
    error[HF015]: a schedule has no `expression`
      --> workflows/a.workflow.json:2:12
      |
    2 | "events": [{ "identifier": "one", "type": "cron", "title": "At night" }] }
      |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    help: write when it is due: `0 8 * * 1-5`, or `@daily`

    loaded: nothing
    "#);
    insta::assert_snapshot!(told(r#""expression": "@daily", "timezone": "Europe/Berlni""#), @r#"
    error[HF015]: there is no time zone `Europe/Berlni`
      --> workflows/a.workflow.json:2:87
      |
    2 | "events": [{ "identifier": "one", "type": "cron", "expression": "@daily", "timezone": "Europe/Berlni" }] }
      |                                                                                       ^^^^^^^^^^^^^^^
    help: did you mean `Europe/Berlin`?

    loaded: nothing
    "#);
    insta::assert_snapshot!(told(r#""expression": "0 0 30 2 *""#), @r#"
    warning[HF016]: `0 0 30 2 *` is never due: no month that it names has such a day
      --> workflows/a.workflow.json:2:66
      |
    2 | "events": [{ "identifier": "one", "type": "cron", "expression": "0 0 30 2 *" }] }
      |                                                                  ^^^^^^^^^^
    help: mend the day or the month

    loaded: a
    "#);
    insta::assert_snapshot!(told(r#""expression": "@daily", "catchup": "every""#), @r#"
    error[HF008]: `catchup` must be `latest` or `all` or `none`, and is `every`
      --> workflows/a.workflow.json:2:86
      |
    2 | "events": [{ "identifier": "one", "type": "cron", "expression": "@daily", "catchup": "every" }] }
      |                                                                                      ^^^^^^^
    help: leave it out for `latest`

    loaded: nothing
    "#);
}
