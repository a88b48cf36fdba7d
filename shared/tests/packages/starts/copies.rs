//! A program with two copies of the crate.

use multiproc::Executor as _;
use other::Executor as _;

fn main() {
    multiproc::init();
    other::init();
    println!("main runs");
    // Each copy knows its own workers only.
    let theirs = other::Pool::with_processes(1).unwrap();
    let known = theirs.apply(|| (multiproc::parent_process().is_some(), other::parent_process().is_some()), ());
    println!("{known:?}");
    for n in 0..3u32 {
        let ours = multiproc::Pool::with_processes(1).unwrap();
        let theirs = other::Pool::with_processes(1).unwrap();
        let spawned = other::Pool::builder().processes(1).start_method(other::StartMethod::Spawn).build().unwrap();
        println!("{:?}", ours.apply(|n: u32| n + 1, (n,)));
        println!("{:?}", theirs.apply(|n: u32| n + 2, (n,)));
        println!("{:?}", spawned.apply(|n: u32| n + 3, (n,)));
    }
}
