//! Shared memory of one purpose: a tag that says which, words that its users work with, and elements.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zerocopy::FromBytes;

use crate::error::{Error, Result};
use crate::handle::{self, Descriptor, Travel};
use crate::sys::shm::Mapping;

/// What a piece of shared memory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Lock = 1,
    Semaphore,
    Event,
    Condition,
    Barrier,
    Slice,
}

/// The words at the beginning of memory of one kind, all of them atomic. Zeros are their first state.
pub(crate) trait Head: FromBytes {
    const KIND: Kind;
}

/// Tells one handle from another, should a message be decoded as something else than it was.
#[repr(C)]
#[derive(FromBytes)]
struct Tag {
    kind: AtomicU32,
    size: AtomicU32,
    len: AtomicU64,
}

/// Where the head begins: the tag, which nobody writes to any more, has a cache line to itself.
const HEAD: usize = 64;

/// Memory with the words `H` and `len` elements `T`, and the descriptor by which it travels. A clone is the same memory.
pub(crate) struct Region<H, T = ()> {
    descriptor: Arc<Descriptor>,
    mapping: Arc<Mapping>,
    len: usize,
    content: PhantomData<fn() -> (H, T)>,
}

impl<H: Head, T> Region<H, T> {
    /// Where the elements begin.
    const DATA: usize = {
        assert!(align_of::<H>() <= HEAD, "the head is aligned");
        assert!(align_of::<T>() <= 4096, "an element is aligned to a page at most, as memory is");
        let line = if align_of::<T>() > HEAD { align_of::<T>() } else { HEAD };
        (HEAD + size_of::<H>()).next_multiple_of(line)
    };

    /// New memory, all zero but for its tag.
    pub(crate) fn create(len: usize) -> Result<Self> {
        let bytes = Self::bytes(len)
            .ok_or_else(|| Error::Config(format!("{len} elements of {} bytes are too many", size_of::<T>())))?;
        let (mapping, fd) = Mapping::create(&format!("multiproc-{:?}", H::KIND), bytes)?;
        let tag: &Tag = mapping.words(0);
        tag.kind.store(H::KIND as u32, Relaxed);
        tag.size.store(size_of::<T>() as u32, Relaxed);
        tag.len.store(len as u64, Relaxed);
        Ok(Self::over(Arc::new(Descriptor::new(fd)), mapping, len))
    }

    /// Memory that another process has created.
    fn open(descriptor: Arc<Descriptor>) -> Result<Self> {
        let mapping = Mapping::open(&*descriptor, HEAD)?;
        let tag: &Tag = mapping.words(0);
        let (kind, size, len) = (tag.kind.load(Relaxed), tag.size.load(Relaxed), tag.len.load(Relaxed) as usize);
        let fits = Self::bytes(len).is_some_and(|bytes| bytes <= mapping.len());
        if (kind, size as usize) != (H::KIND as u32, size_of::<T>()) || !fits {
            return Err(Error::Config(format!("what came is no {:?} of {}", H::KIND, std::any::type_name::<T>())));
        }
        Ok(Self::over(descriptor, mapping, len))
    }

    fn over(descriptor: Arc<Descriptor>, mapping: Mapping, len: usize) -> Self {
        Self { descriptor, mapping: Arc::new(mapping), len, content: PhantomData }
    }

    /// Bytes of such memory; `None` if an address space has not that many.
    fn bytes(len: usize) -> Option<usize> {
        let most = isize::MAX as usize;
        let bytes = len.checked_mul(size_of::<T>())?.checked_add(Self::DATA)?;
        // The length alone counts where elements are of no size.
        (bytes <= most && len <= most).then_some(bytes)
    }

    /// How many elements there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Byte `0` of element `at` within the [`mapping`](Region::mapping).
    pub(super) fn offset(&self, at: usize) -> usize {
        assert!(at <= self.len, "an element lies inside the memory");
        Self::DATA + at * size_of::<T>()
    }

    /// The memory, to be kept by what refers to it from outside of this process' sight. The list of robust mutexes is such a thing:
    /// were a guard forgotten and the memory unmapped, the C library would write to where the memory was.
    pub(super) fn mapping(&self) -> &Arc<Mapping> {
        &self.mapping
    }

    pub(super) fn descriptor(&self) -> &Arc<Descriptor> {
        &self.descriptor
    }
}

/// Elements that are words, as the head's are.
impl<H: Head, T: FromBytes> Region<H, T> {
    pub(crate) fn words(&self, at: usize) -> &T {
        assert!(at < self.len, "an element lies inside the memory");
        self.mapping.words(self.offset(at))
    }

    pub(crate) fn all_words(&self) -> impl Iterator<Item = &T> {
        (0..self.len).map(|at| self.words(at))
    }
}

impl<H: Head, T> Deref for Region<H, T> {
    type Target = H;

    fn deref(&self) -> &H {
        self.mapping.words(HEAD)
    }
}

impl<H, T> Clone for Region<H, T> {
    fn clone(&self) -> Self {
        let (descriptor, mapping) = (self.descriptor.clone(), self.mapping.clone());
        Self { descriptor, mapping, len: self.len, content: PhantomData }
    }
}

impl<H: Head, T> fmt::Debug for Region<H, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("kind", &H::KIND).field("len", &self.len).finish_non_exhaustive()
    }
}

impl<H: Head, T> Serialize for Region<H, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        handle::serialize(&self.descriptor, Travel::Shared, serializer)
    }
}

impl<'de, H: Head, T> Deserialize<'de> for Region<H, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let region = Self::open(handle::deserialize(deserializer)?);
        region.map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;

    use super::*;
    use crate::codec;
    use crate::handle::{Handles, pack, unpack};
    use crate::sharing::{Event, Lock, SharedSlice};

    /// What comes of a value that is decoded as another type.
    fn sent<A: Serialize, B: DeserializeOwned>(value: &A) -> std::result::Result<B, String> {
        let mut handles = Handles::default();
        let mut bytes = Vec::new();
        pack(&mut handles, || codec::encode_plain(value, &mut bytes)).unwrap();
        unpack(&mut handles, || codec::decode_plain(&bytes))
    }

    #[test]
    fn a_handle_is_the_same_memory_on_the_other_side() {
        let lock = Lock::new(7u64).unwrap();
        let other: Lock<u64> = sent(&lock).unwrap();
        *lock.lock().unwrap() += 1;
        assert_eq!(*other.lock().unwrap(), 8);
        let (_guard, again) = (lock.lock().unwrap(), other.lock());
        assert!(again.unwrap_err().to_string().contains("this thread holds the lock already"));
    }

    #[test]
    fn a_handle_of_another_kind_or_type_is_refused() {
        let lock = Lock::new(7u64).unwrap();
        assert!(sent::<_, Lock<u32>>(&lock).unwrap_err().contains("no Lock of u32"));
        assert!(sent::<_, Event>(&lock).unwrap_err().contains("no Event"));
        assert!(sent::<_, SharedSlice<u64>>(&lock).unwrap_err().contains("no Slice of u64"));
    }
}
