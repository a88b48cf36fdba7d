//! Connects programs that did not start each other: one listens and publishes two queues, the other
//! proves that it has the key, and uses them as if they were its own.
//!
//! ```sh
//! two_programs serve KEYFILE 127.0.0.1:0    # prints its address
//! two_programs ask KEYFILE ADDRESS 12
//! ```

use std::time::Duration;

use multiproc::{Error, Manager, Result};

/// How long the client waits for its reply.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Reads the key from a file, which only its owner should be able to read: arguments and
/// environment are no place for it, as `ps` shows them.
fn key(file: &str) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| Error::Config(format!("no key in {file}: {error}")))
}

fn serve(file: &str, address: &str) -> Result<()> {
    // With port 0 the system chooses one.
    let manager = Manager::builder().listen(address).key(key(file)?).start()?;
    let questions = manager.bounded_queue::<u64>(100)?;
    let answers = manager.queue::<(u64, u64)>()?;
    manager.publish("questions", &questions)?;
    manager.publish("answers", &answers)?;
    println!("{}", manager.address().expect("it listens"));
    // Until the program is ended: the queues end with it, and so does every wait for them.
    loop {
        let question = questions.get()?;
        answers.put((question, question * question))?;
    }
}

fn ask(file: &str, address: &str, question: u64) -> Result<()> {
    let manager = Manager::connect(address, key(file)?)?;
    let (questions, answers) = (manager.queue::<u64>("questions")?, manager.queue::<(u64, u64)>("answers")?);
    questions.put(question)?;
    let (of, answer) = answers.get_timeout(TIMEOUT)?;
    println!("the square of {of} is {answer}");
    Ok(())
}

fn main() -> Result<()> {
    multiproc::init();
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", file, address] => serve(file, address),
        ["ask", file, address, question] => {
            ask(file, address, question.parse().map_err(|_| Error::Config("not a number".into()))?)
        }
        _ => Err(Error::Config("usage: two_programs serve KEYFILE ADDRESS | ask KEYFILE ADDRESS NUMBER".into())),
    }
}
