//! Streams between a client and the server, and the frames on them.
//!
//! A frame is its length (u64, little endian) and as many bytes. Client and server take turns:
//! neither sends a frame before the other's answer, so that what arrives with a frame belongs to
//! it.

use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use crate::error::{Error, Result};
use crate::fds::Descriptor;
use crate::sys::memory::on_large_pages;
use crate::sys::stream_socket;

/// The size of the first read: most frames are smaller.
const FIRST_READ: usize = 4096;
/// The bytes that are allocated because of a frame's length alone; more only once they have
/// arrived.
const MAX_UNSEEN: u64 = 1 << 20;
/// Parts that are smaller than this are gathered before they are sent.
const BUFFER: usize = 64 * 1024;

/// A stream of frames. Its descriptor is registered as a handle's, so that a forked child closes
/// it.
#[derive(Debug)]
pub(super) struct FramedStream(Descriptor);

impl FramedStream {
    /// Returns the stream on a connected socket.
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self(Descriptor::new(fd))
    }

    /// Sends a frame made of `parts`.
    pub(super) fn send<'a>(&self, parts: impl Iterator<Item = &'a [u8]> + Clone) -> io::Result<()> {
        let len: u64 = parts.clone().map(|part| part.len() as u64).sum();
        let mut out = BufWriter::with_capacity(BUFFER.min(len as usize + 8), self);
        out.write_all(&len.to_le_bytes())?;
        for part in parts {
            out.write_all(part)?;
        }
        out.flush()
    }

    /// Waits for a frame of at most `max` bytes; returns `None` if the other side closed the
    /// connection instead.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for a larger frame, of which nothing more was read; then the stream
    /// cannot be used any more.
    pub(super) fn receive(&self, max: u64) -> Result<Option<Vec<u8>>> {
        let mut first = [0; FIRST_READ];
        let mut have = 0;
        while have < 8 {
            match stream_socket::receive(&self.0, &mut first[have..], None).map_err(to_error)? {
                0 if have == 0 => return Ok(None),
                0 => return Err(Error::Disconnected),
                more => have += more,
            }
        }
        let (len, body) = first[..have].split_first_chunk::<8>().ok_or(Error::Disconnected)?;
        let len = u64::from_le_bytes(*len);
        if len > max {
            return Err(Error::too_large(len, max));
        }
        if len < body.len() as u64 {
            return Err(Error::Decode("bytes after the frame".into()));
        }
        let mut frame = Vec::with_capacity(len.min(MAX_UNSEEN) as usize);
        frame.extend_from_slice(body);
        while (frame.len() as u64) < len {
            // At most as much again as has arrived.
            let next = (len - frame.len() as u64).min(MAX_UNSEEN.max(frame.len() as u64));
            frame.reserve_exact(next as usize);
            on_large_pages(&mut frame);
            let got = self.take(next).read_to_end(&mut frame).map_err(to_error)?;
            if (got as u64) < next {
                return Err(Error::Disconnected);
            }
        }
        Ok(Some(frame))
    }

    /// Reads bytes until `buffer` is full, at most until the deadline.
    pub(super) fn read_by(&self, mut buffer: &mut [u8], deadline: Option<Instant>) -> io::Result<()> {
        while !buffer.is_empty() {
            match stream_socket::receive(&self.0, buffer, deadline)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                got => buffer = &mut buffer[got..],
            }
        }
        Ok(())
    }

    /// Sends `bytes` as they are, at most until the deadline.
    pub(super) fn write_by(&self, mut bytes: &[u8], deadline: Option<Instant>) -> io::Result<()> {
        while !bytes.is_empty() {
            bytes = &bytes[stream_socket::give(&self.0, bytes, deadline)?..];
        }
        Ok(())
    }
}

impl AsFd for FramedStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Read for &FramedStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        stream_socket::receive(&self.0, buffer, None)
    }
}

impl Write for &FramedStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        stream_socket::give(&self.0, bytes, None)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the error of a failed exchange: however a connection ends, the other side is gone.
pub(super) fn to_error(error: io::Error) -> Error {
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

    fn pair() -> (FramedStream, FramedStream) {
        let (a, b) = stream_socket::pair().unwrap();
        (FramedStream::new(a), FramedStream::new(b))
    }

    #[test]
    fn frames_of_any_size_arrive_whole() {
        let (a, b) = pair();
        for len in [0, 1, FIRST_READ - 8, FIRST_READ, FIRST_READ * 3, BUFFER * 2, 3 << 20] {
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
        assert!(matches!(b.receive(10), Err(Error::TooLarge { bytes: 11, max: 10, .. })));
    }
}
