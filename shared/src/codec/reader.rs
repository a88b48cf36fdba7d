//! A message's bytes, taken from the front.

use super::error::Error;
use super::format::number_size;

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
