//! Chunks whose tasks have the names of their structs and variants in common: however such a chunk
//! is filled, cut or sent again, each value arrives.

use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use multiproc::{Connection, Error, Executor, Fd, Pool, Result, pipe};
use serde::ser::{Error as _, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::support::{Named, named};

pub(crate) const TESTS: &[Named] = named! {
    chunks_of_any_size_keep_their_names
    chunk_that_is_cut_keeps_its_names
    chunk_that_is_begun_again_keeps_its_names
    task_that_is_refused_takes_no_names_along
    task_that_travels_alone_has_its_names
    a_thousand_shapes_arrive
    chunk_whose_names_are_long_is_sent_early
};

/// A struct whose fields differ from value to value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lines: Vec<Line>,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    open: bool,
    price: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum State {
    Waiting,
    Sent { to: String },
    Refused(u8),
}

fn order(id: u64) -> Order {
    let lines = (0..id % 3).map(|n| Line { open: n == 1, price: n as f64 }).collect();
    let state = match id % 4 {
        0 => State::Waiting,
        1 => State::Sent { to: format!("town {id}") },
        _ => State::Refused(id as u8),
    };
    Order { id, note: id.is_multiple_of(5).then(|| format!("note {id}")), lines, state }
}

fn echo<T>(value: T) -> T {
    value
}

fn swap(one: Order, other: State) -> (State, Order) {
    (other, one)
}

fn chunks_of_any_size_keep_their_names() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let orders: Vec<_> = (0..500).map(order).collect();
    let pairs = || orders.iter().map(|order| (order.clone(), order.state.clone()));
    assert_eq!(pool.map(echo::<Order>, orders.clone())?, orders);
    // Of 500, sizes 3 and 499 leave a chunk of two or of one.
    for size in [1, 2, 3, 7, 499, 1000] {
        let sized = pool.with_chunksize(size);
        assert_eq!(sized.map(echo::<Order>, orders.clone())?, orders);
        assert_eq!(sized.imap(echo::<Order>, orders.clone()).collect::<Result<Vec<_>>>()?, orders);
        let swapped: Vec<_> = pairs().map(|(order, state)| (state, order)).collect();
        assert_eq!(sized.starmap(swap, pairs())?, swapped);
    }
    Ok(())
}

fn chunk_that_is_cut_keeps_its_names() -> Result<()> {
    // A worker takes what it may still do of a chunk; the rest goes to another.
    let pool = Pool::builder().processes(2).max_tasks_per_child(7).build()?;
    let orders: Vec<_> = (0..100).map(order).collect();
    assert_eq!(pool.with_chunksize(10).map(echo::<Order>, orders.clone())?, orders);
    // Tasks with a limit go in records of another kind.
    let limited = pool.with_timeout(Duration::from_secs(600)).with_chunksize(10);
    assert_eq!(limited.map(echo::<Order>, orders.clone())?, orders);
    Ok(())
}

/// Ends its worker in the middle of a chunk, the first time.
fn fatal_at_first(mark: PathBuf, order: Order) -> Order {
    if order.id == 13 && File::create_new(mark).is_ok() {
        std::process::abort();
    }
    order
}

fn chunk_that_is_begun_again_keeps_its_names() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let pool = Pool::with_processes(1)?;
    let orders: Vec<_> = (0..30).map(order).collect();
    let mark = folder.path().join("ended");
    let results = pool
        .with_retries(1)
        .with_chunksize(20)
        .starmap(fatal_at_first, orders.iter().map(|order| (mark.clone(), order.clone())))?;
    assert_eq!(results, orders);
    assert!(mark.exists());
    Ok(())
}

/// Has a field that cannot be sent if it is one of these numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Refused {
    order: Order,
    #[serde(serialize_with = "write_most")]
    number: u64,
}

fn write_most<S: Serializer>(number: &u64, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    match number % 10 {
        3 => Err(S::Error::custom("unlucky")),
        7 => panic!("unlucky, too"),
        _ => number.serialize(serializer),
    }
}

fn task_that_is_refused_takes_no_names_along() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let values: Vec<_> = (0..50).map(|number| Refused { order: order(number), number }).collect();
    for size in [2, 5, 50] {
        let results = pool.with_chunksize(size).imap(echo::<Refused>, values.clone());
        for (result, value) in results.zip(&values) {
            match value.number % 10 {
                3 | 7 => assert!(matches!(result, Err(Error::Encode(_) | Error::Panicked { .. })), "{result:?}"),
                _ => assert_eq!(&result?, value),
            }
        }
    }
    Ok(())
}

/// Handles, of which only one process may have the first, with names before and behind them.
#[derive(Debug, Serialize, Deserialize)]
struct Delivery {
    first: Order,
    line: Option<Connection<u64, u64>>,
    paper: Option<Fd<File>>,
    last: State,
}

fn unpack(delivery: Delivery) -> (Order, bool, bool, State) {
    (delivery.first, delivery.line.is_some(), delivery.paper.is_some(), delivery.last)
}

fn task_that_travels_alone_has_its_names() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let delivery = |id: u64| {
        let line = if id % 5 == 2 { Some(pipe()?.0) } else { None };
        let paper = (id % 3 == 1).then(|| File::open("/dev/null").unwrap()).map(Fd::new);
        Ok(Delivery { first: order(id), line, paper, last: order(id + 1).state })
    };
    let deliveries = (0..40).map(delivery).collect::<Result<Vec<_>>>()?;
    let results = pool.with_chunksize(8).map(unpack, deliveries)?;
    for (id, result) in (0..).zip(results) {
        assert_eq!(result, (order(id), id % 5 == 2, id % 3 == 1, order(id + 1).state));
    }
    Ok(())
}

/// Has as many shapes as there are sets of its fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Sparse {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    a: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    b: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    c: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    d: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    e: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    f: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    g: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    h: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    i: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    j: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    k: Option<u8>,
}

fn a_thousand_shapes_arrive() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let sparse = |set: u32| {
        let field = |bit: u32| (set >> bit & 1 == 1).then_some(bit as u8);
        let [a, b, c, d, e, f, g, h, i, j, k] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map(field);
        Sparse { a, b, c, d, e, f, g, h, i, j, k }
    };
    // More than a thread keeps, in one chunk and in several.
    let values: Vec<_> = (0..1 << 11).map(sparse).collect();
    for size in [100, 1 << 12] {
        assert_eq!(pool.with_chunksize(size).map(echo::<Sparse>, values.clone())?, values);
    }
    Ok(())
}

/// Fields with long names.
static FIELDS: LazyLock<Vec<&'static str>> = LazyLock::new(|| (0..200).map(|n| &*format!("{n:0100}").leak()).collect());

/// Has some of the fields, each with its position as its value. Hardly any two have the same.
#[derive(Debug, Clone, PartialEq)]
struct Wide(Vec<usize>);

impl Serialize for Wide {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Wide", self.0.len())?;
        for at in &self.0 {
            fields.serialize_field(FIELDS[*at], &(*at as u8))?;
        }
        fields.end()
    }
}

impl<'de> Deserialize<'de> for Wide {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let fields = BTreeMap::<String, u8>::deserialize(deserializer)?;
        assert!(fields.iter().all(|(name, at)| name == FIELDS[usize::from(*at)]));
        Ok(Self(fields.into_values().map(usize::from).collect()))
    }
}

/// The names of so many tasks at once would not fit into a worker's memory.
fn chunk_whose_names_are_long_is_sent_early() -> Result<()> {
    let pool = Pool::builder().processes(1).memory_limit(32 << 20).build()?;
    let has = |n: usize, at: &usize| BuildHasherDefault::<DefaultHasher>::default().hash_one((n, at)).is_multiple_of(2);
    let wide = |n: usize| Wide((0..FIELDS.len()).filter(|at| has(n, at)).collect());
    let values: Vec<_> = (0..4000).map(wide).collect();
    assert_eq!(pool.with_chunksize(values.len()).map(echo::<Wide>, values.clone())?, values);
    Ok(())
}
