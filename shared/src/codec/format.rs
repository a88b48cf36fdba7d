//! The bytes of a message: tags, lengths, limits, and the [`Reader`] that takes them.
//!
//! A message is a byte of [flags](HAS_NAMES), one value, then what the flags announce: the names of
//! its structs and variants (see [`names`](super::names)) with their length, and how deeply it is
//! nested. Messages that travel together have their names [in common](super::NameWriter), apart
//! from all of them. A value is a tag and what the tag says:
//!
//! | tag | what follows |
//! |---|---|
//! | `NONE`, `UNIT`, `FALSE`, `TRUE` | nothing |
//! | `SOME` | a value |
//! | a number's | its bytes, little endian |
//! | `CHAR` | its code point, four bytes |
//! | `STR`, `BYTES` | a length, and as many bytes |
//! | `SEQUENCE` | a count, and as many values |
//! | `PACKED` + a number's tag | a count, and as many numbers without tags |
//! | `MAP` | a count, and as many keys, each with its value |
//! | `STRUCT` | the number of its shape, and a value for each of the shape's keys |
//! | `UNIT_VARIANT` | the number of a shape, whose name is the variant's |
//! | `VARIANT` | the same, and a value: what the variant holds |
//! | `OWN_STRUCT` | the count of the fields that its reader [expects](super::names), and values |
//! | `OWN_UNIT_VARIANT` | the index of a variant that its reader expects |
//! | `OWN_VARIANT` | the same, and a value: what the variant holds |
//! | `ADDRESS` | its kind, and its [bytes](super::addresses) |
//!
//! Lengths and counts are LEB128 (<https://en.wikipedia.org/wiki/LEB128>), numbers of shapes four
//! bytes.

use super::error::Error;

pub(super) const NONE: u8 = 0;
pub(super) const UNIT: u8 = 1;
pub(super) const SOME: u8 = 2;
pub(super) const FALSE: u8 = 3;
pub(super) const TRUE: u8 = 4;
pub(super) const CHAR: u8 = 5;
pub(super) const STR: u8 = 6;
pub(super) const BYTES: u8 = 7;
pub(super) const SEQUENCE: u8 = 8;
pub(super) const MAP: u8 = 9;
pub(super) const STRUCT: u8 = 10;
pub(super) const UNIT_VARIANT: u8 = 11;
pub(super) const VARIANT: u8 = 12;
pub(super) const ADDRESS: u8 = 13;
pub(super) const OWN_STRUCT: u8 = 14;
pub(super) const OWN_UNIT_VARIANT: u8 = 15;
pub(super) const OWN_VARIANT: u8 = 28;

pub(super) const U8: u8 = 16;
pub(super) const U16: u8 = 17;
pub(super) const U32: u8 = 18;
pub(super) const U64: u8 = 19;
pub(super) const U128: u8 = 20;
pub(super) const I8: u8 = 21;
pub(super) const I16: u8 = 22;
pub(super) const I32: u8 = 23;
pub(super) const I64: u8 = 24;
pub(super) const I128: u8 = 25;
pub(super) const F32: u8 = 26;
pub(super) const F64: u8 = 27;

/// Added to a number's tag where many numbers follow.
pub(super) const PACKED: u8 = 32;

/// The message has names.
pub(super) const HAS_NAMES: u8 = 1;
/// The message says how deeply it is nested: more than [`SHALLOW`].
pub(super) const IS_DEEP: u8 = 2;

/// Levels of nesting that need no stack of their own.
pub(super) const SHALLOW: u32 = 32;

/// Levels of nesting that a message may have.
///
/// A level is a sequence, map, struct, variant or `Some`, so that a type that contains itself as
/// `Option<Box<Self>>`, `Vec<Self>` or a variant's field may do so at least a quarter as often.
pub(super) const MAX_DEPTH: u32 = 4096;

/// Returns the size in bytes of a number with this tag; `None` if it is not a number's.
pub(super) fn number_size(tag: u8) -> Option<usize> {
    Some(match tag {
        U8 | I8 => 1,
        U16 | I16 => 2,
        U32 | I32 | F32 => 4,
        U64 | I64 | F64 => 8,
        U128 | I128 => 16,
        _ => return None,
    })
}

/// Bytes for a length that is not known yet.
const PADDED: usize = 5;

/// Appends a length.
#[inline]
pub(super) fn put_len(out: &mut Vec<u8>, mut len: u64) {
    if len < 0x80 {
        return out.push(len as u8);
    }
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
}

/// Appends room for a length that [`patch_len`] writes.
pub(super) fn put_unknown_len(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0x80, 0x80, 0x80, 0x80, 0]);
}

/// Replaces the length at `at` by `len`.
pub(super) fn patch_len(out: &mut Vec<u8>, at: usize, len: u64) {
    let taken = 1 + out[at..].iter().take_while(|byte| **byte & 0x80 != 0).count();
    if taken == PADDED && len < 1 << (7 * PADDED) {
        for (i, byte) in out[at..at + PADDED].iter_mut().enumerate() {
            let more = if i + 1 < PADDED { 0x80 } else { 0 };
            *byte = (len >> (7 * i)) as u8 & 0x7f | more;
        }
        return;
    }
    let mut new = Vec::with_capacity(10);
    put_len(&mut new, len);
    out.splice(at..at + taken, new);
}

/// The bytes of a value that are not read yet. Every length is checked against what is there.
#[derive(Clone, Copy)]
pub(super) struct Reader<'de>(&'de [u8]);

impl<'de> Reader<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn remaining(&self) -> usize {
        self.0.len()
    }

    /// Returns the next tag without taking it.
    #[inline]
    pub(super) fn peek(&self) -> Result<u8, Error> {
        self.0.first().copied().ok_or_else(Error::cut_short)
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, Error> {
        let (byte, rest) = self.0.split_first().ok_or_else(Error::cut_short)?;
        self.0 = rest;
        Ok(*byte)
    }

    /// Takes the next byte if it is this tag.
    #[inline]
    pub(super) fn take_tag(&mut self, tag: u8) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if *first == tag => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (array, rest) = self.0.split_first_chunk::<N>().ok_or_else(Error::cut_short)?;
        self.0 = rest;
        Ok(*array)
    }

    #[inline]
    pub(super) fn bytes(&mut self, len: u64) -> Result<&'de [u8], Error> {
        let len = usize::try_from(len).map_err(|_| Error::cut_short())?;
        let (bytes, rest) = self.0.split_at_checked(len).ok_or_else(Error::cut_short)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// Takes a length or count.
    #[inline]
    pub(super) fn len(&mut self) -> Result<u64, Error> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let mut len = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if part << shift >> shift != part {
                break;
            }
            len |= part << shift;
            if byte < 0x80 {
                return Ok(len);
            }
        }
        Err(Error::new("a length is malformed"))
    }

    pub(super) fn char(&mut self) -> Result<char, Error> {
        char::from_u32(u32::from_le_bytes(self.array()?)).ok_or_else(|| Error::new("a number is no character"))
    }

    /// Takes bytes from the end.
    pub(super) fn last_bytes(&mut self, len: u64) -> Result<&'de [u8], Error> {
        let at =
            usize::try_from(len).ok().and_then(|len| self.0.len().checked_sub(len)).ok_or_else(Error::cut_short)?;
        let (rest, last) = self.0.split_at(at);
        self.0 = rest;
        Ok(last)
    }

    pub(super) fn last_array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.last_bytes(N as u64)?.try_into().map_err(|_| Error::cut_short())
    }

    /// Takes the offset of a shape among the names.
    #[inline]
    pub(super) fn offset(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_le_bytes)
    }

    /// Takes the index of a variant, or the offset of its name among the names.
    #[inline]
    pub(super) fn index(&mut self) -> Result<u32, Error> {
        u32::try_from(self.len()?).map_err(|_| Error::cut_short())
    }

    pub(super) fn text(&mut self) -> Result<&'de str, Error> {
        let len = self.len()?;
        let bytes = self.bytes(len)?;
        std::str::from_utf8(bytes).map_err(|_| Error::new("a text is not UTF-8"))
    }

    /// Takes the bytes of the numbers that follow, which have this tag.
    pub(super) fn packed(&mut self, number: u8) -> Result<&'de [u8], Error> {
        let size = number_size(number).ok_or_else(Error::unknown_tag)? as u64;
        let len = self.len()?.checked_mul(size).ok_or_else(Error::cut_short)?;
        self.bytes(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patched_length_is_read_back() {
        for len in [0, 1, 127, 128, 300, u64::from(u32::MAX), 1 << 40, u64::MAX] {
            for before in [0, 200, u64::MAX] {
                let mut out = vec![7];
                put_len(&mut out, before);
                out.push(9);
                patch_len(&mut out, 1, len);
                let mut reader = Reader::new(&out[1..]);
                assert_eq!((reader.len().unwrap(), reader.byte().unwrap()), (len, 9));
            }
            let mut out = Vec::new();
            put_unknown_len(&mut out);
            out.push(9);
            patch_len(&mut out, 0, len);
            let mut reader = Reader::new(&out);
            assert_eq!((reader.len().unwrap(), reader.byte().unwrap()), (len, 9));
        }
    }
}
