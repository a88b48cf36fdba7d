//! The tests of exercise 2: a conversation through a pipe.

use std::process;

use course::testing::exercise::{Attempt, attempt, isolated, varied};

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
    isolated(|| {
        let mut questions = vec![Question::Sum(vec![]), Question::Sum(vec![-7, 7, 40, 2])];
        let mut expected = vec![Reply::Sum(0), Reply::Sum(42)];
        for n in varied(5, 1_000..10_000) {
            questions.extend([Question::Reversed(format!("pipe {n}")), Question::Sum(vec![n as i64, -1])]);
            let digits: String = n.to_string().chars().rev().collect();
            expected.extend([Reply::Reversed(format!("{digits} epip")), Reply::Sum(n as i64 - 1)]);
        }
        let count = questions.len();
        let (answers, answered) = ask(questions).value;
        assert_eq!(
            replies(&answers),
            expected,
            "the answers, and those that were expected: one for each question, in the order of the questions. Hint: \
             `answer` finds each"
        );
        assert_eq!(
            answered, count,
            "what the child returned, and the number of questions. Hint: the child counts what it has answered; `join` \
             returns what its function returned"
        );
    });
}

#[test]
fn one_child_answers_all_of_them() {
    isolated(|| {
        let numbers = varied(20, 0..1_000_000);
        let questions: Vec<_> = numbers.iter().map(|n| Question::Sum(vec![*n as i64])).collect();
        let asked = ask(questions.clone());
        let callers = asked.callers();
        assert!(
            !callers.contains(&process::id()),
            "the questions were answered in this very process: expected a child. Hint: start a `Process`, and ask it \
             through a pipe"
        );
        assert_eq!(
            callers.len(),
            1,
            "the questions were answered by {} processes: expected one. Hint: start the child before the loop",
            callers.len()
        );
        assert_eq!(
            asked.workers, callers,
            "the processes that were seen, and the one that has answered: expected no other"
        );
        asked.assert_each_once(&questions);
        for (question, answer) in questions.iter().zip(&asked.value.0) {
            asked.assert_computed_by(question, answer.pid);
        }
    });
}

#[test]
fn a_child_that_is_asked_nothing_ends_as_well() {
    isolated(|| {
        let asked = ask(Vec::new());
        assert_eq!(
            asked.value,
            (Vec::new(), 0),
            "what was returned without questions: expected no answers and a count of 0"
        );
        assert_eq!(
            asked.workers.len(),
            1,
            "the children that were seen: expected one, which finds the connection closed"
        );
    });
}

#[test]
fn questions_and_answers_may_be_longer_than_a_pipe_holds() {
    isolated(|| {
        let text = "0123456789abcdef".repeat(1 << 16);
        let (answers, _) = ask(vec![Question::Reversed(text.clone()); 4]).value;
        let reversed: String = text.chars().rev().collect();
        assert!(
            answers.len() == 4 && replies(&answers).iter().all(|reply| *reply == Reply::Reversed(reversed.clone())),
            "{} of 4 texts of a mebibyte each came back reversed: expected all. Hint: send one, receive its answer, \
             then send the next",
            answers.len()
        );
    });
}
