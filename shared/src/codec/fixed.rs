//! Values of a fixed size of a few bytes, for the loops over many of them: without a vector, a
//! length or an error.
//!
//! The bytes are those of [`encode`](super::encode), so that only one of the two sides may use
//! this.

use std::any::{Any, TypeId};

/// The bytes of such a value as they lie in memory, and then zeros. A number, which is passed in
/// registers.
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
    try_types!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64, bool, ());
    None
}

/// Returns the bytes of a value whose type has a [`size`].
#[inline]
pub(crate) fn raw<T: 'static>(value: &T) -> Raw {
    let mut raw: Raw = 0;
    let bytes = bytemuck::bytes_of_mut(&mut raw);
    if let Some(value) = (value as &dyn Any).downcast_ref::<bool>() {
        bytes[0] = u8::from(*value);
    } else if let Some(view) = super::flat::view(value) {
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
        super::flat::decode(bytes, &mut slot).ok()?;
    }
    slot
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use proptest::prelude::*;
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::*;

    /// Both ways give the same bytes and the same value.
    fn is_the_short_way<T: Serialize + DeserializeOwned + Clone + PartialEq + Debug + 'static>(original: T) {
        let mut long = Vec::new();
        super::super::encode(original.clone(), &mut long).unwrap();
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
    }
}
