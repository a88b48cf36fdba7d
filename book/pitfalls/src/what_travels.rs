//! Arguments and results are copies that serde makes: what a type leaves out of its serialized form
//! stays at home.
//!
//! Watch for the note. The discount is left out while there is none, and arrives as none. The note
//! is never written, so the worker has an empty one. And a path that is not UTF-8 cannot be written
//! at all: that is an error before any task runs.

// ANCHOR: program
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use multiproc::{Executor, Pool, Result};
use serde::{Deserialize, Serialize};

// ANCHOR: order
#[derive(Clone, Serialize, Deserialize)]
struct Order {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    discount: Option<u32>,
    items: Vec<String>,
    #[serde(skip)]
    note: String,
}
// ANCHOR_END: order

fn seen(order: Order) -> String {
    let Order { discount, items, note } = order;
    format!("discount {discount:?}, items {items:?}, note {note:?}")
}

fn exists(path: OsString) -> bool {
    PathBuf::from(path).exists()
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(1)?;

    let order = Order { discount: None, items: vec!["tea".into()], note: "call first".into() };
    println!("sent:    {}", seen(order.clone()));
    println!("arrived: {}", pool.apply(seen, (order,))?);

    let path = PathBuf::from(OsString::from_vec(b"/no/such\xff/file".to_vec()));
    match pool.apply(|path: PathBuf| path.exists(), (path.clone(),)) {
        Ok(exists) => println!("a path:       exists: {exists}"),
        Err(error) => println!("a path:       {error}"),
    }
    println!("an OsString:  exists: {}", pool.apply(exists, (path.into_os_string(),))?);
    Ok(())
}
// ANCHOR_END: program
