//! The names of structs' fields and of variants: those of a message that is read, and those that a
//! type expects.
//!
//! The names of a message stand behind its value, or behind all of several messages that travel
//! together; see [`shapes`](super::shapes), which writes them.
//!
//! A derived `Deserialize` begins by passing its fields or variants to the deserializer. A message
//! for such a type alone, with the same names, is written without them.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

use super::error::Error;
use super::format::Reader;
use super::visitors::is_derived;
use crate::foreign;

/// The names of a type's fields or variants: a static, which its address identifies.
pub(super) type NameList = &'static [&'static str];

/// The names of a message that is read.
#[derive(Clone, Copy)]
pub(super) struct Names<'de>(pub(super) &'de [u8]);

/// The keys of a struct that are not read yet.
#[derive(Clone, Copy)]
pub(super) struct Keys<'de> {
    pub(super) left: u64,
    texts: Texts<'de>,
}

/// The source of keys.
#[derive(Clone, Copy)]
enum Texts<'de> {
    Sent(Reader<'de>),
    /// The reader's own list has them.
    Own(NameList),
}

impl<'de> Names<'de> {
    #[inline]
    fn at(self, offset: u32) -> Result<Reader<'de>, Error> {
        self.0.get(offset as usize..).map(Reader::new).ok_or_else(|| Error::new("the message lacks a name"))
    }

    /// Reads the name of a variant.
    #[inline]
    pub(super) fn variant(self, offset: u32) -> Result<&'de str, Error> {
        self.at(offset)?.text()
    }

    /// Returns the name of a variant as a struct's only key.
    pub(super) fn one_key(self, offset: u32) -> Result<Keys<'de>, Error> {
        Ok(Keys { left: 1, texts: Texts::Sent(self.at(offset)?) })
    }

    /// Returns the keys of a struct.
    #[inline]
    pub(super) fn keys(self, offset: u32) -> Result<Keys<'de>, Error> {
        let mut texts = self.at(offset)?;
        Ok(Keys { left: texts.len()?, texts: Texts::Sent(texts) })
    }
}

impl<'de> Keys<'de> {
    /// Returns all of these as keys.
    pub(super) fn of(wanted: NameList) -> Self {
        Self { left: wanted.len() as u64, texts: Texts::Own(wanted) }
    }

    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<&'de str>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        match &mut self.texts {
            Texts::Sent(texts) => texts.text().map(Some),
            Texts::Own(own) => Ok(own.split_off_first().copied()),
        }
    }
}

/// Which names were found to be the same lately: the address and number of those wanted, and where
/// those of the message begin.
#[derive(Default, Clone, Copy)]
pub(super) struct Matches([(usize, u32, u32); MATCHES]);

const MATCHES: usize = 2;

impl Matches {
    /// Returns whether the keys at `offset` are those wanted.
    #[inline]
    pub(super) fn found(&mut self, wanted: NameList, names: Names<'_>, offset: u32) -> bool {
        let address = wanted.as_ptr().addr();
        // The addresses are multiples of a pointer's size.
        let known = &mut self.0[address / size_of::<&str>() % MATCHES];
        let pair = (address, wanted.len() as u32, offset);
        if *known == pair {
            return true;
        }
        let same = are_keys(names, offset, wanted);
        if same {
            *known = pair;
        }
        same
    }
}

/// Returns whether the keys at `offset` are those wanted.
#[cold]
fn are_keys(names: Names<'_>, offset: u32, wanted: NameList) -> bool {
    let Ok(mut texts) = names.at(offset) else { return false };
    texts.len().is_ok_and(|count| count == wanted.len() as u64)
        && wanted.iter().all(|key| {
            let text = texts.len().and_then(|len| texts.bytes(len));
            text.is_ok_and(|text| text == key.as_bytes())
        })
}

/// The first request of a type that is read, if its code is derived.
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
    /// It requests a struct with the fields that `names` has.
    Struct,
    /// It requests one of the variants that `names` has.
    Enum,
}

/// Types whose expectations a thread caches.
const KEPT: usize = 64;

thread_local! {
    /// By the address of the type's [`ask`], which types with the same code may share.
    static ANSWERS: [Cell<(usize, Expected)>; KEPT] =
        const { [const { Cell::new((0, Expected { kind: Kind::Other, names: &[] })) }; KEPT] };
}

impl Expected {
    /// Returns what `T` expects.
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

    /// Returns the fields, if a struct is expected.
    #[inline]
    pub(super) fn fields(self) -> Option<NameList> {
        (self.kind == Kind::Struct).then_some(self.names)
    }

    /// Returns the variants, if an enum is expected.
    #[inline]
    pub(super) fn variants(self) -> Option<NameList> {
        (self.kind == Kind::Enum).then_some(self.names)
    }
}

/// Runs the beginning of `T`'s `Deserialize`, up to the first request. No value is made.
#[cold]
fn ask<'de, T: Deserialize<'de>>() -> Expected {
    let answer = Cell::new(Expected::default());
    // A panic here has no meaning: the code will panic again where it matters.
    let _ = foreign::guard(|| T::deserialize(Probe(&answer)).map(drop));
    answer.get()
}

/// A deserializer that records the first request, and has no data.
struct Probe<'a>(&'a Cell<Expected>);

impl Probe<'_> {
    fn answer<'de, V: Visitor<'de>>(&self, kind: Kind, names: NameList) -> Stopped {
        if is_derived::<V>() && self.0.get().kind == Kind::Other {
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
        Err(self.answer::<V>(Kind::Struct, fields))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: NameList,
        _visitor: V,
    ) -> Result<V::Value, Stopped> {
        Err(self.answer::<V>(Kind::Enum, variants))
    }

    serde::forward_to_deserialize_any! {
        bool u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq
        tuple tuple_struct map identifier ignored_any
    }
}
