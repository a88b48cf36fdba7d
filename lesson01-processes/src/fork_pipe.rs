//! A pipe as the operating system has it: bytes that a child writes and its parent reads.
//!
//! Watch the end. The parent has read every byte and the child is gone, and still the parent is
//! told to wait for more: it holds a writer of its own, which `fork` did not take away. Only when
//! the last writer is closed does the kernel report the end of the file.

// ANCHOR: program
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process;

use multiproc::Error;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::waitpid;
use nix::unistd::{self, ForkResult};
use os_pipe::{PipeReader, PipeWriter};

const MESSAGE: &[u8] = b"bytes, and nothing else";

/// Writes to the parent. Returns the exit code.
fn child(mut writer: PipeWriter) -> i32 {
    match writer.write_all(MESSAGE) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

/// Waits for 100 ms at most until a read would return at once: with bytes, or with the end of the
/// file.
fn is_ready(reader: &PipeReader) -> io::Result<bool> {
    let mut waiting = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
    Ok(poll(&mut waiting, PollTimeout::from(100u8))? > 0)
}

/// Runs the example.
#[allow(unsafe_code)]
pub fn main() -> multiproc::Result<()> {
    let threads = std::fs::read_dir("/proc/self/task")?.count();
    if threads > 1 {
        return Err(Error::ForkWithThreads { threads });
    }
    // What waits in a buffer would be copied too, and printed by both.
    io::stdout().flush()?;

    // ANCHOR: pipe
    let (mut reader, writer) = os_pipe::pipe()?;
    // SAFETY: this process has one thread, so no other can hold a lock that the child would wait
    // for.
    let child = match unsafe { unistd::fork() }.map_err(io::Error::from)? {
        ForkResult::Child => {
            // Both ends were copied, and the child needs one of them.
            drop(reader);
            process::exit(child(writer));
        }
        ForkResult::Parent { child } => child,
    };
    // ANCHOR_END: pipe

    // ANCHOR: end
    let mut bytes = vec![0; MESSAGE.len()];
    reader.read_exact(&mut bytes)?;
    println!("parent: {} bytes came: {}", bytes.len(), String::from_utf8_lossy(&bytes));
    waitpid(child, None).map_err(io::Error::from)?;
    println!("parent: the child is gone; is there an end? {}", is_ready(&reader)?);
    drop(writer);
    println!("parent: my own writer is closed; is there an end? {}", is_ready(&reader)?);
    println!("parent: {} more bytes", reader.read_to_end(&mut bytes)?);
    // ANCHOR_END: end
    Ok(())
}
// ANCHOR_END: program
