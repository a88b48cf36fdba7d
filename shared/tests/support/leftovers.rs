//! What a process holds, and whether it has more afterwards than before.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use multiproc::Result;

use super::eventually;
use super::processes::{ProcessId, descendants};

/// Runs `body`, and fails if it leaves a process, a thread of the crate, a descriptor or shared
/// memory behind.
pub(crate) fn leaves_nothing(body: impl FnOnce() -> Result<()>) -> Result<()> {
    let before = Holdings::now();
    let outcome = body();
    // What an error has kept from being undone is of no interest.
    if outcome.is_ok() {
        before.assert_kept();
    }
    outcome
}

/// The open descriptors, and what they are.
pub(crate) fn descriptors() -> BTreeMap<i32, PathBuf> {
    let entries = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let found = entries.filter_map(|entry| {
        let number = entry.file_name().to_str()?.parse().ok()?;
        Some((number, fs::read_link(entry.path()).ok()?))
    });
    // The descriptor that lists them is closed again by the time its link is read, or shows this
    // very folder.
    found.filter(|(_, target)| !target.ends_with("fd")).collect()
}

/// The crate's own threads in this process.
fn threads() -> Vec<String> {
    let entries = fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = entries.filter_map(|entry| fs::read_to_string(entry.path().join("comm")).ok());
    names.filter(|name| name.starts_with("multiproc-")).collect()
}

/// The names of the crate's objects in shared memory, of which there should never be any: they are
/// all anonymous.
fn files() -> Vec<PathBuf> {
    let entries = ["/dev/shm", "/tmp"].into_iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.to_string_lossy().contains("/multiproc")).collect()
}

/// Mappings of memory that is shared with other processes.
fn shared_mappings() -> usize {
    fs::read_to_string("/proc/self/maps").unwrap().lines().filter(|line| line.contains("/memfd:multiproc")).count()
}

/// What a process has to give back.
pub(crate) struct Holdings {
    processes: Vec<ProcessId>,
    descriptors: BTreeMap<i32, PathBuf>,
    threads: usize,
    files: Vec<PathBuf>,
    mappings: usize,
}

impl Holdings {
    pub(crate) fn now() -> Self {
        Self {
            processes: descendants(),
            descriptors: descriptors(),
            threads: threads().len(),
            files: files(),
            mappings: shared_mappings(),
        }
    }

    /// Fails if there is more now than there was then.
    pub(crate) fn assert_kept(&self) {
        let more: Vec<_> = descendants().into_iter().filter(|process| !self.processes.contains(process)).collect();
        assert!(more.is_empty(), "processes are left: {more:?}");
        // The thread that waits for async functions closes theirs a moment after they have ended.
        let mut now = descriptors();
        for _ in 0..5000 {
            if now.len() <= self.descriptors.len() && shared_mappings() <= self.mappings {
                break;
            }
            thread::sleep(Duration::from_millis(1));
            now = descriptors();
        }
        assert!(now.len() <= self.descriptors.len(), "descriptors are left: {now:?}, before: {:?}", self.descriptors);
        let files: Vec<_> = files().into_iter().filter(|file| !self.files.contains(file)).collect();
        assert!(files.is_empty(), "files are left: {files:?}");
        assert!(shared_mappings() <= self.mappings, "shared memory is left");
        // A thread that was joined stays listed for a moment.
        eventually("the crate's threads have ended", || threads().len() <= self.threads);
    }
}
