//! A lesson: its examples in order, and the options it adds to the menu's own.

use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command};

use crate::broken_pipe;
use crate::command_line::{self, Choice, LIST};
use crate::heading;
use crate::record::{self, Trace};
use crate::watch;

/// A builder of a lesson: [`lesson()`] returns one, and [`run`](Lesson::run) runs it.
#[must_use = "a lesson does nothing until it is `run`"]
pub struct Lesson {
    name: &'static str,
    title: &'static str,
    examples: Vec<Example>,
    options: Vec<Options>,
}

struct Example {
    name: &'static str,
    watch: &'static str,
    run: Box<dyn FnOnce() -> Result<(), String>>,
}

/// A type-erased `clap::Args`, so that a lesson can have several.
struct Options {
    add: fn(Command) -> Command,
    apply: Box<Apply>,
}

type Apply = dyn FnOnce(&ArgMatches) -> Result<(), clap::Error>;

/// Why a lesson did not run to its end.
#[derive(Debug)]
enum Failure {
    /// The command line is wrong, or asks for help, which is an error in clap as well.
    CommandLine(clap::Error),
    /// The trace could not be drawn.
    Trace(String),
    /// An example ended with an error.
    Example { name: &'static str, error: String },
}

/// Declares a lesson: its title, then a line for each example, in order, with what to watch for.
///
/// Each example `NAME` is the file `NAME.rs` beside `main.rs`, a module with a public `main` that
/// returns a `Result`. The macro declares these modules, and a function `lesson` that returns the
/// [`Lesson`](crate::Lesson) under the package's name.
///
/// rustfmt does not find modules that a macro declares: `rustfmt lesson03-sync/src/*.rs` formats
/// them.
///
/// # Examples
///
/// ```ignore
/// course::lesson! {
///     "tasks in parallel, and wait";
///
///     apply: "one task at a time, and an error that is a value",
///     map: "reports in any order, results in the order of the numbers",
/// }
///
/// fn main() -> ExitCode {
///     multiproc::init();
///     lesson().run()
/// }
/// ```
#[macro_export]
macro_rules! lesson {
    ($title:literal; $($name:ident: $watch:literal),+ $(,)?) => {
        $(pub mod $name;)+

        fn lesson() -> $crate::Lesson {
            $crate::lesson(env!("CARGO_PKG_NAME"), $title)$(.example(stringify!($name), $watch, $name::main))+
        }
    };
}

/// Returns a lesson without examples. `name` is the package's name, as in `cargo run -p NAME`. See
/// also the macro [`lesson!`](crate::lesson!).
pub fn lesson(name: &'static str, title: &'static str) -> Lesson {
    Lesson { name, title, examples: Vec::new(), options: Vec::new() }
}

impl Lesson {
    /// Adds an example: its name, one line of what to watch for, and its `main`.
    pub fn example<E: Display>(
        mut self,
        name: &'static str,
        watch: &'static str,
        main: impl FnOnce() -> Result<(), E> + 'static,
    ) -> Self {
        debug_assert!(
            name != LIST && self.examples.iter().all(|other| other.name != name),
            "the name `{name}` is taken"
        );
        let run = Box::new(|| main().map_err(|error| error.to_string()));
        self.examples.push(Example { name, watch, run });
        self
    }

    /// Adds options of the lesson's own: the fields of `T`. They are passed to `apply` before the
    /// first example runs; if it returns an error, the program prints it and ends with exit status
    /// 2.
    ///
    /// # Examples
    ///
    /// ```
    /// #[derive(clap::Args)]
    /// struct Greeting {
    ///     /// Whom to greet
    ///     #[arg(long, default_value = "world")]
    ///     name: String,
    /// }
    ///
    /// fn check(greeting: Greeting) -> Result<(), &'static str> {
    ///     if greeting.name.is_empty() { Err("the name is empty") } else { Ok(()) }
    /// }
    ///
    /// let lesson = course::lesson("lesson00-hello", "The smallest lesson").options(check);
    /// # drop(lesson);
    /// ```
    pub fn options<T: Args, E: Display>(mut self, apply: impl FnOnce(T) -> Result<(), E> + 'static) -> Self {
        self.options.push(Options {
            add: T::augment_args,
            apply: Box::new(|matches| {
                let options = T::from_arg_matches(matches)?;
                apply(options).map_err(|error| clap::Error::raw(ErrorKind::ValueValidation, error))
            }),
        });
        self
    }

    /// Runs what the command line asks for, and returns what `main` has to return.
    pub fn run(self) -> ExitCode {
        if let Some(kept) = watch::keep() {
            return kept;
        }
        broken_pipe::end_quietly();
        match self.run_with(env::args_os().skip(1)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(Failure::Example { error, .. }) if broken_pipe::explains(&error) => ExitCode::SUCCESS,
            Err(Failure::CommandLine(error)) => {
                // An error here means that standard error is closed as well.
                let _ = error.print();
                u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
            }
            Err(Failure::Example { name, error }) => {
                heading::failed(&format!("the example `{name}` failed: {error}"));
                ExitCode::FAILURE
            }
            Err(Failure::Trace(error)) => {
                heading::failed(&error);
                ExitCode::FAILURE
            }
        }
    }

    fn run_with(self, arguments: impl IntoIterator<Item = OsString>) -> Result<(), Failure> {
        let mut command = self.command();
        let names: Vec<_> = self.examples.iter().map(|example| example.name).collect();
        let (choice, matches) = command_line::parse(&mut command, &names, arguments).map_err(Failure::CommandLine)?;
        if choice == Choice::List {
            self.list();
            return Ok(());
        }
        for options in self.options {
            (options.apply)(&matches).map_err(|error| Failure::CommandLine(error.format(&mut command)))?;
        }

        let all = choice == Choice::All;
        let mut trace = None;
        if let Some(file) = record::file(&matches) {
            let mut refuse = |error: String| command.error(ErrorKind::ValueValidation, error);
            if all {
                return Err(Failure::CommandLine(refuse("--trace draws one example: name it".into())));
            }
            trace = Some(Trace::start(file).map_err(refuse).map_err(Failure::CommandLine)?);
        }
        // The output of a single example that another program reads has no heading.
        let headings = all || io::stdout().is_terminal();
        if all {
            heading::lesson(self.name, self.title);
        }
        for (place, example) in self.examples.into_iter().enumerate() {
            if !all && choice != Choice::One(place) {
                continue;
            }
            if headings {
                heading::example(example.name, example.watch, place + 1, names.len());
            }
            (example.run)().map_err(|error| Failure::Example { name: example.name, error })?;
            if let Some(trace) = trace.take() {
                trace.finish(self.name, example.name).map_err(Failure::Trace)?;
            }
        }
        Ok(())
    }

    /// Returns the options in clap's terms: the lesson's own, and the menu's. The example's name is
    /// in the usage line only, because it is removed before clap reads the rest.
    fn command(&self) -> Command {
        let examples = self.examples.iter().map(|example| example.name).collect::<Vec<_>>().join(", ");
        let command = Command::new(self.name)
            .bin_name(format!("cargo run -p {} -- [EXAMPLE]", self.name))
            .no_binary_name(true)
            .after_help(format!(
                "Examples: {examples}\n`{LIST}` says what each shows; without a name, all of them run."
            ));
        let command = self.options.iter().fold(command, |command, options| (options.add)(command));
        record::add_option(command).about(self.title)
    }

    fn list(&self) {
        let width = self.examples.iter().map(|example| example.name.len()).max().unwrap_or(0);
        for example in &self.examples {
            heading::listed(example.name, example.watch, width);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    type Log = Rc<RefCell<Vec<String>>>;

    #[derive(Args)]
    struct Numbers {
        numbers: Vec<u64>,
    }

    /// Runs a lesson of three examples, of which `two` fails, and returns what ran.
    fn run(words: &[&str]) -> (Result<(), Failure>, Vec<String>) {
        let log = Log::default();
        let note = |word: &str| {
            let (log, word) = (Rc::clone(&log), word.to_owned());
            move || {
                log.borrow_mut().push(word);
                Ok::<_, &str>(())
            }
        };
        let (one, two, three) = (note("one"), note("two"), note("three"));
        let chosen = Rc::clone(&log);
        let result = lesson("lesson00", "A lesson for the tests")
            .options(move |options: Numbers| {
                if options.numbers.contains(&13) {
                    return Err("13 is not welcome");
                }
                chosen.borrow_mut().extend(options.numbers.iter().map(u64::to_string));
                Ok(())
            })
            .example("one", "nothing", one)
            .example("two", "its failure", move || {
                two()?;
                Err("no luck")
            })
            .example("three", "nothing", three)
            .run_with(words.iter().map(OsString::from));
        (result, log.take())
    }

    #[test]
    fn without_a_name_examples_run_in_order_up_to_the_first_failure() {
        let (result, log) = run(&[]);
        assert_eq!(log, ["one", "two"]);
        assert!(matches!(result, Err(Failure::Example { name: "two", error }) if error == "no luck"));
    }

    #[test]
    fn a_name_runs_that_example_alone() {
        let (result, log) = run(&["three"]);
        assert!(result.is_ok());
        assert_eq!(log, ["three"]);
    }

    /// Records nothing: a recording would start this program again.
    #[test]
    fn a_trace_of_all_or_of_an_unknown_kind_is_refused_before_any_example_runs() {
        for (words, advice) in
            [(["--trace", "x.svg", "97"], "name it"), (["one", "--trace", "x.png"], "in .svg or .json")]
        {
            let (result, log) = run(&words);
            let Err(Failure::CommandLine(error)) = result else { panic!("{result:?}") };
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(advice), "{error}");
            assert!(!log.contains(&"one".to_owned()), "{log:?}");
        }
    }

    #[test]
    fn list_runs_nothing() {
        let (result, log) = run(&["list"]);
        assert!(result.is_ok());
        assert!(log.is_empty());
    }

    #[test]
    fn options_reach_the_lesson_before_its_examples_run() {
        assert_eq!(run(&["three", "97", "101"]).1, ["97", "101", "three"]);
        assert_eq!(run(&["97"]).1, ["97", "one", "two"]);
    }

    #[test]
    fn an_option_the_lesson_refuses_ends_with_status_2_before_any_example_runs() {
        let (result, log) = run(&["one", "13"]);
        assert!(log.is_empty());
        let Err(Failure::CommandLine(error)) = result else { panic!("{result:?}") };
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("13 is not welcome"), "{error}");
    }

    #[test]
    fn the_help_names_the_examples() {
        let (result, _) = run(&["--help"]);
        let Err(Failure::CommandLine(help)) = result else { panic!("{result:?}") };
        assert_eq!(help.exit_code(), 0);
        assert!(help.to_string().contains("Examples: one, two, three"), "{help}");
    }
}
