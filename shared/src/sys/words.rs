//! Types that may lie in memory which other processes change.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicU32, AtomicU64};

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
