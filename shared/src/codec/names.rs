//! The names of structs' fields and of variants, as a message is read.
//!
//! They stand behind the value; see [`shapes`](super::shapes), which writes them.

use super::error::Error;
use super::expected::NameList;
use super::format::Reader;

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

    /// Returns whether they are exactly these.
    pub(super) fn are(self, wanted: NameList) -> bool {
        let mut texts = match self.texts {
            Texts::Sent(texts) => texts,
            Texts::Own(own) => return own == wanted,
        };
        self.left == wanted.len() as u64
            && wanted.iter().all(|key| {
                let text = texts.len().and_then(|len| texts.bytes(len));
                text.is_ok_and(|text| text == key.as_bytes())
            })
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

/// Returns whether two names are equal: most often they are the same text.
#[inline]
pub(super) fn is_same(one: &'static str, other: &'static str) -> bool {
    std::ptr::eq(one, other) || one == other
}

/// Which names were found to be the same lately: those wanted, and where those of the message
/// begin.
#[derive(Default)]
pub(super) struct Matches([(usize, u32); MATCHES]);

const MATCHES: usize = 2;

impl Matches {
    #[inline]
    pub(super) fn found(&mut self, wanted: NameList, offset: u32, keys: Keys<'_>) -> bool {
        let address = wanted.as_ptr().addr();
        // The addresses are multiples of a pointer's size.
        let known = &mut self.0[address / size_of::<&str>() % MATCHES];
        if *known == (address, offset) {
            return keys.left == wanted.len() as u64;
        }
        if keys.are(wanted) {
            *known = (address, offset);
            return true;
        }
        false
    }
}
