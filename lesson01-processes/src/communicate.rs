//! A conversation with a program that is not ours: write its input, read its output and its errors.
//!
//! Watch the last line but one: 10 MiB go in and come out of both pipes, and nothing hangs. A pipe
//! holds 64 KiB. A parent that writes all of the input before it reads waits for ever: the program
//! stops at its full output and reads no more, so the input fills up, and the parent stops too: a
//! deadlock. The same happens to a parent that reads all of the output before the errors. So all
//! three have to flow at the same time.

// ANCHOR: program
use std::io::{self, ErrorKind, Write};
use std::process::{Command, Output, Stdio};
use std::thread;

// ANCHOR: communicate
/// Runs a program with `input` as its standard input. Returns its exit status, and all that it
/// wrote.
pub fn communicate(command: &mut Command, input: &[u8]) -> io::Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let stdin = child.stdin.take();
    thread::scope(|scope| {
        // One thread writes. When it is done, it drops its end of the pipe, and the program reads
        // the end of file.
        let writer = scope.spawn(move || match stdin {
            Some(mut stdin) => stdin.write_all(input),
            None => Ok(()),
        });
        // Meanwhile, this one reads output and errors, both as they come.
        let output = child.wait_with_output()?;
        match writer.join().expect("writing does not panic") {
            // The program need not read to the end.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(output),
            written => written.map(|()| output),
        }
    })
}
// ANCHOR_END: communicate

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    let output = communicate(&mut Command::new("sort"), b"Eve\nBob\nAlice\n")?;
    let names = String::from_utf8_lossy(&output.stdout);
    println!("sort says: {}", names.lines().collect::<Vec<_>>().join(", "));

    let output = communicate(Command::new("ls").args(["--", "no-such-file"]), b"")?;
    println!("ls complains: {}", String::from_utf8_lossy(&output.stderr).trim_end());
    println!("and ended with {}", output.status);

    // `tee` writes what it reads to its output and to the file it is given: here, its own errors.
    let input = vec![b'x'; 10 << 20];
    let output = communicate(Command::new("tee").arg("/dev/stderr"), &input)?;
    let (out, err) = (output.stdout.len(), output.stderr.len());
    println!("tee: {} bytes in, {out} bytes of output, {err} bytes of errors", input.len());

    let output = communicate(Command::new("head").args(["-c", "5"]), &input)?;
    println!("head: {} bytes in, {} bytes of output, the rest unread", input.len(), output.stdout.len());
    Ok(())
}
// ANCHOR_END: program
