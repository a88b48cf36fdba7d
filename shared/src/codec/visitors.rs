//! Which types read a struct in the order of its fields.

use std::any::type_name;

use serde::de::Visitor;

/// Returns whether a visitor is known to read a sequence as the fields in the order of the list
/// that it was requested with, and the list to be the same in every process: it is that of serde's
/// derive macro, or serde's own.
///
/// One written by hand may read a sequence in another way than a map, and ask for whatever names it
/// likes. That is found by its name, which only costs time where it is not known: such a struct is
/// read by the names of its fields.
#[inline]
pub(super) fn is_derived<'de, V: Visitor<'de>>() -> bool {
    let name = type_name::<V>();
    name.ends_with(DERIVED)
        || name.ends_with(DERIVED_WITH_LIFETIME)
        || name.starts_with(OWN)
        || name.ends_with('>') && is_generic(name)
}

/// The end of the name of a visitor that the macro makes.
const DERIVED: &str = "::__Visitor";

/// The same where lifetimes are part of a name. The comparison is done by the compiler, unlike that
/// of [`is_generic`], which each struct would pay for.
const DERIVED_WITH_LIFETIME: &str = "::__Visitor<'_>";

/// The beginning of the name of a visitor for a type of the standard library.
const OWN: &str = "serde_core::de::impls::";

/// Returns whether it is the visitor that the macro makes for a generic type.
fn is_generic(name: &str) -> bool {
    // The parameters, which may have such a name inside, come last.
    let mut depth = 0;
    let begin = name.bytes().rposition(|byte| {
        depth += i32::from(byte == b'>') - i32::from(byte == b'<');
        depth == 0
    });
    begin.is_some_and(|begin| name[..begin].ends_with(DERIVED))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fmt;

    use serde::de::value::{Error, UnitDeserializer};
    use serde::de::{Deserialize, Deserializer, Error as _, IntoDeserializer};

    use super::*;

    thread_local! {
        static FOUND: Cell<Option<bool>> = const { Cell::new(None) };
    }

    /// Records whether the visitor that asks for a struct or an enum is a derived one.
    struct Asked(UnitDeserializer<Error>);

    impl<'de> Deserializer<'de> for Asked {
        type Error = Error;

        fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.0.deserialize_any(visitor)
        }

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            _: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Error> {
            FOUND.set(Some(is_derived::<V>()));
            Err(Error::custom("asked"))
        }

        fn deserialize_enum<V: Visitor<'de>>(
            self,
            _: &'static str,
            _: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Error> {
            FOUND.set(Some(is_derived::<V>()));
            Err(Error::custom("asked"))
        }

        serde::forward_to_deserialize_any! {
            bool u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map identifier ignored_any
        }
    }

    fn derived<'de, T: Deserialize<'de>>() -> Option<bool> {
        FOUND.set(None);
        let _ = T::deserialize(Asked(().into_deserializer()));
        FOUND.get()
    }

    #[derive(serde::Deserialize)]
    #[expect(dead_code)]
    struct Plain {
        a: u8,
    }

    #[derive(serde::Deserialize)]
    #[expect(dead_code)]
    struct Generic<T, U = Vec<u8>> {
        a: T,
        b: Option<U>,
    }

    #[derive(serde::Deserialize)]
    #[expect(dead_code)]
    enum Choice<'a, T> {
        A(&'a str),
        B { t: T },
    }

    struct ByHand<T>(std::marker::PhantomData<T>);

    impl<'de, T> Deserialize<'de> for ByHand<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_struct("Plain", &["a"], Self(std::marker::PhantomData))
        }
    }

    impl<'de, T> Visitor<'de> for ByHand<T> {
        type Value = Self;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("nothing")
        }
    }

    #[test]
    fn visitors_of_the_macro_and_of_serde_are_known() {
        assert_eq!(derived::<Plain>(), Some(true));
        assert_eq!(derived::<Generic<Plain>>(), Some(true));
        assert_eq!(derived::<Generic<Generic<u8>, ByHand<u8>>>(), Some(true));
        assert_eq!(derived::<Choice<'_, Vec<Vec<u8>>>>(), Some(true));
        assert_eq!(derived::<Result<u8, Plain>>(), Some(true));
        assert_eq!(derived::<std::time::Duration>(), Some(true));
    }

    #[test]
    fn visitors_by_hand_are_not() {
        assert_eq!(derived::<ByHand<u8>>(), Some(false));
        assert_eq!(derived::<ByHand<Plain>>(), Some(false));
        assert_eq!(derived::<u8>(), None);
    }
}
