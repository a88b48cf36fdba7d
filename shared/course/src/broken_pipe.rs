//! When nobody reads the output any more, as in `cargo run -p lesson07-primes -- list | head -1`, a
//! lesson ends quietly.
//!
//! `println!` panics then. The usual remedy is to let the signal SIGPIPE end the process, but that
//! would concern every pipe and socket the process writes to: an example that talks to a program
//! which has stopped reading would die of it instead of getting an error, and children would
//! inherit it. So it is the failure that is recognised, and nothing else changes.

use std::io;
use std::os::fd::AsFd;
use std::panic;
use std::process;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// From now on a `println!` that nobody reads ends the process, with status 0 and without a word.
pub(crate) fn end_quietly() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<String>().is_some_and(|message| explains(message)) {
            process::exit(0);
        }
        before(info);
    }));
}

/// Whether the failure that `message` tells of comes from standard output, because nobody reads it
/// any more. The message may be that of a worker: its output goes the same way.
pub(crate) fn explains(message: &str) -> bool {
    message.contains("Broken pipe") && is_unread(io::stdout())
}

/// Whether `output` is a pipe or socket whose other end is closed.
fn is_unread(output: impl AsFd) -> bool {
    // Asked for nothing, `poll` tells of errors and of ends alone.
    let mut output = [PollFd::new(output.as_fd(), PollFlags::empty())];
    let found = poll(&mut output, PollTimeout::ZERO).is_ok_and(|found| found > 0);
    found && output[0].revents().is_some_and(|what| what.intersects(PollFlags::POLLERR | PollFlags::POLLHUP))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::is_unread;

    #[test]
    fn a_pipe_is_unread_once_its_reader_is_gone() {
        let (reader, writer) = io::pipe().unwrap();
        assert!(!is_unread(&writer));
        drop(reader);
        assert!(is_unread(&writer));
    }
}
