//! Wrong: the division leaves a remainder, which nobody develops.
//!
//! Fails with: are as they were

use std::ops::Range;

use multiproc::{Executor, Pool, Result, SharedSlice};

use super::given::{Pixel, develop};

fn develop_part(picture: SharedSlice<Pixel>, part: Range<usize>) -> Result<()> {
    develop(&mut picture.write(part)?);
    Ok(())
}

pub fn develop_all(picture: &SharedSlice<Pixel>, processes: usize) -> Result<()> {
    let pool = Pool::with_processes(processes)?;
    let (parts, size) = (4 * processes, picture.len() / (4 * processes));
    let parts = (0..parts).map(|part| (picture.clone(), part * size..(part + 1) * size));
    pool.starmap(develop_part, parts)?.into_iter().collect()
}
