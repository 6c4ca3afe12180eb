//! Values through serde: plain JSON for people and other systems, where marks are lost; for formats that people do not
//! read (journal, checkpoint, store) a tagged form that gives back exactly the same value, marks included.

use std::{fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor},
    ser::SerializeMap,
};

use super::{Fields, List, Map, Name, Taint, Text, Value, apart};

/// The tags of the form for machines, in order. Stored bytes hold their places: only ever append.
const TAGS: &[&str] =
    &["null", "false", "true", "int", "float", "text", "external", "list", "object", "apart"];

/// How deep JSON from outside may nest.
const DEPTH_MAX: usize = 128;

pub(super) fn from_json(text: &str) -> Result<Value, serde_json::Error> {
    // The parser's own limit is one level short of ours; only what meets it is looked at twice.
    serde_json::from_str(text).or_else(|error| {
        if !error.to_string().starts_with("recursion limit") || depth(text) > DEPTH_MAX {
            return Err(error);
        }
        let mut from = serde_json::Deserializer::from_str(text);
        from.disable_recursion_limit();
        let value = Value::deserialize(&mut from)?;
        from.end()?;
        Ok(value)
    })
}

/// How deep brackets nest, those in texts left out.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if !to.is_human_readable() {
            return match apart::form(self) {
                None => Whole(self).serialize(to),
                Some(apart::Form::Bytes(bytes)) => bytes.serialize(to),
                Some(apart::Form::Apart(hash)) => to.serialize_newtype_variant(NAME, 9, TAGS[9], &hash),
            };
        }
        match self {
            Value::Null => to.serialize_unit(),
            Value::Bool(is) => to.serialize_bool(*is),
            Value::Int(n) => to.serialize_i64(*n),
            Value::Float(n) => match crate::number::whole(*n) {
                Some(n) if n.unsigned_abs() < 1 << 53 => to.serialize_i64(n),
                _ => to.serialize_f64(*n),
            },
            Value::Text(text) => to.serialize_str(text),
            Value::List(list) => Inside(list).serialize(to),
            Value::Object(map) => Inside(map).serialize(to),
        }
    }
}

const NAME: &str = "Value";

/// A value in the form for machines that itself is not taken out.
pub(super) struct Whole<'a>(pub(super) &'a Value);

impl Serialize for Whole<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => to.serialize_unit_variant(NAME, 0, TAGS[0]),
            Value::Bool(false) => to.serialize_unit_variant(NAME, 1, TAGS[1]),
            Value::Bool(true) => to.serialize_unit_variant(NAME, 2, TAGS[2]),
            Value::Int(n) => to.serialize_newtype_variant(NAME, 3, TAGS[3], n),
            Value::Float(n) => to.serialize_newtype_variant(NAME, 4, TAGS[4], n),
            Value::Text(text) => match text.taint() {
                Taint::Clean => to.serialize_newtype_variant(NAME, 5, TAGS[5], &**text),
                Taint::External => to.serialize_newtype_variant(NAME, 6, TAGS[6], &**text),
            },
            Value::List(list) => to.serialize_newtype_variant(NAME, 7, TAGS[7], &Inside(list)),
            Value::Object(map) => to.serialize_newtype_variant(NAME, 8, TAGS[8], &Inside(map)),
        }
    }
}

/// A list or an object behind its tag.
struct Inside<T>(T);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Value, D::Error> {
        if from.is_human_readable() {
            from.deserialize_any(ValueVisitor)
        } else {
            from.deserialize_enum(NAME, TAGS, ValueVisitor)
        }
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        Value::deserialize(from)
    }

    fn visit_bool<E>(self, is: bool) -> Result<Value, E> {
        Ok(Value::Bool(is))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Value, E> {
        Ok(Value::Int(n))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Value, E> {
        Ok(Value::from(n))
    }

    fn visit_f64<E>(self, n: f64) -> Result<Value, E> {
        Ok(Value::from(n))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Value, A::Error> {
        ListVisitor.visit_seq(items).map(Value::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Value, A::Error> {
        MapVisitor.visit_map(entries).map(Value::Object)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, from: A) -> Result<Value, A::Error> {
        let (Tag(tag), variant) = from.variant()?;
        Ok(match tag {
            0 => variant.unit_variant().map(|()| Value::Null)?,
            1 | 2 => variant.unit_variant().map(|()| Value::Bool(tag == 2))?,
            3 => Value::Int(variant.newtype_variant()?),
            4 => Value::Float(variant.newtype_variant()?),
            5 => Value::from(variant.newtype_variant::<Words>()?.0),
            6 => Value::Text(Text::new(variant.newtype_variant::<Words>()?.0).with_taint(Taint::External)),
            7 => Value::List(variant.newtype_variant::<Inside<List>>()?.0),
            8 => Value::Object(variant.newtype_variant::<Inside<Map>>()?.0),
            _ => {
                let missing = || de::Error::custom("a reference to a value that is not there");
                apart::find(variant.newtype_variant()?).ok_or_else(missing)?
            }
        })
    }
}

/// The place of a tag.
struct Tag(usize);

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Tag, D::Error> {
        struct TagVisitor;
        impl Visitor<'_> for TagVisitor {
            type Value = Tag;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the tag of a value")
            }

            fn visit_u64<E: de::Error>(self, at: u64) -> Result<Tag, E> {
                let known = usize::try_from(at).ok().filter(|at| *at < TAGS.len());
                known.map(Tag).ok_or_else(|| E::custom("an unknown tag of a value"))
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Tag, E> {
                let at = TAGS.iter().position(|tag| *tag == name);
                at.map(Tag).ok_or_else(|| E::custom("an unknown tag of a value"))
            }
        }
        from.deserialize_identifier(TagVisitor)
    }
}

/// Shared words, read without a text in between.
struct Words(Arc<str>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Words, D::Error> {
        struct WordsVisitor;
        impl Visitor<'_> for WordsVisitor {
            type Value = Words;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Words, E> {
                Ok(Words(text.into()))
            }
        }
        from.deserialize_str(WordsVisitor)
    }
}

/// The name of a field; most take no memory of their own.
struct FieldName(Name);

impl<'de> Deserialize<'de> for FieldName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<FieldName, D::Error> {
        struct NameVisitor;
        impl Visitor<'_> for NameVisitor {
            type Value = FieldName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a field")
            }

            fn visit_str<E>(self, text: &str) -> Result<FieldName, E> {
                Ok(FieldName(text.into()))
            }
        }
        from.deserialize_str(NameVisitor)
    }
}

/// What stands alone is written as the value that it is, so that it can be taken out too.
macro_rules! as_value {
    ($kind:ident, $variant:ident, $inside:ty, $whole:expr) => {
        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                Value::$variant(self.clone()).serialize(to)
            }
        }

        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<$kind, D::Error> {
                if from.is_human_readable() {
                    return <$inside>::deserialize(from).map($whole);
                }
                match Value::deserialize(from)? {
                    Value::$variant(found) => Ok(found),
                    other => {
                        Err(de::Error::custom(format_args!("{} in place of another", other.type_name())))
                    }
                }
            }
        }
    };
}

as_value!(Text, Text, Words, |words| Text::new(words.0));
as_value!(List, List, Inside<List>, |inside| inside.0);
as_value!(Map, Object, Inside<Map>, |inside| inside.0);

impl Serialize for Inside<&List> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter())
    }
}

impl<'de> Deserialize<'de> for Inside<List> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Inside<List>, D::Error> {
        from.deserialize_seq(ListVisitor).map(Inside)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = List;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<List, A::Error> {
        let mut values = Vec::with_capacity(items.size_hint().unwrap_or(0).min(4096));
        while let Some(item) = items.next_element()? {
            values.push(item);
        }
        Ok(values.into())
    }
}

impl Serialize for Inside<&Map> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0.iter() {
            map.serialize_entry(&**key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Inside<Map> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Inside<Map>, D::Error> {
        from.deserialize_map(MapVisitor).map(Inside)
    }
}

struct MapVisitor;

impl<'de> Visitor<'de> for MapVisitor {
    type Value = Map;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Map, A::Error> {
        let mut fields = Fields::with_capacity(entries.size_hint().unwrap_or(0).min(1024));
        while let Some((FieldName(key), value)) = entries.next_entry::<FieldName, Value>()? {
            fields.put(key, value);
        }
        Ok(fields.into())
    }
}
