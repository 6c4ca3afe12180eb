//! Text. Lengths and places count characters.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Args, Function, row};
use crate::{
    Taint, Value,
    eval::{Got, Stop, Val},
};

pub(super) const FUNCTIONS: &[Function] = &[
    row(
        "string(v)",
        "The value as it reads inside a text: null is empty, lists and objects are compact JSON.",
        &[("string(1.50)", "\"1.5\""), ("string(null)", "\"\""), ("string([1, 'a'])", r#""[1,\"a\"]""#)],
        |args| {
            let mut words = String::new();
            let value = args.take(0);
            let taint = args.machine.add_words(&value, &mut words)?;
            args.machine.text(&words, taint)
        },
    ),
    row("upper(s)", "In capital letters.", &[("upper('straße')", "\"STRASSE\"")], |args| {
        args.making(0, 1)?;
        let words = args.words(0)?.to_uppercase();
        args.made(&words)
    }),
    row("lower(s)", "In small letters.", &[("lower('ÄB')", "\"äb\"")], |args| {
        args.making(0, 1)?;
        let words = args.words(0)?.to_lowercase();
        args.made(&words)
    }),
    row(
        "trim(s, characters?)",
        "Without white space, or without these characters, at both ends.",
        &[("trim('  a b ')", "\"a b\""), ("trim('--a-', '-')", "\"a\"")],
        |args| {
            let long = args.get(0).as_str().map_or(0, str::len);
            args.machine.spend(long >> 5)?;
            let words = args.words(0)?;
            let trimmed = match args.given(1) {
                true => {
                    let characters: Vec<char> = args.words(1)?.chars().take(64).collect();
                    words.trim_matches(characters.as_slice())
                }
                false => words.trim(),
            };
            let trimmed = trimmed.to_owned();
            args.made(&trimmed)
        },
    ),
    row(
        "length(v)",
        "How many characters a text has, or items a list.",
        &[("length('äöü')", "3"), ("length([1, 2])", "2"), ("length(null)", "0")],
        |args| {
            Ok(match args.get(0) {
                Value::Null => 0.into(),
                Value::Text(text) => text.chars().count().into(),
                Value::Bool(_) | Value::Int(_) | Value::Float(_) => args.words(0)?.len().into(),
                Value::List(_) | Value::Object(_) => args.peek(0)?.len().into(),
            })
        },
    ),
    row(
        "substring(s, start, end?)",
        "From a place up to before another; negative places count from the end.",
        &[("substring('hello', 1, 3)", "\"el\""), ("substring('hello', -3)", "\"llo\"")],
        |args| {
            let part = slice(args)?;
            args.made(&part)
        },
    ),
    row(
        "replace(s, search, by)",
        "With every `search` replaced.",
        &[("replace('a-b-c', '-', '+')", "\"a+b+c\""), ("'aa'.replace('a', '')", "\"\"")],
        |args| {
            let (words, search, by) = (args.words(0)?, args.words(1)?, args.words(2)?);
            let count = if search.is_empty() { 0 } else { words.matches(&*search).count() };
            let rest = words.len() - count * search.len();
            let bytes = count.saturating_mul(by.len()).saturating_add(rest);
            args.machine.spend_bytes(bytes)?;
            let (words, search, by) = (args.words(0)?, args.words(1)?, args.words(2)?);
            let replaced = if count > 0 { words.replace(&*search, &by) } else { words.into_owned() };
            args.made(&replaced)
        },
    ),
    row(
        "split(s, separator)",
        "The parts between the separators; with an empty one, the characters.",
        &[
            ("split('a,b', ',')", r#"["a","b"]"#),
            ("split('äb', '')", r#"["ä","b"]"#),
            ("split(null, ',')", "[]"),
        ],
        |args| {
            if !args.given(0) {
                return args.machine.list(Vec::new());
            }
            let (words, separator) = (args.words(0)?, args.words(1)?);
            let count = match separator.is_empty() {
                true => words.chars().count(),
                false => words.matches(&*separator).count() + 1,
            };
            args.machine.spend(count)?;
            args.making(0, 1)?;
            let (words, separator) = (args.words(0)?.into_owned(), args.words(1)?.into_owned());
            let parts: Vec<&str> = match separator.is_empty() {
                true => words.char_indices().map(|(at, c)| &words[at..at + c.len_utf8()]).collect(),
                false => words.split(&*separator).collect(),
            };
            let taint = args.taint();
            let texts: Result<Vec<_>, _> =
                parts.into_iter().map(|part| args.machine.text(part, taint).map(Val::own)).collect();
            args.machine.list(texts?)
        },
    ),
    row(
        "join(list, separator?)",
        "The items as one text, with the separator (a comma if left out) between them.",
        &[("join([1, null, 'a'], '-')", "\"1--a\""), ("['a', 'b'].join()", "\"a,b\"")],
        |args| {
            let separator = if args.values.len() > 1 { args.words(1)?.into_owned() } else { ",".to_owned() };
            let taint = args.taint();
            let mut words = String::new();
            for (at, item) in args.items(0)?.enumerate() {
                if at > 0 {
                    args.machine.spend_bytes(separator.len())?;
                    words.push_str(&separator);
                }
                args.machine.add_words(&item, &mut words)?;
            }
            args.machine.text(&words, taint)
        },
    ),
    row(
        "startsWith(s, start)",
        "Whether a text begins so.",
        &[("startsWith('abc', 'ab')", "true")],
        |args| Ok(args.words(0)?.starts_with(&*args.words(1)?).into()),
    ),
    row("endsWith(s, end)", "Whether a text ends so.", &[("'abc'.endsWith('bc')", "true")], |args| {
        Ok(args.words(0)?.ends_with(&*args.words(1)?).into())
    }),
    row(
        "format(s, values...)",
        "With `{}` replaced by one value after the other, `{0}` by the value at a place, `{name}` by a field of the first. A brace that is meant as one is given as a value.",
        &[
            ("format('{} of {}', 1, 2)", "\"1 of 2\""),
            ("format('{1}{0}', 'a', 'b')", "\"ba\""),
            ("format('{}name{}', '{', '}')", "\"{name}\""),
            ("format('Dear {name}', {name: 'Ada'})", "\"Dear Ada\""),
        ],
        format,
    ),
    row(
        "padStart(s, length, with?)",
        "Filled up at its start, with spaces if nothing else is named.",
        &[("padStart('7', 3, '0')", "\"007\""), ("padStart(1234, 3)", "\"1234\"")],
        |args| {
            let (words, fill) = padding(args)?;
            args.made(&(fill + &words))
        },
    ),
    row(
        "padEnd(s, length, with?)",
        "Filled up at its end, with spaces if nothing else is named.",
        &[("padEnd('ab', 4, '.')", "\"ab..\"")],
        |args| {
            let (words, fill) = padding(args)?;
            args.made(&(words + &fill))
        },
    ),
    row(
        "urlEncode(s)",
        "As a part of a URL: all but ASCII letters, digits and -_.!~*'() as %XX.",
        &[("urlEncode('a b/ü')", "\"a%20b%2F%C3%BC\"")],
        |args| {
            args.making(0, 3)?;
            let mut out = String::new();
            for byte in args.words(0)?.bytes() {
                match byte {
                    b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' => out.push(byte.into()),
                    byte if byte.is_ascii_alphanumeric() => out.push(byte.into()),
                    byte => out.push_str(&format!("%{byte:02X}")),
                }
            }
            args.made(&out)
        },
    ),
    row("base64Encode(s)", "Its UTF-8 bytes as base 64.", &[("base64Encode('hé')", "\"aMOp\"")], |args| {
        args.making(0, 2)?;
        let encoded = STANDARD.encode(args.words(0)?.as_bytes());
        args.made(&encoded)
    }),
    row(
        "base64Decode(s)",
        "The text from base 64; null if it is none.",
        &[("base64Decode('aMOp')", "\"hé\""), ("base64Decode('?')", "null")],
        |args| {
            args.making(0, 1)?;
            let bytes = STANDARD.decode(args.words(0)?.as_bytes()).ok();
            match bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
                Some(words) => args.made(&words),
                None => Ok(Val::NULL),
            }
        },
    ),
    row(
        "slug(s)",
        "For a URL: small ASCII letters and digits, everything else one hyphen.",
        &[("slug('Über Größe & mehr!')", "\"ueber-groesse-mehr\"")],
        slug,
    ),
    row("slugify(s)", "The same as slug.", &[("slugify('Crème brûlée')", "\"creme-brulee\"")], slug),
];

/// Two places as a range of `length`: negative ones count from the end, what is outside is the end it is beyond.
pub(super) fn range(length: usize, start: i64, end: Option<i64>) -> std::ops::Range<usize> {
    let place = |at: i64| {
        let at = if at < 0 { at.saturating_add(length as i64).max(0) } else { at };
        usize::try_from(at).unwrap_or(usize::MAX).min(length)
    };
    let start = place(start);
    start..end.map_or(length, place).max(start)
}

/// The part of the text that the second and third argument name.
pub(super) fn slice(args: &mut Args<'_, '_>) -> Result<String, Stop> {
    args.making(0, 1)?;
    let words = args.words(0)?;
    let end = if args.given(2) { Some(args.int(2, 0)?) } else { None };
    let range = range(words.chars().count(), args.int(1, 0)?, end);
    Ok(words.chars().skip(range.start).take(range.len()).collect())
}

/// The text, and what is to be added to it.
fn padding(args: &mut Args<'_, '_>) -> Result<(String, String), Stop> {
    let words = args.words(0)?.into_owned();
    let with: Cow<'_, str> = if args.values.len() > 2 { args.words(2)? } else { " ".into() };
    let with = with.into_owned();
    let length = usize::try_from(args.int(1, 0)?).unwrap_or(0);
    let missing = length.saturating_sub(words.chars().count());
    if with.is_empty() {
        return Ok((words, with));
    }
    args.machine.spend_bytes(missing.saturating_mul(4))?;
    Ok((words, with.chars().cycle().take(missing).collect()))
}

fn format<'a>(args: &mut Args<'_, 'a>) -> Got<'a> {
    args.making(0, 1)?;
    let pattern = args.words(0)?.into_owned();
    let mut taint = Taint::Clean | args.get(0).taint();
    let (mut out, mut rest, mut next) = (String::new(), &*pattern, 1);
    while let Some((before, after)) = rest.split_once('{') {
        args.machine.spend(1)?;
        let Some((name, behind)) = after.split_once('}') else { break };
        out.push_str(before);
        let value = match name.parse::<usize>() {
            _ if name.is_empty() => {
                next += 1;
                args.get(next - 1).clone()
            }
            Ok(at) => args.get(at.saturating_add(1)).clone(),
            Err(_) => {
                let of = args.get(1).clone();
                args.machine.spend(name.len() >> 3)?;
                args.machine.part_at(&of, name)?.own()
            }
        };
        taint = taint | args.machine.add_words(&value, &mut out)?;
        rest = behind;
    }
    out.push_str(rest);
    args.machine.text(&out, taint)
}

fn slug<'a>(args: &mut Args<'_, 'a>) -> Got<'a> {
    args.making(0, 1)?;
    args.machine.spend(args.get(0).as_str().map_or(0, str::len) >> 3)?;
    let mut out = String::new();
    for c in args.words(0)?.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            out.push(c);
            continue;
        }
        match ASCII.iter().find(|(letters, _)| letters.contains(c)) {
            Some((_, plain)) => out.push_str(plain),
            // A combining accent belongs to the letter before it.
            None if ('\u{300}'..='\u{36f}').contains(&c) => {}
            None if !out.is_empty() && !out.ends_with('-') => out.push('-'),
            None => {}
        }
    }
    let end = out.trim_end_matches('-').len();
    args.made(&out[..end])
}

/// Small Latin letters and how they are written without their accents; German ones as in German.
const ASCII: &[(&str, &str)] = &[
    ("äæǽ", "ae"),
    ("öœ", "oe"),
    ("ü", "ue"),
    ("ß", "ss"),
    ("þ", "th"),
    ("àáâãåāăą", "a"),
    ("çćĉċč", "c"),
    ("ďđð", "d"),
    ("èéêëēĕėęě", "e"),
    ("ĝğġģ", "g"),
    ("ĥħ", "h"),
    ("ìíîïĩīĭįı", "i"),
    ("ĵ", "j"),
    ("ķ", "k"),
    ("ĺļľŀł", "l"),
    ("ñńņňŉ", "n"),
    ("òóôõøōŏő", "o"),
    ("ŕŗř", "r"),
    ("śŝşšș", "s"),
    ("ţťŧț", "t"),
    ("ùúûũūŭůűų", "u"),
    ("ŵ", "w"),
    ("ýÿŷ", "y"),
    ("źżž", "z"),
];
