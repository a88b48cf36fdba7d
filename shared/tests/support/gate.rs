//! Tasks that wait until the test lets them go on, so that a test need not guess how long anything
//! takes.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::eventually;

/// A gate that tasks wait at.
pub(crate) struct Gate(tempfile::TempDir);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// What to give to [`pass`] and [`arrive`].
    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().to_path_buf()
    }

    /// Lets everybody through, now and later.
    pub(crate) fn open(&self) {
        fs::write(self.0.path().join("open"), "").unwrap();
    }

    /// Removes the gate's folder now. No task passes any more.
    pub(crate) fn remove(self) {
        self.0.close().unwrap();
    }

    /// The pids of the workers that have come here.
    pub(crate) fn arrived(&self) -> Vec<u32> {
        let names =
            fs::read_dir(self.0.path()).unwrap().flatten().filter_map(|entry| entry.file_name().into_string().ok());
        names.filter_map(|name| name.split_once('-')?.0.parse().ok()).collect()
    }

    /// Waits until `count` tasks have come here.
    pub(crate) fn await_arrivals(&self, count: usize) {
        eventually("tasks arrive at the gate", || self.arrived().len() >= count);
    }
}

/// A task: notes that it is here and waits for the gate to open. Returns its pid.
pub(crate) fn pass(gate: PathBuf) -> u32 {
    let pid = arrive(&gate);
    while !gate.join("open").exists() {
        thread::sleep(Duration::from_millis(1));
    }
    pid
}

/// Notes that a task is here. Returns its pid.
pub(crate) fn arrive(gate: &Path) -> u32 {
    let pid = std::process::id();
    (0..).map(|n| gate.join(format!("{pid}-{n}"))).find(|path| fs::File::create_new(path).is_ok());
    pid
}
