//! Messages: a request or reply, and the values that go with it.
//!
//! A frame is a [`Request`](super::protocol::Request) or [`Reply`](super::protocol::Reply) in
//! postcard and then values, each preceded by its length (u64, little endian). The server does not
//! decode values: it stores, compares and returns their bytes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The bytes of a value in the server.
pub(super) type Bytes = Arc<[u8]>;

/// A request that is being written.
pub(super) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// Returns a message of `request` without values.
    pub(super) fn new(request: &impl Serialize) -> Result<Self> {
        let bytes = postcard::to_allocvec(request).map_err(|error| Error::Encode(error.to_string()))?;
        Ok(Self { bytes })
    }

    /// Appends the value that `encode` writes to the end of the vector.
    pub(super) fn append(&mut self, encode: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 8]);
        encode(&mut self.bytes)?;
        let len = (self.bytes.len() - at - 8) as u64;
        self.bytes[at..at + 8].copy_from_slice(&len.to_le_bytes());
        Ok(())
    }

    /// Appends a value that is encoded already.
    pub(super) fn append_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.append(|out| {
            out.extend_from_slice(bytes);
            Ok(())
        })
    }

    /// Returns the frame.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The values of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a>(&'a [u8]);

impl<'a> Values<'a> {
    /// Reads a frame: its request or reply, and its values. Returns `None` if it is none, or if a
    /// value is cut short.
    pub(super) fn parse<T: Deserialize<'a>>(frame: &'a [u8]) -> Option<(T, Self)> {
        Self::split(frame).filter(|(_, values)| values.are_whole())
    }

    fn split<T: Deserialize<'a>>(frame: &'a [u8]) -> Option<(T, Self)> {
        postcard::take_from_bytes(frame).ok().map(|(head, rest)| (head, Self(rest)))
    }

    /// Returns the values that are the whole of `bytes`.
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Returns the number of bytes of all values and their lengths.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether each value is where its length says.
    fn are_whole(&self) -> bool {
        let mut rest = *self;
        while rest.next().is_some() {}
        rest.0.is_empty()
    }
}

/// Ends before a value that is cut short.
impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (len, rest) = self.0.split_first_chunk::<8>()?;
        let (value, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?)?;
        self.0 = rest;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::manager::protocol::{ListRequest, Reply, Request};

    #[test]
    fn values_are_read_as_they_were_written() {
        let request = Request::List(7, ListRequest::Push);
        let mut message = Message::new(&request).unwrap();
        for value in [&b"one"[..], b"", b"three"] {
            message.append_bytes(value).unwrap();
        }
        let (head, values) = Values::split::<Request>(message.bytes()).unwrap();
        assert!(head == request && values.are_whole());
        assert_eq!(values.collect::<Vec<_>>(), [&b"one"[..], b"", b"three"]);
        let short = &message.bytes()[..message.bytes().len() - 1];
        let (_, values) = Values::split::<Request>(short).unwrap();
        assert!(!values.are_whole());
        assert_eq!(values.count(), 2);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_frame_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Some((_, values)) = Values::split::<Request>(&bytes) {
                prop_assert!(values.map(|value| value.len() + 8).sum::<usize>() <= bytes.len());
            }
            if let Some((_, values)) = Values::split::<Reply>(&bytes) {
                prop_assert!(values.map(|value| value.len() + 8).sum::<usize>() <= bytes.len());
            }
        }
    }
}
