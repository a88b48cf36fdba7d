//! Beyond one machine: the same calls, on every machine that `mpirun` gives the program. What
//! changes is the name in the first lines.
//!
//! `cargo build --release -p lesson07-primes --features mpi`, then `mpirun -n 3
//! target/release/lesson07-primes cluster`: one rank runs the program, the two others run its
//! tasks. Watch which rank counted how many pieces.
//!
//! In a project of your own, bring `is_prime` from `is_prime.rs`, and put a list of yours in place
//! of `numbers()`.

// ANCHOR: program
use std::collections::BTreeMap;
use std::time::Instant;

// ANCHOR: backend
#[cfg(feature = "mpi")]
use multiproc::MpiExecutor as Workers;
#[cfg(not(feature = "mpi"))]
use multiproc::Pool as Workers;
// ANCHOR_END: backend
use multiproc::{Executor, current_process};

use crate::is_prime::is_prime;
use crate::numbers::numbers;

/// The primes below this are counted, a piece of so many numbers at a time.
const LIMIT: u64 = 100_000_000;
const PIECE: u64 = 1_000_000;

/// How many primes a piece has, and which worker counted them.
fn count(first: u64) -> (usize, String) {
    // A sieve: strikes out the multiples of every number up to the root of the last one.
    let mut prime = vec![true; PIECE as usize];
    for divisor in 2..=(first + PIECE - 1).isqrt() {
        let from = first.next_multiple_of(divisor).max(divisor * divisor);
        (from - first..PIECE).step_by(divisor as usize).for_each(|at| prime[at as usize] = false);
    }
    let count = (first..).zip(prime).filter(|(n, prime)| *prime && *n > 1).count();
    (count, current_process().name)
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    // ANCHOR: start
    // All ranks come as far as this; all but rank 0 run tasks here until it is done, and end.
    let workers = Workers::new()?;
    // ANCHOR_END: start
    println!("{}", whereabouts(&workers));

    // ANCHOR: calls
    let numbers = numbers();
    let answers = workers.with_chunksize(1).map(is_prime, numbers.clone())?;
    for (n, prime) in numbers.iter().zip(answers) {
        println!("{n} is {}", if prime { "prime" } else { "not prime" });
    }

    let start = Instant::now();
    let counts = workers.with_chunksize(1).map(count, (0..LIMIT).step_by(PIECE as usize))?;
    let elapsed = start.elapsed();
    // ANCHOR_END: calls

    let primes: usize = counts.iter().map(|(primes, _)| primes).sum();
    println!("{primes} primes below {LIMIT}: {elapsed:.1?}");
    let mut pieces = BTreeMap::new();
    for (_, worker) in counts {
        *pieces.entry(worker).or_insert(0) += 1;
    }
    let shares: Vec<_> = pieces.iter().map(|(worker, pieces)| format!("{worker} {pieces}")).collect();
    println!("pieces counted by {}", shares.join(", "));
    Ok(())
}

/// Where the workers are.
fn whereabouts(workers: &Workers) -> String {
    #[cfg(feature = "mpi")]
    if workers.ranks().iter().all(|rank| rank.rank > 0) {
        let ranks = workers.ranks().iter();
        let places: Vec<_> =
            ranks.map(|rank| format!("rank {} on {} has {} workers", rank.rank, rank.host, rank.processes)).collect();
        return places.join("\n");
    }
    let how = "build with `--features mpi` and start with `mpirun -n 3` to have more";
    format!("one process has {} workers; {how}", workers.processes())
}
// ANCHOR_END: program
