//! Shared memory as those see it who go around the crate: as a file.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use multiproc::Result;

/// The open descriptors of the crate's shared memory.
fn open() -> BTreeSet<PathBuf> {
    let links = fs::read_dir("/proc/self/fd").unwrap().flatten().map(|link| link.path());
    let is_ours = |target: PathBuf| target.to_string_lossy().starts_with("/memfd:multiproc");
    links.filter(|link| fs::read_link(link).is_ok_and(is_ours)).collect()
}

/// The memory of one object.
pub(crate) struct Memory(File);

impl Memory {
    /// Makes an object, and finds its memory.
    pub(crate) fn of<T>(make: impl FnOnce() -> Result<T>) -> (T, Self) {
        let before = open();
        let object = make().unwrap();
        let path = open().difference(&before).next().cloned().expect("its memory has a descriptor");
        let file = File::options().read(true).write(true).open(path).unwrap();
        (object, Self(file))
    }

    /// Writes one of its words, if it has as many.
    pub(crate) fn write(&self, word: u64, value: u64) {
        if 8 * (word + 1) <= self.0.metadata().unwrap().len() {
            self.0.write_all_at(&value.to_ne_bytes(), 8 * word).unwrap();
        }
    }
}
