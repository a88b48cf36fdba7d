//! What cannot travel is refused, with words that lead somewhere, and no other value arrives in its
//! place.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use multiproc::{Error, Executor};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::support::{Named, named};
use crate::{through_all, value};

pub(crate) const TESTS: &[Named] = named! {
    messages_of_std_errors_arrive
    custom_error_arrives_with_type_and_field
    panic_in_serialization_keeps_its_message
    tuple_without_a_field_is_rejected
    types_serde_cannot_restore_are_rejected
    thousand_levels_arrive_and_a_million_are_rejected
    deeply_nested_json_arrives
};

/// An error in encoding whose text has all of these in it.
fn cannot_encode(parts: &'static [&'static str]) -> impl Fn(&Error) -> bool {
    move |error| matches!(error, Error::Encode(text) if parts.iter().all(|part| text.contains(part)))
}

/// An error in decoding whose text has all of these in it.
fn cannot_decode(parts: &'static [&'static str]) -> impl Fn(&Error) -> bool {
    move |error| matches!(error, Error::Decode(text) if parts.iter().all(|part| text.contains(part)))
}

fn messages_of_std_errors_arrive() -> multiproc::Result<()> {
    through_all(|channels| {
        let path = PathBuf::from(OsString::from_vec(vec![b'/', 0xff]));
        channels.refuse(&path, cannot_encode(&["path contains invalid UTF-8 characters"]));
        let early: SystemTime = UNIX_EPOCH - Duration::from_secs(1);
        channels.refuse(&early, cannot_encode(&["SystemTime must be later than UNIX_EPOCH"]));
        channels.refuse(&vec![Some(path)], cannot_encode(&["path contains invalid UTF-8 characters"]));
    })
}

/// Says why it will not be written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(ser::Error::custom("the cupboard is bare"))
    }
}

/// Says why it will not be read.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Unreadable;

impl<'de> Deserialize<'de> for Unreadable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        de::IgnoredAny::deserialize(deserializer)?;
        Err(de::Error::custom("the ink is dry"))
    }
}

value! {
    struct Outer<T> {
        first: u8,
        list: Vec<Inner<T>>,
    }

    struct Inner<T> {
        culprit: T,
    }
}

fn outer<T: Clone>(culprit: T) -> Outer<T> {
    Outer { first: 1, list: vec![Inner { culprit: culprit.clone() }, Inner { culprit }] }
}

fn custom_error_arrives_with_type_and_field() -> multiproc::Result<()> {
    through_all(|channels| {
        channels.refuse(&Unwritable, cannot_encode(&["the cupboard is bare", "Unwritable"]));
        channels.refuse(&Unreadable, cannot_decode(&["the ink is dry", "Unreadable"]));
        channels.refuse(&outer(Unwritable), cannot_encode(&["the cupboard is bare", "Outer", "list", "culprit"]));
        channels.refuse(&outer(Unreadable), cannot_decode(&["the ink is dry", "Outer", "list", "culprit"]));
    })
}

/// Panics when it is written, or when it is read.
#[derive(Debug, Clone, PartialEq)]
enum Panics {
    Writing,
    Reading,
}

impl Serialize for Panics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert_ne!(*self, Self::Writing, "out of ink");
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Panics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <()>::deserialize(deserializer)?;
        panic!("too dark to read")
    }
}

/// What reads or writes a value in a worker is a part of the task, and so is its panic.
fn panic_in_serialization_keeps_its_message() -> multiproc::Result<()> {
    through_all(|channels| {
        channels.refuse(&Panics::Writing, cannot_encode(&["panicked", "out of ink", "Panics"]));
        channels.refuse(&vec![Panics::Writing], cannot_encode(&["panicked", "out of ink", "Panics"]));
        let unreadable = cannot_decode(&["panicked", "too dark to read", "Panics"]);
        channels.refuse(&Panics::Reading, |error| match error {
            Error::Panicked { message, location, .. } => {
                message == "too dark to read" && location.as_ref().is_some_and(|place| place.contains("refused.rs"))
            }
            error => unreadable(error),
        });
        let pool = channels.pool();
        let returned = |_: u8| Panics::Reading;
        assert!(unreadable(&pool.apply(returned, (1,)).unwrap_err()));
        assert!(unreadable(&pool.map(returned, [1, 2]).unwrap_err()));
        assert!(unreadable(&pool.apply_async(returned, (1,)).get().unwrap_err()));
        assert!(unreadable(&pool.apply_async(returned, (1,)).callback(|_| ()).get().unwrap_err()));
        assert!(unreadable(&pool.imap(returned, [1, 2]).nth(1).unwrap().unwrap_err()));
        let unwritten = pool.apply(|_: u8| Panics::Writing, (1,)).unwrap_err();
        assert!(matches!(&unwritten, Error::Panicked { message, .. } if message.contains("out of ink")), "{unwritten}");
    })
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

value! {
    struct Shifted(
        #[serde(default, skip_serializing_if = "is_zero")] u32,
        #[serde(default, skip_serializing_if = "is_zero")] u32,
        #[serde(default, skip_serializing_if = "is_zero")] u32,
    );

    enum ShiftedVariant {
        Tuple(
            #[serde(default, skip_serializing_if = "is_zero")] u32,
            #[serde(default, skip_serializing_if = "is_zero")] u32,
        ),
    }

    #[serde(untagged)]
    enum Choice {
        Number(u32),
        List(Vec<u32>),
    }

    #[serde(deny_unknown_fields)]
    struct Strict {
        #[serde(rename(serialize = "there", deserialize = "back"))]
        a: u32,
    }

    struct Missing {
        #[serde(skip_serializing)]
        needed: u32,
    }

    enum Never {
        Fine,
        #[serde(skip)]
        Skipped,
    }
}

/// Without names, it is unknown which of them was left out.
fn tuple_without_a_field_is_rejected() -> multiproc::Result<()> {
    through_all(|channels| {
        let refused = |error: &Error| matches!(error, Error::Encode(_) | Error::Decode(_));
        channels.keep(Shifted(1, 2, 3));
        channels.refuse(&Shifted(0, 2, 3), refused);
        channels.refuse(&Shifted(1, 0, 3), refused);
        channels.refuse(&vec![Shifted(1, 0, 3), Shifted(1, 2, 3)], refused);
        channels.keep(ShiftedVariant::Tuple(1, 2));
        channels.refuse(&ShiftedVariant::Tuple(0, 2), refused);
    })
}

fn types_serde_cannot_restore_are_rejected() -> multiproc::Result<()> {
    through_all(|channels| {
        channels.refuse(&Strict { a: 1 }, cannot_decode(&["unknown field `there`", "expected `back`", "Strict"]));
        channels.refuse(&Missing { needed: 1 }, cannot_decode(&["missing field `needed`", "Missing"]));
        channels.refuse(&Never::Skipped, cannot_encode(&["Skipped"]));
        channels.keep_all((Never::Fine, Choice::List(vec![1])));
        let error = channels.pool().apply(|_: u8| Text("word".into()), (1,)).map(|Text(text)| text).unwrap_err();
        assert!(cannot_decode(&["did not match any variant of untagged enum Choice", "Text"])(&error), "{error:?}");
    })
}

/// Written as text, read as one of two others.
#[derive(Debug, Clone, PartialEq)]
struct Text(String);

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Choice::deserialize(deserializer).map(|choice| Self(format!("{choice:?}")))
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Node {
    next: Option<Box<Node>>,
}

impl Drop for Node {
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(mut node) = next {
            next = node.next.take();
        }
    }
}

fn chain(nodes: u32) -> Node {
    (1..nodes).fold(Node { next: None }, |next, _| Node { next: Some(Box::new(next)) })
}

fn len(node: &Node) -> u32 {
    std::iter::successors(Some(node), |node| node.next.as_deref()).count() as u32
}

fn thousand_levels_arrive_and_a_million_are_rejected() -> multiproc::Result<()> {
    through_all(|channels| {
        let pool = channels.pool();
        for nodes in [1, 100, 1000] {
            assert_eq!(pool.apply(chain, (nodes,)).map(|node| len(&node)).unwrap(), nodes);
        }
        for nodes in [20_000, 1_000_000] {
            let too_deep = |error: &Error| matches!(error, Error::Encode(_) | Error::Decode(_));
            let error = pool.apply(chain, (nodes,)).map(|node| len(&node)).unwrap_err();
            assert!(too_deep(&error), "a result of {nodes} levels: {error:?}");
            let error = pool.apply(|node: Node| len(&node), (chain(nodes),)).unwrap_err();
            assert!(too_deep(&error), "an argument of {nodes} levels: {error:?}");
            let error = pool.apply_async(chain, (nodes,)).get().map(|node| len(&node)).unwrap_err();
            assert!(too_deep(&error), "{error:?}");
        }
        assert_eq!(pool.statistics().workers_lost, 0);
    })
}

fn deeply_nested_json_arrives() -> multiproc::Result<()> {
    through_all(|channels| {
        let value = (0..900).fold(serde_json::Value::Null, |inner, _| serde_json::Value::Array(vec![inner]));
        channels.keep(value);
    })
}
