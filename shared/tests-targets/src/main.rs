//! What every build must be able to do: pools, processes, a pipe, a queue, a lock,
//! under every start method. Prints a line for each.
//!
//! ```sh
//! cargo run -p tests-targets --target x86_64-unknown-linux-musl
//! ```
//!
//! With the argument `emulated` it does what can be done under qemu-user: an emulator has a thread
//! of its own, and cannot execute the program once more.
#![allow(unsafe_code)]

use multiproc::{Connection, Error, Executor, Lock, Pool, Process, Queue, Result, StartMethod};

fn echo(connection: Connection<String, String>) -> Result<usize> {
    let text = connection.recv()?;
    connection.send(text.to_uppercase())?;
    Ok(text.len())
}

fn produce(queue: Queue<u64>, total: Lock<u64>, n: u64) -> Result<()> {
    for value in 0..n {
        queue.put(value)?;
        *total.lock()? += value;
    }
    Ok(())
}

fn use_pool(method: StartMethod, pool: &Pool) -> Result<()> {
    let squares = pool.map(|x: u64| x * x, 0..1000)?;
    println!("{method:?}: the sum of a thousand squares is {}", squares.iter().sum::<u64>());

    let lost = pool.apply(|| -> () { std::process::exit(3) }, ());
    let Err(Error::WorkerLost { exit, .. }) = lost else { panic!("{lost:?}") };
    println!("{method:?}: a worker {exit}; the next says {}", pool.apply(|| "hello".to_string(), ())?);
    Ok(())
}

fn run(method: StartMethod) -> Result<()> {
    let pool = Pool::builder().processes(2).start_method(method).build()?;
    use_pool(method, &pool)?;

    let queue = Queue::new()?;
    let total = Lock::new(0)?;
    let produced = pool.starmap(produce, (0..4).map(|_| (queue.clone(), total.clone(), 100)))?;
    produced.into_iter().collect::<Result<()>>()?;
    pool.close();
    pool.join()?;
    let mut sum = 0;
    while !queue.is_empty() {
        sum += queue.try_get()?;
    }
    println!("{method:?}: a queue brought {sum}, a lock guarded {}", *total.lock()?);

    let (ours, theirs) = multiproc::pipe()?;
    let child = Process::builder().start_method(method).target(echo, (theirs,)).start()?;
    ours.send("through a pipe".to_string())?;
    println!("{method:?}: {}, {} bytes", ours.recv()?, child.join()??);
    Ok(())
}

fn main() -> Result<()> {
    multiproc::init();
    if std::env::args().nth(1).as_deref() == Some("emulated") {
        // SAFETY: the emulator's thread holds none of the program's locks.
        let pool = unsafe { Pool::builder().processes(2).fork_despite_threads() }.build()?;
        return use_pool(StartMethod::Fork, &pool);
    }
    for method in [StartMethod::Fork, StartMethod::ForkServer, StartMethod::Spawn] {
        run(method)?;
    }
    Ok(())
}
