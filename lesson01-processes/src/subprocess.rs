//! A program that is not ours, run with the standard library: how it ended, and what a missing one
//! looks like.
//!
//! Watch the last line: the system says "no such file" and not which, so we say it.

// ANCHOR: program
use std::io;
use std::process::{Command, ExitStatus};

// ANCHOR: run
/// Runs a program to its end. It reads and prints where we do.
fn run(program: &str, arguments: &[&str]) -> io::Result<ExitStatus> {
    let status = Command::new(program).args(arguments).status();
    status.map_err(|error| io::Error::new(error.kind(), format!("cannot run `{program}`: {error}")))
}
// ANCHOR_END: run

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    let status = run("echo", &["echo: Hello"])?;
    println!("`echo` ended with {status}; success: {}", status.success());

    let status = run("sh", &["-c", "exit 3"])?;
    println!("`sh` ended with {status}; success: {}", status.success());

    // A program that a signal ends has no exit code.
    let status = run("sh", &["-c", "kill -TERM $$"])?;
    println!("`sh` ended with {status}; code: {:?}", status.code());

    match run("no-such-program", &[]) {
        Ok(status) => println!("there is such a program? {status}"),
        Err(error) => println!("{error}"),
    }
    Ok(())
}
// ANCHOR_END: program
