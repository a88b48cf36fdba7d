//! Does not compile: arguments and results that cannot travel.

use std::error::Error;

use multiproc::Pool;

struct Own;

fn slice(numbers: &[u32]) -> usize {
    numbers.len()
}

fn own_result(_: u32) -> Own {
    Own
}

fn boxed_error(n: u32) -> Result<u32, Box<dyn Error>> {
    Ok(n)
}

async fn later(n: u32) -> u32 {
    n
}

fn nine(_: u8, _: u8, _: u8, _: u8, _: u8, _: u8, _: u8, _: u8, _: u8) {}

fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::new()?;
    pool.map(slice, [&[1u32, 2][..]])?;
    pool.map(|_: Own| 1, [Own])?;
    pool.map(own_result, [1])?;
    pool.map(boxed_error, [1])?;
    pool.map(later, [1])?;
    pool.apply(nine, (1u8, 2u8, 3u8, 4u8, 5u8, 6u8, 7u8, 8u8, 9u8))?;
    pool.apply(boxed_error, 1u32)?;
    Ok(())
}
