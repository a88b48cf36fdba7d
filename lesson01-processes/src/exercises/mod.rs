//! The exercises of lesson 1. Work on the files beside this one; `cargo test -p lesson01-processes --test NAME` checks one.

#[cfg_attr(feature = "solutions", path = "../../solutions/ex1_fork_and_reap.rs")]
pub mod ex1_fork_and_reap;
#[cfg_attr(feature = "solutions", path = "../../solutions/ex2_pipe_conversation.rs")]
pub mod ex2_pipe_conversation;
#[cfg_attr(feature = "solutions", path = "../../solutions/ex3_word_count.rs")]
pub mod ex3_word_count;
