//! Shared memory of one kind: a tag that names the kind, words that its users work with, and
//! elements.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::error::{Error, Result};
use crate::fds::{self, Descriptor, Travel};
use crate::kind::{ObjectKind, Tag};
use crate::sys::shm::Mapping;
use crate::sys::words::Words;

/// The words at the beginning of memory of one kind. Zeros are their first state.
pub(crate) trait Head: Words {
    const KIND: ObjectKind;
}

/// Where the head begins: the tag, which is not written to any more, has a cache line to itself.
const HEAD: usize = 64;

/// Memory with the words `H` and `len` elements `T`, and the descriptor by which it is sent. A
/// clone is the same memory.
pub(crate) struct Region<H, T = ()> {
    descriptor: Arc<Descriptor>,
    mapping: Arc<Mapping>,
    len: usize,
    content: PhantomData<fn() -> (H, T)>,
}

impl<H: Head, T> Region<H, T> {
    /// Where the elements begin.
    const DATA: usize = {
        assert!(align_of::<H>() <= HEAD && size_of::<Tag>() <= HEAD, "the head is aligned, and behind the tag");
        assert!(align_of::<T>() <= 4096, "an element is aligned to a page at most, as memory is");
        let line = if align_of::<T>() > HEAD { align_of::<T>() } else { HEAD };
        (HEAD + size_of::<H>()).next_multiple_of(line)
    };

    /// Whether the memory is handed out as references, which two processes must never have at a
    /// time: a copy of this process has none of it.
    const KEPT: bool = matches!(H::KIND, ObjectKind::Lock | ObjectKind::Slice);

    /// Fails in a copy of the process that has this handle.
    pub(crate) fn check(&self) -> Result<()> {
        self.mapping.owner().check()
    }

    /// Panics in a copy of the process that has this handle: the copy holds nothing. For guards,
    /// which cannot return an error.
    pub(crate) fn require(&self) {
        if let Err(error) = self.check() {
            panic!("{error}");
        }
    }

    /// Creates memory, all zero but for its tag.
    pub(crate) fn create(len: usize) -> Result<Self> {
        let bytes = Self::bytes(len)
            .ok_or_else(|| Error::Config(format!("{len} elements of {} bytes are too many", size_of::<T>())))?;
        let (mapping, fd) = Mapping::create(&H::KIND.memory_name(), bytes)?;
        Tag::write::<T>(&mapping, 0, H::KIND, len);
        Ok(Self::over(Arc::new(Descriptor::new(fd)), mapping, len))
    }

    /// Opens memory that another process has created.
    fn open(descriptor: Arc<Descriptor>) -> Result<Self> {
        let mapping = Mapping::open(&*descriptor)?;
        let len = Tag::read::<T>(&mapping, 0, H::KIND)?;
        if Self::bytes(len) != Some(mapping.len()) {
            return Err(Tag::mismatch::<T>(H::KIND));
        }
        Ok(Self::over(descriptor, mapping, len))
    }

    fn over(descriptor: Arc<Descriptor>, mapping: Mapping, len: usize) -> Self {
        let mapping = if Self::KEPT { mapping.keep_from_copies() } else { mapping };
        Self { descriptor, mapping: Arc::new(mapping), len, content: PhantomData }
    }

    /// Returns the bytes of memory for `len` elements; `None` if an address space has not that
    /// many.
    fn bytes(len: usize) -> Option<usize> {
        let max = isize::MAX as usize;
        let bytes = len.checked_mul(size_of::<T>())?.checked_add(Self::DATA)?;
        // The length alone counts where elements are of no size.
        (bytes <= max && len <= max).then_some(bytes)
    }

    /// Returns the number of elements.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Returns where element `at` begins within the [`mapping`](Region::mapping).
    pub(crate) fn offset(&self, at: usize) -> usize {
        assert!(at <= self.len, "an element lies inside the memory");
        Self::DATA + at * size_of::<T>()
    }

    pub(crate) fn mapping(&self) -> &Arc<Mapping> {
        &self.mapping
    }

    pub(crate) fn descriptor(&self) -> &Arc<Descriptor> {
        &self.descriptor
    }
}

/// Elements that are words, as the head's are.
impl<H: Head, T: Words> Region<H, T> {
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
        if Self::KEPT {
            self.check().map_err(ser::Error::custom)?;
        }
        fds::serialize(&self.descriptor, H::KIND, Travel::Shared, serializer)
    }
}

impl<'de, H: Head, T> Deserialize<'de> for Region<H, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let region = Self::open(fds::deserialize(H::KIND, deserializer)?);
        region.map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;

    use super::*;
    use crate::codec;
    use crate::fds::{Handles, pack, unpack};
    use crate::sync::{Event, Lock, SharedSlice};

    /// Sends a value to the same process, which decodes it as another type.
    fn send<A: Serialize, B: DeserializeOwned>(value: &A) -> std::result::Result<B, String> {
        let mut handles = Handles::default();
        let mut bytes = Vec::new();
        pack(&mut handles, || codec::encode_plain(value, &mut bytes)).unwrap();
        unpack(&mut handles, || codec::decode_plain(&bytes))
    }

    #[test]
    fn received_handle_is_the_same_memory() {
        let lock = Lock::new(7u64).unwrap();
        let other: Lock<u64> = send(&lock).unwrap();
        *lock.lock().unwrap() += 1;
        assert_eq!(*other.lock().unwrap(), 8);
        let (_guard, again) = (lock.lock().unwrap(), other.lock());
        assert!(again.unwrap_err().to_string().contains("this thread holds the lock already"));
    }

    #[test]
    fn handle_of_another_kind_or_type_is_rejected() {
        let lock = Lock::new(7u64).unwrap();
        assert!(send::<_, Lock<u32>>(&lock).unwrap_err().contains("not that of a lock of u32"));
        assert!(send::<_, Event>(&lock).unwrap_err().contains("a lock came in the place of an event"));
        assert!(send::<_, SharedSlice<u64>>(&lock).unwrap_err().contains("a lock came in the place of a slice"));
    }
}
