//! The tests of exercise 5: in place.

use course::testing::exercise::{Attempt, attempt_to_meet, isolated, varied};
use multiproc::SharedSlice;

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex5_in_place.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex5_in_place.rs")]
pub mod exercise;
// A stub uses little of it.
#[allow(dead_code)]
#[path = "../exercises/given/ex5_in_place.rs"]
pub mod given;

use exercise::develop_all;
use given::{Pixel, develop};

/// Returns a number of pixels that few numbers divide.
fn odd_size() -> usize {
    2 * varied(1, 50_000..100_000)[0] as usize + 1
}

/// A picture before and after.
struct Developed {
    before: Vec<Pixel>,
    after: Vec<Pixel>,
}

/// Has a picture of so many pixels developed. The first calls wait until `crowd` processes have
/// one.
fn developed(pixels: usize, processes: usize, crowd: usize) -> Attempt<Developed> {
    // No two pixels are the same, so that those that were swapped are noticed.
    let first = varied(1, 1_000_000..2_000_000)[0];
    let before = Vec::from_iter(first..first + pixels as u64);
    attempt_to_meet(crowd, move || {
        let picture = SharedSlice::from_slice(&before).unwrap();
        develop_all(&picture, processes).expect("`develop_all` returned an error");
        Developed { before, after: picture.to_vec().unwrap() }
    })
}

impl Developed {
    #[track_caller]
    fn assert_each_once(&self) {
        let untouched: Vec<_> =
            (0..self.before.len()).filter(|place| self.before[*place] == self.after[*place]).collect();
        assert!(
            untouched.is_empty(),
            "{} of {} pixels are as they were, from place {} on: expected each to be developed. Hint: do the parts \
             leave a remainder?",
            untouched.len(),
            self.before.len(),
            untouched[0]
        );
        let mut expected = self.before.clone();
        develop(&mut expected);
        let wrong = (0..expected.len()).find(|place| expected[*place] != self.after[*place]);
        assert_eq!(
            wrong, None,
            "the place of the first pixel that is not as `develop` leaves it, and what was expected: none. Hint: does a \
             pixel belong to two parts?"
        );
    }
}

#[test]
fn every_pixel_is_developed_once() {
    isolated(|| {
        for processes in [1, 2, 3] {
            let seen = developed(odd_size(), processes, 0);
            seen.value.assert_each_once();
            seen.assert_in_workers();
            seen.assert_no_more_workers(processes);
        }
    });
}

#[test]
fn all_workers_develop_at_the_same_time() {
    isolated(|| {
        for processes in varied(2, 2..5).into_iter().map(|n| n as usize) {
            let seen = developed(odd_size(), processes, processes);
            seen.assert_in_parallel(processes);
            assert_eq!(
                seen.workers.len(),
                processes,
                "{} workers have come and gone: expected {processes}. Hint: one pool is enough",
                seen.workers.len()
            );
        }
    });
}

#[test]
fn no_pixel_travels() {
    isolated(|| {
        let seen = developed(odd_size(), 2, 2);
        let copies = seen.calls.iter().filter(|call| !call.input.ends_with(", true)")).count();
        assert_eq!(
            copies,
            0,
            "in {copies} of {} calls the pixels were copies: expected those of the picture, where they are. Hint: a \
             handle of the picture travels in a few bytes, and so does a range",
            seen.calls.len()
        );
    });
}

#[test]
fn small_pictures_are_developed_as_well() {
    isolated(|| {
        for pixels in [0, 1, 5] {
            developed(pixels, 3, 0).value.assert_each_once();
        }
    });
}
