//! One connection between a client and the server, and the frames on it.
//!
//! A frame is its length (u64, little endian) and so many bytes. Client and server take turns:
//! nobody sends a frame before the other's answer, so that what arrives with a frame belongs to it.

use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use crate::error::{Error, Result};
use crate::fds::Descriptor;
use crate::sys::large::on_large_pages;
use crate::sys::stream;

/// Bytes asked for at first: whole frames, mostly.
const GULP: usize = 4096;
/// Bytes allocated on the word of a frame's length; more only once they have arrived.
const TRUST: u64 = 1 << 20;
/// Parts smaller than this are gathered before they are sent.
const GATHER: usize = 64 * 1024;

/// A connection. Its descriptor is known as a handle's, so that a forked child lets go of it.
#[derive(Debug)]
pub(super) struct Stream(Descriptor);

impl Stream {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self(Descriptor::new(fd))
    }

    /// Sends a frame made of `parts`.
    pub(super) fn send<'a>(&self, parts: impl Iterator<Item = &'a [u8]> + Clone) -> io::Result<()> {
        let len: u64 = parts.clone().map(|part| part.len() as u64).sum();
        let mut out = BufWriter::with_capacity(GATHER.min(len as usize + 8), self);
        out.write_all(&len.to_le_bytes())?;
        for part in parts {
            out.write_all(part)?;
        }
        out.flush()
    }

    /// Waits for a frame; `None` if the other side ended the connection instead.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for one over the cap, of which nothing more was read; then the
    /// connection is of no use any more.
    pub(super) fn receive(&self, cap: u64) -> Result<Option<Vec<u8>>> {
        let mut first = [0; GULP];
        let mut have = 0;
        while have < 8 {
            match stream::receive(&self.0, &mut first[have..], None).map_err(failed)? {
                0 if have == 0 => return Ok(None),
                0 => return Err(Error::Disconnected),
                more => have += more,
            }
        }
        let (len, body) = first[..have].split_first_chunk::<8>().ok_or(Error::Disconnected)?;
        let len = u64::from_le_bytes(*len);
        if len > cap {
            return Err(Error::TooLarge { bytes: len, cap });
        }
        if len < body.len() as u64 {
            return Err(Error::Decode("bytes after the frame".into()));
        }
        let mut frame = Vec::with_capacity(len.min(TRUST) as usize);
        frame.extend_from_slice(body);
        while (frame.len() as u64) < len {
            // As much again as has come.
            let next = (len - frame.len() as u64).min(TRUST.max(frame.len() as u64));
            frame.reserve_exact(next as usize);
            on_large_pages(&mut frame);
            let got = self.take(next).read_to_end(&mut frame).map_err(failed)?;
            if (got as u64) < next {
                return Err(Error::Disconnected);
            }
        }
        Ok(Some(frame))
    }

    /// Fills `buffer`, by the deadline.
    pub(super) fn read_by(&self, mut buffer: &mut [u8], deadline: Option<Instant>) -> io::Result<()> {
        while !buffer.is_empty() {
            match stream::receive(&self.0, buffer, deadline)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                got => buffer = &mut buffer[got..],
            }
        }
        Ok(())
    }

    /// Sends `bytes` as they are, by the deadline.
    pub(super) fn write_by(&self, mut bytes: &[u8], deadline: Option<Instant>) -> io::Result<()> {
        while !bytes.is_empty() {
            bytes = &bytes[stream::give(&self.0, bytes, deadline)?..];
        }
        Ok(())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Read for &Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        stream::receive(&self.0, buffer, None)
    }
}

impl Write for &Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        stream::give(&self.0, bytes, None)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A failed exchange in the crate's words: however a connection ends, the other side is gone.
pub(super) fn failed(error: io::Error) -> Error {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, TimedOut, UnexpectedEof};
    match error.kind() {
        BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | TimedOut | UnexpectedEof => {
            Error::Disconnected
        }
        _ => Error::io("cannot talk to the manager", error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Stream, Stream) {
        let (a, b) = stream::pair().unwrap();
        (Stream::new(a), Stream::new(b))
    }

    #[test]
    fn frames_of_any_size_arrive_whole() {
        let (a, b) = pair();
        for len in [0, 1, GULP - 8, GULP, GULP * 3, GATHER * 2, 3 << 20] {
            let bytes: Vec<u8> = (0..len).map(|n| n as u8).collect();
            let got = std::thread::scope(|scope| {
                scope.spawn(|| a.send([&bytes[..len / 3], &bytes[len / 3..]].into_iter()).unwrap());
                b.receive(u64::MAX).unwrap().unwrap()
            });
            assert!(got == bytes, "{len}");
        }
        drop(a);
        assert!(matches!(b.receive(10), Ok(None)));
    }

    #[test]
    fn a_length_alone_takes_no_memory_and_a_frame_cut_short_is_an_error() {
        let (a, b) = pair();
        a.write_by(&(1u64 << 60).to_le_bytes(), None).unwrap();
        drop(a);
        assert!(matches!(b.receive(u64::MAX), Err(Error::Disconnected)));
        let (a, b) = pair();
        a.write_by(&11u64.to_le_bytes(), None).unwrap();
        assert!(matches!(b.receive(10), Err(Error::TooLarge { bytes: 11, cap: 10 })));
    }
}
