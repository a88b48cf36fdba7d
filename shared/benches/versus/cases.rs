//! The rows. A new one is a function here and one line in [`all`].
//!
//! Where the sides of a row do different numbers of items, it is because a slower side would
//! otherwise take minutes; the numbers are then times an item, and every side does enough of them
//! for its start and end not to matter.

use crate::case::{
    BYTES_A_TASK, Case, KIB_A_WORKER, LIMIT, MEBIBYTES, MICROSECONDS, MILLISECONDS, NS_A_CALL, NS_AN_ITEM, OURS,
    US_A_WORKER,
};
use crate::measure::processors;
use crate::run::Run;
use crate::work::Order;
use crate::{channels, fresh, limits, ours, peers, values};

/// Bytes of a large message.
const LARGE: usize = 8 << 20;

/// Bytes of a frame.
const FRAME: usize = 1_000_000;

/// All rows, in the order in which they are measured.
pub(crate) fn all() -> Vec<Case> {
    vec![
        map_default(),
        map_chunk1(),
        imap_chunk1(),
        apply(),
        submit(),
        echo_64mib(),
        structs(),
        structs_described(),
        start("start_fork", "fork"),
        start("start_spawn", "spawn"),
        start_forkserver(),
        start_running(),
        queue(),
        pipe_small(),
        pipe_large(),
        frames(),
        primes(),
        primes_split(),
        skewed(Order::Mixed, "map of 10,000 tasks of 5 µs to 4 ms, few of them long, default chunks"),
        skewed(Order::Rising, "the same, the longest at the end"),
        skewed(Order::Falling, "the same, the longest first"),
        imap_memory(),
        outstanding(),
        workers_256(),
        worker_memory(),
        more_workers(),
        growth_items(),
        growth_bytes(),
    ]
}

fn map_default() -> Case {
    Case::new("map_default", NS_AN_ITEM, "map of a no-op over a million u64, default chunks")
        .side(OURS, |run| ours::map(run.items(1_000_000)))
        .side("cpython", |run| run.cpython("map_default", run.items(1_000_000)))
        .side("rayon", |run| peers::rayon::map(run.items(1_000_000)))
        .side(LIMIT, |run| limits::two_copies(run.items(1_000_000)))
        .goal("cpython", 30.0)
}

fn map_chunk1() -> Case {
    Case::new("map_chunk1", NS_AN_ITEM, "the same, each item a task of its own")
        .side(OURS, |run| ours::map_chunk1(run.items(200_000)))
        .side("cpython", |run| run.cpython("map_chunk1", run.items(5_000)))
        .side("procspawn", |run| peers::procspawn::stream(run.items(2_000)))
        .side("rayon", |run| peers::rayon::map_chunk1(run.items(200_000)))
        .side(LIMIT, |run| limits::exchange::stream(run.items(200_000)))
        .goal("cpython", 80.0)
}

fn imap_chunk1() -> Case {
    Case::new("imap_chunk1", NS_AN_ITEM, "imap, each item a task of its own, results one by one")
        .side(OURS, |run| ours::imap_chunk1(run.items(200_000)))
        .side("cpython", |run| run.cpython("imap_chunk1", run.items(5_000)))
        .side("procspawn", |run| peers::procspawn::stream(run.items(2_000)))
        .side(LIMIT, |run| limits::exchange::stream(run.items(200_000)))
        .goal("cpython", 80.0)
}

fn apply() -> Case {
    Case::new("apply", NS_A_CALL, "one call after another")
        .side(OURS, |run| ours::apply(run.items(20_000)))
        .side("cpython", |run| run.cpython("apply", run.items(500)))
        .side("procspawn", |run| peers::procspawn::apply(run.items(1_000)))
        .side("rayon", |run| peers::rayon::apply(run.items(20_000)))
        .side("pipe", |run| limits::exchange::pipe(run.items(2_000)))
        .side(LIMIT, |run| limits::exchange::handover(run.items(200_000)))
        .goal("cpython", 80.0)
}

/// CPython's side is `concurrent.futures.ProcessPoolExecutor`, and loky's is its reusable executor.
fn submit() -> Case {
    Case::new("submit", NS_A_CALL, "submit, and wait for its result, one after another")
        .side(OURS, |run| ours::submit(run.items(20_000)))
        .side("cpython", |run| run.cpython("submit", run.items(500)))
        .side("loky", |run| run.cpython("submit_loky", run.items(500)))
        .side(LIMIT, |run| limits::exchange::handover(run.items(200_000)))
        .goal("cpython", 80.0)
}

fn echo_64mib() -> Case {
    Case::new("echo_64mib", MILLISECONDS, "64 MiB of bytes to a task and back")
        .side(OURS, |run| ours::echo(run.items(64 << 20)))
        .side("cpython", |run| run.cpython_run("echo", run.items(64 << 20)))
        .side(LIMIT, |run| limits::four_copies(run.items(64 << 20)))
        .goal("cpython", 15.0)
}

fn structs() -> Case {
    Case::new("structs", NS_AN_ITEM, "map over 100,000 structs of three fields and a text, which come back")
        .side(OURS, |run| values::structs(run.items(100_000)))
        .side("cpython", |run| run.cpython("structs", run.items(100_000)))
        .goal("cpython", 1.0)
}

/// The same data in types that serde reads through a buffer: a flattened part, and a field that may
/// be of two types.
fn structs_described() -> Case {
    Case::new("structs_described", NS_AN_ITEM, "the same, with a flattened part and an untagged field")
        .side(OURS, |run| values::described(run.items(100_000)))
        .side("cpython", |run| run.cpython("structs", run.items(100_000)))
        .goal("cpython", 1.0)
}

/// A pool of two: start it, run two tasks, close and join it.
fn start(id: &'static str, method: &'static str) -> Case {
    Case::new(id, MICROSECONDS, "a pool of 2: start, two tasks, stop")
        .side(OURS, move |run| fresh::repetition(method.to_owned(), run.items(10)))
        .side("cpython", move |run| run.cpython(id, run.items(2)))
        .side("procspawn", |run| fresh::repetition("procspawn".to_owned(), run.items(10)))
        .side(LIMIT, move |run| fresh::repetition(format!("{method}_limit"), run.items(10)))
        .goal("cpython", 10.0)
        .goal("procspawn", 1.0)
}

/// The same with a server that forks the workers. The first pool pays for it: CPython's lasts as
/// long as its program, ours as long as there is a pool. This row has the first pool, and
/// `start_running` one beside another.
fn start_forkserver() -> Case {
    Case::new("start_forkserver", MICROSECONDS, "the same, the first pool of a program: with its fork server")
        .side(OURS, |run| fresh::first_time("forkserver".to_owned(), run.items(5)))
        .side("cpython", |run| run.cpython("start_forkserver", run.items(2)))
        .side("procspawn", |run| fresh::first_time("procspawn".to_owned(), run.items(5)))
        .side(LIMIT, |run| fresh::first_time("forkserver_limit".to_owned(), run.items(5)))
        .goal("cpython", 10.0)
        .goal("procspawn", 1.0)
}

fn start_running() -> Case {
    Case::new("start_running", MICROSECONDS, "the same, a further pool: the fork server is running")
        .side(OURS, |run| fresh::repetition("running".to_owned(), run.items(10)))
        .side("cpython", |run| run.cpython("start_running", run.items(3)))
        .side("procspawn", |run| fresh::repetition("procspawn".to_owned(), run.items(10)))
        .side(LIMIT, |run| fresh::repetition("fork_limit".to_owned(), run.items(10)))
        .goal("cpython", 10.0)
        .goal("procspawn", 1.0)
}

fn queue() -> Case {
    Case::new("queue", NS_AN_ITEM, "integers through a queue, one producer, one consumer")
        .side(OURS, |run| channels::queue(run.items(50_000)))
        .side("cpython", |run| run.cpython("queue", run.items(50_000)))
        .side("ipc-channel", |run| peers::ipc_channel::numbers(run.items(50_000)))
        .side("pipe", |run| limits::exchange::one_way(8, run.items(50_000)))
        .side(LIMIT, |run| limits::exchange::stream(run.items(50_000)))
        .goal("ipc-channel", 5.0)
}

fn pipe_small() -> Case {
    Case::new("pipe_small", NS_AN_ITEM, "messages of 8 bytes through a pipe, one way")
        .side(OURS, |run| channels::bytes(8, run.items(50_000)))
        .side("cpython", |run| run.cpython("pipe_small", run.items(50_000)))
        .side("ipc-channel", |run| peers::ipc_channel::bytes(8, run.items(50_000)))
        .side("pipe", |run| limits::exchange::one_way(8, run.items(50_000)))
        .goal("ipc-channel", 1.0)
}

fn pipe_large() -> Case {
    Case::new("pipe_large", MICROSECONDS, "messages of 8 MiB through a pipe, one way")
        .side(OURS, |run| channels::bytes(LARGE, run.items(20)))
        .side("cpython", |run| run.cpython("pipe_large", run.items(20)))
        .side("ipc-channel", |run| peers::ipc_channel::bytes(LARGE, run.items(20)))
        .side("pipe", |run| limits::exchange::one_way(LARGE, run.items(20)))
        .side(LIMIT, |run| limits::copies_of(LARGE, run.items(20)))
        .goal("ipc-channel", 1.0)
}

fn frames() -> Case {
    Case::new("frames", MICROSECONDS, "pairs of a number and 1 MB of bytes through a queue")
        .side(OURS, |run| values::frames(FRAME, run.items(500)))
        .side("cpython", |run| run.cpython("frames", run.items(500)))
        .side(LIMIT, |run| limits::copies_of(FRAME, run.items(500)))
        .goal("cpython", 1.0)
}

fn primes() -> Case {
    Case::new("primes", MILLISECONDS, "the 17 numbers of lesson 7 by imap, a number a task")
        .side(OURS, |_| ours::primes())
        .slow_side("cpython", |run| run.cpython("primes", 1))
        .side("procspawn", |_| peers::procspawn::primes())
        .side("rayon", |_| peers::rayon::primes())
        .side("sequential", |_| peers::sequential::primes())
        .side(LIMIT, |_| limits::longest_number())
        .goal("rayon", 1.0 / 1.03)
}

fn primes_split() -> Case {
    Case::new("primes_split", MILLISECONDS, "the 17 numbers, the divisors of each in pieces")
        .side(OURS, |_| ours::primes_split())
        .slow_side("cpython", |run| run.cpython("primes_split", 1))
        .side("procspawn", |_| peers::procspawn::primes_split())
        .side("rayon", |_| peers::rayon::primes_split())
        .side("sequential", |_| peers::sequential::primes())
        .goal("sequential", 0.95 * processors() as f64)
}

/// Tasks of different length in a map that chooses the size of its chunks. CPython cuts it into
/// four equal chunks a worker.
fn skewed(order: Order, what: &'static str) -> Case {
    Case::new(order.name(), MILLISECONDS, what)
        .side(OURS, move |_| ours::skewed(order))
        .side("cpython", move |run| run.cpython(order.name(), 1))
        .side("rayon", move |_| peers::rayon::skewed(order))
        .goal("rayon", 1.0 / 1.03)
}

/// The peak of the parent's memory. CPython, which takes in the whole source at once, gets a
/// hundredth of it.
fn imap_memory() -> Case {
    Case::new("imap_memory", MEBIBYTES, "the parent's peak memory, imap_unordered over 100 million items")
        .slow_side(OURS, |run| fresh::quantity("imap_memory", run.long(100_000_000)))
        .slow_side("cpython", |run| run.cpython_quantity("imap_memory", run.long(1_000_000)))
        .at_most(32.0)
}

/// What a task costs that waits for its turn: a million of them are under way at a time, a tenth of
/// that elsewhere.
fn outstanding() -> Case {
    Case::new("outstanding", BYTES_A_TASK, "memory for each of a million apply_async under way")
        .slow_side(OURS, |run| fresh::quantity("outstanding", run.long(1_000_000)))
        .slow_side("cpython", |run| run.cpython_quantity("outstanding", run.long(100_000)))
        .slow_side("procspawn", |run| fresh::quantity("outstanding_procspawn", run.long(100_000)))
        .goal("cpython", 1.0)
}

fn workers_256() -> Case {
    Case::new("workers_256", US_A_WORKER, "256 workers: start, a task each, stop")
        .side(OURS, |run| fresh::quantity("workers_256", run.processes()))
        .slow_side("cpython", |run| run.cpython_quantity("workers_256", run.processes()))
        .side(LIMIT, |run| fresh::quantity("workers_256_limit", run.processes()))
        .goal("cpython", 1.0)
}

fn worker_memory() -> Case {
    Case::new("worker_memory", KIB_A_WORKER, "the share of memory (PSS) of each of 256 workers")
        .slow_side(OURS, |run| fresh::quantity("worker_memory", run.processes()))
        .slow_side("cpython", |run| run.cpython_quantity("worker_memory", run.processes()))
        .goal("cpython", 1.0)
}

/// Nothing collapses when there are more workers than processors.
fn more_workers() -> Case {
    let side = |times: usize| move |run: &Run| ours::map_chunk1_on(times * processors(), run.items(100_000));
    Case::new("more_workers", NS_AN_ITEM, "map, each item a task of its own, by 16 workers a processor")
        .side(OURS, side(16))
        .up_to("16 a processor", 16.0)
        .point("1 a processor", 1.0, side(1))
        .point("2 a processor", 2.0, side(2))
        .goal("1 a processor", 0.5)
}

/// Ours is the price of an item among ten million; if time is linear, it is no more than among
/// fewer.
fn growth_items() -> Case {
    let side = |items: u64| move |run: &Run| ours::map(run.items(items));
    Case::new("growth_items", NS_AN_ITEM, "map of a no-op over 10³ to 10⁷ items, default chunks")
        .side(OURS, side(10_000_000))
        .up_to("10⁷", 1e7)
        .point("10³", 1e3, side(1_000))
        .point("10⁴", 1e4, side(10_000))
        .point("10⁵", 1e5, side(100_000))
        .point("10⁶", 1e6, side(1_000_000))
        .goal("10⁵", 0.67)
}

/// If time is linear, a gibibyte takes 16 times as long as 64 MiB; half as long again is allowed.
fn growth_bytes() -> Case {
    let side = |bytes: u64| move |run: &Run| ours::echo(run.items(bytes));
    Case::new("growth_bytes", MICROSECONDS, "1 B to 1 GiB of bytes to a task and back")
        .slow_side(OURS, side(1 << 30))
        .up_to("1 GiB", (1u64 << 30) as f64)
        .point("1 B", 1.0, |_| ours::echo(1))
        .point("1 KiB", 1024.0, |_| ours::echo(1 << 10))
        .point("64 KiB", 65_536.0, |_| ours::echo(1 << 16))
        .point("4 MiB", (4u64 << 20) as f64, side(4 << 20))
        .point("64 MiB", (64u64 << 20) as f64, side(64 << 20))
        .goal("64 MiB", 1.0 / 24.0)
}
