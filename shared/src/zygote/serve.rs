//! The processes that serve as a zygote, and become its workers.

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::unistd::Pid;

use crate::bootstrap::{self, Failure};
use crate::sys::exit::{self, die_with, exit_now};
use crate::sys::process::{self, ForkPermit};
use crate::sys::signals;
use crate::sys::socket::Socket;
use crate::worker;
use crate::zygote::TITLE;
use crate::zygote::server::Server;

/// Serves as a zygote made by exec, then exits. `may_fork` returns a permit if the process can be
/// forked as it is; where it cannot, workers are exec'd.
pub(crate) fn serve_executed(
    bootstrap: OwnedFd,
    root: OwnedFd,
    parent: u32,
    may_fork: fn() -> Option<ForkPermit>,
) -> ! {
    let parent = Pid::from_raw(parent as i32);
    let errno = serve_until_end(Some(Socket::from_fd(root)), None, parent, may_fork);
    bootstrap::fail(bootstrap, Failure::Serve(errno));
    exit_now(71)
}

/// The life of a zygote that is a fork of the program, and serves one group. Without a bootstrap
/// record, it exits with the number of the error that keeps it from serving.
pub(super) fn serve(group: Socket, parent: Pid, permit: ForkPermit) -> ! {
    let errno = serve_until_end(None, Some(group), parent, move || Some(permit));
    exit_now(errno as i32)
}

/// Serves as a zygote, and runs the workers that are forked from it. Returns only if it could not
/// serve. The signals that may reach the program's whole process group must be blocked, and stay
/// so: they are for the program. A worker unblocks them once it has set its handlers.
///
/// New groups arrive by `root`; without it the zygote serves its one `group` and ends with it.
fn serve_until_end(
    root: Option<Socket>,
    group: Option<Socket>,
    parent: Pid,
    may_fork: impl Fn() -> Option<ForkPermit>,
) -> Errno {
    signals::prepare();
    process::detach_stdin();
    process::adopt_orphans();
    if root.is_none() {
        exit::mark_start();
    }
    process::set_title(TITLE);
    let outcome = Server::new(root, group, parent, may_fork).and_then(Server::run);
    match outcome {
        // This is the child: all descriptors of the zygote are closed by now.
        Ok(Some((fds, zygote))) => {
            die_with(zygote);
            signals::accept_signals_of_zygote();
            worker::run(fds)
        }
        Ok(None) => exit_now(0),
        Err(errno) => errno,
    }
}
