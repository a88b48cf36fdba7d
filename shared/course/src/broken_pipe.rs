//! Ends a lesson quietly when its output is no longer read, as in
//! `cargo run -p lesson07-primes -- list | head -1`.
//!
//! `println!` panics then. The usual remedy is to let the signal SIGPIPE end the process, but that
//! would concern every pipe and socket that the process writes to: an example that writes to a
//! program which has stopped reading would be killed instead of getting an error, and children
//! would inherit the setting. So this module recognises the panic, and changes nothing else.

use std::io;
use std::os::fd::AsFd;
use std::panic;
use std::process;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Installs a panic hook that ends the process, with status 0 and no message, when a `println!`
/// fails because its output is no longer read.
pub(crate) fn end_quietly() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<String>().is_some_and(|message| explains(message)) {
            process::exit(0);
        }
        before(info);
    }));
}

/// Returns `true` if the failure that `message` describes is a write to a standard output that is
/// no longer read. The message may come from a worker, which has the same standard output.
pub(crate) fn explains(message: &str) -> bool {
    message.contains("Broken pipe") && is_unread(io::stdout())
}

/// Returns `true` if `output` is a pipe or socket whose other end is closed.
fn is_unread(output: impl AsFd) -> bool {
    // Without events to wait for, `poll` reports only errors and hang-ups.
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
