//! A handle that is decoded as another kind than it was: by a `Deserialize` that reads JSON, an
//! enum that has changed, a peer that lies.
#![forbid(unsafe_code)]

use std::fs::File;
use std::marker::PhantomData;

use multiproc::{
    Barrier, Condition, Connection, Error, Event, Fd, Lock, PriorityQueue, Queue, Receiver, Result, Semaphore, Sender,
    SharedSlice, Value, channel, pipe,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::json;

use crate::support::{Named, named};

pub(crate) const TESTS: &[Named] = named! {
    handle_of_another_kind_is_refused
    handle_of_another_element_type_is_refused
    memory_of_a_pipe_is_not_taken_for_its_socket
    handle_of_the_right_kind_arrives
};

/// Goes as `A`, and comes as whatever `B` makes of its descriptors.
struct Confused<A, B> {
    sent: Option<A>,
    came: Option<B>,
    text: PhantomData<fn() -> B>,
}

/// How a kind of handle is written, for those who write it themselves.
trait Handle: Serialize + DeserializeOwned + 'static {
    fn written() -> serde_json::Value {
        json!(0)
    }
}

macro_rules! handles {
    ($($kind:ty),* $(,)?) => {$(impl Handle for $kind {})*};
}

handles! {
    Lock<u64>, Lock<i64>, Lock<u32>, Value<u64>, Semaphore, Event, Condition, Barrier, SharedSlice<u64>, SharedSlice<f64>,
    Queue<u64>, PriorityQueue<u64>, Fd<File>, Sender<u64>, Receiver<u64>,
}

impl Handle for Connection<u64, u64> {
    fn written() -> serde_json::Value {
        json!([[0, 1, true], 1 << 20])
    }
}

/// One whose memory stands for its socket too.
struct Alone(Connection<u64, u64>);

impl Serialize for Alone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Alone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Connection::deserialize(deserializer).map(Self)
    }
}

impl Handle for Alone {
    fn written() -> serde_json::Value {
        json!([[0, 0, true], 1 << 20])
    }
}

impl<A: Serialize, B> Serialize for Confused<A, B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The descriptors go along with the message; what it says of them is left to the other
        // side.
        serde_json::to_value(&self.sent).map_err(serde::ser::Error::custom)?;
        ().serialize(serializer)
    }
}

impl<'de, A, B: Handle> Deserialize<'de> for Confused<A, B> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <()>::deserialize(deserializer)?;
        let came = serde_json::from_value(B::written()).map_err(de::Error::custom)?;
        Ok(Self { sent: None, came: Some(came), text: PhantomData })
    }
}

/// What comes of `object` that is decoded as a `B`.
fn decoded<A: Handle, B: Handle>(object: A) -> Result<B> {
    let (ours, theirs) = pipe::<Confused<A, B>, ()>()?;
    ours.send(Confused { sent: Some(object), came: None, text: PhantomData })?;
    theirs.recv().map(|confused| confused.came.unwrap())
}

/// Whether what is made by `make` can be taken for a `B`.
fn is_refused<A: Handle, B: Handle>(make: impl Fn() -> Result<A>) {
    let (sent, came) = (std::any::type_name::<A>(), std::any::type_name::<B>());
    match decoded::<A, B>(make().unwrap()) {
        Err(Error::Decode(_)) => {}
        Err(error) => panic!("{sent} as {came}: {error}"),
        Ok(_) => panic!("{sent} was taken for {came}"),
    }
}

/// Each kind, large enough to hold any other.
macro_rules! each_pair {
    ($($kind:ty: $make:expr;)*) => {
        each_pair!(@ [$($kind: $make;)*] [$($kind,)*]);
    };
    (@ [$($kind:ty: $make:expr;)*] $all:tt) => {
        $(each_pair!(@@ $kind: $make; $all);)*
    };
    (@@ $kind:ty: $make:expr; [$($other:ty,)*]) => {
        $(if std::any::TypeId::of::<$kind>() != std::any::TypeId::of::<$other>() {
            is_refused::<$kind, $other>(|| $make);
        })*
    };
}

fn handle_of_another_kind_is_refused() -> Result<()> {
    each_pair! {
        Lock<u64>: Lock::new(1);
        Semaphore: Semaphore::new(1024);
        Event: Event::new();
        Condition: Condition::new();
        Barrier: Barrier::new(1024);
        SharedSlice<u64>: SharedSlice::new(1 << 20);
        Queue<u64>: Queue::new();
        PriorityQueue<u64>: PriorityQueue::new();
        Connection<u64, u64>: pipe().map(|(first, _)| first);
        Fd<File>: Ok(Fd::new(tempfile::tempfile()?));
        Sender<u64>: channel().map(|(sender, _)| sender);
        Receiver<u64>: channel().map(|(_, receiver)| receiver);
    }
    Ok(())
}

fn handle_of_another_element_type_is_refused() -> Result<()> {
    is_refused::<Lock<u64>, Lock<u32>>(|| Lock::new(1));
    is_refused::<Lock<u64>, Lock<i64>>(|| Lock::new(1));
    is_refused::<Value<u64>, Lock<i64>>(|| Value::new(1));
    is_refused::<SharedSlice<u64>, SharedSlice<f64>>(|| SharedSlice::new(100));
    Ok(())
}

fn memory_of_a_pipe_is_not_taken_for_its_socket() -> Result<()> {
    is_refused::<Connection<u64, u64>, Alone>(|| pipe().map(|(first, _)| first));
    is_refused::<Queue<u64>, Alone>(Queue::new);
    Ok(())
}

fn handle_of_the_right_kind_arrives() -> Result<()> {
    let lock = decoded::<Lock<u64>, Lock<u64>>(Lock::new(7)?)?;
    assert_eq!(*lock.lock()?, 7);
    let queue = Queue::<u64>::new()?;
    queue.put(8)?;
    assert_eq!(decoded::<Queue<u64>, Queue<u64>>(queue)?.get()?, 8);
    let slice = decoded::<SharedSlice<u64>, SharedSlice<u64>>(SharedSlice::from_slice(&[9])?)?;
    assert_eq!(slice.to_vec()?, [9]);
    let (first, second) = pipe::<u64, u64>()?;
    decoded::<Connection<u64, u64>, Connection<u64, u64>>(first)?.send(10)?;
    assert_eq!(second.recv()?, 10);
    Ok(())
}
