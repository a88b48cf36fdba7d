//! Does not compile: the arguments are borrowed, and the parent's memory is not there in a worker.

use multiproc::Executor;

fn len(text: &str) -> usize {
    text.len()
}

fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = multiproc::Pool::new()?;
    pool.map(|text: &str| text.len(), ["a", "b"])?;
    //~ implementation of `OwnedNotBorrowed` is not general enough
    pool.apply(len, ("a",))?;
    //~ implementation of `OwnedNotBorrowed` is not general enough
    Ok(())
}
