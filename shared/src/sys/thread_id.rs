//! Who a thread is, in a word that other processes can check: which thread it was, and whether it
//! still runs.
//!
//! A number alone does not say that: the kernel gives it to another thread one day, and a process
//! keeps it when it replaces itself by another program. So the word also holds when the thread was
//! started and where the stack of its program begins, which the kernel places anew for each
//! program. Both are in `/proc`; what cannot be read there counts as the same, so that a thread is
//! never taken for ended while it runs. One that is stopped runs.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::fs::File;
use std::io::Read;

use nix::errno::Errno;
use nix::libc;
use nix::sys::stat::stat;
use nix::unistd::gettid;

use crate::sys::clock;
use crate::sys::pid::fork_count;

/// The bits of a word that are a thread's number; pids have 22 bits (`PID_MAX_LIMIT` in
/// `include/linux/threads.h`).
const NUMBER: u64 = (1 << 30) - 1;

/// The highest bit of the word's lower half, which is no part of a thread's identity.
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

/// For so many nanoseconds, a thread that was found to run is taken to run on: a look at `/proc`
/// takes some microseconds.
const FRESH_NS: u64 = 10_000_000;

/// A thread, as others can name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ThreadId {
    /// Its number, start and stack.
    pub(crate) word: u64,
    /// The namespaces in which these mean something: other processes number and time threads
    /// differently.
    pub(crate) space: u64,
}

thread_local! {
    /// This thread, and the count of forks when that was asked.
    static OWN: Cell<(u32, ThreadId)> = const { Cell::new((0, ThreadId { word: 0, space: 0 })) };
    /// Others that were found to run, and when.
    static FRESH: Cell<[(u64, u64); 8]> = const { Cell::new([(0, 0); 8]) };
}

impl ThreadId {
    /// The calling thread.
    #[inline]
    pub(crate) fn own() -> Self {
        let (forks, own) = OWN.get();
        if forks == fork_count() && forks != 0 { own } else { Self::ask() }
    }

    #[cold]
    fn ask() -> Self {
        let number = u64::from(gettid().as_raw().unsigned_abs());
        // One of another namespace's `/proc` would have another number for this thread.
        let stat = Stat::read("/proc/thread-self/stat").filter(|stat| stat.number == number);
        let word = number | stat.map_or(UNKNOWN, |stat| stat.upper());
        let inode = |name: &str| stat_inode(&format!("/proc/self/ns/{name}"));
        let own = Self { word, space: inode("pid") | inode("time") << 32 };
        OWN.set((fork_count(), own));
        own
    }

    /// Whether `word` names this thread.
    pub(crate) fn is(self, word: u64) -> bool {
        (word ^ self.word) & NUMBER == 0
            && (word & UPPER == self.word & UPPER || word & UPPER == UNKNOWN || self.word & UPPER == UNKNOWN)
    }
}

fn stat_inode(path: &str) -> u64 {
    stat(path).map_or(0, |facts| facts.st_ino & u64::from(u32::MAX))
}

/// Whether the thread that `word` names has ended. To be asked in its [`space`](ThreadId::space)
/// only. What no thread can have written names none.
pub(crate) fn has_ended(word: u64) -> bool {
    let (number, upper) = (word & NUMBER, word & UPPER);
    if number == 0 || (upper & KNOWN == 0 && upper != UNKNOWN) || !exists(number) {
        return true;
    }
    let (now, word) = (clock::now_ns(), word & !SPARE_BIT);
    let mut fresh = FRESH.get();
    if fresh.iter().any(|(other, since)| *other == word && now.saturating_sub(*since) < FRESH_NS) {
        return false;
    }
    let own = ThreadId::own();
    if own.word & UPPER == UNKNOWN {
        return false;
    }
    let stat = Stat::read(&format!("/proc/{number}/stat")).filter(|stat| stat.number == number);
    if stat.is_some_and(|stat| stat.has_ended || stat.differs(upper)) {
        return true;
    }
    fresh.rotate_right(1);
    fresh[0] = (word, now);
    FRESH.set(fresh);
    false
}

/// Whether there is a thread of this number. One that has ended may still be there, until its
/// parent asks for it.
fn exists(number: u64) -> bool {
    // SAFETY: signal 0 is sent to nobody; the kernel only looks for the thread.
    let outcome = unsafe { libc::syscall(libc::SYS_tkill, number as libc::pid_t, 0) };
    outcome == 0 || Errno::last() != Errno::ESRCH
}

/// What is used of a thread's line in `/proc` (see `proc_pid_stat(5)`).
#[derive(Debug, Clone, Copy)]
struct Stat {
    number: u64,
    has_ended: bool,
    start: u64,
    /// 0 if it must not be known.
    stack: u64,
}

impl Stat {
    fn read(path: &str) -> Option<Self> {
        // Longer than the line can be up to the fields that are looked at.
        let mut bytes = [0; 1024];
        let len = File::open(path).ok()?.read(&mut bytes).ok()?;
        Self::parse(&String::from_utf8_lossy(&bytes[..len]))
    }

    /// The program's name, in parentheses, may have spaces and parentheses in it; nothing after it
    /// does.
    fn parse(line: &str) -> Option<Self> {
        let (number, _) = line.split_once(' ')?;
        let (_, rest) = line.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Self {
            number: number.parse().ok()?,
            has_ended: matches!(field(3)?, "Z" | "X" | "x"),
            start: field(22)?.parse().ok()?,
            stack: field(28)?.parse().ok()?,
        })
    }

    fn upper(&self) -> u64 {
        let stack = if self.stack == 0 { 0 } else { (self.stack >> 4) % STACK.0 + 1 };
        KNOWN | (self.start & START.0) << START.1 | stack << STACK.1
    }

    /// Whether this is another thread or program than the one whose word has this upper half, as
    /// far as can be told.
    fn differs(&self, upper: u64) -> bool {
        let part = |(mask, shift): (u64, u32), word: u64| word >> shift & mask;
        let own = self.upper();
        let stacks = [part(STACK, own), part(STACK, upper)];
        upper != UNKNOWN && (part(START, own) != part(START, upper) || (!stacks.contains(&0) && stacks[0] != stacks[1]))
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};
    use std::thread;

    use super::*;

    fn word_of(number: u32) -> u64 {
        u64::from(number) | Stat::read(&format!("/proc/{number}/stat")).unwrap().upper()
    }

    #[test]
    fn threads_have_different_words_that_last() {
        let own = ThreadId::own();
        let other = thread::spawn(ThreadId::own).join().unwrap();
        assert!(own != other && own.space == other.space && own.is(ThreadId::own().word));
        assert!(!own.is(other.word) && !has_ended(own.word | SPARE_BIT));
        while !has_ended(other.word) {
            thread::yield_now();
        }
    }

    #[test]
    fn thread_of_the_same_number_is_another_one() {
        let own = ThreadId::own();
        for bit in [START.1, START.1 + 18] {
            let former = own.word ^ 1 << bit;
            assert!(!own.is(former) && has_ended(former), "bit {bit}");
        }
        assert!(has_ended(own.word & NUMBER) && has_ended(0) && has_ended(u64::MAX) && has_ended(1));
        assert!(!has_ended(own.word & NUMBER | UNKNOWN));
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

    #[test]
    fn any_name_of_a_program_can_be_read_over() {
        let fields = (3..=52).map(|field| if field == 3 { "R".into() } else { field.to_string() });
        let line = format!("17 (a ) R (b) {}", fields.collect::<Vec<String>>().join(" "));
        let stat = Stat::parse(&line).unwrap();
        assert_eq!((stat.number, stat.has_ended, stat.start, stat.stack), (17, false, 22, 28));
        assert!(Stat::parse("17 (a) R 1 2").is_none());
    }
}
