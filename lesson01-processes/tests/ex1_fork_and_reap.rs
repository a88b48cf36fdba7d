//! The tests of exercise 1: fork, and reap.

use std::collections::BTreeSet;
use std::fs;
use std::panic;
use std::path::PathBuf;
use std::process;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use course::testing::exercise::{Attempt, assert_no_process_left, attempt, isolated, varied};
use multiproc::{Error, Process, Result};
use nix::sys::signal::{Signal, raise};
use tempfile::TempDir;

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex1_fork_and_reap.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex1_fork_and_reap.rs")]
pub mod exercise;

use exercise::fork_and_reap;

/// The code of a child that gave up waiting for the others.
const ALONE: i32 = 3;

/// The code of a child that left the function, as only the parent should.
const CAME_BACK: i32 = 4;

/// Pids and codes, as `fork_and_reap` returns them.
type Reaped = Vec<(u32, i32)>;

/// The longest time that a child waits for the others, which are forked in far less.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where the children meet, each with a file, and the code that each is to exit with.
static MEETING: OnceLock<(PathBuf, Vec<i32>)> = OnceLock::new();

/// Runs in a child: waits until all children have come, so that its code shows that they ran at the
/// same time.
fn meet(number: u32) -> i32 {
    let (place, codes) = MEETING.get().expect("set before the fork");
    fs::write(place.join(number.to_string()), process::id().to_string()).expect("the folder is there");
    let start = Instant::now();
    while (0..codes.len()).any(|other| !place.join(other.to_string()).exists()) {
        if start.elapsed() > TIMEOUT {
            return ALONE;
        }
        thread::sleep(Duration::from_millis(1));
    }
    codes[number as usize]
}

fn killed(_number: u32) -> i32 {
    raise(Signal::SIGKILL).expect("one may signal oneself");
    unreachable!("no process survives SIGKILL")
}

/// Calls the student's function. A copy of this process that comes back from it goes no further.
fn call(children: u32, work: fn(u32) -> i32) -> Reaped {
    let parent = process::id();
    let outcome = panic::catch_unwind(|| fork_and_reap(children, work));
    if process::id() != parent {
        process::exit(CAME_BACK);
    }
    let reaped = outcome.unwrap_or_else(|payload| panic::resume_unwind(payload));
    assert_no_process_left();
    reaped.expect("`fork_and_reap` returned an error")
}

fn let_one_be_killed() -> Reaped {
    call(1, killed)
}

fn let_nobody_run() -> Reaped {
    call(0, killed)
}

fn let_them_meet(place: PathBuf, codes: Vec<i32>) -> Reaped {
    let children = codes.len() as u32;
    MEETING.set((place, codes)).expect("a process does this once");
    call(children, meet)
}

/// Runs one of the three above in a process of its own, which has one thread, as a fork wants it.
fn watch(run: impl FnOnce() -> Result<Reaped> + Send + 'static) -> Attempt<Reaped> {
    attempt(|| match run() {
        Err(Error::Panicked { message, .. }) => panic!("{message}"),
        outcome => outcome.expect("the process that calls `fork_and_reap` has not ended well"),
    })
}

#[test]
fn the_children_run_at_the_same_time_and_their_codes_are_collected() {
    isolated(|| {
        for children in varied(2, 3..7) {
            let place = TempDir::new().unwrap();
            let path = place.path().to_path_buf();
            let expected: Vec<_> = varied(children as usize, 10..200).into_iter().map(|code| code as i32).collect();
            let codes = expected.clone();
            let seen = watch(|| Process::new(let_them_meet, (path, codes)).start()?.join());

            let codes: Vec<_> = seen.value.iter().map(|(_, code)| *code).collect();
            assert!(
                !codes.contains(&CAME_BACK),
                "a child went on with its parent's work: expected it to end inside of `fork_and_reap`. Hint: give what \
                 `work` returns to `process::exit`, in the branch of the child"
            );
            assert!(
                !codes.contains(&ALONE),
                "a child waited in vain for the others: expected {children} children at the same time. Hint: fork all \
                 of them before you wait for the first"
            );
            assert_eq!(
                codes, expected,
                "the codes that were returned, and those that `work` returned, for each child in the order of their \
                 numbers. Hint: wait for each child by its pid, in the order of the forks"
            );

            let pids: BTreeSet<_> = seen.value.iter().map(|(pid, _)| *pid).collect();
            assert_eq!(pids.len(), codes.len(), "every child has a pid of its own: {:?}", seen.value);
            for (number, (pid, _)) in seen.value.iter().enumerate() {
                let note = fs::read_to_string(place.path().join(number.to_string())).unwrap_or_default();
                assert_eq!(
                    note,
                    pid.to_string(),
                    "the process that ran `work({number})`, and the pid that was returned for it. Hint: the parent \
                     learns the pid of a child from `fork`"
                );
            }
        }
    });
}

#[test]
fn a_child_that_is_killed_has_the_code_minus_one() {
    isolated(|| {
        let seen = watch(|| Process::new(let_one_be_killed, ()).start()?.join());
        let codes: Vec<_> = seen.value.iter().map(|(_, code)| *code).collect();
        assert_eq!(
            codes,
            [-1],
            "the code of a child that was killed, and what was expected. Hint: `waitpid` tells a child that was killed \
             from one that exited: look at its `WaitStatus`"
        );
    });
}

#[test]
fn no_children_are_no_error() {
    isolated(|| {
        let seen = watch(|| Process::new(let_nobody_run, ()).start()?.join());
        assert_eq!(
            seen.value,
            [],
            "what was returned without children: expected nothing. Hint: there is no child to fork, and none to wait \
             for"
        );
    });
}
