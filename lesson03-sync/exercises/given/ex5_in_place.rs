//! Exercise 5, what is given: what is done to the pixels of a picture.

use std::fs;

use course::testing::exercise::witness;

/// A pixel.
pub type Pixel = u64;

/// Develops some neighbouring pixels of a picture, where they are.
pub fn develop(pixels: &mut [Pixel]) {
    let Some(first) = pixels.first() else { return };
    // The tests see by this which process runs it, and when.
    let _call = witness((*first, pixels.len(), is_shared(pixels)));
    for pixel in pixels {
        *pixel = pixel.wrapping_mul(3) + 1;
    }
}

/// Returns whether other processes can have this memory, too: see proc_pid_maps(5).
fn is_shared(pixels: &[Pixel]) -> bool {
    let address = pixels.as_ptr().addr();
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    maps.lines().any(|line| {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut ends = range.split('-').map(|end| usize::from_str_radix(end, 16).unwrap_or_default());
        let (start, end) = (ends.next().unwrap_or_default(), ends.next().unwrap_or_default());
        (start..end).contains(&address) && rights.ends_with('s')
    })
}
