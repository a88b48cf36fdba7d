//! Does not compile: the closures capture variables, which cannot travel.

use multiproc::Executor;

fn main() -> multiproc::Result<()> {
    multiproc::init();
    let (factor, flags) = (3, [true; 2]);
    let pool = multiproc::Pool::new()?;
    pool.map(move |n: u64| n * factor, 0..10u64)?;
    pool.map(move |n: usize| flags[n], 0..1usize)?;
    Ok(())
}
