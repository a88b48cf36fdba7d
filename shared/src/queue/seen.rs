//! The values that a process has seen in the log of a priority queue, in order.

use std::any::type_name;
use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};
use std::time::Instant;

use serde::de::DeserializeOwned;

use crate::codec::{self, Source};
use crate::error::{Error, Result};
use crate::foreign;
use crate::queue::log::{Log, NewValue, NewValues, Reader};
use crate::queue::store::Taken;

/// The values this process has seen, some of which others may have taken.
pub(super) struct Seen<T> {
    reader: Reader,
    /// Those that are not decoded yet, in the order they were put.
    encoded: VecDeque<NewValue>,
    heap: BinaryHeap<Reverse<Entry<T>>>,
}

/// A value, or why it cannot be decoded, and its place in the log. Places grow in the order in
/// which values were put.
struct Entry<T> {
    value: Result<T>,
    at: usize,
}

impl<T: Ord> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        let values = match (&self.value, &other.value) {
            // Where a comparison panics, the order in which they were put decides: the heap must
            // stay one.
            (Ok(a), Ok(b)) => foreign::guard(|| a.cmp(b)).unwrap_or(Ordering::Equal),
            // A value that cannot be decoded comes first.
            (a, b) => a.is_ok().cmp(&b.is_ok()),
        };
        values.then(self.at.cmp(&other.at))
    }
}

impl<T: Ord> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T: Ord> Eq for Entry<T> {}

impl<T: Ord> Seen<T> {
    pub(super) fn new() -> Self {
        Self { reader: Reader::default(), encoded: VecDeque::new(), heap: BinaryHeap::new() }
    }
}

impl<T: DeserializeOwned + Ord + 'static> Seen<T> {
    /// Reads what came, and takes the smallest value of all, if there is one. The deadline bounds
    /// the waits for the lock.
    pub(super) fn take_smallest(&mut self, log: &Log, deadline: Option<Instant>) -> Taken<T> {
        let mut looks = 0;
        loop {
            let mut locked = log.lock(deadline)?;
            let NewValues { moved, values } = locked.read(&mut self.reader)?;
            if moved {
                self.encoded.clear();
                self.forget_decoded();
            }
            let any = !values.is_empty();
            self.encoded.extend(values);
            looks += 1;
            // What comes while the rest is decoded came too late for this call, unless it moved the
            // places.
            if !any || (looks > 1 && !moved) {
                let taken = self.take_first(|at| locked.take(at))?;
                drop(locked);
                self.decode();
                return Ok(taken);
            }
            // Decoding runs foreign code: without the lock.
            drop(locked);
            self.decode();
        }
    }

    /// Decodes the values that are new. One that panics, when it is decoded or compared, is an
    /// error in its own place.
    fn decode(&mut self) {
        while let Some(NewValue { at, mut bytes }) = self.encoded.pop_front() {
            let value = codec::decode_guarded::<T>(Source::Buffer(&mut bytes));
            let value = value.and_then(|value| match foreign::guard(|| value.cmp(&value)) {
                Ok(_) => Ok(value),
                Err(panic) => {
                    foreign::run_or_forget(|| drop(value));
                    Err(Error::Decode(format!("comparing panicked: {panic} (in `{}`)", type_name::<T>()).into()))
                }
            });
            self.heap.push(Reverse(Entry { value, at }));
        }
    }

    /// Drops the values, whose places mean nothing any more. A drop that panics concerns no other
    /// value.
    fn forget_decoded(&mut self) {
        let heap = std::mem::take(&mut self.heap);
        heap.into_iter().for_each(|Reverse(entry)| foreign::run_or_forget(|| drop(entry)));
    }

    /// Takes the smallest value for which `take` returns that no other process has taken it.
    fn take_first(&mut self, mut take: impl FnMut(usize) -> Result<bool>) -> Result<Option<Result<T>>> {
        while let Some(Reverse(entry)) = self.heap.pop() {
            if take(entry.at)? {
                return Ok(Some(entry.value));
            }
            foreign::run_or_forget(|| drop(entry));
        }
        Ok(None)
    }
}
