//! The nursery's own loop.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, getpid, getppid};
use rustix::process::{PidfdFlags, pidfd_open};

use crate::exit::ExitStatus;
use crate::nursery::message::{self, MOST_BYTES, Report, Request};
use crate::sys::process::{self, ForkPermit};
use crate::sys::socket::{Received, Socket};
use crate::ticket::{self, Role};
use crate::worker::{self, Seed};

/// The life of a nursery made by exec: serves, and ends the process.
pub(crate) fn serve_executed(root: OwnedFd, parent: u32) -> ! {
    process::close_from(process::WORK_FDS[0] + 1);
    let Ok(permit) = ForkPermit::checked() else { process::exit_now(70) };
    serve(Some(Socket::from_fd(root)), None, Pid::from_raw(parent as i32), permit)
}

/// The life of any nursery, and of the workers that are forked from it.
///
/// `root` brings new families; without it the nursery serves its one `family` and ends with it.
pub(super) fn serve(root: Option<Socket>, family: Option<Socket>, parent: Pid, permit: ForkPermit) -> ! {
    process::reset_signals();
    process::detach_stdin();
    process::set_title("mp-nursery");
    let outcome = Server::new(root, family, parent, permit).and_then(Server::run);
    match outcome {
        // This is the child: everything of the nursery's is closed by now.
        Ok(Some((seed, nursery))) => {
            process::reset_signals();
            process::die_with(nursery);
            worker::run(seed)
        }
        Ok(None) => process::exit_now(0),
        Err(_) => process::exit_now(71),
    }
}

/// The workers of one pool, and the channel to the pool.
struct Family {
    channel: Socket,
    /// The channel's other end is closed: nobody wants the workers any more.
    orphaned: bool,
    /// Workers that live or are not reaped.
    workers: BTreeMap<u64, Pid>,
    /// Reports that the channel had no room for.
    unsent: VecDeque<Report>,
}

impl Family {
    fn new(channel: Socket) -> Self {
        Self { channel, orphaned: false, workers: BTreeMap::new(), unsent: VecDeque::new() }
    }

    fn report(&mut self, report: Report) {
        self.unsent.push_back(report);
        self.flush();
    }

    fn flush(&mut self) {
        let mut buffer = [0; MOST_BYTES];
        while let Some(report) = self.unsent.front() {
            let len = message::encode(report, &mut buffer);
            match self.channel.send(&buffer[..len], &[], false) {
                Err(Errno::EAGAIN) => return,
                // Sent, or there is nobody left to read it.
                _ => self.unsent.pop_front(),
            };
        }
    }

    fn kill_all(&self) {
        for pid in self.workers.values() {
            let _ = kill(*pid, Signal::SIGKILL);
        }
    }
}

struct Server {
    root: Option<Socket>,
    families: Vec<Family>,
    /// Readable once the program has ended, however that happened and whoever still holds its sockets.
    parent: OwnedFd,
    /// Readable when a child has ended.
    children: SignalFd,
    permit: ForkPermit,
}

/// In a forked child: what it is to work with, and the nursery's pid.
type Child = Option<(Seed, Pid)>;

impl Server {
    fn new(root: Option<Socket>, family: Option<Socket>, parent: Pid, permit: ForkPermit) -> nix::Result<Self> {
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGCHLD);
        mask.thread_block()?;
        // A terminal or systemd may tell all of a program's processes to end or to reload. If the nursery ended then, its
        // workers would be killed before the program could do what it means to. Blocked and not ignored, so that a fresh
        // worker, which is like the nursery until it has come to itself, loses no signal that is meant for it.
        let group: SigSet = [Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
        group.thread_block()?;
        let children = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let pid = rustix::process::Pid::from_raw(parent.as_raw()).ok_or(Errno::ESRCH)?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).map_err(|error| Errno::from_raw(error.raw_os_error()))?;
        if getppid() != parent {
            // The program ended before the descriptor was opened, which may thus be of another process.
            return Err(Errno::ESRCH);
        }
        let families = family.into_iter().map(Family::new).collect();
        Ok(Self { root, families, parent: pidfd, children, permit })
    }

    /// Serves until nobody is left to serve. Comes back with `Some` in each forked child.
    fn run(mut self) -> nix::Result<Child> {
        while self.root.is_some() || !self.families.is_empty() {
            let ready = self.wait()?;
            if ready.parent_ended {
                break;
            }
            if ready.child_ended {
                self.reap();
            }
            if ready.root {
                self.hear_root();
            }
            for at in ready.families {
                if let Some(child) = self.hear_family(at) {
                    return Ok(Some(child));
                }
            }
            self.families.retain(|family| !(family.orphaned && family.workers.is_empty()));
        }
        for family in &self.families {
            family.kill_all();
        }
        while waitpid(None, None).is_ok() {}
        Ok(None)
    }

    fn wait(&self) -> nix::Result<Ready> {
        let mut fds = vec![
            PollFd::new(self.parent.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.children.as_fd(), PollFlags::POLLIN),
        ];
        for family in &self.families {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::POLLIN, !family.orphaned);
            flags.set(PollFlags::POLLOUT, !family.unsent.is_empty());
            // An orphaned family's socket would be ready for ever; it only waits for its workers' end.
            let fd = if flags.is_empty() { self.children.as_fd() } else { family.channel.as_fd() };
            fds.push(PollFd::new(fd, flags));
        }
        if let Some(root) = &self.root {
            fds.push(PollFd::new(root.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut fds, PollTimeout::NONE) {
            Err(Errno::EINTR) | Ok(_) => {}
            Err(error) => return Err(error),
        }
        let any = |fd: &PollFd<'_>| fd.any().unwrap_or(true);
        let families = self.families.len();
        Ok(Ready {
            parent_ended: any(&fds[0]),
            child_ended: any(&fds[1]),
            families: (0..families).filter(|at| any(&fds[2 + at])).collect(),
            root: fds.get(2 + families).is_some_and(any),
        })
    }

    /// Collects the children that have ended and says so to their families.
    fn reap(&mut self) {
        // The descriptor only wakes us: signals merge, so the children are asked after until none is left.
        while let Ok(Some(_)) = self.children.read_signal() {}
        while let Ok(wait) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            let (Some(pid), Some(status)) = (wait.pid(), ExitStatus::from_wait(wait)) else { break };
            let of = |family: &Family| family.workers.iter().find(|(_, child)| **child == pid).map(|(id, _)| *id);
            let found = self.families.iter_mut().find_map(|family| of(family).map(|worker| (family, worker)));
            if let Some((family, worker)) = found {
                family.workers.remove(&worker);
                family.report(Report::Exited { worker, status });
            }
        }
    }

    fn hear_root(&mut self) {
        let mut buffer = [0; MOST_BYTES];
        loop {
            match self.root.as_ref().map(|root| root.receive(&mut buffer)) {
                Some(Ok(Received::Message(len, mut fds))) => {
                    if message::decode(&buffer[..len]) == Some(Request::Open)
                        && let Some(channel) = fds.pop()
                    {
                        self.families.push(Family::new(Socket::from_fd(channel)));
                    }
                }
                Some(Ok(Received::Nothing)) | None => return,
                Some(Ok(Received::End) | Err(_)) => {
                    self.root = None;
                    for family in &mut self.families {
                        family.orphaned = true;
                        family.kill_all();
                    }
                }
            }
        }
    }

    fn hear_family(&mut self, at: usize) -> Child {
        let mut buffer = [0; MOST_BYTES];
        self.families[at].flush();
        loop {
            let family = &mut self.families[at];
            match family.channel.receive(&mut buffer) {
                Ok(Received::Message(len, fds)) => match message::decode(&buffer[..len]) {
                    // The number of a worker that lives is not another's: who asks for it is not the program, and gets none.
                    Some(Request::Start { worker, .. }) if family.workers.contains_key(&worker) => {}
                    Some(Request::Start { worker, exec }) => {
                        if let Some(child) = self.start(at, worker, exec, fds) {
                            return Some(child);
                        }
                    }
                    Some(Request::Kill { worker, signal }) => {
                        if let (Some(pid), Ok(signal)) = (family.workers.get(&worker), Signal::try_from(signal)) {
                            let _ = kill(*pid, signal);
                        }
                    }
                    Some(Request::Open) | None => {}
                },
                Ok(Received::Nothing) => return None,
                Ok(Received::End) | Err(_) => {
                    family.orphaned = true;
                    family.kill_all();
                    return None;
                }
            }
        }
    }

    /// Forks a worker. In the child: execs it, or hands back what it is to work with.
    fn start(&mut self, at: usize, worker: u64, exec: bool, fds: Vec<OwnedFd>) -> Child {
        let Ok([segment, bell, handles]) = <[OwnedFd; 3]>::try_from(fds) else {
            self.families[at].report(Report::Refused { worker, errno: Errno::EMFILE as i32 });
            return None;
        };
        let nursery = getpid();
        match process::fork(self.permit) {
            Ok(None) => {
                process::set_title("mp-worker");
                if exec {
                    execute(segment, [bell, handles], nursery);
                }
                return Some((Seed { segment, bell, handles }, nursery));
            }
            Ok(Some(pid)) => {
                self.families[at].workers.insert(worker, pid);
                self.families[at].report(Report::Started { worker, pid: pid.as_raw() as u32 });
            }
            Err(errno) => self.families[at].report(Report::Refused { worker, errno: errno as i32 }),
        }
        None
    }
}

/// In a forked child: becomes a fresh run of the program. The parent-death signal outlives the exec.
fn execute(segment: OwnedFd, work: [OwnedFd; 2], nursery: Pid) -> ! {
    process::reset_signals();
    process::die_with(nursery);
    let _ = ticket::write(&segment, Role::Worker).and_then(|()| process::exec_self(segment, work));
    process::exit_now(72)
}

/// What [`Server::wait`] found.
struct Ready {
    parent_ended: bool,
    child_ended: bool,
    families: Vec<usize>,
    root: bool,
}
