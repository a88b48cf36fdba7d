//! Implementations that a derive would not write.

use multiproc::Executor;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, EnumAccess, IgnoredAny, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::support::{Named, named};
use crate::through_all;

pub(crate) const TESTS: &[Named] = named! {
    deserialize_may_differ_from_serialize
    sequences_of_unknown_length_arrive
    collected_strings_arrive
    human_readable_and_binary_forms_arrive
    string_deserialized_as_enum_arrives
    wrong_length_is_only_a_hint
    bytes_and_numbers_stand_for_each_other
    values_beyond_json_arrive_exactly
};

/// Reads and writes a pair of numbers by the functions given.
macro_rules! pair {
    ($name:ident, $serialize:expr, $deserialize:expr) => {
        #[derive(Debug, Clone, PartialEq)]
        struct $name {
            a: u32,
            b: u32,
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $serialize(self.a, self.b, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $deserialize(deserializer).map(|(a, b)| Self { a, b })
            }
        }
    };
}

fn as_struct<S: Serializer>(a: u32, b: u32, serializer: S) -> Result<S::Ok, S::Error> {
    let mut state = serializer.serialize_struct("Pair", 2)?;
    state.serialize_field("a", &a)?;
    state.serialize_field("b", &b)?;
    state.end()
}

fn backwards<S: Serializer>(a: u32, b: u32, serializer: S) -> Result<S::Ok, S::Error> {
    let mut state = serializer.serialize_struct("Pair", 2)?;
    state.serialize_field("b", &b)?;
    state.serialize_field("a", &a)?;
    state.end()
}

fn with_a_skipped_field<S: Serializer>(a: u32, b: u32, serializer: S) -> Result<S::Ok, S::Error> {
    let mut state = serializer.serialize_struct("Pair", 2)?;
    state.skip_field("none")?;
    state.serialize_field("b", &b)?;
    state.serialize_field("unknown", &[Some("ignored"), None])?;
    state.serialize_field("a", &a)?;
    state.end()
}

fn as_map_of_unknown_length<S: Serializer>(a: u32, b: u32, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    map.serialize_key("a")?;
    map.serialize_value(&a)?;
    map.serialize_entry("b", &b)?;
    map.end()
}

fn as_sequence_of_unknown_length<S: Serializer>(a: u32, b: u32, serializer: S) -> Result<S::Ok, S::Error> {
    let mut seq = serializer.serialize_seq(None)?;
    seq.serialize_element(&a)?;
    seq.serialize_element(&b)?;
    seq.end()
}

fn as_str<S: Serializer>(a: u32, b: u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{a}/{b}"))
}

fn human_or_compact<S: Serializer>(a: u32, b: u32, serializer: S) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        as_str(a, b, serializer)
    } else {
        serializer.serialize_u64((u64::from(a) << 32) | u64::from(b))
    }
}

/// Accepts maps alone.
struct Map;

impl<'de> Visitor<'de> for Map {
    type Value = (u32, u32);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of `a` and `b`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(u32, u32), A::Error> {
        let (mut a, mut b) = (None, None);
        while let Some(key) = map.next_key::<String>()? {
            match &*key {
                "a" => a = Some(map.next_value()?),
                "b" => b = Some(map.next_value()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        a.zip(b).ok_or_else(|| de::Error::custom("`a` or `b` is missing"))
    }
}

/// Accepts sequences alone.
struct Seq;

impl<'de> Visitor<'de> for Seq {
    type Value = (u32, u32);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("two numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(u32, u32), A::Error> {
        let mut next = || seq.next_element()?.ok_or_else(|| de::Error::custom("two numbers are needed"));
        let pair = (next()?, next()?);
        match seq.next_element::<IgnoredAny>()? {
            None => Ok(pair),
            Some(_) => Err(de::Error::custom("more than two numbers")),
        }
    }
}

/// Accepts text alone, and `from_text`'s numbers.
struct Text;

impl Visitor<'_> for Text {
    type Value = (u32, u32);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("two numbers with a slash")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(u32, u32), E> {
        let pair = text.split_once('/').ok_or_else(|| E::custom("no slash"))?;
        let number = |text: &str| text.parse().map_err(E::custom);
        Ok((number(pair.0)?, number(pair.1)?))
    }
}

fn human_or_compact_back<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(u32, u32), D::Error> {
    if deserializer.is_human_readable() {
        deserializer.deserialize_str(Text)
    } else {
        u64::deserialize(deserializer).map(|both| ((both >> 32) as u32, both as u32))
    }
}

pair!(StructAsMap, as_struct, |d: D| D::deserialize_map(d, Map));
pair!(StructAsAny, as_struct, |d: D| D::deserialize_any(d, Map));
pair!(Backwards, backwards, |d: D| D::deserialize_struct(d, "Pair", &["a", "b"], Map));
pair!(MapAsStruct, as_map_of_unknown_length, |d: D| D::deserialize_struct(d, "Pair", &["a", "b"], Map));
pair!(Skipping, with_a_skipped_field, |d: D| D::deserialize_struct(d, "Pair", &["a", "b"], Map));
pair!(UnknownMap, as_map_of_unknown_length, |d: D| D::deserialize_map(d, Map));
pair!(UnknownSeq, as_sequence_of_unknown_length, |d: D| D::deserialize_seq(d, Seq));
pair!(SeqAsTuple, as_sequence_of_unknown_length, |d: D| D::deserialize_tuple(d, 2, Seq));
pair!(SeqAsAny, as_sequence_of_unknown_length, |d: D| D::deserialize_any(d, Seq));
pair!(Str, as_str, |d: D| D::deserialize_str(d, Text));
pair!(StrAsAny, as_str, |d: D| D::deserialize_any(d, Text));
pair!(StrAsString, as_str, |d: D| D::deserialize_string(d, Text));
pair!(Forms, human_or_compact, human_or_compact_back);

fn deserialize_may_differ_from_serialize() -> multiproc::Result<()> {
    through_all(|channels| {
        channels.keep_all((
            StructAsMap { a: 1, b: 2 },
            StructAsAny { a: 1, b: 2 },
            Backwards { a: 1, b: 2 },
            MapAsStruct { a: 1, b: 2 },
            Skipping { a: 1, b: 2 },
            vec![(Backwards { a: 1, b: 2 }, Skipping { a: 3, b: 4 }); 3],
        ));
    })
}

fn sequences_of_unknown_length_arrive() -> multiproc::Result<()> {
    through_all(|channels| {
        channels.keep_all((
            UnknownMap { a: 1, b: 2 },
            UnknownSeq { a: 1, b: 2 },
            SeqAsTuple { a: 1, b: 2 },
            SeqAsAny { a: 1, b: 2 },
            vec![Some((UnknownMap { a: 1, b: 2 }, UnknownSeq { a: 3, b: 4 })), None],
        ));
    })
}

fn collected_strings_arrive() -> multiproc::Result<()> {
    through_all(|channels| {
        channels.keep_all((Str { a: 1, b: 2 }, StrAsAny { a: u32::MAX, b: 0 }, StrAsString { a: 0, b: u32::MAX }));
    })
}

/// Buffers its content, which is then read in the form for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Buffered {
    Forms { forms: Forms, also: u8 },
    Bare(Forms),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Outer {
    x: u32,
    #[serde(flatten)]
    inner: Holder,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Holder {
    forms: Forms,
    map: BTreeMap<String, Forms>,
}

fn human_readable_and_binary_forms_arrive() -> multiproc::Result<()> {
    through_all(|channels| {
        let forms = Forms { a: 1, b: 2 };
        channels.keep_all((
            forms.clone(),
            vec![Some(forms.clone()); 2],
            Buffered::Bare(forms.clone()),
            Buffered::Forms { forms: forms.clone(), also: 3 },
        ));
        let map = BTreeMap::from([("k".into(), forms.clone())]);
        channels.keep(Outer { x: 1, inner: Holder { forms, map } });
    })
}

/// Written as text, read as an enum.
#[derive(Debug, Clone, PartialEq)]
enum Level {
    Low,
    High,
}

impl Serialize for Level {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if *self == Self::Low { "low" } else { "high" })
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Levels;

        impl<'de> Visitor<'de> for Levels {
            type Value = Level;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a level")
            }

            fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Level, A::Error> {
                let (name, variant) = data.variant::<String>()?;
                variant.unit_variant()?;
                match &*name {
                    "low" => Ok(Level::Low),
                    "high" => Ok(Level::High),
                    other => Err(de::Error::unknown_variant(other, &["low", "high"])),
                }
            }
        }

        deserializer.deserialize_enum("Level", &["low", "high"], Levels)
    }
}

fn string_deserialized_as_enum_arrives() -> multiproc::Result<()> {
    through_all(|channels| {
        channels.keep_all((Level::Low, vec![Level::Low, Level::High], Some((Level::High, 1u8))));
    })
}

/// A sequence that names a length, and has another.
#[derive(Debug, Clone, PartialEq)]
struct Misjudged(Vec<u32>);

impl Serialize for Misjudged {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(1))?;
        self.0.iter().try_for_each(|n| seq.serialize_element(n))?;
        seq.end()
    }
}

impl<'de> Deserialize<'de> for Misjudged {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self)
    }
}

fn wrong_length_is_only_a_hint() -> multiproc::Result<()> {
    through_all(|channels| {
        channels.keep_all(((Misjudged(vec![]), 1u8), (Misjudged(vec![1, 2, 3]), 4u8)));
    })
}

/// Written as bytes, read as a sequence of numbers; and the other way round.
#[derive(Debug, Clone, PartialEq)]
struct Bytes(Vec<u8>, bool);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.1, BytesOrNumbers(self)).serialize(serializer)
    }
}

struct BytesOrNumbers<'a>(&'a Bytes);

impl Serialize for BytesOrNumbers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Bytes(bytes, as_bytes) = self.0;
        if *as_bytes { serializer.serialize_bytes(bytes) } else { bytes.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Parts(bool, Either);

        struct Either(Vec<u8>);

        impl<'de> Deserialize<'de> for Either {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                serde_bytes::ByteBuf::deserialize(deserializer).map(|bytes| Self(bytes.into_vec()))
            }
        }

        let Parts(as_bytes, Either(bytes)) = Parts::deserialize(deserializer)?;
        Ok(Self(bytes, as_bytes))
    }
}

fn bytes_and_numbers_stand_for_each_other() -> multiproc::Result<()> {
    through_all(|channels| {
        for bytes in [vec![], vec![0, 127, 128, 255], vec![7; 100_000]] {
            channels.keep(Bytes(bytes.clone(), true));
            channels.keep(Bytes(bytes, false));
        }
    })
}

fn values_beyond_json_arrive_exactly() -> multiproc::Result<()> {
    through_all(|channels| {
        channels.keep_all((
            Some(None::<u8>),
            vec![None, Some(None), Some(Some(())), Some(Some(()))],
            (Some(()), None::<()>, Some(Some(None::<()>))),
            (i128::MIN, u128::MAX, 'ß', 0.1f32),
            BTreeMap::from([((1u8, Some('k')), 0.5f32)]),
            BTreeMap::from([(vec![1u8], BTreeMap::<i128, ()>::new())]),
            (f64::INFINITY, f32::NEG_INFINITY),
        ));
        for bits in [0x7ff8_0000_0000_0001, 0xfff0_0000_0000_0001, (-0.0f64).to_bits()] {
            let (back, _) = channels.pool().apply(|pair: (f64, u8)| pair, ((f64::from_bits(bits), 0u8),)).unwrap();
            assert_eq!(back.to_bits(), bits);
        }
        let bits = 0x7f80_0001u32;
        let back = channels.pool().apply(|value: Option<f32>| value, (Some(f32::from_bits(bits)),)).unwrap();
        assert_eq!(back.map(f32::to_bits), Some(bits));
    })
}
