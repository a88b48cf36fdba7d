//! Both directions on one pipe: the parent sends numbers, the child answers each with its square.
//!
//! Watch how the child learns when to stop. There is no message: the parent drops its end, and the
//! child gets an error of its own kind, `Disconnected`. That is the end of file, and it comes after
//! everything that was sent before.

// ANCHOR: program
use multiproc::{Connection, Error, Process, Result};

// ANCHOR: child
/// Answers numbers (u32) with their squares (u64), until the other end is closed. Returns the error
/// that ended it.
fn square(parent: Connection<u64, u32>) -> String {
    loop {
        match parent.recv() {
            Ok(number) => parent.send(u64::from(number).pow(2)).expect("the parent waits for it"),
            Err(end @ Error::Disconnected) => return end.to_string(),
            Err(error) => panic!("{error}"),
        }
    }
}
// ANCHOR_END: child

// ANCHOR: parent
/// Sends the numbers and receives the squares. Takes the parent's end, so that it is dropped here
/// in any case, after an error as well.
fn ask(child: Connection<u32, u64>) -> Result<()> {
    for number in [3, 1000, u32::MAX] {
        child.send(number)?;
        println!("parent: {number} squared is {}", child.recv()?);
    }
    Ok(())
}
// ANCHOR_END: parent

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let (ours, theirs) = multiproc::pipe()?;
    let child = Process::new(square, (theirs,)).start()?;
    ask(ours)?;
    println!("child: no more numbers, {}", child.join()?);
    Ok(())
}
// ANCHOR_END: program
