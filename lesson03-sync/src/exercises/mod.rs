//! The exercises of lesson 3. Work on the files beside this one; `cargo test -p lesson03-sync --test NAME` checks one.

#[cfg_attr(feature = "solutions", path = "../../solutions/ex1_for_loop.rs")]
pub mod ex1_for_loop;
#[cfg_attr(feature = "solutions", path = "../../solutions/ex2_grid.rs")]
pub mod ex2_grid;
#[cfg_attr(feature = "solutions", path = "../../solutions/ex3_chunk_size.rs")]
pub mod ex3_chunk_size;
