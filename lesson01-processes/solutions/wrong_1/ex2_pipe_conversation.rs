//! Wrong: the parent talks to itself.
//!
//! The tests say: the questions were answered in this very process

use std::process;

use multiproc::{Connection, Error, Result};
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
    let mut answered = 0;
    loop {
        match parent.recv() {
            Ok(question) => parent.send(answer(question)).expect("the parent waits for the answer"),
            Err(Error::Disconnected) => return answered,
            Err(error) => panic!("the question cannot be read: {error}"),
        }
        answered += 1;
    }
}

/// The parent: has a child answer the questions, and waits for its end. Returns the answers, in the order of the questions,
/// and what the child returned.
pub fn converse(questions: Vec<Question>) -> Result<(Vec<Answer>, usize)> {
    let answers: Vec<Answer> = questions.into_iter().map(answer).collect();
    let answered = answers.len();
    Ok((answers, answered))
}
