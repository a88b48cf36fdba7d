//! Encodes values to bytes and decodes them.
//!
//! Any value that serde can serialize travels in a format of this crate's own,
//! [self-describing](format): each value has a tag, each struct and variant its names. So a type
//! reads back whatever it wrote, as it does with JSON: fields that were skipped, flattened or
//! renamed, variants without a tag, values of no fixed type. What JSON cannot say travels exactly
//! as well: `Some(None)`, 128-bit numbers, every `NaN`, keys that are no text. [`encoder`] writes
//! it, through the [`serializer`] that serde calls ([`compound`] and [`struct_writer`] write what
//! has parts); [`decoder`] reads it, through the [`deserializer`] ([`access`] and [`struct_reader`]
//! read what has parts). [`shapes`] are the names as they are written, [`names`] as they are read
//! or expected, [`common_names`] those that several messages have in common, and [`visitors`] says
//! which readers can do without. [`numbers`] recognises runs of numbers, and [`addresses`] those of
//! the network.
//!
//! Both serde traits are told that the format is human-readable, as JSON is: what a type's own code
//! then writes is what `serde_json` carries, and what types that buffer their input expect.
//!
//! A value that is a run of plain bytes is encoded without a format: numbers are copied as they lie
//! in memory (both sides are the same build on the same machine), vectors of numbers at the speed
//! of memory, and a large `Vec<u8>` is not copied at all on its way to the ring.

mod access;
mod addresses;
mod common_names;
mod compound;
mod decoder;
mod deserializer;
mod encoder;
mod error;
pub(crate) mod fixed;
mod format;
mod names;
mod numbers;
mod same_type;
mod serializer;
mod shapes;
mod struct_reader;
mod struct_writer;
#[cfg(test)]
mod tests;
mod visitors;

use std::any::Any;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use self::common_names::{NameReader, NameWriter};
pub(crate) use self::fixed::view;
use self::names::Expected;
use crate::error::Error;
use crate::foreign;

/// Byte vectors from this size on are handed over instead of copied.
const HAND_OVER: usize = 4096;

/// The source that a value is decoded from.
pub enum Source<'a> {
    /// Bytes within a larger message.
    Slice(&'a [u8]),
    /// A whole message, whose buffer may be taken.
    Buffer(&'a mut Vec<u8>),
    /// One of several messages that have their names in common.
    Part(&'a [u8], &'a NameReader<'a>),
}

impl Source<'_> {
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Slice(slice) | Self::Part(slice, _) => slice,
            Self::Buffer(buffer) => buffer,
        }
    }

    /// Returns the names that the message has in common with others.
    #[inline]
    pub(crate) fn names(&self) -> Option<&NameReader<'_>> {
        match self {
            Self::Part(_, names) => Some(names),
            Self::Slice(_) | Self::Buffer(_) => None,
        }
    }
}

/// Appends `value` to `out`, as the last or only value of a message.
pub(crate) fn encode<T: Serialize + 'static>(value: T, out: &mut Vec<u8>) -> Result<(), String> {
    encode_by_value(value, Expected::default, None, out)
}

/// Encodes as [`encode`] does a value among others, whose names go to `names`, if there is one.
#[inline]
pub(crate) fn encode_part<T: Serialize + 'static>(
    value: T,
    names: Option<&mut NameWriter>,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    encode_by_value(value, Expected::default, names, out)
}

/// Encodes as [`encode`] does a value that the same build reads as a `T`, without the names that
/// such a reader has in any case.
///
/// The beginning of `T`'s `Deserialize` runs in this process, with any effect that it has: this is
/// for workers and their results, not for the program and its arguments.
pub(crate) fn encode_result<T: Serialize + DeserializeOwned + 'static>(
    value: T,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    encode_by_value(value, Expected::of::<T>, None, out)
}

/// Encodes as [`encode`] does a value that is needed afterwards.
pub(crate) fn encode_ref<T: Serialize + 'static>(value: &T, out: &mut Vec<u8>) -> Result<(), String> {
    encode_by_ref(value, Expected::default, None, out)
}

#[inline]
fn encode_by_value<T: Serialize + 'static>(
    mut value: T,
    expected: impl FnOnce() -> Expected,
    names: Option<&mut NameWriter>,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    if let Some(bytes) = (&mut value as &mut dyn Any).downcast_mut::<Vec<u8>>() {
        if out.is_empty() && bytes.len() >= HAND_OVER {
            *out = std::mem::take(bytes);
        } else {
            out.extend_from_slice(bytes);
        }
        return Ok(());
    }
    encode_by_ref(&value, expected, names, out)
}

#[inline]
fn encode_by_ref<T: Serialize + 'static>(
    value: &T,
    expected: impl FnOnce() -> Expected,
    names: Option<&mut NameWriter>,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    if let Some(bytes) = view(value) {
        out.extend_from_slice(bytes);
    } else if let Some(size) = fixed::size::<T>() {
        out.extend_from_slice(&fixed::raw(value).to_ne_bytes()[..size]);
    } else {
        return encoder::write(value, expected(), names, out).map_err(|error| error.describe::<T>());
    }
    Ok(())
}

/// Appends `value` in the self-describing format, whatever its type: a `String` and its `str`, a
/// `Vec` and its slice give the same bytes.
pub(crate) fn encode_plain<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), String> {
    encoder::write(value, Expected::default(), None, out).map_err(|error| error.describe::<T>())
}

/// Reads what [`encode_plain`] wrote.
#[inline]
pub(crate) fn decode_plain<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    decoder::read(bytes, None).map_err(|error| error.describe::<T>())
}

/// Reads what [`encode`] wrote.
#[inline]
pub(crate) fn decode<T: DeserializeOwned + 'static>(source: Source<'_>) -> Result<T, String> {
    let mut slot: Option<T> = None;
    if let Some(bytes) = (&mut slot as &mut dyn Any).downcast_mut::<Option<Vec<u8>>>() {
        *bytes = Some(match source {
            Source::Buffer(buffer) if buffer.len() >= HAND_OVER => std::mem::take(buffer),
            source => source.bytes().to_vec(),
        });
        return slot.ok_or_else(|| "no value".into());
    }
    let (bytes, names) = (source.bytes(), source.names());
    if fixed::size::<T>().is_some() {
        return fixed::value(bytes).ok_or_else(|| format!("{bytes:?} are no {}", std::any::type_name::<T>()));
    }
    match fixed::decode(bytes, &mut slot)? {
        true => slot.ok_or_else(|| "no value".into()),
        false => decoder::read(bytes, names).map_err(|error| error.describe::<T>()),
    }
}

/// Appends `value` to `out` so that more can follow. Its names go to `names`, if there is one.
pub(crate) fn encode_next<T: Serialize + 'static>(
    value: T,
    names: Option<&mut NameWriter>,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let at = out.len();
    out.extend_from_slice(&[0; 8]);
    encode_part(value, names, out)?;
    let len = (out.len() - at - 8) as u64;
    out[at..at + 8].copy_from_slice(&len.to_le_bytes());
    Ok(())
}

/// Reads what [`encode_next`] wrote and moves `bytes` past it.
#[inline]
pub(crate) fn decode_next<'a, T: DeserializeOwned + 'static>(
    bytes: &mut &'a [u8],
    names: Option<&'a NameReader<'a>>,
) -> Result<T, String> {
    let short = || "the message is cut short".to_string();
    let (len, rest) = bytes.split_first_chunk::<8>().ok_or_else(short)?;
    let len = usize::try_from(u64::from_le_bytes(*len)).map_err(|_| short())?;
    let (value, rest) = rest.split_at_checked(len).ok_or_else(short)?;
    *bytes = rest;
    decode(match names {
        Some(names) => Source::Part(value, names),
        None => Source::Slice(value),
    })
}

/// Runs code that serializes a `T`. Its failure is an error, and so is its panic.
pub(crate) fn guard_encoding<T: ?Sized>(write: impl FnOnce() -> Result<(), String>) -> crate::Result<()> {
    match foreign::guard(write) {
        Ok(written) => written.map_err(|why| Error::Encode(why.into())),
        Err(message) => Err(Error::panicked_in_encoding::<T>(&message)),
    }
}

/// Reads what [`encode`] wrote. Its failure is an error, and so is a panic of its type's code.
pub(crate) fn decode_guarded<T: DeserializeOwned + 'static>(source: Source<'_>) -> crate::Result<T> {
    guard_decoding(|| decode(source))
}

/// Runs code that decodes a `T`. Its failure is an error, and so is its panic.
pub(crate) fn guard_decoding<T>(read: impl FnOnce() -> Result<T, String>) -> crate::Result<T> {
    match foreign::guard(read) {
        Ok(value) => value.map_err(|why| Error::Decode(why.into())),
        Err(message) => Err(Error::panicked_in_decoding::<T>(&message)),
    }
}
