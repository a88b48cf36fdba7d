//! Numbers and runs of numbers, recognised wherever they are inside a value.
//!
//! serde passes a `Vec<u8>` byte by byte. Its containers, though, pass each of their fields with
//! the field's type, and there a run of numbers is recognised and copied as a block.

use super::error::Error;
use super::format::{
    F32, F64, I8, I16, I32, I64, I128, NONE, PACKED, Reader, SEQUENCE, SOME, U8, U16, U32, U64, U128, put_len,
};
use super::same_type::{as_type, as_type_mut, is_reference};

macro_rules! for_all_numbers {
    ($use:ident) => {
        $use!(u8 U8, u16 U16, u32 U32, u64 U64, u128 U128, usize U64, i8 I8, i16 I16, i32 I32, i64 I64, i128 I128, isize I64, f32 F32, f64 F64);
    };
}

/// Returns the tag and the bytes of `value`, if it is a number.
#[inline]
pub(super) fn number<T: ?Sized>(value: &T) -> Option<(u8, &[u8])> {
    macro_rules! try_types {
        ($($number:ident $tag:ident),*) => {$(
            if let Some(number) = as_type::<T, $number>(value) {
                return Some(($tag, bytemuck::bytes_of(number)));
            }
        )*};
    }
    for_all_numbers!(try_types);
    None
}

/// Appends `value` if it is a vector or boxed slice of numbers, or an `Option` of one; returns
/// whether it is.
#[inline]
pub(super) fn put_run<T: ?Sized>(value: &T, out: &mut Vec<u8>) -> bool {
    macro_rules! try_types {
        ($($number:ident $tag:ident),*) => {$(
            if let Some(run) = as_type::<T, Vec<$number>>(value) {
                put(out, $tag, run.len(), bytemuck::cast_slice(run));
                return true;
            }
            if let Some(run) = as_type::<T, Box<[$number]>>(value) {
                put(out, $tag, run.len(), bytemuck::cast_slice(run));
                return true;
            }
            if let Some(run) = as_type::<T, Option<Vec<$number>>>(value) {
                out.push(if run.is_some() { SOME } else { NONE });
                if let Some(run) = run {
                    put(out, $tag, run.len(), bytemuck::cast_slice(run));
                }
                return true;
            }
        )*};
    }
    // Most values are of another size: without optimisation, one comparison costs less than forty.
    if matches!(size_of_val(value), RUN | BOXED) || is_reference::<T>() {
        for_all_numbers!(try_types);
    }
    false
}

const RUN: usize = size_of::<Vec<u8>>();
const BOXED: usize = size_of::<Box<[u8]>>();

fn put(out: &mut Vec<u8>, tag: u8, len: usize, bytes: &[u8]) {
    // Without elements a run is written as any sequence is: a vector and its slice give the same
    // bytes.
    out.push(if len == 0 { SEQUENCE } else { PACKED + tag });
    put_len(out, len as u64);
    out.extend_from_slice(bytes);
}

/// Reads a `T` if it is a type that [`put_run`] writes, and such a run is next.
#[inline]
pub(super) fn take_run<T>(reader: &mut Reader<'_>) -> Result<Option<T>, Error> {
    let mut slot: Option<T> = None;
    macro_rules! try_types {
        ($($number:ident $tag:ident),*) => {$(
            if let Some(slot) = as_type_mut::<Option<T>, Option<Vec<$number>>>(&mut slot) {
                *slot = take(reader, $tag)?;
            } else if let Some(slot) = as_type_mut::<Option<T>, Option<Box<[$number]>>>(&mut slot) {
                *slot = take(reader, $tag)?.map(Vec::into_boxed_slice);
            } else if let Some(slot) = as_type_mut::<Option<T>, Option<Option<Vec<$number>>>>(&mut slot) {
                let mut ahead = *reader;
                if ahead.take_tag(SOME) && let Some(run) = take(&mut ahead, $tag)? {
                    *slot = Some(Some(run));
                    *reader = ahead;
                }
            }
        )*};
    }
    if matches!(size_of::<T>(), RUN | BOXED) {
        for_all_numbers!(try_types);
    }
    Ok(slot)
}

fn take<N: bytemuck::Pod>(reader: &mut Reader<'_>, tag: u8) -> Result<Option<Vec<N>>, Error> {
    if !reader.take_tag(PACKED + tag) {
        return Ok(None);
    }
    // A run's bytes are a whole number of numbers.
    Ok(Some(bytemuck::pod_collect_to_vec(reader.packed(tag)?)))
}
