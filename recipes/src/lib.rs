//! The programs are in `src/bin`, one a recipe: `cargo run -p recipes --bin pipeline`. The book's
//! page "Recipes" shows them.

/// The program in the repository's README compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
