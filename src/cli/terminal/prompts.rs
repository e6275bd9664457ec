//! Questions on a terminal: asked on stderr, answered on stdin.

use std::io::BufRead;

use super::output::Output;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;

/// Asks questions and reads answers.
pub struct Prompt<'a> {
    output: &'a Output,
    input: Box<dyn BufRead + 'a>,
}

impl<'a> Prompt<'a> {
    /// Asks on this output and reads from stdin.
    pub fn new(output: &'a Output) -> Self {
        Self::reading(output, Box::new(std::io::stdin().lock()))
    }

    /// Asks on this output and reads from `input`.
    pub fn reading(output: &'a Output, input: Box<dyn BufRead + 'a>) -> Self {
        Self { output, input }
    }

    /// The answer, or `default` where nothing was typed.
    ///
    /// # Errors
    /// When the input ends.
    pub fn ask(&mut self, question: &str, default: &str) -> Result<String, Failure> {
        let palette = self.output.message_palette();
        let shown = if default.is_empty() { String::new() } else { palette.faint(format!(" [{default}]")) };
        self.output.messages().ask(&format!("{question}{shown}: "));
        let answer = self.line()?;
        Ok(if answer.is_empty() { default.to_owned() } else { answer })
    }

    /// The answer when `check` accepts it; asks again until it does.
    ///
    /// # Errors
    /// When the input ends.
    pub fn ask_until(
        &mut self,
        question: &str,
        default: &str,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<String, Failure> {
        loop {
            let answer = self.ask(question, default)?;
            match check(&answer) {
                Ok(()) => return Ok(answer),
                Err(reason) => self.output.message(&format!("  {reason}")),
            }
        }
    }

    /// Whether the answer is yes; nothing typed means no.
    ///
    /// # Errors
    /// When the input ends.
    pub fn confirm(&mut self, question: &str) -> Result<bool, Failure> {
        self.output.messages().ask(&format!("{question} [y/N] "));
        let answer = self.line()?.to_ascii_lowercase();
        Ok(answer == "y" || answer == "yes")
    }

    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        match self.input.read_line(&mut line) {
            Ok(0) => Err(Failure::new(ExitCode::Interrupted, "interrupted", "the input ended before the answer")),
            Ok(_) => Ok(line.trim().to_owned()),
            Err(error) => Err(Failure::system("reading the answer failed", &error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::output::testing::{captured, plain};
    use super::*;

    #[test]
    fn wrong_answers_are_asked_again_and_empty_ones_mean_the_default() {
        let (output, _, stderr) = captured(plain(None));
        let mut prompt = Prompt::reading(&output, Box::new(&b"bad\n\n"[..]));
        let check = |answer: &str| if answer == "good" { Ok(()) } else { Err(format!("{answer} isn't good")) };
        assert_eq!(prompt.ask_until("How", "good", check).unwrap(), "good");
        assert_eq!(stderr.text(), "How [good]:   bad isn't good\nHow [good]: ");
        assert_eq!(prompt.ask("More", "").unwrap_err().exit, ExitCode::Interrupted);
    }

    #[test]
    fn only_a_clear_yes_is_one() {
        for (answer, yes) in [("y\n", true), ("YES\n", true), ("\n", false), ("yo\n", false), ("n\n", false)] {
            let (output, _, _) = captured(plain(None));
            let mut prompt = Prompt::reading(&output, Box::new(answer.as_bytes()));
            assert_eq!(prompt.confirm("Deploy?").unwrap(), yes, "{answer:?}");
        }
    }
}
