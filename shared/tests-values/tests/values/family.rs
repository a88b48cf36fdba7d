//! Arbitrary values of a family of types that uses all of serde, nested in every way.

use std::collections::BTreeMap;

use multiproc::{Executor, Pool};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::support::{Named, named};
use crate::value;

pub(crate) const TESTS: &[Named] = named! {
    pool_returns_what_json_returns
    pool_returns_values_beyond_json_exactly
};

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

value! {
    /// What JSON can say, too.
    enum Plain {
        Unit,
        Number(i64),
        Text(String),
        List(Vec<Plain>),
        Map(BTreeMap<String, Plain>),
        Record(Box<Record>),
        Choice(Box<Choice>),
        Tagged(Box<Tagged>),
        Json(serde_json::Value),
        Pair(Box<(Plain, Plain)>),
        Named { name: Option<String>, inner: Box<Plain> },
    }

    #[serde(rename_all = "camelCase")]
    struct Record {
        #[serde(default, skip_serializing_if = "is_default")]
        first_one: u32,
        second_one: Plain,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        third_one: Option<Plain>,
        #[serde(flatten)]
        part: Part,
        #[serde(default, skip_serializing_if = "is_default")]
        last_one: Vec<Plain>,
    }

    struct Part {
        #[serde(default, skip_serializing_if = "is_default")]
        a: i8,
        b: Option<Plain>,
    }

    #[serde(untagged)]
    enum Choice {
        Number(i64),
        Text(String),
        Record(Record),
        List(Vec<Choice>),
    }

    #[serde(tag = "t")]
    enum Tagged {
        Empty,
        Record(Record),
        Inline { n: Option<u64>, plain: Plain },
    }

    /// What JSON cannot say: compared with the value itself.
    enum Exact {
        Plain(Plain),
        Real(Bits),
        Letter(char, f32),
        Maybe(Option<Option<Box<Exact>>>),
        Nothing(Option<()>),
        Bytes(#[serde(with = "serde_bytes")] Vec<u8>),
        Numbers(Vec<u16>, Vec<i32>),
        Map(BTreeMap<Key, Exact>),
        Flat(Box<Flat>),
        Adjacent(Box<Adjacent>),
        Result(Result<Box<Exact>, ()>),
        Tuple(Box<(Exact, Unit, Exact)>),
    }

    /// With what no buffer of serde's takes.
    struct Whole {
        wide: i128,
        exact: Exact,
        more: Option<u128>,
    }

    struct Unit;

    #[derive(Eq, PartialOrd, Ord)]
    enum Key { Number(u8), Pair(Option<i16>, char), Text(String) }

    struct Flat {
        id: u8,
        #[serde(flatten)]
        inner: FlatPart,
    }

    struct FlatPart {
        wide: Option<i64>,
        exact: Exact,
        #[serde(default, skip_serializing_if = "is_default")]
        none: Option<u8>,
    }

    #[serde(tag = "t", content = "c")]
    enum Adjacent { Empty, One(Exact), Two(Exact, Exact), Named { maybe: Option<Option<u8>> } }
}

/// A float that equals what has the same bits.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
struct Bits(f64);

impl PartialEq for Bits {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<i32>().prop_map(|n| (f64::from(n) / 8.0).into()),
        ".{0,6}".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Into::into),
            btree_map(".{0,4}", inner, 0..4).prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

fn plain() -> impl Strategy<Value = Plain> {
    let leaf = prop_oneof![
        Just(Plain::Unit),
        any::<i64>().prop_map(Plain::Number),
        ".{0,8}".prop_map(Plain::Text),
        json().prop_map(Plain::Json),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let part = (prop_oneof![Just(0), any::<i8>()], option::of(inner.clone())).prop_map(|(a, b)| Part { a, b });
        let numbers = prop_oneof![Just(0), any::<u32>()];
        let record = (numbers, inner.clone(), option::of(inner.clone()), part, vec(inner.clone(), 0..3)).prop_map(
            |(first_one, second_one, third_one, part, last_one)| Record {
                first_one,
                second_one,
                third_one,
                part,
                last_one,
            },
        );
        let leaf = prop_oneof![any::<i64>().prop_map(Choice::Number), ".{0,3}".prop_map(Choice::Text)];
        let choice =
            prop_oneof![leaf.clone(), record.clone().prop_map(Choice::Record), vec(leaf, 0..4).prop_map(Choice::List),];
        let tagged = prop_oneof![
            Just(Tagged::Empty),
            record.clone().prop_map(Tagged::Record),
            (option::of(any::<u64>()), inner.clone()).prop_map(|(n, plain)| Tagged::Inline { n, plain }),
        ];
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Plain::List),
            btree_map(".{0,4}", inner.clone(), 0..4).prop_map(Plain::Map),
            record.prop_map(|record| Plain::Record(record.into())),
            choice.prop_map(|choice| Plain::Choice(choice.into())),
            tagged.prop_map(|tagged| Plain::Tagged(tagged.into())),
            (inner.clone(), inner.clone()).prop_map(|pair| Plain::Pair(pair.into())),
            (option::of(".{0,4}"), inner).prop_map(|(name, inner)| Plain::Named { name, inner: inner.into() }),
        ]
    })
}

fn exact() -> impl Strategy<Value = Exact> {
    let key = prop_oneof![
        any::<u8>().prop_map(Key::Number),
        (option::of(any::<i16>()), any::<char>()).prop_map(|(n, c)| Key::Pair(n, c)),
        ".{0,3}".prop_map(Key::Text),
    ];
    let leaf = prop_oneof![
        plain().prop_map(Exact::Plain),
        any::<u64>().prop_map(|bits| Exact::Real(Bits(f64::from_bits(bits)))),
        (any::<char>(), any::<f32>()).prop_map(|(c, f)| Exact::Letter(c, f)),
        option::of(Just(())).prop_map(Exact::Nothing),
        vec(any::<u8>(), 0..40).prop_map(Exact::Bytes),
        (vec(any::<u16>(), 0..20), vec(any::<i32>(), 0..20)).prop_map(|(a, b)| Exact::Numbers(a, b)),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let flat = (any::<u8>(), option::of(any::<i64>()), inner.clone(), option::of(any::<u8>()))
            .prop_map(|(id, wide, exact, none)| Flat { id, inner: FlatPart { wide, exact, none } });
        let adjacent = prop_oneof![
            Just(Adjacent::Empty),
            inner.clone().prop_map(Adjacent::One),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Adjacent::Two(a, b)),
            option::of(option::of(any::<u8>())).prop_map(|maybe| Adjacent::Named { maybe }),
        ];
        prop_oneof![
            option::of(option::of(inner.clone().prop_map(Box::new))).prop_map(Exact::Maybe),
            btree_map(key.clone(), inner.clone(), 0..4).prop_map(Exact::Map),
            flat.prop_map(|flat| Exact::Flat(flat.into())),
            adjacent.prop_map(|adjacent| Exact::Adjacent(adjacent.into())),
            prop_oneof![Just(Err(())), inner.clone().prop_map(|inner| Ok(Box::new(inner)))].prop_map(Exact::Result),
            (inner.clone(), inner).prop_map(|(a, b)| Exact::Tuple((a, Unit, b).into())),
        ]
    })
}

/// What a pool gives for many values at a time.
fn returned<T: Serialize + DeserializeOwned + Clone + Send + 'static>(pool: &Pool, values: &[T]) -> Vec<T> {
    pool.map(|value: T| value, values.to_vec()).unwrap()
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

/// Untagged numbers and texts may be taken for others; what JSON makes of them is what a pool makes
/// of them.
fn pool_returns_what_json_returns() -> multiproc::Result<()> {
    let pool = Pool::with_processes(2)?;
    let outcome = runner(200).run(&vec(plain(), 1..8), |values| {
        let json = serde_json::to_string(&values).unwrap();
        let expected: Vec<Plain> = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(returned(&pool, &values), expected);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    Ok(())
}

fn pool_returns_values_beyond_json_exactly() -> multiproc::Result<()> {
    let pool = Pool::with_processes(2)?;
    let whole = (any::<i128>(), exact(), option::of(any::<u128>()));
    let whole = whole.prop_map(|(wide, exact, more)| Whole { wide, exact, more });
    let outcome = runner(200).run(&vec(whole, 1..8), |values| {
        prop_assert_eq!(returned(&pool, &values), values);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    Ok(())
}
