//! Attributes of enums and of their variants.

use std::collections::BTreeMap;

use crate::support::{Named, named};
use crate::{through_all, value};

pub(crate) const TESTS: &[Named] = named! {
    externally_tagged_enums_arrive
    untagged_enums_arrive
    internally_tagged_enums_arrive
    adjacently_tagged_enums_arrive
    converted_variants_arrive
};

fn is_zero(n: &u32) -> bool {
    *n == 0
}

value! {
    enum Plain {
        Unit,
        Newtype(Option<u32>),
        Tuple(u8, String),
        Struct { a: u32, b: Vec<Plain> },
        Empty {},
        Nothing(),
    }

    #[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
    enum Renamed {
        FirstKind,
        #[serde(rename = "2")]
        SecondForm { a_field: u32, #[serde(rename = "B")] b_field: u32 },
        #[serde(alias = "third")]
        ThirdShape(u32),
    }

    enum LeavesOut {
        Struct { #[serde(default, skip_serializing_if = "is_zero")] a: u32, b: u32, c: u32 },
    }

    #[serde(untagged)]
    enum Untagged {
        Number(u32),
        Negative(i64),
        Real(f64),
        Text(String),
        Pair(u8, String),
        Named { a: u32, b: Option<u32> },
        Other { c: Vec<Untagged> },
        Map(BTreeMap<String, u32>),
        Nothing,
    }

    #[serde(tag = "t")]
    enum Tagged {
        Unit,
        Struct { n: u32, #[serde(default, skip_serializing_if = "is_zero")] z: u32 },
        Newtype(Content),
        Map(BTreeMap<String, u32>),
    }

    struct Content { text: String, more: Option<Box<Tagged>> }

    #[serde(tag = "t", content = "c")]
    enum Adjacent {
        Unit,
        Newtype(u32),
        Tuple(u32, String),
        Struct { n: Option<u32> },
        Many(Vec<Adjacent>),
    }

    #[serde(tag = "kind", rename_all = "lowercase")]
    enum WithOther {
        Known { n: u32 },
        #[serde(other)]
        Unknown,
    }

    enum PartlyUntagged {
        Known(u32),
        #[serde(untagged)]
        Rest(String),
    }

    #[serde(from = "Plain", into = "Plain")]
    enum Converted { Own(u32), Foreign(Plain) }

    enum VariantWith {
        #[serde(with = "as_pair")]
        Point { x: i32, y: i32 },
        #[serde(serialize_with = "text_of", deserialize_with = "number_of")]
        Number(u32),
    }
}

impl From<Plain> for Converted {
    fn from(plain: Plain) -> Self {
        match plain {
            Plain::Newtype(Some(n)) => Self::Own(n),
            plain => Self::Foreign(plain),
        }
    }
}

impl From<Converted> for Plain {
    fn from(converted: Converted) -> Self {
        match converted {
            Converted::Own(n) => Self::Newtype(Some(n)),
            Converted::Foreign(plain) => plain,
        }
    }
}

mod as_pair {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(x: &i32, y: &i32, serializer: S) -> Result<S::Ok, S::Error> {
        (x, y).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(i32, i32), D::Error> {
        Deserialize::deserialize(deserializer)
    }
}

fn text_of<S: serde::Serializer>(n: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(n)
}

fn number_of<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    <String as serde::Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

fn externally_tagged_enums_arrive() -> multiproc::Result<()> {
    through_all(|channels| {
        let all = vec![
            Plain::Unit,
            Plain::Newtype(None),
            Plain::Newtype(Some(1)),
            Plain::Tuple(1, "two".into()),
            Plain::Empty {},
            Plain::Nothing(),
        ];
        all.iter().for_each(|plain| channels.keep(plain.clone()));
        channels.keep_all((
            Plain::Struct { a: 1, b: all },
            vec![
                Renamed::FirstKind,
                Renamed::SecondForm { a_field: 1, b_field: 2 },
                Renamed::ThirdShape(3),
                Renamed::FirstKind,
            ],
            LeavesOut::Struct { a: 0, b: 1, c: 2 },
            vec![LeavesOut::Struct { a: 0, b: 1, c: 2 }, LeavesOut::Struct { a: 3, b: 1, c: 2 }],
            BTreeMap::from([(Some('k'), Plain::Unit), (None, Plain::Empty {})]),
        ));
    })
}

fn untagged_enums_arrive() -> multiproc::Result<()> {
    through_all(|channels| {
        let all = vec![
            Untagged::Number(1),
            Untagged::Negative(-1),
            Untagged::Real(0.5),
            Untagged::Text("text".into()),
            Untagged::Pair(1, "two".into()),
            Untagged::Named { a: 1, b: None },
            Untagged::Named { a: 1, b: Some(2) },
            Untagged::Other { c: vec![Untagged::Number(2), Untagged::Nothing] },
            Untagged::Map(BTreeMap::from([("k".into(), 1)])),
            Untagged::Nothing,
        ];
        all.iter().for_each(|untagged| channels.keep(untagged.clone()));
        channels.keep_all((
            Some(Untagged::Other { c: all }),
            vec![PartlyUntagged::Known(1), PartlyUntagged::Rest("rest".into())],
        ));
    })
}

fn internally_tagged_enums_arrive() -> multiproc::Result<()> {
    through_all(|channels| {
        channels.keep_all((Tagged::Unit, Tagged::Struct { n: 1, z: 0 }, Tagged::Struct { n: 1, z: 2 }));
        let inner = Tagged::Newtype(Content { text: "inner".into(), more: None });
        channels.keep_all((
            Tagged::Newtype(Content { text: "outer".into(), more: Some(Box::new(inner)) }),
            Tagged::Map(BTreeMap::from([("k".into(), 1)])),
            vec![WithOther::Known { n: 1 }, WithOther::Unknown],
        ));
    })
}

fn adjacently_tagged_enums_arrive() -> multiproc::Result<()> {
    through_all(|channels| {
        channels.keep_all((
            Adjacent::Unit,
            Adjacent::Newtype(1),
            Adjacent::Tuple(1, "two".into()),
            Adjacent::Struct { n: None },
            Adjacent::Many(vec![Adjacent::Unit, Adjacent::Struct { n: Some(1) }]),
        ));
    })
}

fn converted_variants_arrive() -> multiproc::Result<()> {
    through_all(|channels| {
        channels.keep_all((
            vec![Converted::Own(1), Converted::Foreign(Plain::Unit)],
            vec![VariantWith::Point { x: -1, y: 1 }, VariantWith::Number(3)],
        ));
    })
}
