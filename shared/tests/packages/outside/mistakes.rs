//! Does not compile: arguments, results and functions that cannot travel. What the compiler has to
//! say of a line is below it.

use std::error::Error;
use std::rc::Rc;

use multiproc::{Executor, Pool};

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

fn anyhow_error(n: u32) -> anyhow::Result<u32> {
    Ok(n)
}

fn counted(n: Rc<u32>) -> u32 {
    *n
}

async fn later(n: u32) -> u32 {
    n
}

fn nine(_: u8, _: u8, _: u8, _: u8, _: u8, _: u8, _: u8, _: u8, _: u8) {}

fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::new()?;
    pool.map(slice, [&[1u32, 2][..]])?;
    //~ `&[u32]` cannot be an argument of a task
    //~ a task owns its arguments: `String` instead of `&str`, `Vec<T>` instead of `&[T]`
    pool.map(|_: Own| 1, [Own])?;
    //~ `Own` cannot be an argument of a task
    //~ a type of your own can travel with `#[derive(serde::Serialize, serde::Deserialize)]`
    pool.map(own_result, [1])?;
    //~ `Own` cannot be the result of a task
    //~ a type of your own can travel with `#[derive(serde::Serialize, serde::Deserialize)]`
    pool.map(boxed_error, [1])?;
    //~ Error + 'static)>>` cannot be the result of a task
    //~ instead of `Box<dyn Error>` or `anyhow::Error` return
    //~   `multiproc::TaskError`, to which `?` converts
    pool.map(anyhow_error, [1])?;
    //~ anyhow::Error>` cannot be the result of a task
    //~ instead of `Box<dyn Error>` or `anyhow::Error` return
    //~   `multiproc::TaskError`, to which `?` converts
    pool.apply(own_result, (1u32,))?;
    //~ {own_result}` cannot run in a worker
    //~ a type of your own can travel with `#[derive(serde::Serialize, serde::Deserialize)]`
    pool.apply_async(anyhow_error, (1u32,)).get()?;
    //~ {anyhow_error}` cannot run in a worker
    //~ instead of `Box<dyn Error>` or `anyhow::Error` return
    //~   `multiproc::TaskError`, to which `?` converts
    pool.apply(counted, (Rc::new(1u32),))?;
    //~ `Rc<u32>` cannot be an argument of a task
    //~ it may run on another thread, so its arguments are `Send`: the value itself instead of `Rc`
    pool.map(later, [1])?;
    //~ `impl Future<Output = u32>` cannot be the result of a task
    //~ an async function runs with `Pool::map_concurrent` (feature `tokio`), or in a task that
    //~   blocks on it
    pool.apply(nine, (1u8, 2u8, 3u8, 4u8, 5u8, 6u8, 7u8, 8u8, 9u8))?;
    //~ is not a tuple of a task's arguments
    //~ a task takes up to eight arguments: put more of them into a struct or a tuple
    pool.apply(boxed_error, 1u32)?;
    //~ `u32` is not a tuple of a task's arguments
    //~ a single argument is a tuple, too: `(argument,)`
    Ok(())
}
