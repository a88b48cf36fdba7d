//! A shared library: with pools of its own when a program asks for them, and with a thread of its
//! own when it is preloaded.

use multiproc::{Executor, Pool, Result, StartMethod};

/// Runs tasks of this library by each start method and prints what becomes of them.
#[unsafe(no_mangle)]
pub extern "C" fn use_pools() {
    multiproc::init();
    for method in [StartMethod::ForkServer, StartMethod::Spawn, StartMethod::Fork] {
        match tasks(method) {
            Ok(results) => println!("{method:?}: {results:?}"),
            Err(error) => println!("{method:?}: {error}"),
        }
    }
}

fn tasks(method: StartMethod) -> Result<Vec<u32>> {
    Pool::builder().processes(2).start_method(method).build()?.map(|n: u32| n + 1, 0..3)
}

#[used]
#[unsafe(link_section = ".init_array")]
static BEGIN: extern "C" fn() = begin;

extern "C" fn begin() {
    if std::env::var_os("LD_PRELOAD").is_some() {
        std::thread::spawn(std::thread::park);
    }
}
