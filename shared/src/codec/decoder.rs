//! Reads one message: any value that serde can deserialize.

use serde::de::Deserialize;

use super::access::count_unwritten;
use super::addresses;
use super::common_names::NameReader;
use super::error::Error;
use super::format::{
    ADDRESS, BYTES, CHAR, HAS_NAMES, IS_DEEP, MAP, MAX_DEPTH, PACKED, Reader, SEQUENCE, SHALLOW, SOME, STR, STRUCT,
    TRUE, UNIT_VARIANT, VARIANT, number_size,
};
use super::names::{Matches, Names};
use super::numbers;
use crate::fds;

/// Bytes of stack that one level of decoding is given, of which code without optimisation takes 1
/// to 3 KiB.
const LEVEL_STACK: usize = 8 << 10;

/// Reads what [`write`](super::encoder::write) wrote.
///
/// The value is moved once: copying again what was just written in pieces stalls.
#[inline]
pub(super) fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8], shared: Option<&NameReader<'de>>) -> Result<T, Error> {
    let mut reader = Reader::new(bytes);
    let flags = reader.byte()?;
    let mut message = Message { reader, names: Names(&[]), levels: SHALLOW };
    if let Some(shared) = shared {
        message.names = shared.names;
    }
    if flags != 0 {
        message.take_announced(flags)?;
        if message.levels > SHALLOW {
            return message.read_deep();
        }
    }
    let mut decoder = message.decoder();
    // The matches are of the shared names, unless the message has its own.
    let shared = shared.filter(|_| flags & HAS_NAMES == 0);
    if let Some(shared) = shared {
        decoder.matches = shared.matches.get();
    }
    match decoder.element() {
        Ok(value) if decoder.reader.remaining() == 0 => {
            if let Some(shared) = shared {
                shared.matches.set(decoder.matches);
            }
            Ok(value)
        }
        other => message.read_again(&decoder, other.map(drop)),
    }
}

/// A message, without what its flags announce.
struct Message<'de> {
    reader: Reader<'de>,
    names: Names<'de>,
    levels: u32,
}

impl<'de> Message<'de> {
    /// Takes what the flags announce from the end of the message.
    fn take_announced(&mut self, flags: u8) -> Result<(), Error> {
        if flags & IS_DEEP != 0 {
            self.levels = u32::from_le_bytes(self.reader.last_array()?);
            if self.levels > MAX_DEPTH {
                return Err(Error::too_deep());
            }
        }
        if flags & HAS_NAMES != 0 {
            let len = u32::from_le_bytes(self.reader.last_array()?);
            self.names = Names(self.reader.last_bytes(u64::from(len))?);
        }
        Ok(())
    }

    #[inline]
    fn decoder(&self) -> Decoder<'de> {
        Decoder {
            reader: self.reader,
            names: self.names,
            depth: 0,
            levels: self.levels,
            unwritten: (usize::MAX, 0),
            order: Order::Unknown,
            matches: Matches::default(),
            variants: [(u32::MAX, ""); VARIANTS],
        }
    }

    #[cold]
    fn read_deep<T: Deserialize<'de>>(&self) -> Result<T, Error> {
        let mut decoder = self.decoder();
        let result = with_levels(self.levels, || decoder.element());
        if result.is_ok() && decoder.reader.remaining() == 0 {
            return result;
        }
        self.read_again(&decoder, result.map(drop))
    }

    /// Reads the message once more, by name, if that may help: reading it in order has left bytes
    /// over or has failed. Returns the first error if it does not.
    #[cold]
    fn read_again<T: Deserialize<'de>>(&self, first: &Decoder<'de>, result: Result<(), Error>) -> Result<T, Error> {
        let error = result.err().unwrap_or_else(|| left_over(first.reader.remaining()));
        if first.order != Order::AsSent {
            return Err(error);
        }
        let mut decoder = self.decoder();
        decoder.order = Order::ByName;
        match with_levels(self.levels, || decoder.element()) {
            Ok(value) if decoder.reader.remaining() == 0 => Ok(value),
            _ => Err(error),
        }
    }
}

const VARIANTS: usize = 2;

/// How the structs of a message are read.
///
/// A type's own code may read a map, or read a sequence in another way than its other half writes
/// it: a message that could not be read in order is read once more by name.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    /// There was none yet.
    Unknown,
    /// Field after field.
    AsSent,
    /// By the names of their fields, whatever their order.
    ByName,
}

/// The state of decoding a message.
pub(super) struct Decoder<'de> {
    pub(super) reader: Reader<'de>,
    pub(super) names: Names<'de>,
    depth: u32,
    /// The depth that the message announced, for which the stack has room.
    levels: u32,
    /// How many times `Some` was not written before the value that begins when so many bytes
    /// remain.
    unwritten: (usize, u8),
    order: Order,
    pub(super) matches: Matches,
    /// Variants that were read lately: the offsets of their names, and the names.
    variants: [(u32, &'de str); VARIANTS],
}

impl<'de> Decoder<'de> {
    /// Reads a value within another.
    #[inline]
    pub(super) fn element<T: Deserialize<'de>>(&mut self) -> Result<T, Error> {
        if let Some(run) = numbers::take_run(&mut self.reader)? {
            return Ok(run);
        }
        match addresses::take(&mut self.reader)? {
            Some(address) => Ok(address),
            None => T::deserialize(self.value()),
        }
    }

    /// Returns whether structs are read by name. A handle is taken at the first attempt, so that
    /// there must be no second: a message with handles is read by name at once.
    #[inline]
    pub(super) fn reads_by_name(&mut self) -> bool {
        if self.order == Order::Unknown && fds::is_unpacking_handles() {
            self.order = Order::ByName;
        }
        self.order == Order::ByName
    }

    /// Records that a struct is read in order.
    #[inline]
    pub(super) fn reads_in_order(&mut self) {
        self.order = Order::AsSent;
    }

    /// Returns the next value.
    #[inline]
    pub(super) fn value(&mut self) -> Value<'_, 'de> {
        Value { decoder: self }
    }

    /// Reads the name of the next variant.
    #[inline]
    pub(super) fn variant(&mut self) -> Result<&'de str, Error> {
        let offset = self.reader.index()?;
        let known = &mut self.variants[offset as usize % VARIANTS];
        if known.0 != offset {
            *known = (offset, self.names.variant(offset)?);
        }
        Ok(known.1)
    }

    /// Counts a `Some` that was not written before the next value.
    pub(super) fn pass_unwritten(&mut self) -> Result<(), Error> {
        let before = self.reader.remaining();
        let count = if self.unwritten.0 == before { self.unwritten.1 } else { 0 };
        self.unwritten = (before, count_unwritten(count)?);
        Ok(())
    }

    /// Runs `read` one level deeper.
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

    /// Passes over one value. A loop and no recursion, so that no depth can overflow the stack.
    pub(super) fn skip(&mut self) -> Result<(), Error> {
        let (reader, names) = (&mut self.reader, self.names);
        let mut pending: u64 = 1;
        while pending > 0 {
            pending -= 1;
            let more = match reader.byte()? {
                SOME => 1,
                ..=TRUE => 0,
                CHAR => reader.array::<4>().map(|_| 0)?,
                STR | BYTES => {
                    let len = reader.len()?;
                    reader.bytes(len).map(|_| 0)?
                }
                SEQUENCE => reader.len()?,
                MAP => reader.len()?.checked_mul(2).ok_or_else(Error::cut_short)?,
                STRUCT => names.keys(reader.offset()?)?.left,
                UNIT_VARIANT => reader.len().map(|_| 0)?,
                VARIANT => reader.len().map(|_| 1)?,
                ADDRESS => addresses::read(reader).map(|_| 0)?,
                tag if tag >= PACKED => reader.packed(tag - PACKED).map(|_| 0)?,
                tag => {
                    let size = number_size(tag).ok_or_else(Error::unknown_tag)?;
                    reader.bytes(size as u64).map(|_| 0)?
                }
            };
            pending = pending.checked_add(more).ok_or_else(Error::cut_short)?;
        }
        Ok(())
    }
}

/// The deserializer of one value.
pub(super) struct Value<'a, 'de> {
    pub(super) decoder: &'a mut Decoder<'de>,
}

#[cold]
fn left_over(bytes: usize) -> Error {
    Error::new(format!("{bytes} bytes are left over"))
}

/// Bytes of the largest value of which [`LEVEL_STACK`] has room for the copies that are made of it
/// on its way out.
const NARROW: usize = 256;

/// Copies of a value that one level of decoding is given room for. Without optimisation, a struct
/// that consists of an array takes 34.
const COPIES: usize = 64;

/// Runs `read`, which returns a `T` from one level, where there is room for it.
#[inline]
pub(super) fn with_room_for<T, R>(read: impl FnOnce() -> R) -> R {
    let room = COPIES * size_of::<T>() + LEVEL_STACK;
    if size_of::<T>() <= NARROW || cfg!(miri) {
        return read();
    }
    stacker::maybe_grow(room, (8 * room).max(1 << 20), read)
}

/// Runs `read` where there is room for this many levels.
fn with_levels<R>(levels: u32, read: impl FnOnce() -> R) -> R {
    let room = levels as usize * LEVEL_STACK;
    if cfg!(miri) || stacker::remaining_stack().is_some_and(|remaining| remaining > room + LEVEL_STACK) {
        return read();
    }
    stacker::grow(room + (128 << 10), read)
}
