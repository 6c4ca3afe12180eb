//! A slow, obvious evaluator straight from the tree and the tables of recipe.md, which shares no code with the
//! crate's but the way a number prints. An error is only an error: which one, the snapshots say.

mod values;

use serde_json::Value as Json;
use values::{arithmetic, bits, field, float, item, items, numeric, put, record, relation, same};

pub(crate) use values::Val;
use values::{
    Got,
    Val::{Bool, Float, Int, List, Null, Object, Text},
};

use crate::print::level;

/// Names and what they stand for, innermost last.
pub(crate) type Params = Vec<(String, Val)>;

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
