//! Arrays in shared memory: large data without copies, each range for one writer or many readers,
//! and deaths that show.

use std::ops::Range;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use multiproc::{Error, Executor, Pool, Process, Result, SharedSlice, StartMethod};

use crate::support::{Gate, Named, Random, descriptors, eventually, killed, named, pass, poisoned_by};

pub(crate) const TESTS: &[Named] = named! {
    disjoint_ranges_are_written_concurrently
    range_has_many_readers_or_one_writer
    overlapping_writers_exclude_each_other
    killed_writer_poisons_only_its_range
    killed_reader_leaves_nothing
    partial_writes_of_killed_writers_are_detected
    self_deadlock_is_an_error
    ranges_outside_the_array_are_an_error
    guards_close_their_descriptors
    workers_sum_ten_million_numbers_in_place
    workers_sum_a_hundred_million_numbers_in_place
};

type Numbers = SharedSlice<u64>;

/// A task: writes its number to the range, half of it before and half of it after the gate.
fn fill(data: Numbers, range: Range<usize>, number: u64, gate: PathBuf) -> u32 {
    let mut part = data.write(range).unwrap();
    let half = part.len() / 2;
    part[..half].fill(number);
    let pid = pass(gate);
    part[half..].fill(number);
    pid
}

/// A task: holds the range for reading until the gate opens.
fn look(data: Numbers, range: Range<usize>, gate: PathBuf) -> u32 {
    let part = data.read(range).unwrap();
    assert!(part.iter().all(|one| *one == part[0]));
    pass(gate)
}

fn disjoint_ranges_are_written_concurrently() -> Result<()> {
    let (data, gate) = (Numbers::new(3000)?, Gate::new());
    let start = |n: usize| {
        let method = if n == 2 { StartMethod::Spawn } else { StartMethod::ForkServer };
        let args = (data.clone(), n * 1000..(n + 1) * 1000, n as u64 + 1, gate.path());
        Process::builder().start_method(method).target(fill, args).start()
    };
    let processes = (0..3).map(start).collect::<Result<Vec<_>>>()?;
    // Each holds its range, and all of them do.
    gate.await_arrivals(3);
    gate.open();
    for process in processes {
        process.join()?;
    }
    assert!(data.to_vec()?.into_iter().enumerate().all(|(at, number)| number == at as u64 / 1000 + 1));
    Ok(())
}

fn range_has_many_readers_or_one_writer() -> Result<()> {
    let (data, gate) = (Numbers::from_fn(1000, |_| 7)?, Gate::new());
    let start = |range| Process::new(look, (data.clone(), range, gate.path())).start();
    let readers = [start(0..600)?, start(400..1000)?];
    gate.await_arrivals(2);
    assert_eq!(data.read(..)?.iter().sum::<u64>(), 7000);
    // A writer waits for both.
    thread::scope(|scope| {
        let writer = scope.spawn(|| data.write(500..=500).map(|mut one| one[0] = 8));
        thread::sleep(Duration::from_millis(30));
        assert!(!writer.is_finished());
        gate.open();
        writer.join().unwrap()
    })?;
    readers.into_iter().try_for_each(|reader| reader.join().map(drop))?;
    assert_eq!(data.get(500)?, 8);
    Ok(())
}

/// A task: adds 1 to each element of ranges that overlap those of others, in steps that would be
/// lost without a lock.
fn add(data: Numbers, first: usize, times: usize) -> usize {
    for n in 0..times {
        let start = (first + n * 7) % 60;
        let before = data.read(start..start + 40).unwrap().to_vec();
        let mut part = data.write(start..start + 40).unwrap();
        assert!(part.iter().zip(before).all(|(now, before)| *now >= before));
        let sum: Vec<u64> = part.iter().map(|one| one + 1).collect();
        part.copy_from_slice(&sum);
    }
    times * 40
}

fn overlapping_writers_exclude_each_other() -> Result<()> {
    let data = Numbers::new(100)?;
    let start = |n: usize| Process::new(add, (data.clone(), n * 11, 500)).start();
    let processes = (0..3).map(start).collect::<Result<Vec<_>>>()?;
    let mut total: usize = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..3).map(|n| (data.clone(), n)).map(|(data, n)| scope.spawn(move || add(data, n, 500))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    for process in processes {
        total += process.join()?;
    }
    assert_eq!(data.to_vec()?.into_iter().sum::<u64>(), total as u64);
    Ok(())
}

fn killed_writer_poisons_only_its_range() -> Result<()> {
    let (data, gate) = (Numbers::new(100)?, Gate::new());
    let writer = Process::new(fill, (data.clone(), 20..60, 5, gate.path())).start()?;
    gate.await_arrivals(1);
    let pid = killed(writer)?;
    for range in [0..21, 59..100, 30..40, 0..100] {
        assert_eq!([poisoned_by(data.read(range.clone())), poisoned_by(data.write(range))], [pid, pid]);
    }
    assert_eq!([poisoned_by(data.get(20)), poisoned_by(data.set(59, 1))], [pid, pid]);
    assert_eq!(poisoned_by(data.to_vec()), pid);
    // In another process too.
    let told = Process::new(|data: Numbers| poisoned_by(data.read(..)), (data.clone(),)).start()?;
    assert_eq!(told.join()?, pid);
    data.write(0..20)?.fill(1);
    data.set(60, 2)?;

    // Bit by bit.
    let middle = data.recover(30..50)?;
    assert_eq!((middle[0], middle[19]), (5, 0), "what the killed one has left is there to be judged");
    drop(middle);
    assert_eq!(data.read(30..50)?.len(), 20);
    assert_eq!([poisoned_by(data.get(29)), poisoned_by(data.get(50))], [pid, pid]);
    data.recover(..)?.fill(9);
    assert_eq!(data.to_vec()?, [9; 100]);
    Ok(())
}

fn killed_reader_leaves_nothing() -> Result<()> {
    let (data, gate) = (Numbers::new(100)?, Gate::new());
    let reader = Process::new(look, (data.clone(), 0..100, gate.path())).start()?;
    gate.await_arrivals(1);
    killed(reader)?;
    data.write(..)?.fill(1);
    assert_eq!(data.to_vec()?, [1; 100]);
    Ok(())
}

/// A task without end: writes numbers from its own on to the first elements, each one more than the
/// one before.
fn scribble(data: Numbers, first: u64) -> u32 {
    for n in 0.. {
        match data.write(..50) {
            Ok(mut part) => part.iter_mut().zip(first + n..).for_each(|(one, number)| *one = number),
            Err(Error::Poisoned { .. }) => thread::yield_now(),
            Err(other) => panic!("{other}"),
        }
    }
    0
}

fn partial_writes_of_killed_writers_are_detected() -> Result<()> {
    let data = Numbers::from_fn(100, |at| at as u64)?;
    let (mut processes, mut kills, mut poisoned) = (Vec::new(), 0u64, 0);
    let mut random = Random(88_172_645_463_325_252);
    while kills < 50 || poisoned < 5 {
        while processes.len() < 3 {
            let args = (data.clone(), (kills + processes.len() as u64) * 1_000_000);
            processes.push(Process::builder().daemon(true).target(scribble, args).start()?);
        }
        random.nap();
        let pid = killed(processes.swap_remove(random.below(processes.len())))?;
        kills += 1;
        match data.read(..) {
            Ok(all) => assert!(all[..50].windows(2).all(|pair| pair[0] + 1 == pair[1]), "{all:?}"),
            Err(Error::Poisoned { pid: writer }) => {
                assert_eq!(writer, pid);
                data.recover(..)?.iter_mut().zip(0..).for_each(|(one, number)| *one = number);
                poisoned += 1;
            }
            Err(other) => return Err(other),
        }
    }
    processes.into_iter().try_for_each(|process| killed(process).map(drop))
}

fn self_deadlock_is_an_error() -> Result<()> {
    let data = Numbers::new(10)?;
    let told = |outcome: Option<Error>| {
        let text = outcome.unwrap().to_string();
        assert!(text.contains("this thread has elements of that range already"), "{text}");
    };
    let (writing, other) = (data.write(0..5)?, data.clone());
    told(data.read(4..).err());
    told(other.write(..).err());
    told(other.get(0).err());
    let (reading, also) = (data.read(5..)?, other.read(5..7)?);
    told(data.write(9..).err());
    told(data.recover(9..).err());
    drop((writing, reading));
    told(data.write(6..).err());
    drop(also);
    data.write(..).map(drop)
}

fn ranges_outside_the_array_are_an_error() -> Result<()> {
    let data = Numbers::from_slice(&[1, 2, 3])?;
    let text = |outcome: Option<Error>| match outcome {
        Some(Error::Config(text)) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(text(data.read(2..4).err()), "the range 2..4 is not within 3 elements");
    #[expect(clippy::reversed_empty_ranges, reason = "it is what is refused")]
    let backwards = text(data.write(2..1).err());
    assert_eq!(backwards, "the range 2..1 is not within 3 elements");
    assert_eq!(text(data.recover(4..).err()), "the range 4.. is not within 3 elements");
    assert_eq!(text(data.read(..=usize::MAX).err()), format!("the range ..={} is not within 3 elements", usize::MAX));
    assert_eq!(text(data.get(3).err()), "element 3 is not within 3 elements");
    assert_eq!(text(data.set(usize::MAX, 0).err()), format!("element {} is not within 3 elements", usize::MAX));
    text(Numbers::new(usize::MAX / 8).err());

    assert_eq!((data.read(1..=2)?.to_vec(), data.read(3..)?.len(), data.write(1..1)?.len()), (vec![2, 3], 0, 0));
    let none = SharedSlice::<f64>::new(0)?;
    assert!(none.is_empty() && none.to_vec()?.is_empty() && none.write(..)?.is_empty());
    let nothings = SharedSlice::from_slice(&[(); 5])?;
    assert_eq!((nothings.len(), nothings.to_vec()?), (5, vec![(); 5]));
    Ok(())
}

fn guards_close_their_descriptors() -> Result<()> {
    let data = Numbers::new(1000)?;
    let before = descriptors().len();
    let guards = (0..256).map(|at| data.write(at..at + 1)).collect::<Result<Vec<_>>>()?;
    assert!(matches!(data.write(300..), Err(Error::Config(_))), "so many may write at a time");
    drop(guards);
    let guards = (0..300).map(|at| data.read(at..1000)).collect::<Result<Vec<_>>>()?;
    drop(guards);
    (0..1000).try_for_each(|at| data.set(at, at as u64))?;
    assert!(descriptors().len() <= before + 4, "a few are kept for the next guards");
    drop(data);
    eventually("all are closed", || descriptors().len() < before);
    Ok(())
}

/// A task: the sum of a part, and how many MiB of memory of its own this process has.
fn sum(data: SharedSlice<f64>, part: Range<usize>) -> (f64, u64) {
    let sum = data.read(part).unwrap().iter().sum();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    (sum, line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024)
}

/// Shares so many numbers with two workers.
fn sums_in_place(len: usize) -> Result<()> {
    let data = SharedSlice::<f64>::new(len)?;
    data.write(..)?.chunks_mut(1000).for_each(|chunk| chunk.fill(0.5));
    let pool = Pool::with_processes(2)?;
    let parts = [0..len / 2, len / 2..len].map(|part| (data.clone(), part));
    let sums: Vec<(f64, u64)> = pool.with_chunksize(1).starmap(sum, parts)?;
    assert_eq!(sums.iter().map(|(sum, _)| sum).sum::<f64>(), len as f64 / 2.0);
    assert!(sums.iter().all(|(_, mebibytes)| *mebibytes < 16), "{sums:?}");
    Ok(())
}

fn workers_sum_ten_million_numbers_in_place() -> Result<()> {
    sums_in_place(10_000_000)
}

fn workers_sum_a_hundred_million_numbers_in_place() -> Result<()> {
    sums_in_place(100_000_000)
}
