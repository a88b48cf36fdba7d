//! A program that is built with `-C instrument-coverage`. Its argument says how its two workers
//! come to be.

use multiproc::{Executor, Pool, StartMethod};

fn main() -> multiproc::Result<()> {
    multiproc::init();
    let method = match std::env::args().nth(1).as_deref() {
        Some("spawn") => StartMethod::Spawn,
        Some("fork") => StartMethod::Fork,
        _ => StartMethod::ForkServer,
    };
    let pool = Pool::builder().processes(2).start_method(method).build()?;
    let odd = |n: u32| if n % 2 == 1 { "odd" } else { "even" }.to_string();
    assert_eq!(pool.map(odd, 0..2u32)?, ["even", "odd"]);
    pool.close();
    pool.join()
}
