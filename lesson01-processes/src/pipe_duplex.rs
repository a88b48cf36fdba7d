//! Both directions on one pipe: the parent sends numbers, the child answers each with its square.
//!
//! Watch how the child knows when to stop. Nobody tells it: the parent drops its end, and the child gets an error of its
//! own kind, `Disconnected`. That is the end of file, and it comes after everything that was sent before.

use multiproc::{Connection, Error, Process, Result};

/// The child's end sends squares, as u64, and receives numbers, as u32. Returns what it was told in the end.
fn square(parent: Connection<u64, u32>) -> String {
    loop {
        match parent.recv() {
            Ok(number) => parent.send(u64::from(number).pow(2)).expect("the parent waits for it"),
            Err(end @ Error::Disconnected) => return end.to_string(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let (ours, theirs) = multiproc::pipe()?;
    let child = Process::new(square, (theirs,)).start()?;

    for number in [3, 1000, u32::MAX] {
        ours.send(number)?;
        println!("parent: {number} squared is {}", ours.recv()?);
    }
    drop(ours);

    println!("child: no more numbers, {}", child.join()?);
    Ok(())
}
