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
use std::mem::MaybeUninit;
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

/// The size of a page, which is 4 KiB on x86-64.
const PAGE: usize = 4096;

/// Copies `len` bytes.
///
/// # Safety
/// As for `memcpy`: the bytes at `from` are readable, those at `to` writable, and they do not
/// overlap.
#[inline]
unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    if is_slow(from, to, len) {
        // SAFETY: the caller's contract.
        unsafe { copy_in_two_steps(from, to, len) };
    } else {
        // SAFETY: the caller's contract.
        unsafe { memcpy()(to.cast(), from.cast(), len) };
    }
}

/// Returns whether a copy takes several times as long as one between other addresses.
///
/// For more than some 2 KiB, `memcpy` is a single string instruction on newer x86-64. On Zen 3 and
/// Zen 4 that is slow if the target, counted within a page, lies closely behind the source: it took
/// 29 ms for 64 MiB at distances of up to 16 bytes, and else 3.5 (EPYC, family 25, model 17). Large
/// buffers all begin 16 bytes behind the start of a page, and a message in a ring at its start or a
/// few heads behind it: so it is no rare case.
#[inline]
fn is_slow(from: *const u8, to: *mut u8, len: usize) -> bool {
    let distance = to.addr().wrapping_sub(from.addr()) % PAGE;
    cfg!(target_arch = "x86_64") && len >= PAGE && (1..32).contains(&distance)
}

/// Copies `len` bytes by way of memory that is half a page away from both places.
///
/// # Safety
/// As [`copy`].
#[inline(never)]
unsafe fn copy_in_two_steps(from: *const u8, to: *mut u8, len: usize) {
    /// Whole pages, so that each step has the distances of the first; few, so that they stay in the
    /// cache.
    const STEP: usize = 2 * PAGE;
    let mut between = [MaybeUninit::<u8>::uninit(); STEP + PAGE];
    let start = between.as_mut_ptr().cast::<u8>();
    let ahead = from.addr().wrapping_add(PAGE / 2).wrapping_sub(start.addr()) % PAGE;
    for at in (0..len).step_by(STEP) {
        let len = STEP.min(len - at);
        // SAFETY: `at + len` is within the caller's bytes, and ahead + len ≤ PAGE + STEP, so that
        // what lies between is, too. It is this function's own, and written before it is read.
        unsafe {
            memcpy()(start.add(ahead).cast(), from.add(at).cast(), len);
            memcpy()(to.add(at).cast(), start.add(ahead).cast(), len);
        }
    }
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
    unsafe { copy(from.as_ptr(), to.as_ptr(), from.len()) };
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
        copy(from.as_ptr(), into.as_mut_ptr().add(into.len()), len);
        into.set_len(into.len() + len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_whole_whatever_the_distance_within_a_page() {
        const MAX: usize = 20_000;
        let from: Vec<u8> = (0..MAX).map(|at| (at % 251) as u8).collect();
        for distance in [0, 1, 16, 31, 32, PAGE / 2, PAGE - 8] {
            for len in [0, 1, PAGE - 1, PAGE, 2 * PAGE, 2 * PAGE + 1, MAX] {
                let mut shared = vec![0; MAX + PAGE + 1];
                let at = (from.as_ptr().addr() + distance).wrapping_sub(shared.as_ptr().addr()) % PAGE;
                let mut back = Vec::new();
                let to = NonNull::from(&mut shared[at..]).cast();
                // SAFETY: there are at least `MAX` bytes from `at` on, and no other references to
                // them meanwhile.
                unsafe {
                    copy_in(&from[..len], to);
                    copy_out(to, len, &mut back);
                }
                assert!(back == from[..len], "{len} bytes, {distance} apart");
                let mut expected = vec![0; MAX + PAGE + 1];
                expected[at..at + len].copy_from_slice(&from[..len]);
                assert!(shared == expected, "{len} bytes, {distance} apart, and what is around them");
            }
        }
    }
}
