//! What a call returns: right results, in order, for every shape of call, chunk and function.

use std::path::PathBuf;

use multiproc::{Error, Executor, Pool, partial};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::support::{Death, Named, named, square, squares};

pub(crate) const TESTS: &[Named] = named! {
    functions_take_up_to_eight_arguments
    maps_of_every_length_and_chunk_size_are_right
    chunk_may_be_larger_than_anything
    items_of_unknown_number_can_be_mapped
    map_of_many_small_tasks_is_right
    functions_of_every_kind_can_run
    similar_closures_are_distinguished
    partial_carries_state_by_value_and_by_reference
    replacement_worker_gets_the_state_of_the_lost_one
    task_sees_arguments_and_environment_of_the_program
};

fn functions_take_up_to_eight_arguments() -> multiproc::Result<()> {
    let pool = Pool::with_processes(2)?;
    assert_eq!(pool.apply(|| 0u32, ())?, 0);
    assert_eq!(pool.apply(|a: u32| a, (1,))?, 1);
    assert_eq!(pool.apply(|a: u32, b: u8| (a, b), (1, 2))?, (1, 2));
    assert_eq!(pool.apply(|a: u32, b: u8, c: char| (a, b, c), (1, 2, 'c'))?, (1, 2, 'c'));
    assert_eq!(pool.apply(|a: i8, b: i8, c: i8, d: String| (a - b - c, d), (9, 2, 3, "d".into()))?, (4, "d".into()));
    assert_eq!(pool.apply(|a: i8, b: i8, c: i8, d: i8, e: i8| [a, b, c, d, e], (1, 2, 3, 4, 5))?, [1, 2, 3, 4, 5]);
    let six = |a: u8, b: u8, c: u8, d: u8, e: u8, f: u8| [a, b, c, d, e, f];
    assert_eq!(pool.apply(six, (1, 2, 3, 4, 5, 6))?, [1, 2, 3, 4, 5, 6]);
    let seven = |a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8| [a, b, c, d, e, f, g];
    assert_eq!(pool.apply(seven, (1, 2, 3, 4, 5, 6, 7))?, [1, 2, 3, 4, 5, 6, 7]);
    let eight = |a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8| [a, b, c, d, e, f, g, h];
    assert_eq!(pool.apply(eight, (1, 2, 3, 4, 5, 6, 7, 8))?, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(pool.starmap(eight, [(1, 2, 3, 4, 5, 6, 7, 8), (8, 7, 6, 5, 4, 3, 2, 1)])?[1][0], 8);
    Ok(())
}

/// Every kind of map, with one chunk size.
fn all_maps(pool: &Pool, len: u64, chunksize: usize) -> multiproc::Result<()> {
    let (right, batched) = (squares(len), pool.with_chunksize(chunksize));
    let pairs = || (0..len as usize).map(|n| (n as u64, n as u64));
    let product = |a: u64, b: u64| a * b;
    let what = format!("{len} items in chunks of {chunksize}");
    assert_eq!(batched.map(square, 0..len)?, right, "{what}");
    assert_eq!(batched.starmap(product, pairs())?, right, "{what}");
    assert_eq!(batched.map_async(square, 0..len).get()?, right, "{what}");
    assert_eq!(batched.starmap_async(product, pairs()).get()?, right, "{what}");
    assert_eq!(batched.imap(square, 0..len).collect::<multiproc::Result<Vec<_>>>()?, right, "{what}");
    for window in [1, 1000] {
        let lazy = batched.with_window(window);
        assert_eq!(lazy.imap(square, 0..len).collect::<multiproc::Result<Vec<_>>>()?, right, "{what} of {window}");
        let mut unordered = lazy.imap_unordered(square, 0..len).collect::<multiproc::Result<Vec<_>>>()?;
        unordered.sort_unstable();
        assert_eq!(unordered, right, "{what} of {window}");
    }
    Ok(())
}

fn maps_of_every_length_and_chunk_size_are_right() -> multiproc::Result<()> {
    let pool = Pool::with_processes(2)?;
    for len in [0, 1, 2, 3, 7, 8, 9, 100] {
        assert_eq!(pool.map(square, 0..len)?, squares(len));
        assert_eq!(pool.starmap_async(square, (0..len).map(|n| (n,)).collect::<Vec<_>>()).get()?, squares(len));
        for chunksize in [0, 1, 2, 3, 7, 8, 9, 99, 100, 101] {
            all_maps(&pool, len, chunksize)?;
        }
    }
    Ok(())
}

fn chunk_may_be_larger_than_anything() -> multiproc::Result<()> {
    let pool = Pool::with_processes(2)?;
    all_maps(&pool, 10, usize::MAX)?;
    assert_eq!(pool.with_window(usize::MAX).imap(square, 0..10).count(), 10);
    Ok(())
}

fn items_of_unknown_number_can_be_mapped() -> multiproc::Result<()> {
    let pool = Pool::with_processes(2)?;
    let odd = || (0..1000u64).filter(|n| n % 2 == 1);
    let right: Vec<u64> = odd().map(square).collect();
    assert_eq!(pool.map(square, odd())?, right);
    assert_eq!(pool.with_chunksize(7).map(square, odd())?, right);
    assert_eq!(pool.imap(square, odd()).collect::<multiproc::Result<Vec<_>>>()?, right);
    Ok(())
}

fn map_of_many_small_tasks_is_right() -> multiproc::Result<()> {
    let pool = Pool::with_processes(2)?;
    assert_eq!(pool.map(square, 0..300_000)?, squares(300_000));
    assert_eq!(pool.with_chunksize(1).map(square, 0..30_000)?, squares(30_000));
    Ok(())
}

fn largest<T: Ord>(items: Vec<T>) -> Option<T> {
    items.into_iter().max()
}

fn shifted<const BY: u32>(n: u64) -> u64 {
    n << BY
}

#[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
struct Metres(u32);

impl Metres {
    fn double(self) -> Self {
        Self(2 * self.0)
    }
}

fn functions_of_every_kind_can_run() -> multiproc::Result<()> {
    let pool = Pool::with_processes(2)?;
    assert_eq!(pool.apply(largest::<u8>, (vec![3, 9, 4],))?, Some(9));
    assert_eq!(pool.apply(largest::<String>, (vec!["a".into(), "b".into()],))?, Some("b".into()));
    assert_eq!(pool.apply(shifted::<3>, (1,))?, 8);
    assert_eq!(pool.apply(shifted::<4>, (1,))?, 16);
    assert_eq!(pool.map(Metres, 0..2)?, [Metres(0), Metres(1)]);
    assert_eq!(pool.apply(Metres::double, (Metres(4),))?, Metres(8));
    assert_eq!(pool.apply(u32::pow, (2, 10))?, 1024);
    assert_eq!(pool.apply(<String as From<char>>::from, ('x',))?, "x");
    assert_eq!(pool.map(Some, [1u8, 2])?, [Some(1), Some(2)]);
    Ok(())
}

fn similar_closures_are_distinguished() -> multiproc::Result<()> {
    let pool = Pool::with_processes(2)?;
    let (add, sub, also_add) = (|a: i32| a + 1, |a: i32| a - 1, |a: i32| 1 + a);
    let mixed = [pool.apply_async(add, (5,)), pool.apply_async(sub, (5,)), pool.apply_async(also_add, (5,))];
    assert_eq!(mixed.map(|result| result.get().unwrap()), [6, 4, 6]);
    Ok(())
}

#[allow(clippy::ptr_arg, reason = "a partial's function takes its state as it is")]
fn index(table: &Vec<String>, at: usize) -> String {
    table[at].clone()
}

fn scaled(factor: u64, n: u64) -> u64 {
    factor * n
}

fn same<T: Serialize + DeserializeOwned + Clone>(state: T) -> T {
    state
}

fn partial_carries_state_by_value_and_by_reference() -> multiproc::Result<()> {
    let pool = Pool::with_processes(2)?;
    let table: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    assert_eq!(pool.map(partial(index, table.clone()), 0..100usize)?, table);
    assert_eq!(pool.map(partial(scaled, 3), 0..4)?, [0, 3, 6, 9]);
    assert_eq!(pool.apply(partial(same::<Vec<u8>>, vec![7; 1 << 20]), ())?, vec![7; 1 << 20]);
    assert_eq!(pool.starmap(partial(|s: &i32, a: i32, b: i32| s + a + b, 1), [(1, 2), (3, 4)])?, [4, 8]);
    let later: Vec<_> = (0..50).map(|factor| pool.map_async(partial(scaled, factor), 0..3)).collect();
    for (factor, later) in (0..).zip(later) {
        assert_eq!(later.get()?, [0, factor, 2 * factor]);
    }
    let lazy = pool.imap(partial(scaled, 7), 0..1000).collect::<multiproc::Result<Vec<_>>>()?;
    assert!(lazy.iter().enumerate().all(|(n, value)| *value == 7 * n as u64));
    Ok(())
}

fn replacement_worker_gets_the_state_of_the_lost_one() -> multiproc::Result<()> {
    let pool = Pool::with_processes(1)?;
    let fragile = |state: &String, n: u32| if n == 2 { Death::Kill.die() } else { format!("{state} {n}") };
    let results: Vec<_> = pool.imap(partial(fragile, "state".to_string()), 0..5).collect();
    assert!(matches!(results[2], Err(Error::WorkerLost { .. })));
    assert_eq!(results[4].as_deref().unwrap(), "state 4");
    Ok(())
}

fn task_sees_arguments_and_environment_of_the_program() -> multiproc::Result<()> {
    type Surroundings = (Vec<String>, Vec<(String, String)>, PathBuf);
    fn surroundings() -> Surroundings {
        (std::env::args().collect(), std::env::vars().collect(), std::env::current_dir().unwrap())
    }
    assert_eq!(Pool::with_processes(1)?.apply(surroundings, ())?, surroundings());
    Ok(())
}
