//! What can travel: any value that serde knows; and what happens to one that fails on its way.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::time::Duration;

use multiproc::{Error, Executor, Pool, Result};
use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::support::{Named, named, square, squares};

pub(crate) const TESTS: &[Named] = named! {
    plain_values_arrive
    strings_arrive
    structures_arrive
    values_of_every_size_arrive
    large_value_passes_a_small_ring
    undeliverable_argument_fails_only_its_task
    undeliverable_argument_in_a_chunk_of_any_size_fails_alone
    undeliverable_result_fails_only_its_task
    undeliverable_state_fails_the_call
};

fn echo<T>(value: T) -> T {
    value
}

/// There and back through every kind of call.
fn travels<T>(pool: &Pool, value: T) -> Result<()>
where
    T: Serialize + DeserializeOwned + Clone + PartialEq + Debug + Send + 'static,
{
    assert_eq!(pool.apply(echo::<T>, (value.clone(),))?, value);
    assert_eq!(pool.starmap(|a: T, b: T| (b, a), [(value.clone(), value.clone())])?, [(value.clone(), value.clone())]);
    let items = vec![value; 5];
    assert_eq!(pool.map(echo::<T>, items.clone())?, items);
    assert_eq!(pool.with_chunksize(3).map(echo::<T>, items.clone())?, items);
    assert_eq!(pool.imap(echo::<T>, items.clone()).collect::<Result<Vec<_>>>()?, items);
    Ok(())
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Circle(f64),
    Polygon { name: String, corners: Vec<(i32, i32)> },
    Group(Vec<Shape>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Record<T> {
    id: u128,
    tags: BTreeMap<String, Option<T>>,
    inner: Option<Box<Record<T>>>,
}

fn plain_values_arrive() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    travels(&pool, ())?;
    travels(&pool, true)?;
    travels(&pool, 'ß')?;
    travels(&pool, (u8::MAX, i8::MIN, u64::MAX, i64::MIN))?;
    travels(&pool, (u128::MAX, i128::MIN, usize::MAX))?;
    travels(&pool, (f32::MIN_POSITIVE, f64::NEG_INFINITY, -0.0))?;
    // Numbers alone, in bulk, take a way of their own.
    travels(&pool, u8::MAX)?;
    travels(&pool, i16::MIN)?;
    travels(&pool, f32::EPSILON)?;
    travels(&pool, usize::MAX)?;
    travels(&pool, i128::MIN)?;
    assert_eq!(pool.apply(echo::<f64>, (f64::NAN,))?.to_bits(), f64::NAN.to_bits());
    travels(&pool, Duration::from_nanos(1))?;
    travels(&pool, [1u16, 2, 3])
}

fn strings_arrive() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    for text in ["", "plain", "naïve 文字 🦀", "nul\0inside", &"long".repeat(100_000)] {
        travels(&pool, text.to_string())?;
    }
    Ok(())
}

fn structures_arrive() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let triangle = Shape::Polygon { name: "△".into(), corners: vec![(0, 0), (-1, 0), (0, i32::MAX)] };
    travels(&pool, Shape::Group(vec![Shape::Nothing, Shape::Circle(1.5), triangle, Shape::Group(vec![])]))?;
    let inner =
        Record { id: 1, tags: BTreeMap::from([("none".into(), None), ("some".into(), Some(2.5))]), inner: None };
    travels(&pool, Record { id: u128::MAX, tags: BTreeMap::new(), inner: Some(Box::new(inner)) })?;
    travels(&pool, HashMap::from([(1u8, vec!["a".to_string()]), (2, vec![])]))?;
    travels(&pool, Some(Some(None::<u8>)))?;
    travels(&pool, Err::<(), String>("a result is a value like any other".into()))?;
    travels(&pool, vec![vec![vec![0u8; 3]; 2]; 2])
}

fn values_of_every_size_arrive() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    // Around the sizes of a frame, a page, a ring and more.
    for size in [0, 1, 51, 52, 53, 4095, 4096, 16_384, 262_143, 262_144, 262_145, 3_000_000] {
        travels(&pool, (0..size).map(|n| (n % 251) as u8).collect::<Vec<u8>>())?;
        travels(&pool, vec![0.25f64; size / 8])?;
        travels(&pool, vec![(1u8, "two".to_string()); size / 32])?;
    }
    Ok(())
}

fn large_value_passes_a_small_ring() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let large = vec![7u64; 8 << 20];
    assert!(pool.apply(echo::<Vec<u64>>, (large.clone(),))? == large);
    assert!(pool.map(echo::<Vec<u64>>, vec![large.clone(); 3])?.iter().all(|value| *value == large));
    Ok(())
}

/// Fails on its way, as it is told to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Troublesome {
    Fine,
    /// In the parent, before it is sent.
    Unwritable,
    /// In the worker, when it arrives.
    Unreadable,
    /// As unwritable, by a panic.
    PanicsWhenWritten,
    /// As unreadable, by a panic.
    PanicsWhenRead,
}

use Troublesome::*;

impl Serialize for Troublesome {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Unwritable => Err(S::Error::custom("will not be written")),
            PanicsWhenWritten => panic!("panics when written"),
            _ => serializer.serialize_u8(*self as u8),
        }
    }
}

impl<'de> Deserialize<'de> for Troublesome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            0 => Ok(Fine),
            2 => Err(D::Error::custom("will not be read")),
            _ => panic!("panics when read"),
        }
    }
}

const ALL: [Troublesome; 5] = [Fine, Unwritable, Unreadable, PanicsWhenWritten, PanicsWhenRead];

/// Seven values of which the fourth is the troublesome one.
fn seven(trouble: Troublesome) -> Vec<Troublesome> {
    let mut items = vec![Fine; 7];
    items[3] = trouble;
    items
}

fn undeliverable_argument_fails_only_its_task() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let task = |value: Troublesome| value as u8;
    let check = |trouble: Troublesome, result: &Result<u8>| match (trouble, result) {
        (Fine, Ok(0)) => {}
        (Unwritable | PanicsWhenWritten, Err(Error::Encode(text))) => {
            assert_eq!(text.contains("panicked"), trouble == PanicsWhenWritten, "{text}");
        }
        (Unreadable, Err(Error::Decode(text))) => assert!(!text.is_empty()),
        // In a worker a panic is the task's panic, wherever it comes from.
        (PanicsWhenRead, Err(Error::Panicked { message, .. })) => assert_eq!(message, "panics when read"),
        other => panic!("{other:?}"),
    };
    for trouble in ALL {
        check(trouble, &pool.apply(task, (trouble,)));
        check(trouble, &pool.apply_async(task, (trouble,)).get());
        for chunksize in [1, 2, 3, 7] {
            let batched = pool.with_chunksize(chunksize);
            let results: Vec<_> = batched.imap(task, seven(trouble)).collect();
            assert_eq!(results.len(), 7);
            seven(trouble).iter().zip(&results).for_each(|(trouble, result)| check(*trouble, result));
            assert_eq!(batched.map(task, seven(trouble)).is_ok(), trouble == Fine);
        }
    }
    assert_eq!((pool.map(square, 0..9)?, pool.statistics().workers_lost), (squares(9), 0));
    Ok(())
}

/// The first and the last chunks of a long map have one item, the others more and more.
fn undeliverable_argument_in_a_chunk_of_any_size_fails_alone() -> Result<()> {
    const PLACES: [usize; 8] = [0, 7, 8, 30, 31, 500, 990, 999];
    let pool = Pool::with_processes(2)?;
    for trouble in [Unwritable, PanicsWhenWritten, Unreadable, PanicsWhenRead] {
        let item = |place| (place as u64, if PLACES.contains(&place) { trouble } else { Fine });
        let results = pool.map_results(|(n, _): (u64, Troublesome)| n, (0..1000).map(item))?;
        assert_eq!(results.len(), 1000);
        for (place, result) in results.iter().enumerate() {
            assert_eq!(result.as_ref().ok(), (!PLACES.contains(&place)).then_some(&(place as u64)), "{trouble:?}");
        }
    }
    Ok(())
}

fn undeliverable_result_fails_only_its_task() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let task = |trouble: u8| ALL[trouble as usize];
    let check = |trouble: Troublesome, result: &Result<Troublesome>| match (trouble, result) {
        (Fine, Ok(Fine)) => {}
        (Unwritable, Err(Error::Encode(_))) => {}
        (PanicsWhenWritten, Err(Error::Panicked { message, .. })) => assert_eq!(message, "panics when written"),
        (Unreadable, Err(Error::Decode(_))) => {}
        (PanicsWhenRead, Err(Error::Decode(text))) => assert!(text.contains("panicked"), "{text}"),
        other => panic!("{other:?}"),
    };
    for trouble in ALL {
        check(trouble, &pool.apply(task, (trouble as u8,)));
        for chunksize in [1, 2, 3, 7] {
            let items = seven(trouble).into_iter().map(|trouble| trouble as u8).collect::<Vec<_>>();
            let results: Vec<_> = pool.with_chunksize(chunksize).imap(task, items).collect();
            assert_eq!(results.len(), 7);
            seven(trouble).iter().zip(&results).for_each(|(trouble, result)| check(*trouble, result));
        }
    }
    assert_eq!((pool.map(square, 0..9)?, pool.statistics().workers_lost), (squares(9), 0));
    Ok(())
}

fn undeliverable_state_fails_the_call() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let with = |state: Troublesome| multiproc::partial(|state: &Troublesome, n: u8| *state as u8 + n, state);
    assert_eq!(pool.map(with(Fine), 0..3)?, [0, 1, 2]);
    assert!(matches!(pool.map(with(Unwritable), 0..3), Err(Error::Encode(_))));
    assert!(matches!(pool.map_async(with(Unwritable), 0..3).get(), Err(Error::Encode(_))));
    assert!(matches!(pool.imap(with(Unwritable), 0..3).next(), Some(Err(Error::Encode(_)))));
    assert!(matches!(pool.map(with(PanicsWhenWritten), 0..3), Err(Error::Encode(_))));
    assert!(matches!(pool.map(with(Unreadable), 0..3), Err(Error::Decode(_))));
    assert!(matches!(pool.map(with(PanicsWhenRead), 0..3), Err(Error::Panicked { .. })));
    assert_eq!(pool.map(with(Fine), 0..3)?, [0, 1, 2]);
    Ok(())
}
