//! A large value that goes through many elements is one value.

use interpreter::Machine;
use recipe::Value;

use crate::{element, file, finish, logged, run, start, system};

/// The most memory that this process took since it was asked to forget that, in KiB.
fn peak_kib(forget: bool) -> Option<u64> {
    if forget {
        std::fs::write("/proc/self/clear_refs", "5").ok()?;
    }
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// op/set and flow/if in turn, which look at the list in their recipes and hand it on.
fn chain(length: usize) -> String {
    let elements: Vec<String> = (0..length)
        .map(|at| {
            let next = if at + 1 < length { format!("e{}", at + 1) } else { "end".to_owned() };
            let to = format!(r#", "to": {{"default": {{"{next}": ["default"]}}}}"#);
            let rest = match at % 2 {
                0 => format!(
                    r#""options": {{"values": {{"n{at}": {at}}}, "recipes": {{"same{at}": "rows", "total": "sum(rows[*].amount)"}}}}{to}"#
                ),
                _ => format!(r#""options": {{"condition": "count(rows) > 10 && rows[0].id == 0"}}{to}"#),
            };
            element(&format!("e{at}"), if at % 2 == 0 { "op/set" } else { "flow/if" }, &rest)
        })
        .chain([element("end", "action/log", r#""options": {"message": "${count(rows)} ${total}"}"#)])
        .collect();
    file("Chain", "e0", &elements)
}

#[test]
fn ten_megabytes_through_ten_elements_are_one_list() {
    let rows: Vec<String> = (0..100_000)
        .map(|n| {
            format!(r#"{{"id": {n}, "name": "the product with number {n}", "amount": {n}.5, "open": true}}"#)
        })
        .collect();
    let json = format!(r#"{{"rows": [{}]}}"#, rows.join(","));
    assert!(json.len() > 8 << 20, "{} bytes", json.len());
    let input = Value::from_json(&json).unwrap();
    drop((rows, json));
    let peak_after = |elements: usize| {
        let before = peak_kib(true)?;
        let machine =
            Machine::start(system(&[chain(elements)]), run(), start("Chain", input.clone())).unwrap();
        let did = finish(machine, |_, _| panic!("nothing is called"));
        let peak = peak_kib(false)?;
        assert_eq!(logged(&did), ["100000 5000000000"]);
        drop(did);
        Some((before, peak))
    };
    // Where there is no such count, there is nothing to compare.
    let (Some((before, one)), Some((_, ten))) = (peak_after(1), peak_after(10)) else { return };
    assert!(ten * 10 < one * 12, "{before} KiB before, {one} KiB after one element, {ten} KiB after ten");
}
