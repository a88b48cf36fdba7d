//! The error of encoding and decoding: the reason, and the path to the value.

use std::fmt;

use serde::{de, ser};

/// A serde error that keeps the text and collects the path to the value that caused it.
#[derive(Debug)]
pub(super) struct Error(Box<Cause>);

#[derive(Debug)]
struct Cause {
    text: String,
    /// From the innermost outwards: an error collects its path while it is returned.
    path: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Field(String),
    Element(u64),
}

impl Error {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(Box::new(Cause { text: text.into(), path: Vec::new() }))
    }

    /// Returns the error for a message that ends before the value does.
    #[cold]
    pub(super) fn cut_short() -> Self {
        Self::new("the message is cut short")
    }

    #[cold]
    pub(super) fn unknown_tag() -> Self {
        Self::new("the message has an unknown tag")
    }

    #[cold]
    pub(super) fn too_deep() -> Self {
        Self::new(format!("the value is nested more than {} levels deep", super::format::MAX_DEPTH))
    }

    /// Adds the field that the error is in.
    #[cold]
    pub(super) fn in_field(mut self, name: &str) -> Self {
        self.0.path.push(Step::Field(name.into()));
        self
    }

    /// Adds the element of a sequence that the error is in.
    #[cold]
    pub(super) fn in_element(mut self, index: u64) -> Self {
        self.0.path.push(Step::Element(index));
        self
    }

    /// Returns the text for the caller: the cause, the path, the type that was encoded or decoded.
    #[cold]
    pub(super) fn describe<T: ?Sized>(&self) -> String {
        let name = std::any::type_name::<T>();
        if self.0.path.is_empty() { format!("{self} (in `{name}`)") } else { format!("{self} of `{name}`)") }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Steps of a long path that are shown at each end.
        const SHOWN: usize = 8;
        let Cause { text, path } = &*self.0;
        f.write_str(text)?;
        for (i, step) in path.iter().rev().enumerate() {
            if i >= SHOWN && path.len() - i > SHOWN {
                if i == SHOWN {
                    f.write_str(" … ")?;
                }
                continue;
            }
            match (i, step) {
                (0, Step::Field(name)) => write!(f, " (in `{name}")?,
                (_, Step::Field(name)) => write!(f, ".{name}")?,
                (0, Step::Element(index)) => write!(f, " (in `[{index}]")?,
                (_, Step::Element(index)) => write!(f, "[{index}]")?,
            }
        }
        if path.is_empty() { Ok(()) } else { f.write_str("`") }
    }
}

impl std::error::Error for Error {}

impl ser::Error for Error {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new(text.to_string())
    }
}

impl de::Error for Error {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new(text.to_string())
    }
}
