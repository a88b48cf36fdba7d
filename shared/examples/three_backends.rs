//! One program on threads, on processes and on several machines: what changes is one name.
//!
//! ```sh
//! cargo run --release -p multiproc --example three_backends -- threads
//! cargo run --release -p multiproc --example three_backends -- processes
//! cargo build --release -p multiproc --features mpi --example three_backends
//! mpirun -n 3 target/release/examples/three_backends ranks
//! ```

#[cfg(feature = "mpi")]
use multiproc::MpiExecutor;
use multiproc::{Error, Executor, Pool, ThreadPool, as_completed};

fn is_prime(n: u64) -> bool {
    n > 1 && (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d))
}

/// Fails for one number, in the way that the caller must live with.
fn half(n: u64) -> u64 {
    assert!(n.is_multiple_of(2), "{n} is odd");
    n / 2
}

// ANCHOR: anywhere
/// The program: it knows nothing of where its tasks run.
pub(crate) fn program(executor: &impl Executor) -> multiproc::Result<()> {
    let primes = executor.map(is_prime, 1..=10_000u64)?;
    println!("{} primes up to 10,000", primes.iter().filter(|prime| **prime).count());

    let futures: Vec<_> = (1..=4u64).map(|n| executor.submit(half, (n,))).collect();
    let mut outcomes: Vec<_> = as_completed(futures, None).collect();
    outcomes.sort_by_key(|(index, _)| *index);
    for (index, outcome) in outcomes {
        match outcome {
            Ok(half) => println!("half of {} is {half}", index + 1),
            Err(Error::Panicked { message, .. }) => println!("no half: {message}"),
            Err(error) => return Err(error),
        }
    }

    executor.shutdown();
    println!("{} tasks done, {} failed", executor.statistics().completed, executor.statistics().failed);
    Ok(())
}
// ANCHOR_END: anywhere

// ANCHOR: backends
fn main() -> multiproc::Result<()> {
    multiproc::init();
    match std::env::args().nth(1).as_deref() {
        Some("threads") => program(&ThreadPool::new()?),
        None | Some("processes") => program(&Pool::new()?),
        #[cfg(feature = "mpi")]
        Some("ranks") => program(&MpiExecutor::new()?),
        Some(other) => {
            Err(Error::Config(format!("no backend called {other} in this build: threads, processes, ranks")))
        }
    }
}
// ANCHOR_END: backends
