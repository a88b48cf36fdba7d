//! Reads structs.
//!
//! A struct is a map from names to values, which finds its fields whatever was skipped, renamed or reordered. If the names in the message
//! are those that the type asks for, in their order, its fields are read one after the other instead.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use serde::de::{Deserialize, DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::access::{Name, left_over};
use super::decoder::Decoder;
use super::error::Error;
use super::names::Keys;

/// The names of a type's fields: a static, so that its address stands for it.
type Wanted = &'static [&'static str];

/// The types whose own code reads maps only, by the addresses of their names.
///
/// That shows when the first of their structs is read as a sequence and refuses. The message is then read once more.
static MAPS_ONLY: Mutex<Vec<usize>> = Mutex::new(Vec::new());
static ANY_MAPS_ONLY: AtomicBool = AtomicBool::new(false);

fn reads_maps_only(wanted: Wanted) -> bool {
    ANY_MAPS_ONLY.load(Relaxed)
        && MAPS_ONLY.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).contains(&wanted.as_ptr().addr())
}

fn note_maps_only(wanted: Wanted) {
    MAPS_ONLY.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(wanted.as_ptr().addr());
    ANY_MAPS_ONLY.store(true, Relaxed);
}

/// Which names were found to be the same lately: those wanted, and where those of the message begin.
#[derive(Default)]
pub(super) struct Matches([(usize, u32); MATCHES]);

const MATCHES: usize = 2;

impl Matches {
    #[inline]
    fn found(&mut self, wanted: Wanted, place: u32, keys: Keys<'_>) -> bool {
        let address = wanted.as_ptr().addr();
        // The addresses are multiples of a pointer's size.
        let known = &mut self.0[address / size_of::<&str>() % MATCHES];
        if *known == (address, place) {
            return keys.left == wanted.len() as u64;
        }
        if keys.are(wanted) {
            *known = (address, place);
            return true;
        }
        false
    }
}

/// Reads a struct whose keys begin at `place`; `wanted` has those that the type reads.
#[inline]
pub(super) fn read<'de, V: Visitor<'de>>(
    decoder: &mut Decoder<'de>,
    place: u32,
    wanted: Wanted,
    visitor: V,
) -> Result<V::Value, Error> {
    let keys = decoder.names.keys(place)?;
    if wanted.is_empty() || !decoder.matches.found(wanted, place, keys) || reads_maps_only(wanted) {
        return read_map(decoder, keys, visitor);
    }
    decoder.nested(|decoder| {
        let mut fields = InOrder { decoder, wanted, next: 0, asked: false };
        match visitor.visit_seq(&mut fields) {
            Ok(_) if fields.next < wanted.len() => Err(left_over((wanted.len() - fields.next) as u64)),
            Err(_) if !fields.asked => {
                note_maps_only(wanted);
                decoder.again = true;
                Err(Error::new("a type that reads maps only was shown a sequence"))
            }
            result => result,
        }
    })
}

/// Reads a struct as a map.
pub(super) fn read_map<'de, V: Visitor<'de>>(
    decoder: &mut Decoder<'de>,
    keys: Keys<'de>,
    visitor: V,
) -> Result<V::Value, Error> {
    decoder.nested(|decoder| {
        let mut fields = ByName { decoder, keys, last: "" };
        let value = visitor.visit_map(&mut fields)?;
        if fields.keys.left == 0 { Ok(value) } else { Err(left_over(fields.keys.left)) }
    })
}

/// Fields one after the other.
struct InOrder<'a, 'de> {
    decoder: &'a mut Decoder<'de>,
    wanted: Wanted,
    next: usize,
    /// Whether the type's own code asked for a field.
    asked: bool,
}

impl<'de> InOrder<'_, 'de> {
    #[inline]
    fn next<T>(&mut self, read: impl FnOnce(&mut Decoder<'de>) -> Result<T, Error>) -> Result<Option<T>, Error> {
        self.asked = true;
        let Some(name) = self.wanted.get(self.next) else { return Ok(None) };
        self.next += 1;
        read(self.decoder).map(Some).map_err(|error| error.in_field(name))
    }
}

impl<'de> SeqAccess<'de> for &mut InOrder<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.next(|decoder| seed.deserialize(decoder.value()))
    }

    #[inline]
    fn next_element<T: Deserialize<'de>>(&mut self) -> Result<Option<T>, Error> {
        self.next(Decoder::element)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.wanted.len() - self.next)
    }
}

/// Fields by their names.
struct ByName<'a, 'de> {
    decoder: &'a mut Decoder<'de>,
    keys: Keys<'de>,
    /// The name of the field that is being read.
    last: &'de str,
}

impl<'de> MapAccess<'de> for &mut ByName<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some(key) = self.keys.next()? else { return Ok(None) };
        self.last = key;
        seed.deserialize(Name(key)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.decoder.value()).map_err(|error| error.in_field(self.last))
    }

    #[inline]
    fn next_value<T: Deserialize<'de>>(&mut self) -> Result<T, Error> {
        self.decoder.element().map_err(|error| error.in_field(self.last))
    }

    fn next_entry<K: Deserialize<'de>, T: Deserialize<'de>>(&mut self) -> Result<Option<(K, T)>, Error> {
        let Some(key) = self.next_key()? else { return Ok(None) };
        Ok(Some((key, self.next_value()?)))
    }

    fn size_hint(&self) -> Option<usize> {
        usize::try_from(self.keys.left).ok().map(|left| left.min(self.decoder.reader.remaining()))
    }
}
