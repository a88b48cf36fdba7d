//! Exercise 2: a conversation through a pipe.
//!
//! Goal: a child process answers questions that come through a pipe, one after the other, until
//! there are no more. It then returns how many it has answered.
//!
//! Given, in `given/ex2_pipe_conversation.rs`: the types `Question`, `Reply` and `Answer`, and
//! `answer(question)`, which answers one question.
//!
//! Check: `cargo test -p lesson01-processes --test ex2_pipe_conversation`

use multiproc::{Connection, Result};

use super::given::*;

/// Runs in the child: answers every question that comes through the connection, until the other
/// end is closed. Returns the number of questions.
pub fn answer_all(parent: Connection<Answer, Question>) -> usize {
    todo!("receive from {parent:?} and send the `answer`, until `recv` fails with `Error::Disconnected`")
}

/// Runs in the parent: has a child answer the questions, and waits until the child has ended.
/// Returns the answers, in the order of the questions, and what the child returned.
pub fn converse(questions: Vec<Question>) -> Result<(Vec<Answer>, usize)> {
    let _ = answer_all; // for the child
    todo!("a pipe, a `Process` that runs `answer_all` with one of its ends, and {} questions", questions.len())
}
