//! The numbers of this lesson, and how to choose others on the command line.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::sync::OnceLock;

/// The 17 numbers of the case study. All are prime but 106198, 30425026352720 and
/// 10657331232548830.
pub const NUMBERS: [u64; 17] = [
    17977,
    10619863,
    106198,
    6620830889,
    80630964769,
    228204732751,
    1171432692373,
    1398341745571,
    10963707205259,
    15285151248481,
    99999199999,
    304250263527209,
    30425026352720,
    10657331232548839,
    10657331232548830,
    44560482149,
    1746860020068409,
];

static CHOSEN: OnceLock<Vec<u64>> = OnceLock::new();

/// The numbers to test: those given on the command line, else the 17.
pub fn numbers() -> Vec<u64> {
    chosen().unwrap_or_else(|| NUMBERS.to_vec())
}

/// The numbers given on the command line, if any were.
pub fn chosen() -> Option<Vec<u64>> {
    CHOSEN.get().cloned()
}

/// The options that choose numbers.
#[derive(clap::Args)]
pub struct Numbers {
    /// Test these instead of the lesson's 17
    #[arg(value_name = "NUMBER", allow_negative_numbers = true)]
    given: Vec<u64>,
    /// Read them from FILE, one a line; `-` is standard input
    #[arg(long = "numbers", value_name = "FILE", conflicts_with = "given")]
    file: Option<PathBuf>,
}

/// Makes [`numbers`] return what the options say. It runs once, before the first example, so that
/// standard input is read once however many examples follow.
pub fn choose(options: Numbers) -> Result<(), String> {
    let numbers = match options.file {
        Some(path) if path.as_os_str() == "-" => read(io::stdin().lock(), "standard input")?,
        Some(path) => {
            let name = path.display().to_string();
            let file = File::open(&path).map_err(|error| format!("{name}: {error}"))?;
            read(BufReader::new(file), &name)?
        }
        None if options.given.is_empty() => return Ok(()),
        None => options.given,
    };
    CHOSEN.get_or_init(|| numbers);
    Ok(())
}

/// Reads a number from each line. Empty lines do not count, nor does what follows a `#`. `name`
/// says in an error where the lines are from.
pub fn read(input: impl BufRead, name: &str) -> Result<Vec<u64>, String> {
    let mut numbers = Vec::new();
    for (place, line) in input.split(b'\n').enumerate() {
        let line = line.map_err(|error| format!("{name}: {error}"))?;
        let line = String::from_utf8_lossy(&line);
        let text = line.split('#').next().unwrap_or_default().trim();
        if text.is_empty() {
            continue;
        }
        let number = text.parse().map_err(|_| {
            format!("{name}, line {}: {text:?} is not a whole number from 0 to {}", place + 1, u64::MAX)
        })?;
        numbers.push(number);
    }
    if numbers.is_empty() { Err(format!("{name} has no numbers")) } else { Ok(numbers) }
}
