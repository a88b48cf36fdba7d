//! Numbers and vectors of numbers, copied as they lie in memory.
//!
//! For the loops over many values of a fixed size of a few bytes ([`size`], [`raw`], [`value`])
//! there is no vector, length or error. The bytes are those of [`encode`](super::encode), so that
//! only one of the two sides may use this.

use std::any::{Any, TypeId};

use bytemuck::Pod;

macro_rules! for_all_numbers {
    ($use:ident) => {
        $use!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64);
    };
}

/// The bytes of a value that has a [`size`] as they lie in memory, and then zeros. A number, which
/// is passed in registers.
pub(crate) type Raw = u128;

/// Returns the size of a value of type `T` in bytes, if that is fixed and small: numbers, `bool`,
/// `()`.
///
/// The type tests compare constants: each instance of this function is a constant, without a
/// search.
#[inline]
pub(crate) fn size<T: 'static>() -> Option<usize> {
    macro_rules! try_types {
        ($($number:ty),*) => {$(
            if TypeId::of::<T>() == TypeId::of::<$number>() {
                return Some(size_of::<$number>());
            }
        )*};
    }
    for_all_numbers!(try_types);
    try_types!(bool, ());
    None
}

/// Returns the bytes of a value whose type has a [`size`].
#[inline]
pub(crate) fn raw<T: 'static>(value: &T) -> Raw {
    let mut raw: Raw = 0;
    let bytes = bytemuck::bytes_of_mut(&mut raw);
    if let Some(value) = (value as &dyn Any).downcast_ref::<bool>() {
        bytes[0] = u8::from(*value);
    } else if let Some(view) = view(value) {
        bytes[..view.len()].copy_from_slice(view);
    }
    raw
}

/// Returns the value with these bytes; `None` if they are invalid, or the type has no [`size`].
#[inline]
pub(crate) fn value<T: 'static>(bytes: &[u8]) -> Option<T> {
    let mut slot: Option<T> = None;
    let any = &mut slot as &mut dyn Any;
    if let Some(slot) = any.downcast_mut::<Option<bool>>() {
        *slot = match bytes {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        };
    } else if let Some(slot) = any.downcast_mut::<Option<()>>() {
        *slot = bytes.is_empty().then_some(());
    } else if size::<T>() == Some(bytes.len()) {
        decode(bytes, &mut slot).ok()?;
    }
    slot
}

/// Returns the bytes of `value` as they lie in memory, if it is a number or a vector of numbers.
///
/// The type tests compare constants, so that no instance of this function has a search.
pub(crate) fn view<T: 'static>(value: &T) -> Option<&[u8]> {
    let value = value as &dyn Any;
    macro_rules! try_types {
        ($($number:ty),*) => {$(
            if let Some(number) = value.downcast_ref::<$number>() {
                return Some(bytemuck::bytes_of(number));
            }
            if let Some(numbers) = value.downcast_ref::<Vec<$number>>() {
                return Some(bytemuck::cast_slice(numbers));
            }
        )*};
    }
    for_all_numbers!(try_types);
    None
}

/// Fills `slot` if its type is a number or a vector of numbers; returns whether it was.
pub(super) fn decode<T: 'static>(bytes: &[u8], slot: &mut Option<T>) -> Result<bool, String> {
    let slot = slot as &mut dyn Any;
    macro_rules! try_types {
        ($($number:ty),*) => {$(
            if let Some(slot) = slot.downcast_mut::<Option<$number>>() {
                *slot = Some(one(bytes)?);
                return Ok(true);
            }
            if let Some(slot) = slot.downcast_mut::<Option<Vec<$number>>>() {
                *slot = Some(many(bytes)?);
                return Ok(true);
            }
        )*};
    }
    for_all_numbers!(try_types);
    Ok(false)
}

fn one<N: Pod>(bytes: &[u8]) -> Result<N, String> {
    bytemuck::try_pod_read_unaligned(bytes).map_err(|_| wrong_size::<N>(bytes))
}

fn many<N: Pod>(bytes: &[u8]) -> Result<Vec<N>, String> {
    if !bytes.len().is_multiple_of(size_of::<N>()) {
        return Err(wrong_size::<N>(bytes));
    }
    Ok(bytemuck::pod_collect_to_vec(bytes))
}

fn wrong_size<N>(bytes: &[u8]) -> String {
    format!("{} bytes are not a whole number of {}", bytes.len(), std::any::type_name::<N>())
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use proptest::prelude::*;
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::super::{Source, decode, decode_next, encode, encode_ref};
    use super::{raw, size, value};

    /// Both ways give the same bytes and the same value.
    fn is_the_short_way<T: Serialize + DeserializeOwned + Clone + PartialEq + Debug + 'static>(original: T) {
        let mut long = Vec::new();
        encode(original.clone(), &mut long).unwrap();
        let size = size::<T>().unwrap();
        assert_eq!(raw(&original).to_ne_bytes()[..size], long);
        assert_eq!(value::<T>(&long), Some(original));
    }

    #[test]
    fn what_has_no_fixed_size_has_none() {
        assert_eq!(size::<String>(), None);
        assert_eq!(size::<Vec<u8>>(), None);
        assert_eq!(size::<(u64, u64)>(), None);
        assert_eq!(value::<String>(b"text"), None);
        assert_eq!(value::<Vec<u8>>(b""), None);
    }

    #[test]
    fn wrong_bytes_are_no_value() {
        assert_eq!(value::<u64>(&[1; 7]), None);
        assert_eq!(value::<bool>(&[2]), None);
        assert_eq!(value::<bool>(&[]), None);
        assert_eq!(value::<()>(&[0]), None);
    }

    fn there_and_back<T: Serialize + DeserializeOwned + Clone + PartialEq + Debug + 'static>(value: T) {
        let mut bytes = Vec::new();
        encode(value.clone(), &mut bytes).unwrap();
        let mut same = Vec::new();
        encode_ref(&value, &mut same).unwrap();
        assert_eq!(decode::<T>(Source::Slice(&same)).unwrap(), value);
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
        assert!(decode_next::<u8>(&mut &[255u8; 9][..], None).is_err());
    }

    proptest! {
        #[test]
        fn every_value_goes_as_it_does_the_long_way(
            a in any::<u64>(), b in any::<i128>(), c in any::<u8>(), d in any::<i16>(), e in any::<bool>(), f in any::<f32>(), g in any::<usize>(),
        ) {
            is_the_short_way(a);
            is_the_short_way(b);
            is_the_short_way(c);
            is_the_short_way(d);
            is_the_short_way(e);
            is_the_short_way(f);
            is_the_short_way(g);
            is_the_short_way(());
        }

        #[test]
        fn any_bytes_by_the_short_way_are_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let mut rest = &bytes[..];
            while decode_next::<Vec<u16>>(&mut rest, None).is_ok() {}
            let numbers = decode::<Vec<u64>>(Source::Slice(&bytes));
            prop_assert_eq!(numbers.is_ok(), bytes.len().is_multiple_of(8));
            let _ = decode::<(String, Option<Vec<bool>>, char)>(Source::Slice(&bytes));
            let _ = decode::<std::collections::BTreeMap<u64, (i8, std::time::Duration)>>(Source::Slice(&bytes));
            let _ = decode::<crate::Error>(Source::Slice(&bytes));
            let _ = decode::<Vec<()>>(Source::Slice(&bytes[..bytes.len().min(1)]));
        }
    }
}
