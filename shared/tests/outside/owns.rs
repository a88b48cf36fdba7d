//! Does not compile: the closures capture what is one of a kind, or belongs to one thread; some of that has no size.

use qcell::TCellOwner;

struct Mine;

fn main() -> multiproc::Result<()> {
    multiproc::init();
    let (words, token, local) = (vec!["a".to_string()], Mine, std::marker::PhantomData::<*const u8>);
    let owner = TCellOwner::<Mine>::new();
    let pool = multiproc::Pool::new()?;
    pool.map(move |n: usize| words[n].clone(), 0..1usize)?;
    pool.map(move |n: u64| (&token, n).1, 0..1u64)?;
    pool.map(move |n: u64| (&local, n).1, 0..1u64)?;
    pool.apply(move || (&owner, 1).1, ())?;
    Ok(())
}
