//! The worker's standard streams: replaced as the pool wants them, and marked where a task begins.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::unistd::{dup2_stderr, dup2_stdout, write};

use crate::protocol::{MovedFd, Nonce, StreamTarget, Streams, mark};
use crate::sys::exit::flush_stdio;
use crate::worker::descriptors::{File, file};

/// Replaces the standard streams. Returns what marks tasks, if they are to be marked.
pub(super) fn redirect(streams: Streams) -> io::Result<Option<Marker>> {
    let Streams { stdout, stderr, nonce } = streams;
    if matches!((&stdout, &stderr), (StreamTarget::Inherited, StreamTarget::Inherited)) {
        return Ok(None);
    }
    // What was printed before belongs where it was printed to.
    flush_stdio();
    replace(&stdout, |fd| dup2_stdout(fd))?;
    replace(&stderr, |fd| dup2_stderr(fd))?;
    Ok(match (stderr, nonce) {
        (StreamTarget::Pipe(pipe), Some(nonce)) => Some(Marker::new(pipe, nonce)),
        _ => None,
    })
}

fn replace(target: &StreamTarget, replace: impl FnOnce(BorrowedFd<'_>) -> nix::Result<()>) -> io::Result<()> {
    match target {
        StreamTarget::Inherited => return Ok(()),
        StreamTarget::Null => replace(OpenOptions::new().write(true).open("/dev/null")?.as_fd()),
        StreamTarget::File(file) => replace(file.as_fd()),
        StreamTarget::Pipe(pipe) => replace(pipe.as_fd()),
    }
    .map_err(Into::into)
}

/// Marks the beginnings of tasks in the pipe that standard error goes into.
pub(super) struct Marker {
    pipe: MovedFd,
    /// The file behind the descriptor at first: a task may have closed it, so that its number may
    /// be that of a file of the task.
    file: File,
    nonce: Nonce,
}

impl Marker {
    fn new(pipe: MovedFd, nonce: Nonce) -> Self {
        Self { file: file(&pipe), pipe, nonce }
    }

    /// Marks the beginning of the `task`-th task.
    pub(super) fn begin(&self, task: u64) {
        if file(&self.pipe) == self.file {
            // A pipe takes it whole. If the program is gone, so is this process in a moment.
            let _ = write(&self.pipe, &mark(&self.nonce, task));
        }
    }
}
