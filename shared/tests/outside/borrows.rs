//! Does not compile: the argument is borrowed, and the parent's memory is not there in a worker.

fn main() -> multiproc::Result<()> {
    multiproc::init();
    multiproc::Pool::new()?.map(|text: &str| text.len(), ["a", "b"])?;
    Ok(())
}
