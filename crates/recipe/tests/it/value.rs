use std::{iter, sync::Arc};

use recipe::{Blob, List, Map, Taint, Text, Value};

use crate::{json, on_small_stack};

#[test]
fn values_are_small_and_shared() {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<Value>();
    shared::<recipe::Recipe>();
    assert!(size_of::<Value>() <= 24);
}

#[test]
fn json_comes_back() {
    for text in [
        "null",
        "true",
        "-1",
        "1.5",
        "1e+21",
        "5e-324",
        "1.7976931348623157e+308",
        "\"\"",
        "[]",
        "{}",
        "9223372036854775807",
        r#"{"b":[1,{"a":null}],"a":"\"\\\n\r\t\b\f\u0001é😀/"}"#,
        "0.1",
        "[[],{}]",
        r#"{"":{"":""}}"#,
        "1.0000000000000002",
        r#"["[","{",[["["]]]"#,
    ] {
        assert_eq!(json(text).to_json(), text);
    }
    for (text, expected) in [
        (" [ 1.0 , -0.0, 1E2 ] ", "[1,0,100]"),
        ("9223372036854775808", "9223372036854776000"),
        ("-9223372036854775809", "-9223372036854776000"),
        ("123456789012345678901234567890", "1.2345678901234568e+29"),
        (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
        (r#""\ud83d\ude00""#, "\"😀\""),
    ] {
        assert_eq!(json(text).to_json(), expected);
    }
    assert_eq!(Value::Float(f64::NAN).to_json(), "null");
    assert_eq!(Value::from(f64::INFINITY), Value::Null);
    let error = Value::from_json("{\"a\":\n [1,}").unwrap_err();
    assert_eq!(error.line_column("{\"a\":\n [1,}"), (2, 5));
    assert!(error.says.starts_with("this is no JSON: "), "{error}");
    assert!(Value::from_json(&("[".repeat(128) + &"]".repeat(128))).is_ok());
    assert!(Value::from_json(&("[".repeat(129) + &"]".repeat(129))).is_err());
    assert!(Value::from_json(&"[".repeat(1_000_000)).is_err());
}

#[test]
fn serde_forms() {
    let value = json(r#"{"a":[1,1.5,null,true,false],"b":{"c":"words"}}"#);
    let marked = value.tainted_with(Taint::External);
    let mut mixed = marked.clone();
    mixed.path_set("b.d", Value::from("clean"));
    mixed.path_set("f", Value::Float(2.0));
    assert_eq!(serde_json::to_string(&marked).unwrap(), value.to_json());
    assert_eq!(serde_json::from_str::<Value>(&value.to_json()).unwrap(), value);
    assert_eq!(Value::from(serde_json::Value::from(&value)), value);
    assert_eq!(serde_json::from_value::<Value>(serde_json::Value::from(&value)).unwrap(), value);
    let bytes = postcard::to_stdvec(&mixed).unwrap();
    let back: Value = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(back, mixed);
    assert_eq!(postcard::to_stdvec(&back).unwrap(), bytes, "marks and kinds of numbers come back too");
    assert_eq!(back.path("b.c").taint(), Taint::External);
    assert_eq!(back.path("b.d").taint(), Taint::Clean);
    assert!(matches!(back.path("f"), Value::Float(_)));
    let text = Text::new("x").with_taint(Taint::External);
    let map = mixed.as_object().unwrap().clone();
    let list = mixed.path("a").as_list().unwrap().clone();
    let bytes = postcard::to_stdvec(&(&text, &map, &list)).unwrap();
    let (text, map_back, list_back): (Text, Map, List) = postcard::from_bytes(&bytes).unwrap();
    assert_eq!((text.taint(), map_back, list_back), (Taint::External, map, list));
    assert!(postcard::from_bytes::<Value>(&[200, 1]).is_err());
}

#[test]
fn paths() {
    let value = json(r#"{"a":{"b":[{"c":1},{"c":2}]},"x.y":3,"0":4}"#);
    for (path, expected) in [
        ("", value.to_json().as_str()),
        ("a.b[0].c", "1"),
        ("a.b.1.c", "2"),
        ("a.b[-1].c", "2"),
        ("a.b[*].c", "[1,2]"),
        ("a.b[9].c", "null"),
        ("none[*].c", "[]"),
        ("[\"x\"]", "null"),
        ("a['b'][0]", r#"{"c":1}"#),
        ("0", "4"),
        ("[0]", "4"),
        ("a.b.c", "null"),
        ("a..b", r#"[{"c":1},{"c":2}]"#),
    ] {
        assert_eq!(value.path(path).to_json(), expected, "{path}");
    }
    let mut made = Value::Null;
    made.path_set("a.b[1].c", Value::from(1));
    made.path_set("a.d", Value::from("x"));
    assert_eq!(made.to_json(), r#"{"a":{"b":[null,{"c":1}],"d":"x"}}"#);
    made.path_set("a.b.0", Value::from(2));
    made.path_set("a.b[-1].c", Value::from(3));
    assert_eq!(made.path("a.b").to_json(), r#"[2,{"c":3}]"#);
    made.path_set("a.b[*].z", Value::from(true));
    assert_eq!(made.path("a.b").to_json(), r#"[{"z":true},{"c":3,"z":true}]"#);
    made.path_set("a.b[99999999999]", Value::from(3));
    assert_eq!(made.path("a.b").as_list().unwrap().len(), 2);
    made.path_set("", Value::from(1));
    assert_eq!(made, Value::Int(1));
}

#[test]
fn objects_keep_their_order_and_are_copied_when_shared() {
    let mut map = Map::new();
    for at in (0..100).rev() {
        map.insert(format!("k{at}"), Value::from(at));
        assert_eq!(map.get(&format!("k{at}")), Some(&Value::from(at)));
    }
    let before = map.clone();
    assert!(map.ptr_eq(&before));
    map.insert("k50", Value::Null);
    assert_eq!(map.remove("k99"), Some(Value::from(99)));
    assert_eq!(map.remove("k99"), None);
    assert_eq!((map.len(), before.len()), (99, 100));
    assert_eq!(before.get("k50"), Some(&Value::from(50)));
    assert_eq!(map.keys().next().map(|key| &**key), Some("k98"));
    assert_eq!(map.get("k0"), Some(&Value::from(0)));
    for at in 0..99 {
        map.remove(&format!("k{at}"));
    }
    assert!(map.is_empty() && !map.contains("k0"));
    let shared: Arc<str> = "key".into();
    let collected: Map = [(shared.clone(), Value::from(1)), (shared, Value::from(2))].into_iter().collect();
    assert_eq!(Value::Object(collected).to_json(), r#"{"key":2}"#);
}

#[test]
fn measures_are_kept_up() {
    let mut map = Map::new();
    let empty = Value::Object(map.clone()).approx_bytes();
    map.insert("a", Value::from("x".repeat(1000)).tainted_with(Taint::External));
    let value = Value::Object(map.clone());
    assert!(value.tainted() && value.approx_bytes() > empty + 1000 && value.depth() == 1);
    assert!(!value.untainted().tainted());
    map.insert("a", json("[[1]]"));
    let value = Value::Object(map.clone());
    assert!(!value.tainted() && value.approx_bytes() < empty + 500);
    assert_eq!(value.depth(), 3);
    map.insert("a", Value::Null);
    map.insert("b", Value::Null);
    map.remove("a");
    map.remove("b");
    assert_eq!(Value::Object(map).approx_bytes(), empty);
    let mut list = List::new();
    list.push(Value::from("x").tainted_with(Taint::External));
    assert!(Value::List(list.clone()).tainted());
    list.make_mut().clear();
    assert!(!Value::List(list).tainted());
}

#[test]
fn depth_has_an_end() {
    on_small_stack(|| {
        let mut value = Value::Null;
        for at in 0..100_000 {
            value =
                if at % 2 == 0 { Value::from(vec![value]) } else { Map::from_iter([("a", value)]).into() };
        }
        assert!(value.depth() <= 256);
        let copy = value.tainted_with(Taint::External);
        assert_eq!(copy, value);
        assert!(value.to_json().len() < 10_000);
        let mut doubled = Value::from("x");
        for _ in 0..200 {
            doubled = Value::from(vec![doubled.clone(), doubled]);
        }
        assert_eq!(doubled.approx_bytes(), usize::MAX);
        assert!(!doubled.tainted());
    });
}

/// Written with what is large taken out, and read again.
fn beside(value: &Value) -> (Vec<u8>, Vec<Blob>, Value) {
    let (bytes, blobs) = recipe::apart(|| postcard::to_stdvec(value).unwrap());
    let back = recipe::joined(&blobs, || postcard::from_bytes(&bytes).unwrap()).unwrap();
    (bytes, blobs, back)
}

#[test]
fn large_values_are_written_once_and_shared_when_they_are_read() {
    let words = Value::from("words ".repeat(1_000));
    let marked = words.tainted_with(Taint::External);
    let list =
        Value::from(vec![words.clone(), marked.clone(), words.clone(), Value::from("words ".repeat(1_000))]);
    let object: Map = (0..900).map(|n| (format!("key {n}"), Value::from(n))).collect();
    let all = Value::from(vec![list.clone(), Value::Object(object.clone()), list, Value::Object(object)]);
    let (bytes, blobs, back) = beside(&all);
    assert_eq!(blobs.len(), 3, "the words under either mark, and the object");
    assert!(bytes.len() < 400, "{}", bytes.len());
    let plain = |value: &Value| postcard::to_stdvec(value).unwrap();
    assert_eq!(plain(&back), plain(&all), "marks come back too");
    let [one, object, other, same] = &back.as_list().unwrap()[..] else { panic!("{back}") };
    let words = |list: &Value, at: usize| list.as_list().unwrap()[at].as_str().unwrap().as_ptr();
    assert!(
        words(one, 0) == words(other, 2) && words(one, 3) == words(one, 0) && words(one, 1) != words(one, 0)
    );
    assert!(object.as_object().unwrap().ptr_eq(same.as_object().unwrap()));
}

#[test]
fn a_large_value_is_taken_out_of_another_and_what_is_small_stays() {
    let inner = Value::from("x".repeat(5_000));
    let outer = Value::from(iter::once(inner).chain((0..5_000).map(Value::from)).collect::<Vec<_>>());
    let (_, blobs, back) = beside(&outer);
    assert_eq!(
        (blobs.len(), blobs[0].bytes.len(), &back),
        (2, 5_003, &outer),
        "what others need comes first"
    );
    assert!(blobs[1].bytes.len() < 15_000);
    // It takes much memory and few bytes.
    let small = Value::from((0..1_000).map(|n| Value::from(n % 50)).collect::<Vec<_>>());
    let (bytes, blobs, _) = beside(&small);
    assert_eq!((blobs.len(), bytes), (0, postcard::to_stdvec(&small).unwrap()));
    let border = |bytes: usize| beside(&Value::from("x".repeat(bytes))).1.len();
    assert_eq!((border(4_092), border(4_093)), (0, 1), "with its tag and its length");
}

#[test]
fn shared_parts_cost_nothing_more_however_often_they_are_shared() {
    let mut value = Value::from("x".repeat(5_000));
    for _ in 0..200 {
        value = Value::from(vec![value.clone(), value]);
    }
    let (bytes, blobs, back) = beside(&value);
    assert!(bytes.len() + blobs.iter().map(|blob| blob.bytes.len()).sum::<usize>() < 200_000);
    assert_eq!(back.depth(), 200);
}

#[test]
fn a_large_value_that_is_missing_or_damaged_or_not_asked_for_is_refused() {
    let value = Value::from(vec![Value::from("x".repeat(5_000)); 3]);
    let (bytes, blobs, _) = beside(&value);
    let read = |blobs: &[Blob]| recipe::joined(blobs, || postcard::from_bytes::<Value>(&bytes));
    assert!(read(&blobs).unwrap().is_ok());
    let says = read(&[]).unwrap_err().to_string();
    assert!(says.starts_with("a value that it refers to is missing or damaged: "), "{says}");
    let mut damaged = blobs.clone();
    damaged[0].bytes[100] = b'y';
    assert!(read(&damaged).is_err());
    assert!(read(&[Blob::of(vec![200, 1])]).is_err());
    assert!(postcard::from_bytes::<Value>(&bytes).is_err(), "outside of a scope");
    assert_eq!(postcard::from_bytes::<Value>(&postcard::to_stdvec(&value).unwrap()).unwrap(), value);
}

#[test]
fn what_is_as_deep_as_can_be_is_taken_out_on_half_the_stack_of_a_worker() {
    let deep = || {
        let mut value = Value::from("x".repeat(5_000));
        let mut wide = Value::from((0..5_000).map(Value::from).collect::<Vec<_>>());
        for _ in 0..254 {
            value = Value::from(vec![value]);
            wide = Value::from(iter::once(wide).chain((0..3_000).map(Value::from)).collect::<Vec<_>>());
        }
        let (_, blobs, back) = beside(&value);
        assert_eq!((blobs.len(), &back), (1, &value));
        let (_, blobs, back) = beside(&wide);
        assert_eq!((blobs.len(), back.depth()), (255, 255));
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(deep).unwrap().join().unwrap();
}
