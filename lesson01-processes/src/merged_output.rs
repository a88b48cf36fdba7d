//! One pipe for both outputs of a program: what it writes comes in the order in which it was
//! written.
//!
//! Watch the last two lines. The program has ended, and its output has no end: the `Command` that
//! started it still holds both writers, for the next time that it is run. Reading to the end would
//! wait for ever.

// ANCHOR: program
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// A program that writes to both of its outputs by turns.
fn talker() -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "echo one; echo two >&2; echo three; echo four >&2"]);
    command
}

// ANCHOR: merged
/// Runs a program to its end. Returns all that it wrote, to standard output and standard error, in
/// order.
fn merged(mut command: Command) -> io::Result<String> {
    let (mut reader, writer) = os_pipe::pipe()?;
    let mut child = command.stdout(writer.try_clone()?).stderr(writer).spawn()?;
    // The command holds both writers, and as long as one is open there may be more to read.
    drop(command);
    let mut text = String::new();
    reader.read_to_string(&mut text)?;
    child.wait()?;
    Ok(text)
}
// ANCHOR_END: merged

/// Returns the lines of a text in one.
fn in_one_line(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join(", ")
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    let output = talker().output()?;
    println!("two pipes: {}", in_one_line(&String::from_utf8_lossy(&output.stdout)));
    println!("           {}", in_one_line(&String::from_utf8_lossy(&output.stderr)));
    println!("one pipe:  {}", in_one_line(&merged(talker())?));

    // ANCHOR: trap
    let (reader, writer) = os_pipe::pipe()?;
    let mut command = Command::new("true");
    command.stdout(writer).stderr(Stdio::null()).spawn()?.wait()?;
    let has_ended = || -> io::Result<bool> {
        let mut waiting = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
        Ok(poll(&mut waiting, PollTimeout::from(100u8))? > 0)
    };
    println!("the program has ended; has its output? {}", has_ended()?);
    drop(command);
    println!("and without the command?               {}", has_ended()?);
    // ANCHOR_END: trap
    Ok(())
}
// ANCHOR_END: program
