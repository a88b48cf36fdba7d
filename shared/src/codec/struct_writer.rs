//! Writes structs.

use std::rc::Rc;

use serde::Serialize;
use serde::ser::{SerializeStruct, SerializeStructVariant};

use super::encoder::Encoder;
use super::error::Error;
use super::format::{OWN_STRUCT, STRUCT};
use super::names::NameList;
use super::shapes::{ShapeId, Table, is_same};

/// A struct that is being written.
pub(super) struct Fields<'a, 'o> {
    encoder: &'a mut Encoder<'o>,
    /// The level that the struct is on.
    pub(super) outer: u32,
    name: &'static str,
    head_at: usize,
    keys: Keys,
    /// How many keys there were, as long as they are those of a list.
    seen: usize,
}

/// The keys so far.
enum Keys {
    /// The first ones that the reader of the message expects.
    AsExpected(NameList),
    /// The first ones of the shape that was predicted.
    AsPredicted(ShapeId, Rc<[&'static str]>),
    /// Others.
    Own(Vec<&'static str>),
}

impl Keys {
    /// Predicts the keys: those that a struct of this name and with this many fields had last.
    #[inline]
    fn predicted(table: &Table, name: &'static str, len: usize) -> Self {
        match table.predict(name, len) {
            Some(id) => Self::AsPredicted(id, table.keys(id)),
            None => Self::Own(Vec::with_capacity(len.min(64))),
        }
    }

    /// Returns the first `seen` of these, and one that is not on the list.
    #[cold]
    fn diverged(&self, seen: usize, key: &'static str) -> Self {
        let all: &[_] = match self {
            Self::AsExpected(all) => all,
            Self::AsPredicted(_, all) => all,
            Self::Own(all) => all,
        };
        Self::Own(all.iter().take(seen).copied().chain([key]).collect())
    }
}

/// All of it is inlined into the type's own code: passing a `Fields` costs as much as writing three
/// numbers. (Without optimisation, it would only take stack, at each level of a value.)
impl<'a, 'o> Fields<'a, 'o> {
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn begin(encoder: &'a mut Encoder<'o>, name: &'static str, len: usize) -> Result<Self, Error> {
        let expected = encoder.expected_fields(len);
        let outer = encoder.enter()?;
        let head_at = encoder.out.len();
        let keys = match expected {
            Some(all) => {
                encoder.out.extend_from_slice(&head(OWN_STRUCT, len as u32));
                Keys::AsExpected(all)
            }
            None => {
                encoder.out.extend_from_slice(&head(STRUCT, 0));
                Keys::predicted(encoder.table(), name, len)
            }
        };
        Ok(Self { encoder, outer, name, head_at, keys, seen: 0 })
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn add<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        let listed = match &mut self.keys {
            Keys::AsExpected(all) => all.get(self.seen),
            Keys::AsPredicted(_, all) => all.get(self.seen),
            Keys::Own(keys) => {
                keys.push(key);
                Some(&key)
            }
        };
        if listed.is_some_and(|listed| is_same(listed, key)) {
            self.seen += 1;
        } else {
            self.keys = self.keys.diverged(self.seen, key);
        }
        self.encoder.part(value).map_err(|error| error.in_field(key))
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn finish(self) -> Result<(), Error> {
        let Self { encoder, outer, name, head_at, keys, seen } = self;
        if !matches!(&keys, Keys::AsExpected(all) if seen == all.len()) {
            let table = encoder.table();
            let id = match &keys {
                Keys::AsPredicted(id, all) if seen == all.len() => *id,
                Keys::AsPredicted(_, all) => table.shape_of(name, &all[..seen]),
                Keys::AsExpected(all) => table.shape_of(name, &all[..seen]),
                Keys::Own(keys) => table.shape_of(name, keys),
            };
            let offset = table.offset(id);
            encoder.out[head_at..head_at + 5].copy_from_slice(&head(STRUCT, offset));
        }
        encoder.leave(outer);
        Ok(())
    }
}

/// Returns the first bytes of a struct.
#[cfg_attr(not(debug_assertions), inline(always))]
fn head(tag: u8, number: u32) -> [u8; 5] {
    let [a, b, c, d] = number.to_le_bytes();
    [tag, a, b, c, d]
}

macro_rules! struct_like {
    ($($kind:ident),*) => {$(
        impl $kind for Fields<'_, '_> {
            type Ok = ();
            type Error = Error;

            #[cfg_attr(not(debug_assertions), inline(always))]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
                self.add(key, value)
            }

            #[cfg_attr(not(debug_assertions), inline(always))]
            fn end(self) -> Result<(), Error> {
                self.finish()
            }
        }
    )*};
}

struct_like!(SerializeStruct, SerializeStructVariant);
