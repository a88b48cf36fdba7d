//! Attributes of structs and of fields.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_with::{DisplayFromStr, base64::Base64, hex::Hex, serde_as, skip_serializing_none};

use crate::support::{Named, named};
use crate::{through_all, value};

pub(crate) const TESTS: &[Named] = named! {
    names_are_not_sent
    plain_shapes_arrive
    fields_left_out_shift_no_others
    skipped_fields_arrive_as_their_defaults
    flattened_fields_arrive
    values_converted_by_serde_arrive
    deserialize_may_borrow
    adapters_of_serde_with_arrive
};

fn is_zero(n: &u32) -> bool {
    *n == 0
}

fn seven() -> u32 {
    7
}

value! {
    struct Renamed {
        #[serde(rename = "type")]
        kind: u32,
        #[serde(rename(serialize = "same", deserialize = "same"))]
        other: u32,
    }

    #[serde(rename_all = "SCREAMING-KEBAB-CASE")]
    struct AllRenamed {
        first_field: u32,
        second_field: String,
    }

    struct Aliased {
        #[serde(alias = "old", alias = "older")]
        new: u32,
        last: u32,
    }

    #[serde(deny_unknown_fields)]
    struct Strict {
        a: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        b: Option<u32>,
        c: u32,
    }

    #[serde(transparent)]
    struct Transparent {
        inner: Vec<(u8, String)>,
    }

    #[serde(bound = "T: Serialize + serde::de::DeserializeOwned")]
    struct Bound<T> {
        value: T,
    }

    struct Unit;
    struct Empty {}
    struct Newtype(Option<u32>);
    struct Pair(u32, String);
}

fn names_are_not_sent() -> multiproc::Result<()> {
    through_all(|channels| {
        channels.keep_all((
            Renamed { kind: 1, other: 2 },
            AllRenamed { first_field: 1, second_field: "two".into() },
            Aliased { new: 1, last: 2 },
            Strict { a: 1, b: None, c: 3 },
            Strict { a: 1, b: Some(2), c: 3 },
        ));
    })
}

fn plain_shapes_arrive() -> multiproc::Result<()> {
    through_all(|channels| {
        channels.keep_all((
            Transparent { inner: vec![(1, "one".into()), (2, String::new())] },
            Bound { value: vec![Some(1u8), None] },
            Unit,
            Empty {},
            Newtype(None),
            Newtype(Some(0)),
            Pair(1, "two".into()),
            vec![Unit; 3],
        ));
    })
}

value! {
    struct LeavesOut {
        #[serde(default, skip_serializing_if = "is_zero")]
        discount: u32,
        items: Vec<u32>,
        total: u32,
    }

    struct LeavesOutMuch {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        a: Option<u32>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        b: Vec<u32>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        c: BTreeMap<String, u32>,
        #[serde(default = "seven", skip_serializing_if = "is_seven")]
        d: u32,
        e: u32,
    }
}

fn is_seven(n: &u32) -> bool {
    *n == 7
}

fn fields_left_out_shift_no_others() -> multiproc::Result<()> {
    through_all(|channels| {
        let order = |discount| LeavesOut { discount, items: vec![0], total: 99 };
        channels.keep_all((
            order(0),
            order(5),
            vec![order(0), order(5), order(0)],
            (order(0), 1u8, order(1), 4u8),
            LeavesOutMuch { a: None, b: vec![], c: BTreeMap::new(), d: 7, e: 3 },
            LeavesOutMuch { a: None, b: vec![1], c: BTreeMap::new(), d: 0, e: 3 },
            LeavesOutMuch { a: Some(0), b: vec![], c: BTreeMap::from([("k".into(), 1)]), d: 7, e: 3 },
            HashMap::from([(1u8, Some(order(0)))]),
        ));
    })
}

value! {
    struct Skips {
        first: u32,
        #[serde(skip)]
        scratch: u32,
        #[serde(skip_serializing, default = "seven")]
        private: u32,
        #[serde(skip_deserializing)]
        derived: u32,
        last: String,
    }

    #[serde(default)]
    struct Defaults {
        #[serde(skip_serializing)]
        a: u32,
        b: u32,
    }
}

impl Default for Defaults {
    fn default() -> Self {
        Self { a: 3, b: 4 }
    }
}

fn skipped_fields_arrive_as_their_defaults() -> multiproc::Result<()> {
    through_all(|channels| {
        let sent = Skips { first: 1, scratch: 2, private: 3, derived: 4, last: "end".into() };
        let arrives = Skips { scratch: 0, private: 7, derived: 0, ..sent.clone() };
        channels.change(&sent, &arrives);
        channels.change(&(sent, Defaults { a: 1, b: 2 }), &(arrives, Defaults { a: 3, b: 2 }));
    })
}

value! {
    struct Inner {
        a: u32,
        #[serde(default, skip_serializing_if = "is_zero")]
        b: u32,
    }

    struct Flat {
        x: u32,
        #[serde(flatten)]
        inner: Inner,
        y: String,
    }

    struct FlatTwice {
        #[serde(flatten)]
        flat: Flat,
        z: u8,
    }

    struct FlatRest {
        #[serde(flatten)]
        inner: Inner,
        #[serde(flatten)]
        rest: BTreeMap<String, u32>,
    }

    struct FlatMap {
        id: u64,
        #[serde(flatten)]
        extra: HashMap<String, serde_json::Value>,
    }

    struct FlatOption {
        x: u32,
        #[serde(flatten)]
        inner: Option<Inner>,
    }

    struct FlatEnum {
        x: u32,
        #[serde(flatten)]
        kind: FlatKind,
    }

    #[serde(tag = "kind", rename_all = "snake_case")]
    enum FlatKind {
        Plain,
        Sized { width: u32, height: u32 },
    }
}

fn flattened_fields_arrive() -> multiproc::Result<()> {
    through_all(|channels| {
        let flat = |b| Flat { x: 1, inner: Inner { a: 2, b }, y: "three".into() };
        channels.keep_all((
            flat(0),
            flat(9),
            FlatTwice { flat: flat(0), z: 4 },
            FlatRest { inner: Inner { a: 2, b: 0 }, rest: BTreeMap::from([("p".into(), 1), ("q".into(), 2)]) },
            FlatRest { inner: Inner { a: 2, b: 3 }, rest: BTreeMap::new() },
        ));
        let extra = HashMap::from([("k".into(), serde_json::json!({"deep": [1, null, 2.5]}))]);
        channels.keep_all((
            FlatMap { id: u64::MAX, extra },
            FlatOption { x: 1, inner: None },
            FlatOption { x: 1, inner: Some(Inner { a: 2, b: 0 }) },
            FlatEnum { x: 1, kind: FlatKind::Plain },
            FlatEnum { x: 1, kind: FlatKind::Sized { width: 2, height: 3 } },
            vec![(flat(0), Some(FlatEnum { x: 1, kind: FlatKind::Plain })); 3],
        ));
    })
}

/// A duration as milliseconds.
mod milliseconds {
    use super::*;

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(duration.as_millis() as u64)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

fn as_text<S: Serializer>(n: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(n)
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

/// A type of another crate, without serde.
mod far {
    #[derive(Debug, Clone, PartialEq)]
    pub(super) struct Point {
        pub(super) x: i32,
        pub(super) y: i32,
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "far::Point")]
struct PointDef {
    x: i32,
    y: i32,
}

value! {
    struct With {
        #[serde(with = "milliseconds")]
        time: Duration,
        #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
        number: u32,
        #[serde(with = "PointDef")]
        point: far::Point,
    }

    #[serde(try_from = "u32", into = "u32")]
    struct Even(u32);

    #[serde(from = "(u8, u8)", into = "(u8, u8)")]
    struct Swapped {
        a: u8,
        b: u8,
    }

    struct Texts<'a> {
        owned: Cow<'a, str>,
        number: u8,
    }
}

impl TryFrom<u32> for Even {
    type Error = String;

    fn try_from(n: u32) -> Result<Self, String> {
        if n.is_multiple_of(2) { Ok(Self(n)) } else { Err(format!("{n} is odd")) }
    }
}

impl From<Even> for u32 {
    fn from(even: Even) -> Self {
        even.0
    }
}

impl From<(u8, u8)> for Swapped {
    fn from((b, a): (u8, u8)) -> Self {
        Self { a, b }
    }
}

impl From<Swapped> for (u8, u8) {
    fn from(Swapped { a, b }: Swapped) -> Self {
        (b, a)
    }
}

fn values_converted_by_serde_arrive() -> multiproc::Result<()> {
    through_all(|channels| {
        channels.keep_all((
            With { time: Duration::from_millis(1500), number: 42, point: far::Point { x: -1, y: 2 } },
            Even(4),
            Swapped { a: 1, b: 2 },
            Texts { owned: Cow::Borrowed("borrowed"), number: 1 },
        ));
    })
}

/// Borrows from the message while it is read, and owns what it keeps.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Borrowing {
    text: String,
    maybe: Option<String>,
}

impl<'de> Deserialize<'de> for Borrowing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct View<'a> {
            text: &'a str,
            #[serde(borrow)]
            maybe: Option<Cow<'a, str>>,
        }
        let View { text, maybe } = View::deserialize(deserializer)?;
        Ok(Self { text: text.into(), maybe: maybe.map(Cow::into_owned) })
    }
}

fn deserialize_may_borrow() -> multiproc::Result<()> {
    through_all(|channels| {
        channels.keep_all((
            Borrowing { text: "naïve 文字".into(), maybe: Some(String::new()) },
            Borrowing { text: String::new(), maybe: None },
        ));
    })
}

#[serde_as]
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Adapted {
    none: Option<u32>,
    #[serde_as(as = "DisplayFromStr")]
    number: u32,
    #[serde_as(as = "Base64")]
    base64: Vec<u8>,
    #[serde_as(as = "Option<Hex>")]
    hex: Option<Vec<u8>>,
    #[serde_as(as = "BTreeMap<DisplayFromStr, _>")]
    keys: BTreeMap<u32, String>,
    #[serde_as(as = "Vec<(_, _)>")]
    pairs: BTreeMap<u8, u8>,
    #[serde_as(as = "serde_with::DurationSecondsWithFrac<f64>")]
    time: Duration,
}

fn adapters_of_serde_with_arrive() -> multiproc::Result<()> {
    through_all(|channels| {
        let full = Adapted {
            none: None,
            number: 1,
            base64: vec![0, 255],
            hex: Some(vec![1, 2]),
            keys: BTreeMap::from([(1, "one".into())]),
            pairs: BTreeMap::from([(1, 2)]),
            time: Duration::from_millis(250),
        };
        let empty = (Some(0), 0, vec![], None, BTreeMap::new(), BTreeMap::new());
        let (none, number, base64, hex, keys, pairs) = empty;
        channels.keep_all((full, Adapted { none, number, base64, hex, keys, pairs, time: Duration::ZERO }));
    })
}
