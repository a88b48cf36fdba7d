//! Many arguments by name: a struct with defaults, and a call that sets only what differs.
//!
//! Watch which settings the lines have in common. What a call leaves out is as `Default` has it,
//! and a field that does not exist is an error of the compiler.

// ANCHOR: program
use multiproc::{Executor, Pool};
use serde::{Deserialize, Serialize};

// ANCHOR: options
#[derive(Clone, Serialize, Deserialize)]
struct Options {
    width: usize,
    fill: char,
    shout: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { width: 20, fill: '.', shout: false }
    }
}

fn banner(name: String, options: Options) -> String {
    let name = if options.shout { name.to_uppercase() } else { name };
    let (sides, fill) = (options.width.saturating_sub(name.chars().count()), options.fill.to_string());
    format!("{}{name}{}", fill.repeat(sides / 2), fill.repeat(sides - sides / 2))
}
// ANCHOR_END: options

/// The same by position: whoever reads a call has to know which is which.
fn banner_by_position(name: String, width: usize, fill: char, shout: bool) -> String {
    banner(name, Options { width, fill, shout })
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(2)?;
    // ANCHOR: apply
    println!("{}", pool.apply(banner_by_position, ("Alice".to_string(), 20, '*', false))?);
    println!("{}", pool.apply(banner, ("Alice".to_string(), Options { fill: '*', ..Options::default() }))?);
    println!("{}", pool.apply(banner, ("Bob".to_string(), Options::default()))?);
    // ANCHOR_END: apply

    // ANCHOR: starmap
    let loud = Options { shout: true, ..Options::default() };
    let wide = Options { width: 30, ..loud.clone() };
    let calls = [("Eve", loud), ("Grace", wide)].map(|(name, options)| (name.to_string(), options));
    for line in pool.starmap(banner, calls)? {
        println!("{line}");
    }
    // ANCHOR_END: starmap
    Ok(())
}
// ANCHOR_END: program
