//! The exercises of lesson 3. Work on the files beside this one; `cargo test -p lesson03-sync --test NAME` checks one.

#[cfg_attr(feature = "solutions", path = "../../solutions/ex1_for_loop.rs")]
pub mod ex1_for_loop;
