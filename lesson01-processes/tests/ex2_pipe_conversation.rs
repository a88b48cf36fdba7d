//! The tests of exercise 2: a conversation through a pipe.

use std::collections::BTreeSet;
use std::process;

use course::testing::exercise::{Attempt, attempt};

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex2_pipe_conversation.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex2_pipe_conversation.rs")]
pub mod exercise;
// A stub uses little of it.
#[allow(dead_code)]
#[path = "../exercises/given/ex2_pipe_conversation.rs"]
pub mod given;

use exercise::converse;
use given::{Answer, Question, Reply};

/// Has a child answer the questions.
fn ask(questions: Vec<Question>) -> Attempt<(Vec<Answer>, usize)> {
    attempt(move || converse(questions).expect("`converse` returned an error"))
}

fn replies(answers: &[Answer]) -> Vec<Reply> {
    answers.iter().map(|answer| answer.reply.clone()).collect()
}

#[test]
fn every_question_has_its_answer() {
    let questions = vec![
        Question::Sum(vec![1, 2, 3]),
        Question::Reversed("pipe".into()),
        Question::Sum(vec![]),
        Question::Sum(vec![-7, 7, 40, 2]),
    ];
    let (answers, answered) = ask(questions).value;
    let expected = [Reply::Sum(6), Reply::Reversed("epip".into()), Reply::Sum(0), Reply::Sum(42)];
    assert_eq!(replies(&answers), expected, "one answer for each question, in the order of the questions");
    assert_eq!(answered, 4, "the child returns how many questions it has answered");
}

#[test]
fn one_child_answers_all_of_them() {
    let asked = ask((1..=20).map(|n| Question::Sum(vec![n, n])).collect());
    let pids: BTreeSet<_> = asked.value.0.iter().map(|answer| answer.pid).collect();
    assert!(
        !pids.contains(&process::id()),
        "the questions were answered in this very process: start a `Process`, and ask it through a pipe"
    );
    assert_eq!(pids.len(), 1, "the questions were answered by {} processes: one child gets all of them", pids.len());
    assert_eq!(asked.workers, pids, "the processes that were seen are not the one that has answered");
}

#[test]
fn a_child_that_is_asked_nothing_ends_as_well() {
    let asked = ask(Vec::new());
    assert_eq!(asked.value, (Vec::new(), 0), "no questions, no answers");
    assert_eq!(asked.workers.len(), 1, "one child is started, and finds the connection closed");
}

#[test]
fn questions_and_answers_may_be_longer_than_a_pipe_holds() {
    let text = "0123456789abcdef".repeat(1 << 16);
    let (answers, _) = ask(vec![Question::Reversed(text.clone()); 4]).value;
    let reversed: String = text.chars().rev().collect();
    assert!(
        answers.len() == 4 && replies(&answers).iter().all(|reply| *reply == Reply::Reversed(reversed.clone())),
        "four texts of a mebibyte each, reversed: send one, receive its answer, then send the next"
    );
}
