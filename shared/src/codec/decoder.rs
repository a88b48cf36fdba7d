//! Reads one message: any value that serde can deserialize.

use serde::de::Deserialize;

use super::error::Error;
use super::fields::Matches;
use super::format::{DEEPEST, HAS_NAMES, IS_DEEP, SHALLOW};
use super::names::Names;
use super::reader::Reader;
use super::value::Value;
use super::{numbers, stack};
use crate::handle;

/// Reads what [`write`](super::encoder::write) wrote.
pub(super) fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Error> {
    let mut reader = Reader::new(bytes);
    let flags = reader.byte()?;
    let levels = if flags & IS_DEEP == 0 { SHALLOW } else { u32::from_le_bytes(reader.last_array()?) };
    if levels > DEEPEST {
        return Err(Error::too_deep());
    }
    let mut names = Names(&[]);
    if flags & HAS_NAMES != 0 {
        let len = u32::from_le_bytes(reader.last_array()?);
        names = Names(reader.last_bytes(u64::from(len))?);
    }
    let attempt = |by_name| {
        let mut decoder = Decoder {
            reader,
            names,
            depth: 0,
            levels,
            human: false,
            by_name,
            in_order: false,
            matches: Matches::default(),
            variants: [(u32::MAX, ""); VARIANTS],
        };
        let value = if levels > SHALLOW { stack::with_levels(levels, || decoder.element()) } else { decoder.element() };
        let value = value.and_then(|value| match decoder.reader.remaining() {
            0 => Ok(value),
            left => Err(Error::new(format!("{left} bytes are left over"))),
        });
        (value, decoder.in_order)
    };
    // A handle is taken at the first attempt, so that there must be no second.
    match attempt(handle::are_carried()) {
        (Err(error), true) => attempt(true).0.map_err(|_| error),
        (value, _) => value,
    }
}

const VARIANTS: usize = 2;

/// What is left of a message.
pub(super) struct Decoder<'de> {
    pub(super) reader: Reader<'de>,
    pub(super) names: Names<'de>,
    depth: u32,
    /// How deep the message said that it is, which is what the stack was made for.
    levels: u32,
    /// Whether the value that is being read is in its human-readable form.
    pub(super) human: bool,
    /// Whether structs are read by the names of their fields, whatever their order. A type's own
    /// code may want a map, or make another use of a sequence than its other half does: what
    /// could not be read in order is read once more by name.
    pub(super) by_name: bool,
    /// Whether a struct was read in order.
    pub(super) in_order: bool,
    pub(super) matches: Matches,
    /// Variants that were read lately: where their names begin, and the names.
    variants: [(u32, &'de str); VARIANTS],
}

impl<'de> Decoder<'de> {
    /// Reads a value within another.
    #[inline]
    pub(super) fn element<T: Deserialize<'de>>(&mut self) -> Result<T, Error> {
        match numbers::take_run(&mut self.reader)? {
            Some(run) => Ok(run),
            None => T::deserialize(self.value()),
        }
    }

    /// The value that is next.
    #[inline]
    pub(super) fn value(&mut self) -> Value<'_, 'de> {
        Value::new(self)
    }

    /// The name of the variant that is next.
    #[inline]
    pub(super) fn variant(&mut self) -> Result<&'de str, Error> {
        let place = self.reader.place()?;
        let known = &mut self.variants[place as usize % VARIANTS];
        if known.0 != place {
            *known = (place, self.names.variant(place)?);
        }
        Ok(known.1)
    }

    /// Reads what is one level deeper.
    #[inline]
    pub(super) fn nested<R>(&mut self, read: impl FnOnce(&mut Self) -> Result<R, Error>) -> Result<R, Error> {
        if self.depth == self.levels {
            return Err(Error::too_deep());
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }
}
