//! How much memory a process uses.

use rustix::param::page_size;

/// Resident memory in bytes of the process `pid`, or of this one; 0 if it cannot be read.
pub(crate) fn resident(pid: Option<u32>) -> u64 {
    let path = pid.map_or("/proc/self/statm".to_string(), |pid| format!("/proc/{pid}/statm"));
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let pages: u64 = text.split_whitespace().nth(1).and_then(|field| field.parse().ok()).unwrap_or(0);
    pages * page_size() as u64
}
