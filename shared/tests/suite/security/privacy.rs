//! What others can see of a pool that runs: nothing that they could open.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use multiproc::{Executor, Lock, Pool, Queue, Result, SharedSlice};
use nix::unistd::Uid;

use crate::support::{Named, descendants, named, pids, square, squares};

pub(crate) const TESTS: &[Named] = named! {
    nothing_of_a_pool_has_a_name
    worker_memory_is_out_of_reach_of_other_users
    promises_of_security_md_name_existing_tests
};

/// Inodes of this process' and its descendants' sockets.
fn own_sockets() -> BTreeSet<String> {
    let pids = descendants().into_iter().map(|process| process.pid).chain([std::process::id()]);
    let links = pids.flat_map(|pid| fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten());
    let targets = links.filter_map(|link| Some(fs::read_link(link.path()).ok()?.to_str()?.to_string()));
    targets.filter_map(|target| Some(target.strip_prefix("socket:[")?.strip_suffix(']')?.to_string())).collect()
}

/// Those of our sockets that others could find and connect to.
fn own_sockets_with_a_name() -> Vec<String> {
    let own = own_sockets();
    let mut found = Vec::new();
    for table in ["unix", "tcp", "tcp6", "udp", "udp6"] {
        let text = fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let columns: Vec<&str> = line.split_whitespace().collect();
            // A Unix socket's inode is the seventh column and its name the eighth; of others it is
            // the tenth, and all have addresses.
            let (inode, visible) = if table == "unix" { (6, columns.len() > 7) } else { (9, true) };
            if visible && columns.get(inode).is_some_and(|inode| own.contains(*inode)) {
                found.push(format!("{table}: {line}"));
            }
        }
    }
    found
}

/// What processes have open in the file systems that anybody can write to.
fn open_files(pids: impl IntoIterator<Item = u32>) -> impl Iterator<Item = PathBuf> {
    let links = pids.into_iter().flat_map(|pid| fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten());
    let files = links.filter_map(|link| fs::read_link(link.path()).ok());
    files.filter(|file| ["/dev/shm", "/tmp"].iter().any(|folder| file.starts_with(folder)))
}

fn nothing_of_a_pool_has_a_name() -> Result<()> {
    let before: Vec<_> = open_files([std::process::id()]).collect();
    let pool = Pool::with_processes(2)?;
    let (queue, lock, array) = (Queue::new()?, Lock::new(1u64)?, SharedSlice::from_slice(&[1u64; 1000])?);
    let use_all = |queue: Queue<u64>, lock: Lock<u64>, array: SharedSlice<u64>| -> Result<u64> {
        queue.put(*lock.lock()?)?;
        array.get(7)
    };
    assert_eq!(pool.apply(use_all, (queue.clone(), lock.clone(), array.clone()))??, 1);
    assert_eq!(own_sockets_with_a_name(), [""; 0]);
    assert!(!own_sockets().is_empty(), "they were looked for in the right place");
    let files: Vec<_> =
        open_files(pids(&pool).into_iter().chain([std::process::id()])).filter(|file| !before.contains(file)).collect();
    assert!(files.is_empty(), "{files:?}");
    Ok(())
}

fn worker_memory_is_out_of_reach_of_other_users() -> Result<()> {
    if !Uid::effective().is_root() {
        // Only root can look from another user's point of view.
        return Ok(());
    }
    let pool = Pool::with_processes(2)?;
    assert_eq!(pool.map(square, 0..10)?, squares(10));
    for process in descendants() {
        let pid = process.pid;
        let look = format!(
            "cat /proc/{pid}/mem; ls /proc/{pid}/fd /proc/{pid}/map_files; cat /proc/{pid}/maps /proc/{pid}/fd/3; kill -0 {pid} && echo reached"
        );
        let output = Command::new("sh").args(["-c", &look]).uid(64_322).gid(64_322).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{process:?}");
        assert!(output.stderr.len() > 100, "it was tried: {output:?}");
    }
    Ok(())
}

/// Returns how many tests a promise of SECURITY.md names at its end, and fails unless all of them
/// exist: files of the crate, or files and folders of this suite with `::` between them.
fn tests_named_by(promise: &str) -> usize {
    let names = promise.rsplit_once('(').map_or("", |(_, names)| names);
    let shared = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for name in names.split('`').skip(1).step_by(2) {
        let in_suite = shared.join("tests/suite").join(name.replace("::", "/"));
        let exists = match name.strip_prefix("shared/") {
            Some(path) => shared.join(path).is_file(),
            None => in_suite.is_dir() || in_suite.with_extension("rs").is_file(),
        };
        assert!(exists, "there is no test `{name}`, which is named in: {promise}");
        count += 1;
    }
    count
}

fn promises_of_security_md_name_existing_tests() -> Result<()> {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../SECURITY.md")).unwrap();
    let section = text.split("\n## ").find(|section| section.starts_with("What is promised")).unwrap();
    let promises: Vec<_> = section.split("\n- **").skip(1).collect();
    assert!(!promises.is_empty());
    promises.iter().for_each(|promise| assert!(tests_named_by(promise) > 0, "names no test: {promise}"));
    Ok(())
}
