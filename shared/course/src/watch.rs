//! Watches a program without a pool from outside: records when each of its threads and children
//! started and ended.
//!
//! The watcher is this program, started a second time, and not a thread: a program with a second
//! thread may not fork itself, which is what some examples are about.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::parent_id;
use std::process::{self, Child, Command, ExitCode, Stdio};
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::processes::{self, Process};
use crate::timeline::Span;

/// A variable in the environment of a watcher.
const VARIABLE: &str = "LESSON_WATCHER";

/// Time between two looks, in milliseconds.
const PERIOD: u16 = 1;

/// A running watcher.
pub(crate) struct Watch {
    watcher: Child,
}

impl Watch {
    /// Starts to watch this process.
    pub(crate) fn start() -> io::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        let mut watcher = command.env(VARIABLE, "1").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        // One byte, sent when the watcher has started.
        watcher.stdout.as_mut().map_or(Ok(()), |answer| answer.read_exact(&mut [0]))?;
        Ok(Self { watcher })
    }

    /// Ends the watch. Returns one span for each thread and child, with times in nanoseconds after
    /// `zero`, the start of the watch.
    pub(crate) fn finish(mut self, zero: u64) -> io::Result<Vec<Span<'static>>> {
        if let Some(mut orders) = self.watcher.stdin.take() {
            // Closing it would not be enough: a child of the example may have a copy.
            orders.write_all(b".")?;
        }
        let mut answer = String::new();
        if let Some(mut output) = self.watcher.stdout.take() {
            output.read_to_string(&mut answer)?;
        }
        self.watcher.wait()?;
        Ok(answer.lines().filter_map(|line| span(line, zero)).collect())
    }
}

/// Watches the parent, if this process was started as a watcher. Returns its exit code.
pub(crate) fn keep() -> Option<ExitCode> {
    env::var_os(VARIABLE)?;
    let kept = watch_parent();
    Some(if kept.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn watch_parent() -> io::Result<()> {
    let mut watcher = Watcher::new(parent_id());
    let mut out = io::stdout();
    out.write_all(b"!")?;
    out.flush()?;
    let start = Instant::now();
    let input = io::stdin();
    loop {
        watcher.look(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
        let mut orders = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
        // The order to end, or the end of the process that sends it.
        if poll(&mut orders, PollTimeout::from(PERIOD))? > 0 {
            break;
        }
    }
    for ((kind, number), Seen { place, what, since, until }) in watcher.seen {
        writeln!(out, "{kind}-{place} {number} {since} {until} {what}")?;
    }
    Ok(())
}

/// A watched process, and what was seen of it so far.
struct Watcher {
    watched: u32,
    /// The process that is watched and all below it.
    descendants: BTreeSet<u32>,
    /// Unrelated processes, each looked up once: a look has to be quick to see a process that lives
    /// for a moment.
    others: BTreeSet<u32>,
    /// What was seen, by kind and number.
    seen: BTreeMap<(&'static str, u32), Seen>,
}

/// A thread or a child, with the first and the last time that it was seen, in nanoseconds.
struct Seen {
    place: usize,
    what: String,
    since: u64,
    until: u64,
}

impl Watcher {
    fn new(watched: u32) -> Self {
        let (descendants, others) = (BTreeSet::from([watched]), BTreeSet::from([process::id()]));
        Self { watched, descendants, others, seen: BTreeMap::new() }
    }

    fn look(&mut self, now: u64) {
        for thread in processes::threads(self.watched) {
            if thread != self.watched {
                self.note(("thread", thread), "thread", now);
            }
        }
        for pid in processes::all() {
            if pid == self.watched || self.others.contains(&pid) {
                continue;
            }
            let Some(process) = Process::of(pid) else { continue };
            if !self.descendants.contains(&pid) && !self.descendants.contains(&process.parent) {
                self.others.insert(pid);
            } else if self.descendants.insert(pid) || process.state != 'Z' {
                self.note(("child", pid), &process.name, now);
            }
        }
    }

    fn note(&mut self, (kind, number): (&'static str, u32), what: &str, now: u64) {
        let place = 1 + self.seen.keys().filter(|(of, _)| *of == kind).count();
        let entry = self.seen.entry((kind, number));
        let seen = entry.or_insert_with(|| Seen { place, what: String::new(), since: now, until: now });
        // A child is its parent's copy until it executes something.
        (seen.what, seen.until) = (what.to_owned(), now);
    }
}

fn span(line: &str, zero: u64) -> Option<Span<'static>> {
    let mut parts = line.splitn(5, ' ');
    let name = parts.next()?.to_owned().into();
    let pid = parts.next()?.parse().ok()?;
    let mut time = || Some(zero + parts.next()?.parse::<u64>().ok()?);
    let (start, end) = (time()?, time()?);
    let function = parts.next()?.to_owned().into();
    Some(Span { task: 0, function, name, pid, start, end, failed: false })
}
