//! The processors that this process may use: those of its affinity mask, as far as its cgroups
//! have CPU time for them, and no more than the program's user wants.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

use crate::error::{Error, Result};

/// The variable that caps the number of CPUs.
const VARIABLE: &str = "MULTIPROC_CPU_COUNT";

/// Returns the number of logical CPUs that this process may use, at least 1: those of its affinity
/// mask, and no more than the quotas of CPU time of its cgroups allow. A quota of one and a half
/// CPUs counts as two: the half is used by a second worker, and would be lost to one.
///
/// The environment variable `MULTIPROC_CPU_COUNT` caps it further, for whoever runs the program:
/// `MULTIPROC_CPU_COUNT=4 program` has pools of four workers at most where the program sets no
/// number. It does not raise it. A value other than a whole number from 1 on is ignored here, and
/// an [`Error::Config`] for a pool whose number of workers is not set.
///
/// ```
/// let cpus = multiproc::cpu_count();
/// assert!(cpus >= 1 && multiproc::physical_cpu_count() <= cpus);
/// ```
///
/// Python's counterpart: `os.process_cpu_count`, with the variable `PYTHON_CPU_COUNT`, which also
/// raises it (`multiprocessing.cpu_count` counts the machine's).
#[must_use]
#[doc(alias("process_cpu_count"))]
pub fn cpu_count() -> usize {
    available().min(cap().ok().flatten().unwrap_or(usize::MAX))
}

/// Returns [`cpu_count`], as the number of workers of a pool for which none is set.
///
/// # Errors
/// [`Error::Config`] if the environment variable has a value that is no number of CPUs.
pub(crate) fn default_workers() -> Result<usize> {
    Ok(available().min(cap()?.unwrap_or(usize::MAX)))
}

/// Returns the number of physical cores that this process may use, from 1 to [`cpu_count`]: the
/// logical CPUs of one core count once.
///
/// Python's counterpart: none in the library; `psutil.cpu_count(logical=False)` comes close.
#[must_use]
pub fn physical_cpu_count() -> usize {
    let cpus = allowed_cpus().unwrap_or_default();
    let cores: BTreeSet<String> = cpus
        .into_iter()
        .filter_map(|cpu| {
            // The list of the CPUs that share a core is the same text for each of them.
            let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
            fs::read_to_string(path).ok()
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

/// Returns what the environment variable says; `None` if it is not set.
fn cap() -> Result<Option<usize>> {
    env::var_os(VARIABLE).map(|value| parse_cap(&value)).transpose()
}

fn parse_cap(value: &OsStr) -> Result<usize> {
    let number = value.to_str().and_then(|text| text.trim().parse::<NonZero<usize>>().ok());
    number.map(NonZero::get).ok_or_else(|| {
        Error::Config(format!(
            "the environment variable {VARIABLE} must be a whole number from 1 on, not {value:?}; unset it, or set the pool's number of workers"
        ))
    })
}

/// Returns the number of CPUs by affinity and quota.
fn available() -> usize {
    // With more CPUs than a `CpuSet` holds, the mask cannot be read that way.
    let counted = || std::thread::available_parallelism().map_or(1, NonZero::get);
    let cpus = allowed_cpus().map_or_else(counted, |cpus| cpus.len());
    cpus.min(quota().unwrap_or(usize::MAX)).max(1)
}

/// Lists the CPUs of the affinity mask.
fn allowed_cpus() -> Option<Vec<usize>> {
    let mask = sched_getaffinity(Pid::from_raw(0)).ok()?;
    Some((0..CpuSet::count()).filter(|cpu| mask.is_set(*cpu).unwrap_or(false)).collect())
}

/// Returns the number of CPUs for which the cgroups of this process have time, if any of them has a
/// quota.
fn quota() -> Option<usize> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    quota_of(&groups, &mounts, |path| fs::read_to_string(path).ok())
}

/// Returns the smallest quota of the groups in `/proc/self/cgroup`, and of all groups above them.
/// `read` returns the contents of a file.
fn quota_of(groups: &str, mounts: &str, read: impl Fn(&Path) -> Option<String>) -> Option<usize> {
    let mut smallest = None;
    for (version, path) in groups.lines().filter_map(cpu_group) {
        let Some((root, mount)) = mounts.lines().find_map(|line| cpu_mount(line, version)) else { continue };
        // In a container, the mount may begin at its own group.
        let below = path.strip_prefix(&root).unwrap_or(&path);
        let below = below.strip_prefix("/").unwrap_or(below);
        let whole = mount.join(below);
        for folder in whole.ancestors().take_while(|folder| folder.starts_with(&mount)) {
            let file = |name: &str| read(&folder.join(name));
            let cpus = match version {
                Version::V2 => file("cpu.max").and_then(|text| cpus_of_v2(&text)),
                Version::V1 => file("cpu.cfs_quota_us")
                    .and_then(|quota| cpus_in(&quota, &file("cpu.cfs_period_us").unwrap_or_default())),
            };
            smallest = [smallest, cpus].into_iter().flatten().min();
        }
    }
    smallest
}

/// The two interfaces of cgroups; see cgroups(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

/// Reads a line of `/proc/self/cgroup`: `hierarchy:controllers:path`. Returns the path of the group
/// if it can have a quota of CPU time.
fn cpu_group(line: &str) -> Option<(Version, PathBuf)> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, path) = (parts.next()?, parts.next()?);
    let version = match controllers {
        "" => Version::V2,
        _ if controllers.split(',').any(|name| name == "cpu") => Version::V1,
        _ => return None,
    };
    Some((version, path.into()))
}

/// Reads a line of `/proc/self/mountinfo`. Returns the mount's root and its folder if it is that of
/// the groups with CPU time; see proc_pid_mountinfo(5).
fn cpu_mount(line: &str, version: Version) -> Option<(PathBuf, PathBuf)> {
    let (fields, kind) = line.split_once(" - ")?;
    let mut kind = kind.split(' ');
    let (kind, options) = (kind.next()?, kind.nth(1).unwrap_or_default());
    let fits = match version {
        Version::V2 => kind == "cgroup2",
        Version::V1 => kind == "cgroup" && options.split(',').any(|option| option == "cpu"),
    };
    let mut fields = fields.split(' ').skip(3);
    let (root, folder) = (fields.next()?, fields.next()?);
    fits.then(|| (root.into(), folder.into()))
}

/// Reads `cpu.max`: `quota period`, where the quota may be `max`.
fn cpus_of_v2(text: &str) -> Option<usize> {
    let (quota, period) = text.trim().split_once(' ')?;
    cpus_in(quota, period)
}

/// Returns the number of CPUs that a quota of CPU time in a period keeps busy, rounded up; `None`
/// if there is no quota (`max`, or -1), or no number.
fn cpus_in(quota: &str, period: &str) -> Option<usize> {
    let microseconds = |text: &str| text.trim().parse::<u64>().ok().filter(|time| *time > 0);
    usize::try_from(microseconds(quota)?.div_ceil(microseconds(period)?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mount of cgroups version 2, one of version 1, and one that is neither.
    const MOUNTS: &str = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n\
                          33 32 0:30 /docker/abc /v1/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n\
                          24 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n";

    /// Returns the quota of a process in these groups, where there are these files.
    fn quota(groups: &str, files: &[(&str, &str)]) -> Option<usize> {
        let read =
            |path: &Path| files.iter().find(|(name, _)| Path::new(name) == path).map(|(_, text)| text.to_string());
        quota_of(groups, MOUNTS, read)
    }

    #[test]
    fn there_are_no_more_cores_than_cpus() {
        assert!((1..=cpu_count()).contains(&physical_cpu_count()));
    }

    #[test]
    fn part_of_a_cpu_counts_as_one() {
        let cases = [
            ("150000 100000\n", Some(2)),
            ("200000 100000\n", Some(2)),
            ("200001 100000\n", Some(3)),
            ("1000 100000\n", Some(1)),
            ("max 100000\n", None),
            ("0 100000\n", None),
            ("150000\n", None),
            ("150000 0\n", None),
            ("-1 100000\n", None),
            ("", None),
            ("two hundred\n", None),
        ];
        for (text, expected) in cases {
            assert_eq!(cpus_of_v2(text), expected, "{text:?}");
        }
    }

    #[test]
    fn smallest_quota_on_the_way_to_the_root_counts() {
        let groups = "0::/user.slice/job\n";
        let own = ("/sys/fs/cgroup/user.slice/job/cpu.max", "400000 100000\n");
        let above = ("/sys/fs/cgroup/user.slice/cpu.max", "250000 100000\n");
        let root = ("/sys/fs/cgroup/cpu.max", "max 100000\n");
        assert_eq!(quota(groups, &[own, above, root]), Some(3));
        assert_eq!(quota(groups, &[own]), Some(4));
        assert_eq!(quota(groups, &[root]), None);
        assert_eq!(quota("0::/\n", &[("/sys/fs/cgroup/cpu.max", "50000 100000\n")]), Some(1));
        assert_eq!(quota("", &[own]), None);
    }

    #[test]
    fn quota_of_version_1_is_found_below_the_root_of_its_mount() {
        let groups = "5:memory:/docker/abc/job\n4:cpu,cpuacct:/docker/abc/job\n3:cpuset:/docker/abc\n";
        let files = [
            ("/v1/cpu,cpuacct/job/cpu.cfs_quota_us", "150000\n"),
            ("/v1/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n"),
        ];
        assert_eq!(quota(groups, &files), Some(2));
        assert_eq!(quota(groups, &[("/v1/cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n"), files[1]]), None);
        assert_eq!(quota("5:memory:/docker/abc/job\n", &files), None);
    }

    #[test]
    fn variable_is_a_number_from_1_on_or_an_error() {
        for (text, expected) in [("1", 1), (" 12\n", 12), ("4096", 4096)] {
            assert_eq!(parse_cap(text.as_ref()).ok(), Some(expected), "{text:?}");
        }
        for text in ["", "0", "-1", "1.5", "all", "99999999999999999999999"] {
            let Err(Error::Config(why)) = parse_cap(text.as_ref()) else { panic!("{text:?} is no number") };
            assert!(why.contains(VARIABLE) && why.contains(&format!("{text:?}")), "{why}");
        }
    }
}
