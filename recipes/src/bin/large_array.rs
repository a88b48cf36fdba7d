//! Changes an array of 32 MB in place, in several processes: none of it is sent or copied.

use std::ops::Range;

use multiproc::{Executor, Pool, Result, SharedSlice};

const LENGTH: usize = 4_000_000;
const PARTS: usize = 8;

/// Scales a part of the array, and returns its sum. The argument is a handle of a few bytes.
fn scale(array: SharedSlice<f64>, part: Range<usize>, factor: f64) -> Result<f64> {
    // The guard locks this range only, so that the parts are worked on at the same time.
    let mut part = array.write(part)?;
    part.iter_mut().for_each(|value| *value *= factor);
    Ok(part.iter().sum())
}

fn main() -> Result<()> {
    multiproc::init();
    let array = SharedSlice::from_fn(LENGTH, |index| (index % 4) as f64)?;
    let pool = Pool::new()?;

    let size = LENGTH / PARTS;
    let parts = (0..PARTS).map(|part| (array.clone(), part * size..(part + 1) * size, 2.0));
    // One task each: a chunk of several would leave workers without any.
    let sums = pool.with_chunksize(1).starmap(scale, parts)?;
    let sum = sums.into_iter().sum::<Result<f64>>()?;

    println!("the sum of {LENGTH} values is {sum}");
    println!("the first are {:?}", &array.read(..4)?[..]);
    Ok(())
}
