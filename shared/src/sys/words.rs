//! Memory that other processes may change at any time: words to refer to there, and copies of
//! bytes. Bytes there are touched in no other way.
//!
//! A copy is *foreign*: it is made by the C library's `memcpy`, called through a pointer that the
//! compiler does not see through. To Rust its accesses are then as those of the other process are,
//! made by machine code outside of the program, and not ones that would be a data race with them.
//! Short copies of a fixed size are volatile stores, which the compiler takes as they are too.
//! Whatever the other side writes meanwhile, the private copy holds bytes, each as it was at some
//! moment. Only the private copy is ever used, and nothing is read twice.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64};

use nix::libc;

/// A type that may be referred to in shared memory, whatever other processes write there, at any
/// time.
///
/// [`words!`] implements it for structs, and requires it of every field.
///
/// # Safety
/// The type consists of atomic integers, and padding that is never read: any bytes are a value of
/// it, and a change by another process is one that atomics allow for.
pub(crate) unsafe trait Words: Sized {}

// SAFETY: an atomic integer.
unsafe impl Words for AtomicU32 {}

// SAFETY: an atomic integer.
unsafe impl Words for AtomicU64 {}

// SAFETY: nothing.
unsafe impl Words for () {}

// SAFETY: several of what is Words.
unsafe impl<T: Words, const N: usize> Words for [T; N] {}

/// Defines a struct that may lie in shared memory: laid out as in C, each field of it [`Words`].
macro_rules! words {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident $(<$parameter:ident = $default:ty>)? {
            $($(#[$field_attribute:meta])* $field_visibility:vis $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$attribute])*
        #[repr(C)]
        $visibility struct $name $(<$parameter = $default>)? {
            $($(#[$field_attribute])* $field_visibility $field: $type,)*
        }

        #[allow(unsafe_code)]
        // SAFETY: the struct consists of its fields, and all of them are Words, as the bounds say.
        unsafe impl $(<$parameter: $crate::sys::words::Words>)? $crate::sys::words::Words for $name $(<$parameter>)?
        where
            $($type: $crate::sys::words::Words,)*
        {
        }
    };
}

pub(crate) use words;

type Memcpy = unsafe extern "C" fn(*mut c_void, *const c_void, usize) -> *mut c_void;

static MEMCPY: Memcpy = libc::memcpy;

#[inline]
fn memcpy() -> Memcpy {
    // SAFETY: a static can be read at any time. Volatile, so that the compiler does not know what
    // is found there.
    unsafe { (&raw const MEMCPY).read_volatile() }
}

/// Copies `from` to shared memory.
///
/// # Safety
/// The `from.len()` bytes at `to` are mapped and writable, and nothing in this process refers to
/// them but as [`Words`].
#[inline]
pub(crate) unsafe fn copy_in(from: &[u8], to: NonNull<u8>) {
    // `memcpy` needs valid addresses even for a copy of no bytes.
    if from.is_empty() {
        return;
    }
    // SAFETY: the source is a slice, the target is valid by the caller's contract; private and
    // shared memory do not overlap.
    unsafe { memcpy()(to.as_ptr().cast(), from.as_ptr().cast(), from.len()) };
}

/// Copies `N` bytes to shared memory, without a call.
///
/// # Safety
/// As [`copy_in`].
#[inline]
pub(crate) unsafe fn store_in<const N: usize>(from: [u8; N], to: NonNull<u8>) {
    // SAFETY: an array of bytes needs no alignment; that the bytes are there is the caller's
    // contract.
    unsafe { to.cast::<[u8; N]>().write_volatile(from) };
}

/// Appends a copy of `len` bytes of shared memory to `into`.
///
/// # Safety
/// The `len` bytes at `from` are mapped and readable.
#[inline]
pub(crate) unsafe fn copy_out(from: NonNull<u8>, len: usize, into: &mut Vec<u8>) {
    if len == 0 {
        return;
    }
    into.reserve(len);
    // SAFETY: `into` has room for `len` more bytes, and all of them are written before its length
    // says so. The source is valid by the caller's contract; private and shared memory do not
    // overlap.
    unsafe {
        memcpy()(into.as_mut_ptr().add(into.len()).cast(), from.as_ptr().cast(), len);
        into.set_len(into.len() + len);
    }
}
