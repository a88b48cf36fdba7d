//! Rights that an executable gives to any process that runs it: the bits for user and group, and
//! file capabilities.
//!
//! A program may have given such rights up, and a run of it for its workers must not get them
//! again: workers have the rights that the program has. So that run gets no new privileges
//! (prctl(2)). And any user can start such a program, with a bootstrap record of their own: a run
//! that has more rights than the process that made its bootstrap record does not serve.
#![allow(unsafe_code)]

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::libc;
use nix::sys::prctl;
use nix::sys::stat::fstat;
use nix::unistd::{getegid, geteuid, getuid};
use rustix::fs::getxattr;
use rustix::io::Errno;

/// Returns whether a run of the file would have rights that this thread lacks.
pub(crate) fn would_gain(file: &Path) -> bool {
    let Ok(facts) = fs::metadata(file) else { return false };
    if geteuid().is_root() {
        // Executing any file gives root all the capabilities that it may have.
        let capabilities = Capabilities::now();
        return capabilities.bounding & !capabilities.permitted != 0;
    }
    let sets = |bits| facts.mode() & bits == bits;
    let other_user = sets(libc::S_ISUID) && facts.uid() != geteuid().as_raw();
    let other_group = sets(libc::S_ISGID | libc::S_IXGRP) && facts.gid() != getegid().as_raw();
    other_user || other_group || has_capabilities(file)
}

fn has_capabilities(file: &Path) -> bool {
    // A system or file without the attribute has none.
    !matches!(
        getxattr(file, "security.capability", &mut [0_u8; 0]),
        Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOENT | Errno::NOSYS)
    )
}

/// Keeps this thread, and all that it starts, from getting rights by executing a file.
pub(crate) fn forbid_new_rights() -> nix::Result<()> {
    prctl::set_no_new_privs()
}

/// Returns whether this new process may take the role in its bootstrap record, in view of the
/// rights that its file has given it.
pub(crate) fn may_serve(bootstrap: impl AsFd) -> bool {
    // SAFETY: the call takes and returns integers only.
    let is_secure = unsafe { libc::getauxval(libc::AT_SECURE) } != 0;
    if !is_secure {
        return true;
    }
    // The kernel has recorded whose memory it is.
    let Ok(facts) = fstat(bootstrap) else { return false };
    let rights = Rights {
        no_new: prctl::get_no_new_privs().unwrap_or(false),
        is_root: getuid().is_root(),
        user: geteuid().as_raw(),
        group: getegid().as_raw(),
        permitted: Capabilities::now().permitted,
    };
    rights.are_those_of(facts.st_uid, facts.st_gid)
}

/// The rights of a process that may have got some from its file.
struct Rights {
    /// Whether it could not get any.
    no_new: bool,
    /// Whether its real user, whom no file changes, is root.
    is_root: bool,
    /// Its effective user.
    user: u32,
    group: u32,
    permitted: u64,
}

impl Rights {
    /// Returns whether a process of this effective user and group has them too.
    fn are_those_of(&self, user: u32, group: u32) -> bool {
        let same = (self.user, self.group) == (user, group);
        // The other's capabilities are not recorded; root has them all.
        self.no_new || self.is_root || same && (user == 0 || self.permitted == 0)
    }
}

/// Sets of capabilities, as in proc_pid_status(5).
#[derive(Default)]
struct Capabilities {
    permitted: u64,
    bounding: u64,
}

impl Capabilities {
    fn now() -> Self {
        let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
        let set = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|set| u64::from_str_radix(set.trim(), 16).ok())
        };
        Self { permitted: set("CapPrm:").unwrap_or(0), bounding: set("CapBnd:").unwrap_or(0) }
    }
}

#[cfg(all(test, not(multiproc_loom)))]
mod tests {
    use super::*;

    const PLAIN: Rights = Rights { no_new: false, is_root: false, user: 7, group: 8, permitted: 0 };

    #[test]
    fn record_of_a_process_with_fewer_rights_is_refused() {
        assert!(!Rights { user: 0, ..PLAIN }.are_those_of(7, 8));
        assert!(!Rights { user: 9, ..PLAIN }.are_those_of(7, 8));
        assert!(!Rights { group: 0, ..PLAIN }.are_those_of(7, 8));
        assert!(!Rights { permitted: 1 << 10, ..PLAIN }.are_those_of(7, 8));
        assert!(!Rights { user: 0, permitted: u64::MAX, ..PLAIN }.are_those_of(7, 8));
    }

    #[test]
    fn record_of_a_process_with_the_same_rights_is_accepted() {
        assert!(PLAIN.are_those_of(7, 8));
        assert!(Rights { user: 0, permitted: u64::MAX, ..PLAIN }.are_those_of(0, 8));
        assert!(Rights { is_root: true, permitted: u64::MAX, ..PLAIN }.are_those_of(0, 0));
        assert!(Rights { no_new: true, permitted: 1 << 10, ..PLAIN }.are_those_of(7, 8));
    }

    #[test]
    fn ordinary_file_gives_no_rights() {
        let own = std::env::current_exe().unwrap();
        assert!(!has_capabilities(&own));
        let all = Capabilities::now();
        assert_eq!(would_gain(&own), geteuid().is_root() && all.bounding & !all.permitted != 0);
    }
}
