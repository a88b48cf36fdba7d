//! The ways in which a worker can die, and what each may cost: one task.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use multiproc::{Error, Executor, ExitStatus, Pool, PoolBuilder, Result, StartMethod};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::{pids, square, squares};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Death {
    Panic,
    ExitZero,
    ExitThree,
    Abort,
    Kill,
    Segfault,
    StackOverflow,
    OutOfMemory,
}

const PANIC_LINE: u32 = line!() + 6;

impl Death {
    pub(crate) fn die(self) -> ! {
        match self {
            Self::Panic => {
                panic!("{self:?} at the disco");
            }
            Self::ExitZero => std::process::exit(0),
            Self::ExitThree => std::process::exit(3),
            Self::Abort => std::process::abort(),
            Self::Kill => kill(Pid::this(), Signal::SIGKILL).map_or_else(|_| unreachable!(), |()| wait_for_it()),
            Self::Segfault => fault(),
            Self::StackOverflow => {
                be_quiet();
                black_box(descend(black_box(0)));
                unreachable!("a stack without end")
            }
            Self::OutOfMemory => {
                be_quiet();
                black_box(vec![1u8; 1 << 30]);
                unreachable!("memory without end")
            }
        }
    }

    /// A death that leaves the worker alive.
    fn is_survived(self) -> bool {
        self == Self::Panic
    }

    fn accepts(self, exit: ExitStatus) -> bool {
        match self {
            Self::Panic => false,
            Self::ExitZero => exit == ExitStatus::Exited(0),
            Self::ExitThree => exit == ExitStatus::Exited(3),
            Self::Abort | Self::OutOfMemory => exit.signal_name() == Some("SIGABRT"),
            Self::Kill => exit.signal_name() == Some("SIGKILL"),
            Self::Segfault => exit.signal_name() == Some("SIGSEGV"),
            // Where the standard library has its handler in place, it prints a line and aborts.
            Self::StackOverflow => matches!(exit.signal_name(), Some("SIGSEGV" | "SIGABRT")),
        }
    }

    /// A pool in which this death is possible.
    pub(crate) fn pool(self, method: StartMethod) -> PoolBuilder {
        let builder = Pool::builder().processes(2).start_method(method);
        if self == Self::OutOfMemory { builder.memory_limit(512 << 20) } else { builder }
    }
}

/// Keeps the standard library's last words out of the tests' output.
fn be_quiet() {
    let null = std::fs::File::options().write(true).open("/dev/null").unwrap();
    nix::unistd::dup2_stderr(null).unwrap();
}

fn wait_for_it() -> ! {
    loop {
        thread::park();
    }
}

#[allow(unsafe_code, reason = "the fault must be a real one: a raised signal would return")]
fn fault() -> ! {
    let nowhere = std::ptr::without_provenance_mut::<u8>(8);
    // SAFETY: none. The first page is never mapped, and the process ends here, as it should.
    unsafe { nowhere.write_volatile(1) };
    unreachable!("the first page is mapped")
}

#[allow(unconditional_recursion, reason = "that is the point")]
fn descend(depth: u64) -> u64 {
    let room = black_box([depth; 64]);
    descend(depth + 1) + room[(depth % 64) as usize]
}

/// How long a failing task runs before it dies.
const BEFORE: Duration = Duration::from_millis(10);

/// A number to square, and perhaps how to die instead.
type Item = (u64, Option<Death>);

fn risky((n, death): Item) -> u64 {
    if let Some(death) = death {
        thread::sleep(BEFORE);
        death.die();
    }
    square(n)
}

const ITEMS: u64 = 20;
const FAILING: u64 = 7;

fn items(death: Death) -> impl ExactSizeIterator<Item = Item> + Clone {
    (0..ITEMS as u32).map(move |n| (n.into(), (u64::from(n) == FAILING).then_some(death)))
}

/// The pool and the time before a call in which a task dies.
struct Before {
    pids: Vec<u32>,
    submitted: u64,
    lost: u64,
    time: Instant,
}

impl Before {
    fn new(pool: &Pool) -> Self {
        let pids = pids(pool);
        let stats = pool.statistics();
        Self { pids, submitted: stats.submitted, lost: stats.workers_lost, time: Instant::now() }
    }

    /// Checks the failure of the call's task at `position`, and that it was the only loss.
    fn check(&self, pool: &Pool, death: Death, position: u64, error: &Error) {
        let pid = assert_died(death, error, self.submitted + position, self.time.elapsed());
        assert!(self.pids.contains(&pid), "{pid} was none of {:?}", self.pids);
        assert_eq!(pool.statistics().workers_lost - self.lost, u64::from(!death.is_survived()));
        assert_eq!(pids(pool).contains(&pid), death.is_survived());
    }
}

/// Checks that `error` tells of this death in all detail. Returns the pid it names.
pub(crate) fn assert_died(death: Death, error: &Error, number: u64, elapsed: Duration) -> u32 {
    match error {
        Error::Panicked { message, location, pid, .. } => {
            assert_eq!((death, &**message), (Death::Panic, "Panic at the disco"));
            let place = location.as_deref().unwrap();
            assert!(place.starts_with(&format!("{}:{PANIC_LINE}:", file!())), "{place}");
            *pid
        }
        Error::WorkerLost { pid, exit, task, ran_for, .. } => {
            assert!(death.accepts(*exit), "{death:?} was reported as {exit}");
            assert_eq!(*task, number, "{death:?}");
            // A worker that loses its CPU between two tasks counts that time to the second one.
            let max = elapsed.saturating_add(Duration::from_secs(1));
            assert!((BEFORE..=max).contains(ran_for), "{ran_for:?} of {elapsed:?}");
            let text = error.to_string();
            assert!(text.contains(&format!("pid {pid}")) && text.contains(&exit.to_string()), "{text}");
            *pid
        }
        other => panic!("{death:?} was reported as {other:?}"),
    }
}

/// A task dies in each kind of call: it alone fails, the others are right, and the pool goes on.
pub(crate) fn a_death_costs_one_task(death: Death, method: StartMethod) -> Result<()> {
    let pool = death.pool(method).build()?;

    let before = Before::new(&pool);
    before.check(&pool, death, 0, &pool.apply(risky, ((FAILING, Some(death)),)).unwrap_err());
    assert_eq!(pool.apply(square, (3,))?, 9);

    let before = Before::new(&pool);
    before.check(&pool, death, FAILING, &pool.map(risky, items(death)).unwrap_err());
    assert_eq!(pool.map(square, 0..ITEMS)?, squares(ITEMS));

    let before = Before::new(&pool);
    before.check(&pool, death, FAILING, &pool.with_chunksize(5).map(risky, items(death)).unwrap_err());

    let before = Before::new(&pool);
    before.check(&pool, death, FAILING, &pool.map_async(risky, items(death)).get().unwrap_err());

    let before = Before::new(&pool);
    let results: Vec<_> = items(death).map(|item| pool.apply_async(risky, (item,))).collect();
    before.check(&pool, death, FAILING, &only_failure(results.into_iter().map(|result| result.get())));

    for chunksize in [1, 5, ITEMS as usize] {
        let before = Before::new(&pool);
        let error = only_failure(pool.with_chunksize(chunksize).imap(risky, items(death)));
        before.check(&pool, death, FAILING, &error);

        let before = Before::new(&pool);
        let (right, mut wrong): (Vec<_>, Vec<_>) =
            pool.with_chunksize(chunksize).imap_unordered(risky, items(death)).partition(|result| result.is_ok());
        let mut right: Vec<u64> = right.into_iter().flatten().collect();
        right.sort_unstable();
        assert_eq!(right, (0..ITEMS).filter(|n| *n != FAILING).map(square).collect::<Vec<_>>());
        assert_eq!(wrong.len(), 1);
        before.check(&pool, death, FAILING, &wrong.remove(0).unwrap_err());
    }

    assert_eq!(pool.map(square, 0..100)?, squares(100));
    let stats = pool.statistics();
    assert_eq!((stats.failed, stats.completed), (11, stats.submitted - 11));
    Ok(())
}

/// The error of the failing item. The others must be right.
fn only_failure(results: impl Iterator<Item = Result<u64>>) -> Error {
    let mut failure = None;
    for (n, result) in (0..).zip(results) {
        match result {
            Ok(value) => assert_eq!((value, n != FAILING), (square(n), true)),
            Err(error) => assert_eq!((n, failure.replace(error).is_none()), (FAILING, true), "{failure:?}"),
        }
    }
    failure.expect("one failure")
}
