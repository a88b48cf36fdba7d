//! An array in shared memory, for data that is too large to send.

pub(super) mod ranges;

use std::ops::{Bound, Range, RangeBounds};
use std::sync::Arc;

use bytemuck::Pod;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::{Error, Result};
use crate::kind::ObjectKind;
use crate::shm::region::{Head, Region};
use crate::sync::{SliceRead, SliceWrite};
use crate::sys::words::words;
use ranges::{Mode, RangeLock, RangeLocks, RecordId, Records};

words! {
    #[derive(Debug)]
    pub(in crate::sync) struct SliceHead {
        records: Records,
    }
}

impl Head for SliceHead {
    const KIND: ObjectKind = ObjectKind::Slice;
}

/// An array of plain data ([`Pod`]) in shared memory, which workers read and write where it lies,
/// whatever its size: only a handle of a few bytes is sent.
///
/// A guard locks its range, among all processes and threads: [`read`](SharedSlice::read) shares it
/// with other readers, [`write`](SharedSlice::write) with no other guard. Ranges that do not
/// overlap are worked on in parallel. The locks are the kernel's (`fcntl`, `F_OFD_SETLKW`), which
/// releases those of a process that ends. Waiting is not in turn: readers that follow each other
/// closely can hold a writer back.
///
/// A reader that is killed leaves nothing behind. A writer that is killed, or panics, may leave its
/// range half written: the range is *poisoned* then, and a guard of an overlapping one is
/// [`Error::Poisoned`], until it is [recovered](SharedSlice::recover).
///
/// A handle is sent to other processes as an argument of a task; a clone is the same array. Memory
/// is taken from the system page by page, as it is first touched.
///
/// # Examples
/// ```
/// use multiproc::{Executor, Pool, SharedSlice};
/// use std::ops::Range;
///
/// fn sum(data: SharedSlice<f64>, part: Range<usize>) -> f64 {
///     data.read(part).unwrap().iter().sum() // no copy: the worker reads what the parent wrote
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let data = SharedSlice::from_fn(1_000_000, |i| (i % 10) as f64)?;
/// let pool = Pool::with_processes(2)?;
/// let parts = [0..500_000, 500_000..1_000_000].map(|part| (data.clone(), part));
/// let sums: Vec<f64> = pool.starmap(sum, parts)?;
/// assert_eq!(sums.iter().sum::<f64>(), 4_500_000.0);
/// # Ok(()) }
/// ```
///
/// Python's counterpart: `multiprocessing.Array`, which has one lock for all elements, and
/// `multiprocessing.shared_memory`, which has none.
#[derive(Debug, Clone)]
#[must_use]
#[doc(alias("SharedMemory", "ShareableList", "Array", "RawArray"))]
pub struct SharedSlice<T: Pod> {
    pub(super) region: Region<SliceHead, T>,
    locks: Arc<RangeLocks>,
}

impl<T: Pod> SharedSlice<T> {
    /// Creates an array of `len` elements, all of them zero.
    ///
    /// # Errors
    /// [`Error::Config`] if that is more than an address space holds; [`Error::Io`] if the system
    /// has no memory or descriptors left.
    pub fn new(len: usize) -> Result<Self> {
        let region = Region::<SliceHead, T>::create(len)?;
        region.records.init();
        Self::over(region)
    }

    /// Creates an array with a copy of `values`.
    ///
    /// # Errors
    /// As from [`new`](SharedSlice::new).
    pub fn from_slice(values: &[T]) -> Result<Self> {
        let slice = Self::new(values.len())?;
        slice.write(..)?.copy_from_slice(values);
        Ok(slice)
    }

    /// Creates an array of `len` elements, each of them `value` of its index. They are written
    /// where they will lie, without a copy.
    ///
    /// # Errors
    /// As from [`new`](SharedSlice::new).
    ///
    /// # Panics
    /// If `value` does.
    pub fn from_fn(len: usize, mut value: impl FnMut(usize) -> T) -> Result<Self> {
        let slice = Self::new(len)?;
        slice.write(..)?.iter_mut().enumerate().for_each(|(index, element)| *element = value(index));
        Ok(slice)
    }

    fn over(region: Region<SliceHead, T>) -> Result<Self> {
        let locks = Arc::new(RangeLocks::new(region.descriptor().clone())?);
        Ok(Self { region, locks })
    }

    /// Returns the number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.region.len()
    }

    /// Returns whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Locks the elements of `range` for reading. Waits until none of them is being written to;
    /// none will be, as long as the guard lives.
    ///
    /// # Errors
    /// [`Error::Config`] if the range is not within the array; [`Error::Poisoned`] if a writer was
    /// killed or panicked there; [`Error::Io`]: `EDEADLK` if this very thread writes there, or else
    /// why the system refuses one more lock or descriptor.
    pub fn read(&self, range: impl RangeBounds<usize>) -> Result<SliceRead<'_, T>> {
        let lock = self.lock(range, Mode::Read)?;
        self.region.records.check(&lock.range)?;
        Ok(SliceRead::new(self, lock))
    }

    /// Locks the elements of `range` for reading and writing. Waits until no other guard has any of
    /// them; none will, as long as this guard lives.
    ///
    /// To lock several ranges at once, lock them in ascending order: two threads that wait for each
    /// other's range wait for ever.
    ///
    /// # Errors
    /// As from [`read`](SharedSlice::read), where `EDEADLK` is that this thread has some of them
    /// already, for reading or writing. Also [`Error::Config`] if 256 ranges are being written to
    /// already.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let data = multiproc::SharedSlice::new(6)?;
    /// data.write(2..4)?.fill(7u8);
    /// assert_eq!(data.to_vec()?, [0, 0, 7, 7, 0, 0]);
    /// # Ok(()) }
    /// ```
    pub fn write(&self, range: impl RangeBounds<usize>) -> Result<SliceWrite<'_, T>> {
        let lock = self.lock(range, Mode::Write)?;
        let record = self.region.records.add(&lock.range)?;
        Ok(SliceWrite::new(self, lock, record))
    }

    /// Locks the elements of `range` for reading and writing, poisoned or not; they are not
    /// poisoned any more. They are as the writer that was killed or panicked has left them: set
    /// them right before the guard is dropped. Poisoned elements outside of `range` stay so.
    ///
    /// # Errors
    /// As from [`write`](SharedSlice::write), but never [`Error::Poisoned`].
    ///
    /// # Examples
    /// ```
    /// use multiproc::{Error, SharedSlice};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let data = SharedSlice::from_slice(&[1u32, 2, 3, 4])?;
    /// let half_done = || {
    ///     let mut some = data.write(0..2).unwrap();
    ///     some[0] = 7;
    ///     panic!("in the middle of it");
    /// };
    /// let _ = std::thread::scope(|scope| scope.spawn(half_done).join());
    /// assert!(matches!(data.read(..), Err(Error::Poisoned { .. })));
    /// assert_eq!(data.read(2..)?[..], [3, 4]); // these were not written to
    /// data.recover(..)?[0] = 1;
    /// assert_eq!(data.to_vec()?, [1, 2, 3, 4]);
    /// # Ok(()) }
    /// ```
    pub fn recover(&self, range: impl RangeBounds<usize>) -> Result<SliceWrite<'_, T>> {
        let lock = self.lock(range, Mode::Write)?;
        let record = self.region.records.take_over(&lock.range)?;
        Ok(SliceWrite::new(self, lock, record))
    }

    /// Returns the element at `index`. Each call takes and releases its lock: for many elements,
    /// [`read`](SharedSlice::read) them together.
    ///
    /// # Errors
    /// As from [`read`](SharedSlice::read).
    pub fn get(&self, index: usize) -> Result<T> {
        self.read(self.one(index)?).map(|element| element[0])
    }

    /// Sets the element at `index` to `value`. Each call takes and releases its lock: for many
    /// elements, [`write`](SharedSlice::write) them together.
    ///
    /// # Errors
    /// As from [`write`](SharedSlice::write).
    pub fn set(&self, index: usize, value: T) -> Result<()> {
        self.write(self.one(index)?).map(|mut element| element[0] = value)
    }

    /// Returns a copy of all elements.
    ///
    /// # Errors
    /// As from [`read`](SharedSlice::read).
    pub fn to_vec(&self) -> Result<Vec<T>> {
        self.read(..).map(|elements| elements.to_vec())
    }

    /// Records that a writer has made its last change.
    pub(super) fn end_changes(&self, record: RecordId) {
        self.region.records.remove(record);
    }

    fn lock(&self, range: impl RangeBounds<usize>, mode: Mode) -> Result<RangeLock<'_>> {
        self.region.check()?;
        self.locks.lock(self.within(range)?, mode)
    }

    fn one(&self, index: usize) -> Result<Range<usize>> {
        let len = self.len();
        let outside = || Error::Config(format!("element {index} is not within {len} elements"));
        if index < len { Ok(index..index + 1) } else { Err(outside()) }
    }

    fn within(&self, range: impl RangeBounds<usize>) -> Result<Range<usize>> {
        let len = self.len();
        let start = match range.start_bound() {
            Bound::Included(start) => Some(*start),
            Bound::Excluded(before) => before.checked_add(1),
            Bound::Unbounded => Some(0),
        };
        let end = match range.end_bound() {
            Bound::Included(last) => last.checked_add(1),
            Bound::Excluded(end) => Some(*end),
            Bound::Unbounded => Some(len),
        };
        let bounds = (range.start_bound(), range.end_bound());
        start
            .zip(end)
            .filter(|(start, end)| start <= end && *end <= len)
            .map(|(start, end)| start..end)
            .ok_or_else(|| Error::Config(format!("the range {} is not within {len} elements", shown(bounds))))
    }
}

/// Formats a range as in source text.
fn shown(range: (Bound<&usize>, Bound<&usize>)) -> String {
    let start = match range.0 {
        Bound::Included(start) => start.to_string(),
        Bound::Excluded(before) => format!("({before})"),
        Bound::Unbounded => String::new(),
    };
    match range.1 {
        Bound::Included(last) => format!("{start}..={last}"),
        Bound::Excluded(end) => format!("{start}..{end}"),
        Bound::Unbounded => format!("{start}.."),
    }
}

impl<T: Pod> Serialize for SharedSlice<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.region.serialize(serializer)
    }
}

impl<'de, T: Pod> Deserialize<'de> for SharedSlice<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let slice = Self::over(Region::deserialize(deserializer)?);
        slice.map_err(de::Error::custom)
    }
}
