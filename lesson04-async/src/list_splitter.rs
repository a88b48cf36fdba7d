//! Split a list into n parts of nearly the same size, one for each worker, say.
//!
//! Watch the sizes: they differ by at most one, and there are as many parts as you asked for, empty
//! ones if need be. The standard library's `chunks` keeps neither promise: it asks for the size of
//! a part, not for their number. Nine items by threes (a quarter, rounded up) are three parts, and
//! the fourth worker would have nothing to do.
//!
//! What such a function promises are properties, for every list and every n. The tests at the end
//! of this file do not try a few examples, but state the properties, and leave it to `proptest` to
//! look for a list that has them not.

// ANCHOR: program
use multiproc::{Executor, Pool};

// ANCHOR: split
/// Splits `list` into `parts` parts, in order. Their lengths differ by at most one, and the longer
/// ones come first.
///
/// # Panics
/// If `parts` is 0: there would be no place for the items.
pub fn split<T>(list: &[T], parts: usize) -> impl Iterator<Item = &[T]> {
    assert!(parts > 0, "a list cannot be split into 0 parts");
    let (length, longer) = (list.len() / parts, list.len() % parts);
    let mut rest = list;
    (0..parts).map(move |part| {
        let (head, tail) = rest.split_at(length + usize::from(part < longer));
        rest = tail;
        head
    })
}
// ANCHOR_END: split

fn sum(numbers: Vec<u64>) -> u64 {
    numbers.iter().sum()
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let list: Vec<u64> = (1..=9).collect();
    println!("9 in 4 parts:     {:?}", Vec::from_iter(split(&list, 4)));
    println!("by chunks(3):     {:?}", Vec::from_iter(list.chunks(3)));
    println!("3 in 5 parts:     {:?}", Vec::from_iter(split(&list[..3], 5)));
    println!("nothing, 2 parts: {:?}", Vec::from_iter(split(&list[..0], 2)));

    // One part for each worker. A worker shares no memory with us, so the parts travel as lists of
    // their own.
    let pool = Pool::with_processes(4)?;
    let sums = pool.map(sum, split(&list, 4).map(<[u64]>::to_vec))?;
    println!("sums by 4 workers: {sums:?}, {} in all", sums.iter().sum::<u64>());
    Ok(())
}
// ANCHOR_END: program

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::split;

    // ANCHOR: properties
    proptest! {
        #[test]
        fn the_parts_one_after_the_other_are_the_list(list: Vec<u8>, parts in 1..200_usize) {
            prop_assert_eq!(split(&list, parts).collect::<Vec<_>>().concat(), list);
        }

        #[test]
        fn there_are_as_many_parts_as_asked_for(list: Vec<u8>, parts in 1..200_usize) {
            prop_assert_eq!(split(&list, parts).count(), parts);
        }

        #[test]
        fn sizes_differ_by_at_most_one_and_never_grow(list: Vec<u8>, parts in 1..200_usize) {
            let sizes: Vec<_> = split(&list, parts).map(<[u8]>::len).collect();
            prop_assert!(sizes.is_sorted_by(|a, b| a >= b));
            prop_assert!(sizes[0] - sizes[parts - 1] <= 1);
        }

        #[test]
        fn more_parts_than_items_are_single_items_and_empty_parts(list: Vec<u8>, more in 1..100_usize) {
            let parts = list.len() + more;
            prop_assert_eq!(split(&list, parts).filter(|part| part.is_empty()).count(), more);
        }
    }
    // ANCHOR_END: properties

    #[test]
    #[should_panic(expected = "0 parts")]
    fn no_parts_are_refused() {
        let _ = split(&[1], 0);
    }
}
