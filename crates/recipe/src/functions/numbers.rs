//! Numbers.

use std::cmp::Ordering;

use super::{Args, Function, row};
use crate::{
    Value,
    ast::Binary,
    eval::{Got, Stop, Val},
    number,
    operators::{self, Number},
};

pub(super) const FUNCTIONS: &[Function] = &[
    row("abs(n)", "The number without its sign.", &[("abs(-3)", "3"), ("abs('-1.5')", "1.5")], |args| {
        match args.number(0)? {
            Number::Int(n) => n.checked_abs().map(Val::from).ok_or_else(|| operators::overflow("abs")),
            Number::Float(n) => Ok(n.abs().into()),
        }
    }),
    row("ceil(n)", "The next whole number up.", &[("ceil(1.2)", "2"), ("ceil(-1.2)", "-1")], |args| {
        rounded(args, f64::ceil)
    }),
    row("floor(n)", "The next whole number down.", &[("floor(1.8)", "1"), ("floor(-1.2)", "-2")], |args| {
        rounded(args, f64::floor)
    }),
    row(
        "round(n, digits?)",
        "Rounded to so many decimal places (0 if left out), half away from zero, on the number's decimal text.",
        &[
            ("round(2.5)", "3"),
            ("round(1.005, 2)", "1.01"),
            ("round(-2.5)", "-3"),
            ("round(1250, -2)", "1300"),
        ],
        |args| {
            let digits = args.int(1, 0)?;
            match args.number(0)? {
                Number::Int(n) if digits >= 0 => Ok(n.into()),
                Number::Int(n) => round_int(n, digits.unsigned_abs()),
                Number::Float(n) => match number::round(n, digits) {
                    n if n.is_finite() => Ok(whole_or(n, digits <= 0)),
                    _ => Err(operators::too_large("round")),
                },
            }
        },
    ),
    row(
        "min(values...)",
        "The smallest of a list or of several values; null is left out, of nothing it is null.",
        &[("min([3, 1, 2])", "1"), ("min(3, null, 2)", "2"), ("min([])", "null"), ("min('b', 'a')", "\"a\"")],
        |args| best(args, Ordering::is_lt),
    )
    .that_streams(),
    row(
        "max(values...)",
        "The largest of a list or of several values; null is left out, of nothing it is null.",
        &[("max([3, 1, 2])", "3"), ("max(1, 2.5)", "2.5"), ("max(null)", "null")],
        |args| best(args, Ordering::is_gt),
    )
    .that_streams(),
    row(
        "sum(values...)",
        "The sum of a list or of several numbers; null is left out, of nothing it is 0.",
        &[("sum([1, 2, 3])", "6"), ("sum(1, null, 0.5)", "1.5"), ("sum([])", "0")],
        |args| match total(args)? {
            (Sum::Whole(whole), _) => {
                i64::try_from(whole).map(Val::from).map_err(|_| operators::overflow("sum"))
            }
            (Sum::Double(sum), _) => Ok(sum.into()),
        },
    )
    .that_streams(),
    row(
        "avg(values...)",
        "The mean of a list or of several numbers; null is left out, of nothing it is null.",
        &[("avg([1, 2])", "1.5"), ("avg(2, null, 4)", "3"), ("avg([])", "null")],
        |args| {
            Ok(match total(args)? {
                (_, 0) => Val::NULL,
                (Sum::Whole(whole), count) => match i64::try_from(whole) {
                    Ok(sum) if sum % count == 0 => (sum / count).into(),
                    Ok(sum) => (sum as f64 / count as f64).into(),
                    Err(_) => (whole as f64 / count as f64).into(),
                },
                (Sum::Double(sum), count) => (sum / count as f64).into(),
            })
        },
    )
    .that_streams(),
    row(
        "pow(n, exponent)",
        "The same as `n ** exponent`.",
        &[("pow(2, 10)", "1024"), ("pow(2, -1)", "0.5")],
        |args| operators::arithmetic(Binary::Power, args.number(0)?, args.number(1)?, "pow").map(Val::Own),
    ),
    row(
        "sqrt(n)",
        "The square root; null of a negative number.",
        &[("sqrt(9)", "3"), ("sqrt(-1)", "null")],
        |args| {
            let root = args.number(0)?.float().sqrt();
            Ok(whole_or(root, matches!(args.number(0)?, Number::Int(_))))
        },
    ),
    row(
        "int(v)",
        "A whole number: what stands behind the point is cut off; null of what is no number.",
        &[("int('12.9')", "12"), ("int(-1.5)", "-1"), ("int('x')", "null"), ("int(true)", "1")],
        |args| {
            Ok(match args.get(0) {
                Value::Null | Value::List(_) | Value::Object(_) => Val::NULL,
                value => match Number::of(value) {
                    Some(Number::Int(n)) => n.into(),
                    Some(Number::Float(n)) => number::whole(n.trunc()).into(),
                    None => Val::NULL,
                },
            })
        },
    ),
];

/// The double, as a whole number where that is wanted and fits.
fn whole_or<'a>(n: f64, whole: bool) -> Val<'a> {
    match number::whole(n) {
        Some(n) if whole => n.into(),
        _ => n.into(),
    }
}

fn rounded<'a>(args: &Args<'_, 'a>, by: fn(f64) -> f64) -> Got<'a> {
    Ok(match args.number(0)? {
        Number::Int(n) => n.into(),
        Number::Float(n) => whole_or(by(n), true),
    })
}

fn round_int<'a>(n: i64, places: u64) -> Got<'a> {
    let Some(unit) = u32::try_from(places).ok().and_then(|places| 10_i128.checked_pow(places)) else {
        return Ok(0.into());
    };
    let (n, half) = (i128::from(n), unit / 2);
    let rounded = (n.abs() + half) / unit * unit * n.signum();
    match i64::try_from(rounded) {
        Ok(n) => Ok(n.into()),
        Err(_) => Err(Stop::new("`round` overflows: the result is no whole number of 64 bits")),
    }
}

enum Sum {
    Whole(i128),
    Double(f64),
}

/// The sum, exact as long as all are whole, and of how many.
fn total(args: &mut Args<'_, '_>) -> Result<(Sum, i64), Stop> {
    let (mut whole, mut double, mut count) = (0_i128, None, 0);
    args.items_or_all()?.each(|_, value| {
        let number = match &*value {
            Value::Null => return Ok(true),
            Value::Int(n) => Number::Int(*n),
            Value::Float(n) => Number::Float(*n),
            other => args.number_of(other)?,
        };
        match (number, double) {
            (Number::Int(n), None) => whole += i128::from(n),
            (number, so_far) => double = Some(so_far.unwrap_or(whole as f64) + number.float()),
        }
        count += 1;
        Ok(true)
    })?;
    match double {
        None => Ok((Sum::Whole(whole), count)),
        Some(sum) if sum.is_finite() => Ok((Sum::Double(sum), count)),
        Some(_) => Err(operators::too_large(args.call.function.name)),
    }
}

/// Texts alone by code point, as `<` compares them; else all as numbers.
fn best<'a>(args: &mut Args<'_, 'a>, better: fn(Ordering) -> bool) -> Got<'a> {
    let mut values: Vec<_> = args.items_or_all()?.filter(|value| !value.is_null()).collect();
    let as_words = values.iter().all(|value| matches!(**value, Value::Text(_)));
    let mut best: Option<(usize, Option<Number>)> = None;
    for (at, value) in values.iter().enumerate() {
        let number = match Number::of(value) {
            _ if as_words => None,
            None if matches!(**value, Value::Text(_)) => {
                return Err(args.wrong_says("numbers or texts, and a text beside numbers must be numeric"));
            }
            None => return Err(args.wrong("numbers or texts", value)),
            number => number,
        };
        let order = match (best, number) {
            (None, _) => None,
            (Some((_, Some(so_far))), Some(number)) => Some(number.compare(so_far)),
            (Some((so_far, _)), _) => Some(value.as_str().cmp(&values[so_far].as_str())),
        };
        if order.is_none_or(better) {
            best = Some((at, number));
        }
    }
    Ok(match best {
        None => Val::NULL,
        Some((_, Some(number))) => Val::Own(number.into()),
        Some((at, None)) => values.swap_remove(at),
    })
}
