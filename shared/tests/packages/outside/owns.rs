//! Does not compile: the closures capture what is one of a kind, or belongs to one thread; some of
//! that has no size.

use multiproc::Executor;
use qcell::TCellOwner;

struct Mine;

fn main() -> multiproc::Result<()> {
    multiproc::init();
    let (words, token, local) = (vec!["a".to_string()], Mine, std::marker::PhantomData::<*const u8>);
    let owner = TCellOwner::<Mine>::new();
    let pool = multiproc::Pool::new()?;
    pool.map(move |n: usize| words[n].clone(), 0..1usize)?;
    //~ cannot be a task's function: it captures something that cannot be copied or shared
    //~   between threads
    //~ pass the values as arguments, or send them along with `multiproc::partial(function, state)`
    pool.map(move |n: u64| (&token, n).1, 0..1u64)?;
    //~ cannot be a task's function: it captures something that cannot be copied or shared
    //~   between threads
    //~ pass the values as arguments, or send them along with `multiproc::partial(function, state)`
    pool.map(move |n: u64| (&local, n).1, 0..1u64)?;
    //~ cannot be a task's function: it captures something that cannot be copied or shared
    //~   between threads
    //~ pass the values as arguments, or send them along with `multiproc::partial(function, state)`
    pool.apply(move || (&owner, 1).1, ())?;
    //~ cannot be a task's function: it captures something that cannot be copied or shared
    //~   between threads
    //~ pass the values as arguments, or send them along with `multiproc::partial(function, state)`
    Ok(())
}
