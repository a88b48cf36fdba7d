//! Wrong: the parent answers its own questions.
//!
//! Fails with: the questions were answered in this very process

use multiproc::Result;

use super::given::{Answer, Question, answer};

pub fn converse(questions: Vec<Question>) -> Result<(Vec<Answer>, usize)> {
    let answers: Vec<Answer> = questions.into_iter().map(answer).collect();
    let answered = answers.len();
    Ok((answers, answered))
}
