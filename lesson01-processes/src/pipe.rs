//! A pipe between two processes: what one sends into its end, the other receives from its own.
//!
//! Watch how little the two ends say about bytes: values go in, values of the same types come out.
//! Rust has no list of anything, as Python has, so an enum says what may be in it.

// ANCHOR: program
use std::fmt;

use multiproc::{Connection, Process};
use serde::{Deserialize, Serialize};

// ANCHOR: item
#[derive(Serialize, Deserialize)]
enum Item {
    Number(i64),
    Text(String),
    None,
}
// ANCHOR_END: item

/// Prints the bare value: 42 instead of Number(42).
impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Number(number) => write!(f, "{number:?}"),
            Item::Text(text) => write!(f, "{text:?}"),
            Item::None => write!(f, "None"),
        }
    }
}

// ANCHOR: talk
/// The child's end sends lists of items, and receives nothing.
fn talk(parent: Connection<Vec<Item>, ()>) {
    let items = vec![Item::Number(42), Item::None, Item::Text("Hello".to_string())];
    parent.send(items).expect("the parent waits for them");
}
// ANCHOR_END: talk

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    // ANCHOR: ends
    let (ours, theirs) = multiproc::pipe()?;
    // An end belongs to one process: `theirs` moves into the child.
    let child = Process::new(talk, (theirs,)).start()?;
    println!("{:?}", ours.recv()?);
    child.join()
    // ANCHOR_END: ends
}
// ANCHOR_END: program
