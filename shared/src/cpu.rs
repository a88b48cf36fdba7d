//! The processors that this process may use.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::sync::OnceLock;

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

/// Returns the number of logical CPUs that this process may use, at least 1: those of its affinity
/// mask, and no more than its cgroup's quota of CPU time allows.
///
/// Python's counterpart: `os.process_cpu_count` (`multiprocessing.cpu_count` counts the machine's).
#[must_use]
#[doc(alias("process_cpu_count"))]
pub fn cpu_count() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Returns the number of physical cores that this process may use, from 1 to [`cpu_count`]: the
/// logical CPUs of one core count once.
///
/// Python's counterpart: none in the library; `psutil.cpu_count(logical=False)` comes close.
#[must_use]
pub fn physical_cpu_count() -> usize {
    let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap_or_else(|_| CpuSet::new());
    let cpus = (0..CpuSet::count()).filter(|cpu| allowed.is_set(*cpu).unwrap_or(false));
    let cores: BTreeSet<String> = cpus
        .filter_map(|cpu| {
            // The list of the CPUs that share a core is the same text for each of them.
            let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
            std::fs::read_to_string(path).ok()
        })
        .collect();
    if cores.is_empty() { cpu_count() } else { cores.len().min(cpu_count()) }
}

/// Returns whether there is a CPU for a busy wait while another process works. With one CPU, the
/// busy wait would only delay the other process.
pub(crate) fn can_spin() -> bool {
    static SEVERAL: OnceLock<bool> = OnceLock::new();
    *SEVERAL.get_or_init(|| cpu_count() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_cores_than_cpus() {
        assert!((1..=cpu_count()).contains(&physical_cpu_count()));
    }
}
