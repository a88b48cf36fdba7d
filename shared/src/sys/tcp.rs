//! TCP connections.

use std::io;
use std::net::TcpStream;
use std::os::fd::OwnedFd;

use nix::sys::socket::{setsockopt, sockopt};

/// Seconds of silence after which the system asks whether the other machine is still there.
const SILENCE: u32 = 30;
/// Seconds between such questions.
const INTERVAL: u32 = 10;
/// So many unanswered questions end the connection.
const QUESTIONS: u32 = 3;

/// A TCP connection for questions and answers: small messages go at once, and a machine that
/// vanished is noticed.
pub(crate) fn tune(stream: TcpStream) -> io::Result<OwnedFd> {
    stream.set_nodelay(true)?;
    setsockopt(&stream, sockopt::KeepAlive, &true)?;
    setsockopt(&stream, sockopt::TcpKeepIdle, &SILENCE)?;
    setsockopt(&stream, sockopt::TcpKeepInterval, &INTERVAL)?;
    setsockopt(&stream, sockopt::TcpKeepCount, &QUESTIONS)?;
    setsockopt(&stream, sockopt::TcpUserTimeout, &((SILENCE + INTERVAL * QUESTIONS) * 1000))?;
    Ok(stream.into())
}
