//! A task with state: a method of an object is a function whose first argument is the object, so
//! `partial` fixes it.
//!
//! Watch the results: an enum comes back as it is, whichever of its variants it is. The rows are
//! random, from a seed, so that they are the same each time.

// ANCHOR: program
use fastrand::Rng;
use multiproc::{Executor, Pool, partial};
use serde::{Deserialize, Serialize};

// ANCHOR: roots
/// Where a x² + b x + c is 0. What travels to a worker or back has to be `Serialize` and
/// `Deserialize`.
#[derive(Serialize, Deserialize)]
enum Roots {
    Two(f64, f64),
    One(f64),
    None,
}
// ANCHOR_END: roots

// ANCHOR: solver
/// Solves quadratic equations, and rounds the roots.
#[derive(Serialize, Deserialize)]
struct Solver {
    decimals: i32,
}

impl Solver {
    fn solve(&self, a: i32, b: i32, c: i32) -> Roots {
        // Whole numbers, so that "is it 0?" has a true answer. With an `a` of 0 there would be
        // nothing quadratic.
        let discriminant = b * b - 4 * a * c;
        let root = |sign: f64| {
            let unit = 10f64.powi(self.decimals);
            let root = (f64::from(-b) + sign * f64::from(discriminant).sqrt()) / f64::from(2 * a);
            (root * unit).round() / unit
        };
        match discriminant {
            1.. => Roots::Two(root(-1.0), root(1.0)),
            0 => Roots::One(root(0.0)),
            _ => Roots::None,
        }
    }
}
// ANCHOR_END: solver

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let mut random = Rng::with_seed(336);
    let rows: Vec<(i32, i32, i32)> =
        (0..20).map(|_| (random.i32(1..=9), random.i32(-9..=9), random.i32(-9..=9))).collect();

    let pool = Pool::with_processes(2)?;
    // ANCHOR: call
    let solver = Solver { decimals: 3 };
    let solutions = pool.starmap(partial(Solver::solve, solver), rows.clone())?;
    // ANCHOR_END: call
    for ((a, b, c), roots) in rows.into_iter().zip(solutions) {
        let equation = format!("{a}x² {b:+}x {c:+} = 0");
        match roots {
            Roots::Two(one, other) => println!("{equation:<16} two roots: {one} and {other}"),
            Roots::One(root) => println!("{equation:<16} one root: {root}"),
            Roots::None => println!("{equation:<16} none"),
        }
    }
    Ok(())
}
// ANCHOR_END: program
