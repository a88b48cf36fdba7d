//! Files and sockets of the program that go to other processes.
//!
//! Forks are for processes of one thread, so each test runs in a process of its own; see
//! `support/harness.rs`.

pub(crate) mod ownership;
pub(crate) mod passing;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use multiproc::Fd;

/// A pair of sockets: what is written to the first can be read from the second.
fn pair() -> (Fd<UnixStream>, UnixStream) {
    let (given, kept) = UnixStream::pair().unwrap();
    (given.into(), kept)
}

/// Reads until all other descriptors of the peer are closed.
fn text(mut kept: UnixStream) -> String {
    let mut text = String::new();
    kept.read_to_string(&mut text).unwrap();
    text
}

/// A task: writes its process id and a space, at once, so that several processes may.
fn sign(socket: Fd<UnixStream>) {
    (&*socket).write_all(format!("{} ", std::process::id()).as_bytes()).unwrap();
}
