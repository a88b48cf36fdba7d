//! A program as it should be; what stands before `init()` runs in children too, what stands after
//! does not.

use multiproc::{Executor, Pool, StartMethod};

fn main() -> multiproc::Result<()> {
    multiproc::init();
    println!("main runs");
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        let pool = Pool::builder().processes(2).start_method(method).build()?;
        println!("{:?}", pool.map(|n: u32| n + 1, 0..3)?);
    }
    // A child of ours that is no worker must not take itself for one.
    if std::env::args().nth(1).is_none() {
        let status = std::process::Command::new(std::env::current_exe().unwrap()).arg("again").status().unwrap();
        println!("{status}");
    }
    Ok(())
}
