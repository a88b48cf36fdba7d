//! The menu that every lesson shares. A lesson's `main.rs` lists its examples, by the macro
//! [`lesson!`] or as here, and this crate does the rest:
//!
//! ```
//! use std::process::ExitCode;
//!
//! fn hello() -> Result<(), std::fmt::Error> {
//!     println!("Hello");
//!     Ok(())
//! }
//!
//! fn main() -> ExitCode {
//!     course::lesson("lesson00-hello", "The smallest lesson")
//!         .example("hello", "one greeting is printed", hello)
//!         .run()
//! }
//! ```
//!
//! | command line | what happens |
//! |---|---|
//! | (nothing) | every example runs, first to last, each under a heading with what to watch for |
//! | `list` | names the examples |
//! | `hello` | runs that one |
//! | `hello --trace hello.svg` | runs it, and draws which worker ran what, when |
//! | `helo` | no such example: the nearest names, exit status 2 |
//!
//! A first argument that begins with a letter names an example; everything else is an option. The
//! menu adds those a lesson asks for, see [`Lesson::options`]. A lesson whose output is no
//! longer read (`| head -1`) ends quietly.

mod broken_pipe;
mod command_line;
mod heading;
mod lesson;
mod nearest;
mod processes;
mod record;
pub mod schedule;
#[cfg(feature = "testing")]
pub mod testing;
mod timeline;
mod watch;

pub use lesson::{Lesson, lesson};
