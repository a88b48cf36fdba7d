//! What a type says of how it is read, before it has seen any data.
//!
//! A derived `Deserialize` begins by naming its fields or variants. What is written for such a type
//! alone, and has the same names, travels without them.

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

use crate::foreign;

/// The names of a type's fields or variants: a static, so that its address stands for it.
pub(super) type NameList = &'static [&'static str];

/// How a type begins to read.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct Expected {
    kind: Kind,
    names: NameList,
}

/// As wide as a register: a copy of one byte and its padding would stall behind the store of them.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
#[repr(usize)]
enum Kind {
    /// Anything else.
    #[default]
    Other,
    /// It asks for a struct with the fields that `names` has.
    Struct,
    /// It asks for one of the variants that `names` has.
    Enum,
    /// It asks whether the form is human-readable before it asks for a value.
    Asking,
}

/// Types of which a thread keeps what they expect.
const KEPT: usize = 64;

thread_local! {
    /// By the address of the type's [`ask`], which types with the same code may share.
    static ANSWERS: [Cell<(usize, Expected)>; KEPT] =
        const { [const { Cell::new((0, Expected { kind: Kind::Other, names: &[] })) }; KEPT] };
}

impl Expected {
    /// What `T` expects.
    #[inline]
    pub(super) fn of<'de, T: Deserialize<'de>>() -> Self {
        let key = ask::<T> as fn() -> Self as usize;
        ANSWERS.with(|answers| {
            let slot = &answers[(key >> 4) % KEPT];
            let (known, expected) = slot.get();
            if known == key {
                return expected;
            }
            let expected = ask::<T>();
            slot.set((key, expected));
            expected
        })
    }

    /// The fields that it asks for, if it asks for a struct.
    #[inline]
    pub(super) fn fields(self) -> Option<NameList> {
        (self.kind == Kind::Struct).then_some(self.names)
    }

    /// The variants that it asks for, if it asks for an enum.
    #[inline]
    pub(super) fn variants(self) -> Option<NameList> {
        (self.kind == Kind::Enum).then_some(self.names)
    }

    /// Whether it asks if the form is human-readable before it asks for a value.
    #[inline]
    pub(super) fn asks(self) -> bool {
        self.kind == Kind::Asking
    }
}

/// Has a `T` begin to read, and breaks off at the first thing that it asks for. No value is made.
#[cold]
fn ask<'de, T: Deserialize<'de>>() -> Expected {
    let answer = Cell::new(Expected::default());
    // What panics here says nothing, and will panic where it matters.
    let _ = foreign::guard(|| T::deserialize(Probe(&answer)).map(drop));
    answer.get()
}

/// A deserializer that takes note of what it is first asked for, and has nothing.
struct Probe<'a>(&'a Cell<Expected>);

impl Probe<'_> {
    fn answer(&self, kind: Kind, names: NameList) -> Stopped {
        if self.0.get().kind == Kind::Other {
            self.0.set(Expected { kind, names });
        }
        Stopped
    }
}

/// The error of a [`Probe`].
#[derive(Debug)]
struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no data")
    }
}

impl std::error::Error for Stopped {}

impl de::Error for Stopped {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Stopped;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Stopped> {
        Err(Stopped)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: NameList,
        _visitor: V,
    ) -> Result<V::Value, Stopped> {
        Err(self.answer(Kind::Struct, fields))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: NameList,
        _visitor: V,
    ) -> Result<V::Value, Stopped> {
        Err(self.answer(Kind::Enum, variants))
    }

    fn is_human_readable(&self) -> bool {
        self.answer(Kind::Asking, &[]);
        false
    }

    serde::forward_to_deserialize_any! {
        bool u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq
        tuple tuple_struct map identifier ignored_any
    }
}
