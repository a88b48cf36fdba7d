//! Exercise 2: a conversation through a pipe.
//!
//! Goal: `converse` puts its questions, one after the other, to a child process, and returns the answers and what the
//! child returned in the end: how many questions it has answered.
//! What to touch: the bodies of `answer_all` and `converse`, and the `use` lines.
//! How to check: `cargo test -p lesson01-processes --test ex2_pipe_conversation`

use std::process;

use multiproc::{Connection, Result};
use serde::{Deserialize, Serialize};

/// What the parent asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Question {
    /// How much are these, added up?
    Sum(Vec<i64>),
    /// How does this read from its end?
    Reversed(String),
}

/// What the child answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// The numbers, added up.
    Sum(i64),
    /// The text from its end.
    Reversed(String),
}

/// A reply, and whose it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The reply.
    pub reply: Reply,
    /// The process that found it.
    pub pid: u32,
}

/// Answers one question.
pub fn answer(question: Question) -> Answer {
    let reply = match question {
        Question::Sum(numbers) => Reply::Sum(numbers.iter().sum()),
        Question::Reversed(text) => Reply::Reversed(text.chars().rev().collect()),
    };
    Answer { reply, pid: process::id() }
}

/// The child: answers what comes through the connection, until there is no more. Returns how many questions that were.
pub fn answer_all(parent: Connection<Answer, Question>) -> usize {
    todo!("receive from {parent:?} and send the `answer`, until `recv` says `Error::Disconnected`")
}

/// The parent: has a child answer the questions, and waits for its end. Returns the answers, in the order of the questions,
/// and what the child returned.
pub fn converse(questions: Vec<Question>) -> Result<(Vec<Answer>, usize)> {
    todo!("a pipe, a `Process` that runs `answer_all` with one of its ends, and {} questions", questions.len())
}
