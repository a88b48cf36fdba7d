//! Exercise 5: in place.
//!
//! Goal: a picture lies in shared memory, too large to send. Several workers develop it there, at
//! the same time, each some pixels that no other has.
//!
//! Given, in `given/ex5_in_place.rs`: `develop(pixels)`, which develops some pixels, and the type
//! `Pixel`.
//!
//! Check: `cargo test -p lesson03-sync --test ex5_in_place`

use multiproc::{Result, SharedSlice};

use super::given::*;

/// Develops every pixel of the picture once, where it is, by a pool of `processes` workers. All of
/// them have something to do, if there are enough pixels.
pub fn develop_all(picture: &SharedSlice<Pixel>, processes: usize) -> Result<()> {
    todo!("{} pixels, of which {processes} workers `develop` some each, and nobody sends any", picture.len())
}
