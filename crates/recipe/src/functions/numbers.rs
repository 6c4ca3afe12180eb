//! Numbers.

use super::{Args, Function};
use crate::{
    Value,
    ast::Binary,
    eval::{Got, Val},
    number,
    operators::{self, Number},
};

const fn one(
    name: &'static str,
    usage: &'static str,
    run: for<'a, 'm> fn(&mut Args<'a, 'm>) -> Got<'a>,
) -> Function {
    Function { name, takes: (1, 1), lambda: None, usage, run }
}

const fn many(
    name: &'static str,
    usage: &'static str,
    run: for<'a, 'm> fn(&mut Args<'a, 'm>) -> Got<'a>,
) -> Function {
    Function { name, takes: (1, 250), lambda: None, usage, run }
}

pub(super) const FUNCTIONS: &[Function] = &[
    one("abs", "abs(n)", |args| rounded(args, f64::abs)),
    one("ceil", "ceil(n)", |args| rounded(args, f64::ceil)),
    one("floor", "floor(n)", |args| rounded(args, f64::floor)),
    one("sqrt", "sqrt(n)", |args| {
        let n = number(args, 0)?.float();
        Ok(Val::Own(if n < 0.0 { Value::Null } else { whole(n.sqrt()) }))
    }),
    Function {
        name: "round",
        takes: (1, 2),
        lambda: None,
        usage: "round(n, digits)",
        run: |args| match number(args, 0)? {
            Number::Int(n) => Ok(n.into()),
            Number::Float(n) => Ok(Val::Own(whole(number::round(n, args.at(1).as_i64().unwrap_or(0))))),
        },
    },
    many("min", "min(list)", |args| extreme(args, std::cmp::Ordering::Less)),
    many("max", "max(list)", |args| extreme(args, std::cmp::Ordering::Greater)),
    many("sum", "sum(list)", |args| {
        let mut sum = Value::Int(0);
        for n in numbers(args)? {
            sum = operators::apply(Binary::Add, &sum, &n.into())?;
        }
        Ok(Val::Own(sum))
    }),
    many("avg", "avg(list)", |args| {
        let numbers = numbers(args)?;
        if numbers.is_empty() {
            return Ok(Val::NULL);
        }
        Ok(Val::Own(whole(numbers.iter().map(|n| n.float()).sum::<f64>() / numbers.len() as f64)))
    }),
];

fn number(args: &Args<'_, '_>, index: usize) -> Result<Number, crate::eval::Stop> {
    Number::of(&args.at(index)).ok_or_else(|| args.wrong(index, "a number"))
}

fn whole(n: f64) -> Value {
    number::whole(n).map_or_else(|| Value::from(n), Value::Int)
}

fn rounded<'a>(args: &mut Args<'a, '_>, how: fn(f64) -> f64) -> Got<'a> {
    Ok(Val::Own(match number(args, 0)? {
        Number::Int(n) if how(-1.5) > 0.0 => {
            n.checked_abs().map_or(Value::Float((n as f64).abs()), Value::Int)
        }
        Number::Int(n) => Value::Int(n),
        Number::Float(n) => whole(how(n)),
    }))
}

/// Of one list, or of several arguments; null is left out.
fn numbers(args: &Args<'_, '_>) -> Result<Vec<Number>, crate::eval::Stop> {
    let items = if args.values.len() == 1 {
        args.items(0)
    } else {
        args.values.iter().map(|v| (**v).clone()).collect()
    };
    let kept = items.iter().filter(|item| !item.is_null());
    kept.map(|item| Number::of(item).ok_or_else(|| args.wrong(0, "numbers"))).collect()
}

fn extreme<'a>(args: &mut Args<'a, '_>, wanted: std::cmp::Ordering) -> Got<'a> {
    let best = numbers(args)?.into_iter().reduce(|best, n| if n.compare(best) == wanted { n } else { best });
    Ok(Val::Own(best.map_or(Value::Null, Value::from)))
}
