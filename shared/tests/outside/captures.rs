//! Does not compile: the closures capture variables, which cannot travel.

fn main() -> multiproc::Result<()> {
    multiproc::init();
    let (factor, words) = (3, vec!["a".to_string()]);
    let pool = multiproc::Pool::new()?;
    pool.map(move |n: u64| n * factor, 0..10u64)?;
    pool.map(move |n: usize| words[n].clone(), 0..1usize)?;
    Ok(())
}
