//! Wrong: each worker locks the whole picture, and the others wait.
//!
//! Fails with: had something to do at the same time

use std::ops::Range;

use multiproc::{Executor, Pool, Result, SharedSlice};

use super::given::{Pixel, develop};

fn develop_part(picture: SharedSlice<Pixel>, part: Range<usize>) -> Result<()> {
    let mut pixels = picture.write(..)?;
    develop(&mut pixels[part]);
    Ok(())
}

pub fn develop_all(picture: &SharedSlice<Pixel>, processes: usize) -> Result<()> {
    let pool = Pool::with_processes(processes)?;
    let (end, size) = (picture.len(), picture.len().div_ceil(4 * processes).max(1));
    let parts = (0..end).step_by(size).map(|start| (picture.clone(), start..end.min(start + size)));
    pool.starmap(develop_part, parts)?.into_iter().collect()
}
