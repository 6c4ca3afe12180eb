//! A slow, obvious evaluator straight from the tree and the tables of recipe.md, which shares no code with the
//! crate's but the way a number prints. An error is only an error: which one, the snapshots say.

use serde_json::Value as Json;

use crate::print::level;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Val {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Val>),
    Object(Vec<(String, Val)>),
}

use Val::{Bool, Float, Int, List, Null, Object, Text};

pub(crate) type Got = Result<Val, ()>;

/// Names and what they stand for, innermost last.
pub(crate) type Params = Vec<(String, Val)>;

impl Val {
    pub(crate) fn read(json: &Json) -> Val {
        match json {
            Json::Null => Null,
            Json::Bool(is) => Bool(*is),
            Json::Number(n) => n.as_i64().map_or_else(|| Float(n.as_f64().unwrap()), Int),
            Json::String(text) => Text(text.clone()),
            Json::Array(items) => List(items.iter().map(Val::read).collect()),
            Json::Object(fields) => Object(fields.iter().map(|(k, v)| (k.clone(), Val::read(v))).collect()),
        }
    }

    pub(crate) fn json(&self) -> String {
        match self {
            Null => "null".to_owned(),
            Bool(is) => is.to_string(),
            Int(n) => n.to_string(),
            Float(n) => recipe::Value::Float(*n).to_json(),
            Text(text) => Json::from(text.as_str()).to_string(),
            List(items) => format!("[{}]", items.iter().map(Val::json).collect::<Vec<_>>().join(",")),
            Object(fields) => {
                let field = |(k, v): &(String, Val)| format!("{}:{}", Json::from(k.as_str()), v.json());
                format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(","))
            }
        }
    }

    fn words(&self) -> String {
        match self {
            Null => String::new(),
            Text(text) => text.clone(),
            other => other.json(),
        }
    }

    fn truthy(&self) -> bool {
        match self {
            Null | Bool(false) | Int(0) => false,
            Float(n) => *n != 0.0,
            Text(text) => !text.is_empty() && text != "0",
            List(items) => !items.is_empty(),
            Object(fields) => !fields.is_empty(),
            _ => true,
        }
    }

    fn get(&self, key: &str) -> Option<&Val> {
        let Object(fields) = self else { return None };
        fields.iter().find(|(has, _)| has == key).map(|(_, value)| value)
    }

    fn number(&self) -> Option<Val> {
        match self {
            Null => Some(Int(0)),
            Bool(is) => Some(Int(i64::from(*is))),
            Int(_) | Float(_) => Some(self.clone()),
            Text(text) => numeric(text),
            _ => None,
        }
    }
}

fn numeric(text: &str) -> Option<Val> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix(['-', '+']).unwrap_or(exponent)),
        None => (unsigned, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if ![whole, fraction, exponent].into_iter().all(digits) {
        return None;
    }
    match text.parse() {
        Ok(n) => Some(Int(n)),
        Err(_) => text.parse().ok().filter(|n: &f64| n.is_finite()).map(Float),
    }
}

fn float(n: &Val) -> f64 {
    match n {
        Int(n) => *n as f64,
        Float(n) => *n,
        other => panic!("{other:?} is no number"),
    }
}

fn finite(n: f64) -> Val {
    if n.is_finite() { Float(n) } else { Null }
}

/// Exact: a whole number has more digits than a double.
fn compare(a: &Val, b: &Val) -> std::cmp::Ordering {
    let parts = |n: &Val| match n {
        Int(n) => (i128::from(*n), 0.0),
        Float(n) => (n.floor() as i128, n - n.floor()),
        other => panic!("{other:?} is no number"),
    };
    let (a, b) = (parts(a), parts(b));
    a.0.cmp(&b.0).then(a.1.partial_cmp(&b.1).unwrap())
}

pub(crate) fn same(a: &Val, b: &Val) -> bool {
    match (a, b) {
        (Null, Null) => true,
        (Null, Text(text)) | (Text(text), Null) => text.is_empty(),
        (Null, n @ (Int(_) | Float(_))) | (n @ (Int(_) | Float(_)), Null) => float(n) == 0.0,
        (Bool(a), Bool(b)) => a == b,
        (Text(a), Text(b)) => a == b,
        (Int(_) | Float(_), Int(_) | Float(_)) => compare(a, b).is_eq(),
        (Text(text), n @ (Int(_) | Float(_))) | (n @ (Int(_) | Float(_)), Text(text)) => {
            numeric(text).is_some_and(|text| compare(&text, n).is_eq())
        }
        (List(a), List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Object(fields), Object(others)) => match (record(a), record(b)) {
            (Some(a), Some(b)) => same(a.0, b.0) && same(a.1, b.1),
            _ => {
                let known = |(k, v): &(String, Val)| b.get(k).is_some_and(|theirs| same(v, theirs));
                fields.len() == others.len() && fields.iter().all(known)
            }
        },
        _ => false,
    }
}

fn record(value: &Val) -> Option<(&Val, &Val)> {
    Some((value.get("module")?, value.get("id")?))
}

pub(crate) fn evaluate(tree: &Json, this: &Val, params: &Params) -> Got {
    Reference { this, params: params.clone() }.eval(tree)
}

struct Reference<'t> {
    this: &'t Val,
    params: Params,
}

/// What a path gives: one value, or the flat list behind a wildcard, on which it goes on item by item.
enum Path {
    One(Val),
    Many(Vec<Val>),
}

impl Reference<'_> {
    fn eval(&self, tree: &Json) -> Got {
        let part = |name: &str| self.eval(&tree[name]);
        match tree["kind"].as_str().unwrap() {
            "literal" => Ok(Val::read(&tree["value"])),
            "this" => Ok(self.this.clone()),
            "var" => Ok(self.this.get(tree["name"].as_str().unwrap()).cloned().unwrap_or(Null)),
            "name" => {
                let name = tree["name"].as_str().unwrap();
                let bound = self.params.iter().rev().find(|(param, _)| param == name).map(|(_, value)| value);
                Ok(bound.or_else(|| self.this.get(name)).cloned().unwrap_or(Null))
            }
            "member" | "index" | "wildcard" => match self.path(tree)? {
                Path::One(value) => Ok(value),
                Path::Many(values) => Ok(List(values)),
            },
            "list" => self.list(tree),
            "object" => self.object(tree),
            "template" => {
                let words = tree["parts"].as_array().unwrap().iter().map(|part| match part {
                    Json::String(words) => Ok(words.clone()),
                    part => self.eval(part).map(|value| value.words()),
                });
                words.collect::<Result<String, ()>>().map(Text)
            }
            "choice" => part(if part("if")?.truthy() { "then" } else { "else" }),
            "match" => self.matching(tree),
            "unary" => self.unary(tree),
            "binary" => self.binary(tree),
            "call" => self.call(tree["name"].as_str().unwrap(), &tree["args"].as_array().unwrap()[..]),
            "method" => {
                let args: Vec<_> =
                    std::iter::once(&tree["of"]).chain(tree["args"].as_array().unwrap()).cloned().collect();
                self.call(tree["name"].as_str().unwrap(), &args)
            }
            _ => Err(()),
        }
    }

    fn path(&self, tree: &Json) -> Result<Path, ()> {
        let step: Box<dyn Fn(Val) -> Val> = match tree["kind"].as_str().unwrap() {
            "member" => Box::new(|of| field(&of, tree["name"].as_str().unwrap())),
            "index" => {
                let of = self.path(&tree["of"])?;
                let index = self.eval(&tree["index"])?;
                return Ok(match of {
                    Path::One(of) => Path::One(item(&of, &index)),
                    Path::Many(all) => Path::Many(all.iter().map(|of| item(of, &index)).collect()),
                });
            }
            "wildcard" => {
                let all = match self.path(&tree["of"])? {
                    Path::One(of) => vec![of],
                    Path::Many(all) => all,
                };
                let lists: Result<Vec<_>, ()> = all.into_iter().map(items).collect();
                return Ok(Path::Many(lists?.concat()));
            }
            _ => return self.eval(tree).map(Path::One),
        };
        Ok(match self.path(&tree["of"])? {
            Path::One(of) => Path::One(step(of)),
            Path::Many(all) => Path::Many(all.into_iter().map(step).collect()),
        })
    }

    fn list(&self, tree: &Json) -> Got {
        let mut list = Vec::new();
        for node in tree["items"].as_array().unwrap() {
            match node["kind"].as_str().unwrap() {
                "spread" => list.extend(items(self.eval(&node["of"])?)?),
                _ => list.push(self.eval(node)?),
            }
        }
        Ok(List(list))
    }

    fn object(&self, tree: &Json) -> Got {
        let mut object = Vec::new();
        for entry in tree["entries"].as_array().unwrap() {
            if entry["kind"] == "spread" {
                let of = self.eval(&entry["of"])?;
                let is_record = record(&of).is_some();
                match of {
                    Null => {}
                    Object(fields) => fields
                        .into_iter()
                        .filter(|(key, _)| !(is_record && key == "module"))
                        .for_each(|(key, value)| put(&mut object, key, value)),
                    _ => return Err(()),
                }
                continue;
            }
            let key = match &entry["key"] {
                Json::String(key) => key.clone(),
                key => self.eval(key)?.words(),
            };
            put(&mut object, key, self.eval(&entry["value"])?);
        }
        Ok(Object(object))
    }

    fn matching(&self, tree: &Json) -> Got {
        let of = self.eval(&tree["of"])?;
        let arms = tree["arms"].as_array().unwrap();
        for arm in arms {
            for when in arm["when"].as_array().into_iter().flatten() {
                if same(&of, &self.eval(when)?) {
                    return self.eval(&arm["then"]);
                }
            }
        }
        arms.iter().find(|arm| arm["when"].is_null()).map_or(Ok(Null), |arm| self.eval(&arm["then"]))
    }

    fn unary(&self, tree: &Json) -> Got {
        let of = self.eval(&tree["of"])?;
        match tree["op"].as_str().unwrap() {
            "!" => Ok(Bool(!of.truthy())),
            "+" => of.number().ok_or(()),
            _ => match of.number().ok_or(())? {
                Int(n) => n.checked_neg().map(Int).ok_or(()),
                n if tree["of"]["kind"] == "literal" && float(&n) == 2_f64.powi(63) => Ok(Int(i64::MIN)),
                n => Ok(Float(-float(&n))),
            },
        }
    }

    fn binary(&self, tree: &Json) -> Got {
        let op = tree["op"].as_str().unwrap();
        let left = self.eval(&tree["left"])?;
        let right = || self.eval(&tree["right"]);
        match op {
            "&&" if !left.truthy() => return Ok(left),
            "||" if left.truthy() => return Ok(left),
            "??" if left != Null => return Ok(left),
            "&&" | "||" | "??" => return right(),
            _ => assert!(level(op) > 2),
        }
        let right = right()?;
        let joins = |value: &Val| matches!(value, Text(text) if numeric(text).is_none());
        match op {
            "==" => Ok(Bool(same(&left, &right))),
            "!=" => Ok(Bool(!same(&left, &right))),
            "#" => Ok(Text(left.words() + &right.words())),
            "+" if matches!((&left, &right), (Text(_), Text(_))) || joins(&left) || joins(&right) => {
                Ok(Text(left.words() + &right.words()))
            }
            "<" | "<=" | ">" | ">=" => relation(op, &left, &right),
            "&" | "|" | "^" | "<<" | ">>" => bits(op, &left, &right),
            _ => arithmetic(op, &left.number().ok_or(())?, &right.number().ok_or(())?),
        }
    }

    fn apply(&self, lambda: &Json, args: &[Val]) -> Got {
        let names = lambda["params"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
        let args = args.iter().cloned().chain(std::iter::repeat(Null));
        let mut inside = Reference { this: self.this, params: self.params.clone() };
        inside.params.extend(names.zip(args));
        inside.eval(&lambda["body"])
    }

    fn call(&self, name: &str, args: &[Json]) -> Got {
        let of = self.eval(&args[0])?;
        if name == "sum" {
            let all = if let List(items) = of { items } else { vec![of] };
            let numbers = all.iter().filter(|item| **item != Null);
            return numbers.map(|n| n.number().ok_or(())).try_fold(Int(0), |a, b| arithmetic("+", &a, &b?));
        }
        let list = items(of)?;
        if name == "count" {
            return Ok(Int(list.len() as i64));
        }
        let start = args.get(2).map(|start| self.eval(start)).transpose()?;
        if name == "reduce" {
            let mut list = list.into_iter().enumerate();
            let Some(start) = start.or_else(|| list.next().map(|(_, first)| first)) else { return Ok(Null) };
            return list
                .try_fold(start, |so_far, (at, item)| self.apply(&args[1], &[so_far, item, Int(at as i64)]));
        }
        let mut of_each = Vec::new();
        for (at, item) in list.iter().enumerate() {
            of_each.push(self.apply(&args[1], &[item.clone(), Int(at as i64)])?);
            let ends = match name {
                "find" | "some" => of_each[at].truthy(),
                "every" => !of_each[at].truthy(),
                _ => false,
            };
            if ends {
                return Ok(if name == "find" { item.clone() } else { Bool(name == "some") });
            }
        }
        match name {
            "map" => Ok(List(of_each)),
            "flatMap" => Ok(List(
                of_each
                    .into_iter()
                    .flat_map(|one| if let List(all) = one { all } else { vec![one] })
                    .collect(),
            )),
            "filter" => {
                let kept = list.into_iter().zip(of_each).filter(|(_, keep)| keep.truthy());
                Ok(List(kept.map(|(item, _)| item).collect()))
            }
            "find" => Ok(Null),
            other => Ok(Bool(other == "every")),
        }
    }
}

/// A list's items; null has none, an object is a list of one.
fn items(value: Val) -> Result<Vec<Val>, ()> {
    match value {
        List(items) => Ok(items),
        Null => Ok(Vec::new()),
        Object(_) => Ok(vec![value]),
        _ => Err(()),
    }
}

fn put(object: &mut Vec<(String, Val)>, key: String, value: Val) {
    match object.iter_mut().find(|(has, _)| *has == key) {
        Some(known) => known.1 = value,
        None => object.push((key, value)),
    }
}

fn field(of: &Val, name: &str) -> Val {
    match of {
        Object(_) => of.get(name).cloned().unwrap_or(Null),
        List(items) if name == "length" => Int(items.len() as i64),
        Text(text) if name == "length" => Int(text.chars().count() as i64),
        _ => Null,
    }
}

fn item(of: &Val, index: &Val) -> Val {
    let items: Vec<Val> = match of {
        Object(_) if *index == Null => return Null,
        Object(_) => return of.get(&index.words()).cloned().unwrap_or(Null),
        List(items) => items.clone(),
        Text(text) => text.chars().map(|c| Text(c.to_string())).collect(),
        _ => return Null,
    };
    let at = match index {
        Int(at) => *at,
        Float(at) if at.fract() == 0.0 => *at as i64,
        Text(text) => match numeric(text) {
            Some(Int(at)) => at,
            _ => return field(of, text),
        },
        _ => return Null,
    };
    let at = if at < 0 { at + items.len() as i64 } else { at };
    usize::try_from(at).ok().and_then(|at| items.get(at)).cloned().unwrap_or(Null)
}

fn relation(op: &str, left: &Val, right: &Val) -> Got {
    let order = match (left, right) {
        (Text(a), Text(b)) => a.cmp(b),
        _ => match (left.number(), right.number(), left, right) {
            (Some(a), Some(b), ..) => compare(&a, &b),
            (.., Null, Text(b)) => "".cmp(b),
            (.., Text(a), Null) => (**a).cmp(""),
            _ => return Err(()),
        },
    };
    Ok(Bool(match op {
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    }))
}

fn bits(op: &str, left: &Val, right: &Val) -> Got {
    let whole = |value: &Val| match value.number() {
        Some(Int(n)) => Ok(n),
        Some(Float(n)) if n.fract() == 0.0 && (-2_f64.powi(63)..2_f64.powi(63)).contains(&n) => Ok(n as i64),
        _ => Err(()),
    };
    let (a, b) = (whole(left)?, whole(right)?);
    let places = || u32::try_from(b).ok().filter(|places| *places < 64).ok_or(());
    Ok(Int(match op {
        "&" => a & b,
        "|" => a | b,
        "^" => a ^ b,
        "<<" => ((i128::from(a)) << places()?) as i64,
        _ => a >> places()?,
    }))
}

fn arithmetic(op: &str, left: &Val, right: &Val) -> Got {
    let (a, b) = match (left, right) {
        (Int(a), Int(b)) => (i128::from(*a), i128::from(*b)),
        _ => return Ok(doubles(op, float(left), float(right))),
    };
    let exact = match op {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" | "%" if b == 0 => return Ok(Null),
        "/" if a % b == 0 => a / b,
        "/" => return Ok(finite(a as f64 / b as f64)),
        "%" => a % b,
        _ if b < 0 => return Ok(doubles("**", a as f64, b as f64)),
        // Beyond 64 times only these three do not overflow.
        _ => match a {
            0 if b > 0 => 0,
            1 => 1,
            -1 => 1 - 2 * (b % 2),
            _ => a.checked_pow(u32::try_from(b).map_err(|_| ())?).ok_or(())?,
        },
    };
    i64::try_from(exact).map(Int).map_err(|_| ())
}

fn doubles(op: &str, a: f64, b: f64) -> Val {
    finite(match op {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        "%" => a % b,
        _ => a.powf(b),
    })
}
