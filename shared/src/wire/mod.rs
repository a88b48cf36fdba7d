//! Values as bytes.
//!
//! Anything serde can serialize travels as [postcard](https://postcard.jamesmunns.com/). What is already a run of plain bytes
//! takes the short way: numbers are copied as they lie in memory (both sides are the same build on the same machine),
//! vectors of numbers at the speed of memory, and a large `Vec<u8>` is not copied at all on its way to the ring.

pub(crate) mod fixed;
mod flat;

use std::any::Any;

use postcard::ser_flavors::Flavor;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::handle::take_refusal;

/// Byte vectors from this size on are handed over instead of copied.
const HAND_OVER: usize = 4096;

/// Where a value is decoded from.
pub enum Source<'a> {
    /// Bytes within a larger message.
    Slice(&'a [u8]),
    /// A message of its own, which may be taken away.
    Buffer(&'a mut Vec<u8>),
}

impl Source<'_> {
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Slice(slice) => slice,
            Self::Buffer(buffer) => buffer,
        }
    }
}

/// Appends `value` to `out`, as the last or only value of a message.
pub(crate) fn encode<T: Serialize + 'static>(mut value: T, out: &mut Vec<u8>) -> Result<(), String> {
    if let Some(bytes) = (&mut value as &mut dyn Any).downcast_mut::<Vec<u8>>() {
        if out.is_empty() && bytes.len() >= HAND_OVER {
            *out = std::mem::take(bytes);
        } else {
            out.extend_from_slice(bytes);
        }
        return Ok(());
    }
    encode_ref(&value, out)
}

/// As [`encode`], for a value that is needed afterwards.
pub(crate) fn encode_ref<T: Serialize + 'static>(value: &T, out: &mut Vec<u8>) -> Result<(), String> {
    if let Some(bytes) = view(value) {
        out.extend_from_slice(bytes);
        return Ok(());
    }
    encode_plain(value, out)
}

/// What [`encode`] would write, if that already lies in memory.
pub(crate) fn view<T: 'static>(value: &T) -> Option<&[u8]> {
    flat::view(value)
}

/// Appends `value` as postcard, whatever its type: a `String` and its `str`, a `Vec` and its slice give the same bytes.
pub(crate) fn encode_plain<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), String> {
    postcard::serialize_with_flavor(value, Appender(out)).map_err(reason)
}

/// Reads what [`encode_plain`] wrote.
pub(crate) fn decode_plain<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(reason)?;
    if rest.is_empty() { Ok(value) } else { Err(format!("{} bytes are left over", rest.len())) }
}

/// What to tell of a failure. The format drops the texts of errors, but not of those that concern handles.
fn reason(error: postcard::Error) -> String {
    take_refusal().unwrap_or_else(|| error.to_string())
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode<T: DeserializeOwned + 'static>(source: Source<'_>) -> Result<T, String> {
    let mut slot: Option<T> = None;
    if let Some(bytes) = (&mut slot as &mut dyn Any).downcast_mut::<Option<Vec<u8>>>() {
        *bytes = Some(match source {
            Source::Buffer(buffer) if buffer.len() >= HAND_OVER => std::mem::take(buffer),
            source => source.bytes().to_vec(),
        });
    } else {
        let bytes = source.bytes();
        if !flat::decode(bytes, &mut slot)? {
            return decode_plain(bytes);
        }
    }
    slot.ok_or_else(|| "no value".into())
}

/// Appends `value` to `out` so that more can follow.
pub(crate) fn encode_next<T: Serialize + 'static>(value: T, out: &mut Vec<u8>) -> Result<(), String> {
    let at = out.len();
    out.extend_from_slice(&[0; 8]);
    encode(value, out)?;
    let len = (out.len() - at - 8) as u64;
    out[at..at + 8].copy_from_slice(&len.to_le_bytes());
    Ok(())
}

/// Reads what [`encode_next`] wrote and moves `bytes` past it.
pub(crate) fn decode_next<T: DeserializeOwned + 'static>(bytes: &mut &[u8]) -> Result<T, String> {
    let short = || "the message is cut short".to_string();
    let (len, rest) = bytes.split_first_chunk::<8>().ok_or_else(short)?;
    let len = usize::try_from(u64::from_le_bytes(*len)).map_err(|_| short())?;
    let (value, rest) = rest.split_at_checked(len).ok_or_else(short)?;
    *bytes = rest;
    decode(Source::Slice(value))
}

/// Postcard's output, appended to a vector.
struct Appender<'a>(&'a mut Vec<u8>);

impl Flavor for Appender<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn there_and_back<T: Serialize + DeserializeOwned + Clone + PartialEq + std::fmt::Debug + 'static>(value: T) {
        let mut bytes = Vec::new();
        encode(value.clone(), &mut bytes).unwrap();
        let mut same = Vec::new();
        encode_ref(&value, &mut same).unwrap();
        assert_eq!(same, bytes);
        assert_eq!(decode::<T>(Source::Slice(&bytes)).unwrap(), value);
        assert_eq!(decode::<T>(Source::Buffer(&mut bytes)).unwrap(), value);
    }

    #[test]
    fn every_kind_of_value_comes_back_as_it_went() {
        there_and_back(7u64);
        there_and_back(-1.5f32);
        there_and_back(vec![1u16, 2, 3]);
        there_and_back(Vec::<f64>::new());
        there_and_back(vec![9u8; 3]);
        there_and_back(vec![9u8; 100_000]);
        there_and_back(("text".to_string(), Some(vec![true, false])));
        there_and_back(());
    }

    #[test]
    fn a_large_byte_vector_is_handed_over_not_copied() {
        let value = vec![1u8; 10_000];
        let address = value.as_ptr();
        let mut bytes = Vec::new();
        encode(value, &mut bytes).unwrap();
        assert_eq!(bytes.as_ptr(), address);
        let back: Vec<u8> = decode(Source::Buffer(&mut bytes)).unwrap();
        assert_eq!(back.as_ptr(), address);
    }

    #[test]
    fn wrong_bytes_are_an_error() {
        assert!(decode::<u64>(Source::Slice(&[1, 2, 3])).is_err());
        assert!(decode::<Vec<u32>>(Source::Slice(&[1, 2, 3])).is_err());
        assert!(decode::<String>(Source::Slice(&[200, 1])).is_err());
        assert!(decode::<bool>(Source::Slice(&[1, 1])).is_err());
        assert!(decode_next::<u8>(&mut &[255u8; 9][..]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let mut rest = &bytes[..];
            while decode_next::<Vec<u16>>(&mut rest).is_ok() {}
            let numbers = decode::<Vec<u64>>(Source::Slice(&bytes));
            prop_assert_eq!(numbers.is_ok(), bytes.len().is_multiple_of(8));
            let _ = decode::<(String, Option<Vec<bool>>, char)>(Source::Slice(&bytes));
            let _ = decode::<std::collections::BTreeMap<u64, (i8, std::time::Duration)>>(Source::Slice(&bytes));
            let _ = decode::<crate::Error>(Source::Slice(&bytes));
            let _ = decode::<Vec<()>>(Source::Slice(&bytes[..bytes.len().min(1)]));
        }
    }
}
