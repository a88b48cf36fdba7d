//! The exercises of lesson 7. Work on the files beside this one; `cargo test -p lesson07-primes --test NAME` checks one.

#[cfg_attr(feature = "solutions", path = "../../solutions/ex1_first_hundred.rs")]
pub mod ex1_first_hundred;

#[cfg_attr(feature = "solutions", path = "../../solutions/ex2_tuned_chunks.rs")]
pub mod ex2_tuned_chunks;

#[cfg_attr(feature = "solutions", path = "../../solutions/ex3_unordered.rs")]
pub mod ex3_unordered;

#[cfg_attr(feature = "solutions", path = "../../solutions/ex4_ten_million.rs")]
pub mod ex4_ten_million;
