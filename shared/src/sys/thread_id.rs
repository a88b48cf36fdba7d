//! The identity of a thread, in words that other processes can check: the process that it belongs
//! to, and whether that still runs. Whether the thread itself runs is not checked: what it holds
//! may be in use by other threads of its process.
//!
//! A process' number alone is not enough: the kernel gives it to another process later, and a
//! process keeps it when it replaces itself by another program. So the word also holds when the
//! process was started and where the stack of its program begins, which the kernel places anew for
//! each program. Both are in `/proc`; what cannot be read there counts as the same, so that a
//! process is never taken for ended while it runs. A stopped process runs.
#![allow(unsafe_code)]

use std::cell::Cell;

use nix::errno::Errno;
use nix::libc;
use nix::sys::stat::stat;
use nix::unistd::{Pid, gettid};

use crate::sys::now_ns;
use crate::sys::pid::{fork_count, own_pid};
use crate::sys::proc_stat::ProcStat;

/// The bits of a word that are a process' number; pids have 22 bits (`PID_MAX_LIMIT` in
/// `include/linux/threads.h`).
const NUMBER: u64 = (1 << 30) - 1;

/// The highest bit of the word's lower half, which is no part of a process' identity.
pub(crate) const SPARE_BIT: u64 = 1 << 31;

/// In the upper half: the start and the stack are known.
const KNOWN: u64 = 1 << 63;
/// The upper half, where `/proc` could not be read.
const UNKNOWN: u64 = 1 << 32;
const UPPER: u64 = !0 << 32;

/// 19 bits of the time of the start, in hundredths of a second.
const START: (u64, u32) = ((1 << 19) - 1, 44);
/// 12 bits of a hash of the stack's address, 0 if that is not known.
const STACK: (u64, u32) = ((1 << 12) - 1, 32);

/// Nanoseconds for which a process that was found running is taken to run on: reading `/proc` takes
/// some microseconds.
const FRESH_NS: u64 = 10_000_000;

/// The name of a thread for other processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ThreadId {
    /// The thread's process: number, start and stack.
    pub(crate) process: u64,
    /// The thread's number, which no other thread has as long as it runs.
    pub(crate) number: u32,
    /// The namespaces in which these are valid: in others, numbers and times differ.
    pub(crate) space: u32,
}

thread_local! {
    /// This thread, and the count of forks when it was found.
    static OWN: Cell<(u32, ThreadId)> = const { Cell::new((0, ThreadId { process: 0, number: 0, space: 0 })) };
    /// Other processes that were found running, and when.
    static FRESH: Cell<[(u64, u64); 8]> = const { Cell::new([(0, 0); 8]) };
}

impl ThreadId {
    /// Returns the calling thread.
    #[inline]
    pub(crate) fn own() -> Self {
        let (forks, own) = OWN.get();
        if forks == fork_count() && forks != 0 { own } else { Self::ask() }
    }

    #[cold]
    fn ask() -> Self {
        // One of another namespace's `/proc` would have another number for this process.
        let stat = ProcStat::own().filter(|stat| stat.pid.as_raw().cast_unsigned() == own_pid());
        let process = u64::from(own_pid()) | stat.map_or(UNKNOWN, |stat| upper_half(&stat));
        let inode = |name: &str| stat_inode(&format!("/proc/self/ns/{name}"));
        // The kernel numbers namespaces one after the other, so that the sum of one number and a
        // multiple of another differs with either.
        let space = inode("pid").wrapping_add(inode("time").wrapping_mul(0x9e37_79b1));
        let own = Self { process, number: gettid().as_raw().unsigned_abs(), space };
        OWN.set((fork_count(), own));
        own
    }

    /// Returns whether `word` names this thread's process.
    pub(crate) fn is_of(self, word: u64) -> bool {
        let [upper, own] = [word & UPPER, self.process & UPPER];
        (word ^ self.process) & NUMBER == 0 && (upper == own || upper == UNKNOWN || own == UNKNOWN)
    }
}

fn stat_inode(path: &str) -> u32 {
    stat(path).map_or(0, |facts| facts.st_ino as u32)
}

/// Returns whether the process that `word` names has ended. Valid in its [`space`](ThreadId::space)
/// only. A word that no process can have written names an ended one.
pub(crate) fn has_ended(word: u64) -> bool {
    let (number, upper) = (word & NUMBER, word & UPPER);
    if number == 0 || (upper & KNOWN == 0 && upper != UNKNOWN) || !exists(number) {
        return true;
    }
    let (now, word) = (now_ns(), word & !SPARE_BIT);
    let mut fresh = FRESH.get();
    if fresh.iter().any(|(other, since)| *other == word && now.saturating_sub(*since) < FRESH_NS) {
        return false;
    }
    let own = ThreadId::own();
    if own.process & UPPER == UNKNOWN {
        return false;
    }
    let pid = Pid::from_raw(number as i32);
    let stat = ProcStat::of(pid).filter(|stat| stat.pid == pid);
    if stat.is_some_and(|stat| stat.has_ended() || differs(&stat, upper)) {
        return true;
    }
    fresh.rotate_right(1);
    fresh[0] = (word, now);
    FRESH.set(fresh);
    false
}

/// Returns whether there is a process of this number. One that has ended may still be there, until
/// its parent reaps it.
fn exists(number: u64) -> bool {
    // SAFETY: signal 0 is not sent; the kernel only looks for the first thread.
    let outcome = unsafe { libc::syscall(libc::SYS_tkill, number as libc::pid_t, 0) };
    outcome == 0 || Errno::last() != Errno::ESRCH
}

/// Returns the upper half of the word of a process.
fn upper_half(stat: &ProcStat) -> u64 {
    let stack = if stat.stack == 0 { 0 } else { (stat.stack >> 4) % STACK.0 + 1 };
    KNOWN | (stat.start & START.0) << START.1 | stack << STACK.1
}

/// Returns whether this is another process or program than the one whose word has this upper half,
/// as far as is known.
fn differs(stat: &ProcStat, upper: u64) -> bool {
    let part = |(mask, shift): (u64, u32), word: u64| word >> shift & mask;
    let own = upper_half(stat);
    let stacks = [part(STACK, own), part(STACK, upper)];
    upper != UNKNOWN && (part(START, own) != part(START, upper) || (!stacks.contains(&0) && stacks[0] != stacks[1]))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::{Child, Command, Stdio};
    use std::thread;

    use super::*;

    fn word_of(number: u32) -> u64 {
        u64::from(number) | upper_half(&ProcStat::of(Pid::from_raw(number.cast_signed())).unwrap())
    }

    #[test]
    fn threads_differ_by_their_numbers_alone() {
        let own = ThreadId::own();
        let other = thread::spawn(ThreadId::own).join().unwrap();
        assert!(own.number != other.number && own.space == other.space);
        assert!(own.is_of(other.process) && !has_ended(other.process | SPARE_BIT));
    }

    #[test]
    fn process_of_the_same_number_is_another_one() {
        let own = ThreadId::own();
        for bit in [START.1, START.1 + 18] {
            let earlier = own.process ^ 1 << bit;
            assert!(!own.is_of(earlier) && has_ended(earlier), "bit {bit}");
        }
        assert!(has_ended(own.process & NUMBER) && has_ended(0) && has_ended(u64::MAX) && has_ended(1));
        assert!(!has_ended(own.process & NUMBER | UNKNOWN));
    }

    /// A shell that runs by now: before it does, its stack may not be where it will be.
    fn shell(script: &str) -> (Child, u64) {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("echo ready; {script}")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        child.stdout.take().unwrap().read_exact(&mut [0; 6]).unwrap();
        let word = word_of(child.id());
        assert!(!has_ended(word));
        (child, word)
    }

    #[test]
    fn process_that_nobody_has_waited_for_has_ended() {
        let (mut child, word) = shell("read line");
        child.kill().unwrap();
        while !has_ended(word) {
            thread::yield_now();
        }
        child.wait().unwrap();
        assert!(has_ended(word));
    }

    #[test]
    fn other_program_of_the_same_process_is_another_one() {
        let (mut child, word) = shell("read line; exec sleep 1000");
        drop(child.stdin.take());
        while !has_ended(word) {
            thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
