//! The zygote's loop: forks workers, reaps them and reports how each ended.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, getpid, getppid};

use crate::bootstrap::{self, Failure, Role};
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::sys::executable::Executable;
use crate::sys::exit::{Lifeline, kill_at_end, signal_at_end};
use crate::sys::launch::Run;
use crate::sys::poll::timeout;
use crate::sys::process::{self, ForkPermit};
use crate::sys::socket::{Received, Socket};
use crate::worker::WorkerFds;
use crate::zygote::descendants::{ChildSignal, Orphans};
use crate::zygote::group::{Worker, WorkerGroup};
use crate::zygote::{self, MAX_MESSAGE_LEN, Report, Request};

/// The state of a zygote. `M` returns a permit to fork, if that is possible.
pub(super) struct Server<M> {
    root: Option<Socket>,
    groups: Vec<WorkerGroup>,
    orphans: Orphans,
    /// Has the kernel kill the workers when this process ends.
    lifeline: Lifeline,
    /// Readable once the program has ended, in whichever way, and whichever process has copies of
    /// its sockets.
    parent: OwnedFd,
    children: ChildSignal,
    may_fork: M,
}

/// In a forked child: its descriptors, and the zygote's pid.
pub(super) type Child = Option<(WorkerFds, Pid)>;

impl<M: Fn() -> Option<ForkPermit>> Server<M> {
    pub(super) fn new(root: Option<Socket>, group: Option<Socket>, parent: Pid, may_fork: M) -> nix::Result<Self> {
        let children =
            if may_fork().is_some() { ChildSignal::for_single_thread()? } else { ChildSignal::for_threads()? };
        let pidfd = process::open_pidfd(parent)?;
        if getppid() != parent {
            // The program ended before the descriptor was opened, which may thus be of another
            // process.
            return Err(Errno::ESRCH);
        }
        if let Some(socket) = root.as_ref().or(group.as_ref()) {
            // Should this process be stopped when the program ends, it has to go on, or its workers
            // never end.
            let _ = signal_at_end(socket.as_fd(), Signal::SIGCONT);
        }
        let groups = group.into_iter().map(WorkerGroup::new).collect();
        let (orphans, lifeline) = (Orphans::default(), Lifeline::new()?);
        Ok(Self { root, groups, orphans, lifeline, parent: pidfd, children, may_fork })
    }

    /// Serves until there are no more groups and no root. Returns `Some` in each forked child.
    pub(super) fn run(mut self) -> nix::Result<Child> {
        while self.root.is_some() || !self.groups.is_empty() {
            let ready = self.wait()?;
            if ready.parent_ended {
                break;
            }
            if ready.child_ended {
                self.reap();
            }
            if ready.root {
                self.receive_groups();
            }
            for at in ready.groups {
                if let Some(child) = self.receive_requests(at) {
                    return Ok(Some(child));
                }
            }
            self.kill_new();
            self.groups.retain(|group| !group.is_done());
        }
        self.end();
        Ok(None)
    }

    /// Kills all workers, and the orphans that are to end with them.
    fn end(&mut self) {
        self.record_orphans();
        self.groups.iter_mut().for_each(WorkerGroup::kill_all);
        while self.groups.iter().any(|group| !group.workers.is_empty()) || self.orphans.is_killing() {
            // Only the ends of children are waited for, and the end of the time to kill orphans.
            let mut fds = [PollFd::new(self.children.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut fds, timeout(self.orphans.time_left()));
            self.reap();
            self.kill_new();
        }
    }

    /// Returns the pids of all workers, and of those whose orphans are to be killed with them.
    fn workers(&self) -> (BTreeSet<Pid>, BTreeSet<Pid>) {
        let workers = || self.groups.iter().flat_map(|group| group.workers.values());
        let ends = workers().filter(|worker| !worker.keep);
        (workers().map(|worker| worker.pid).collect(), ends.map(|worker| worker.pid).collect())
    }

    /// Records the orphans there are. Must be called before a worker is killed.
    fn record_orphans(&mut self) {
        let is_dying = |group: &WorkerGroup| group.workers.values().any(|worker| worker.killed);
        if self.orphans.is_killing() || self.groups.iter().any(is_dying) {
            // What turns up now has most likely come from a worker that was killed.
            return;
        }
        let (workers, origins) = self.workers();
        self.orphans.record(&workers, &origins);
    }

    /// Kills the processes that killed workers had started, then sends the reports of their end.
    fn kill_new(&mut self) {
        if self.orphans.is_killing() {
            let (workers, _) = self.workers();
            self.orphans.kill_new(&workers);
        }
        if !self.orphans.is_killing() {
            self.groups.iter_mut().for_each(WorkerGroup::release);
        }
    }

    fn wait(&self) -> nix::Result<Ready> {
        let mut fds = vec![
            PollFd::new(self.parent.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.children.as_fd(), PollFlags::POLLIN),
        ];
        for group in &self.groups {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::POLLIN, !group.orphaned);
            flags.set(PollFlags::POLLOUT, group.has_unsent());
            // An orphaned group's socket would be ready for ever; it only waits for its workers'
            // end.
            let fd = if flags.is_empty() { self.children.as_fd() } else { group.channel.as_fd() };
            fds.push(PollFd::new(fd, flags));
        }
        if let Some(root) = &self.root {
            fds.push(PollFd::new(root.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut fds, timeout(self.orphans.time_left())) {
            Err(Errno::EINTR) | Ok(_) => {}
            Err(error) => return Err(error),
        }
        let any = |fd: &PollFd<'_>| fd.any().unwrap_or(true);
        let groups = self.groups.len();
        Ok(Ready {
            parent_ended: any(&fds[0]),
            child_ended: any(&fds[1]),
            groups: (0..groups).filter(|at| any(&fds[2 + at])).collect(),
            root: fds.get(2 + groups).is_some_and(any),
        })
    }

    /// Reaps the children that have ended and reports them to their groups.
    fn reap(&mut self) {
        // Signals merge, so that one may stand for several children.
        self.children.drain();
        while let Ok(wait) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            let (Some(pid), Some(status)) = (wait.pid(), ExitStatus::from_wait(wait)) else { break };
            let found = self.groups.iter_mut().find_map(|group| group.find(pid).map(|worker| (group, worker)));
            let Some((group, id)) = found else {
                self.orphans.on_end(pid);
                continue;
            };
            let Some(worker) = group.workers.remove(&id) else { continue };
            group.hold(Report::Exited { worker: id, status });
            let killed = worker.killed || matches!(status, ExitStatus::Signaled(_));
            let (workers, _) = self.workers();
            self.orphans.on_worker_end(pid, killed && !worker.keep, &workers);
        }
    }

    fn receive_groups(&mut self) {
        let mut buffer = [0; MAX_MESSAGE_LEN];
        loop {
            match self.root.as_ref().map(|root| root.receive(&mut buffer)) {
                Some(Ok(Received::Message(len, mut fds))) => {
                    if zygote::decode(&buffer[..len]) == Some(Request::Open)
                        && let Some(channel) = fds.pop()
                    {
                        self.groups.push(WorkerGroup::new(Socket::from_fd(channel)));
                    }
                }
                // The pool's channel is closed, which the pool finds out.
                Some(Ok(Received::Truncated(_))) => {}
                Some(Ok(Received::Nothing)) | None => return,
                Some(Ok(Received::End) | Err(_)) => {
                    self.root = None;
                    self.record_orphans();
                    self.groups.iter_mut().for_each(WorkerGroup::kill_all);
                }
            }
        }
    }

    fn receive_requests(&mut self, at: usize) -> Child {
        let mut buffer = [0; MAX_MESSAGE_LEN];
        self.groups[at].flush();
        loop {
            let group = &mut self.groups[at];
            let received = match group.channel.receive(&mut buffer) {
                // A worker cannot be started without its descriptors, and is refused.
                Ok(Received::Truncated(len)) => Ok(Received::Message(len, Vec::new())),
                received => received,
            };
            match received {
                Ok(Received::Message(len, fds)) => match zygote::decode(&buffer[..len]) {
                    // The program uses the number of a running worker for no other: this isn't its
                    // request.
                    Some(Request::Start { worker, .. }) if group.workers.contains_key(&worker) => {}
                    Some(Request::Start { worker, exec, keep }) => {
                        if let Some(child) = self.start(at, worker, (exec, keep), fds) {
                            return Some(child);
                        }
                    }
                    Some(Request::Signal { worker, signal, handled }) => {
                        self.record_orphans();
                        self.groups[at].signal(worker, signal, handled);
                    }
                    Some(Request::Open) | None => {}
                },
                Ok(Received::Nothing) => return None,
                Ok(Received::End | Received::Truncated(_)) | Err(_) => {
                    self.record_orphans();
                    self.groups[at].kill_all();
                    return None;
                }
            }
        }
    }

    /// Forks a worker, or execs it. Returns `Some` in a forked child.
    fn start(&mut self, at: usize, worker: u64, (exec, keep): (bool, bool), fds: Vec<OwnedFd>) -> Child {
        let Ok([segment, notifier, handles]) = <[OwnedFd; 3]>::try_from(fds) else {
            self.groups[at].report(Report::Refused { worker, errno: Errno::EMFILE as i32 });
            return None;
        };
        let zygote = getpid();
        let lifeline = self.lifeline.open().ok();
        let started = match self.fork_permit() {
            Some(permit) if !exec => match process::fork(permit) {
                Ok(None) => {
                    process::set_title("mp-worker");
                    // Without it there is still the parent-death signal.
                    let lifeline = lifeline.filter(|lifeline| kill_at_end(lifeline.as_fd()).is_ok());
                    return Some((WorkerFds { segment, notifier, handles, lifeline }, zygote));
                }
                Ok(Some(pid)) => Ok(pid),
                Err(errno) => Err(errno),
            },
            _ => execute(&WorkerFds { segment, notifier, handles, lifeline }),
        };
        match started {
            Ok(pid) => {
                self.groups[at].workers.insert(worker, Worker { pid, keep, killed: false });
                self.groups[at].report(Report::Started { worker, pid: pid.as_raw() as u32 });
            }
            Err(errno) => self.groups[at].report(Report::Refused { worker, errno: errno as i32 }),
        }
        None
    }

    /// Returns a permit to fork, if there is no other thread. Checks at each call: a thread may
    /// start late. Once there was one, the handler is installed that a copy must not have.
    fn fork_permit(&mut self) -> Option<ForkPermit> {
        if self.children.uses_handler() {
            return None;
        }
        let permit = (self.may_fork)();
        if permit.is_none()
            && let Ok(children) = ChildSignal::for_threads()
        {
            self.children = children;
            // Another thread may have taken the signal of a child that ended meanwhile.
            self.reap();
        }
        permit
    }
}

/// Starts a worker by exec.
fn execute(WorkerFds { segment, notifier, handles, lifeline }: &WorkerFds) -> nix::Result<Pid> {
    let prepare = || {
        let program = Executable::own()?;
        bootstrap::write(segment, Role::Worker, program.build)?;
        let lifeline = lifeline.as_ref().map(AsFd::as_fd);
        Run::prepare(program, segment.as_fd(), [notifier.as_fd(), handles.as_fd()], lifeline)
    };
    let run = prepare().map_err(|error| match error {
        Error::Io { source, .. } => Errno::from_raw(source.raw_os_error().unwrap_or(Errno::EIO as i32)),
        _ => Errno::ENOEXEC,
    })?;
    run.fork(|bootstrap, errno| bootstrap::fail(bootstrap, Failure::Exec(errno)), 72)
}

/// The events that [`Server::wait`] found.
struct Ready {
    parent_ended: bool,
    child_ended: bool,
    groups: Vec<usize>,
    root: bool,
}
