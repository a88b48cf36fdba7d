//! Exercise 5, the last one: a report about a folder.
//!
//! Goal: a program that others can rely on. It inspects all files of a folder in parallel, and says
//! how far it is. The library that it has to use crashes on some files and hangs on others: that
//! costs a line of the report, and no more. How you build it is up to you.
//!
//! Given, in `given/ex5_folder_report.rs`: the library, `inspect(path)`, which returns `Counts`.
//!
//! Check: `cargo test -p lesson07-primes --test ex5_folder_report`

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use multiproc::Result;

use super::given::*;

/// Writes a report about the files of the folder, but not of folders in it, to `out`: a line for
/// each file, in the order of their names, and one for all.
///
/// ```text
/// broken.bin: failed: …                      it panicked; the reason, on the same line
/// index.html: 120 lines, 3600 words
/// old.doc: crashed                           its worker was lost
/// upload.tmp: over the limit                 it took longer than `limit`
/// 4 files, 3 without counts
/// ```
///
/// Writes to `progress`, as soon as a file is done with, well or not: `1 of 4`, `2 of 4` and so on,
/// each on a line of its own.
///
/// # Errors
///
/// Returns an error if the folder cannot be read, no pool can be started, or nothing can be
/// written.
pub fn report(
    folder: &Path,
    processes: usize,
    limit: Duration,
    out: &mut impl Write,
    progress: &mut impl Write,
) -> Result<()> {
    let _ = (inspect, out, progress);
    todo!("the report about {}, by {processes} workers, with {limit:?} for each file", folder.display())
}
