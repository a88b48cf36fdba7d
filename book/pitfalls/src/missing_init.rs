//! A program that lacks the line `multiproc::init()`.
//!
//! Workers come from a second run of the program, which goes no further in `main` than that line.
//! Without the line it would run all of `main` and start a third run, which would start a fourth.
//! Watch for how often `main` runs here: once, because nothing is started.

// ANCHOR: program
use std::process::Command;
use std::{env, io};

use multiproc::{Error, Pool, Result};

/// With this argument the program runs [`forgetful`] instead of its menu.
pub const FORGETFUL: &str = "without-init";

// ANCHOR: forgetful
/// The `main` of the program that forgets.
pub fn forgetful() {
    println!("main runs");
    match Pool::new() {
        Ok(pool) => println!("{pool:?}"),
        Err(error) => println!("error: {error}"),
    }
}
// ANCHOR_END: forgetful

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let failed = |error: io::Error| Error::Config(format!("cannot start the program: {error}"));
    let program = env::current_exe().map_err(failed)?;
    let output = Command::new(program).arg(FORGETFUL).output().map_err(failed)?;
    print!("{}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}
// ANCHOR_END: program
