//! The aggregate of a piece of code that a cloud runs on demand: where it comes from, how it is
//! built and started, and what it may use.

use std::fmt;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::environment::Environment;
use super::runtime::{Architecture, Runtime};
use crate::domain::invalid::InvalidValue;
use crate::domain::quantity::{Memory, Timeout};

/// A command line that a shell runs. Not blank, and one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine(String);

impl CommandLine {
    /// The command as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CommandLine {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if text.trim().is_empty() {
            return Err(InvalidValue::new("command", text, "it is empty"));
        }
        if text.chars().any(|c| c.is_control() && c != '\t') {
            return Err(InvalidValue::new("command", text, "it is more than one line")
                .with_hint("join commands with && or put them into a script"));
        }
        Ok(Self(text.trim().to_owned()))
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The exported function that a cloud's runtime calls: a module's path without its ending, a
/// dot, and the export's name, such as `dist/lambda.handler`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handler(String);

impl Handler {
    /// The handler as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The module's path without its ending, relative to the source folder.
    pub fn module(&self) -> &str {
        self.0.rsplit_once('.').map_or("", |(module, _)| module)
    }

    /// The name of the exported function.
    pub fn export(&self) -> &str {
        self.0.rsplit_once('.').map_or("", |(_, export)| export)
    }
}

impl FromStr for Handler {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let refuse = |reason: &str| {
            InvalidValue::new("handler", text, reason).with_hint(
                "write the module's path without its ending, a dot and the export's name, such as dist/lambda.handler",
            )
        };
        let (module, export) =
            text.rsplit_once('.').ok_or_else(|| refuse("the name of the exported function is missing"))?;
        if matches!(export, "js" | "mjs" | "cjs" | "ts") {
            return Err(refuse("it names a file, not a function in it"));
        }
        let identifier = export.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '$'))
            && export.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$'));
        if !identifier {
            return Err(refuse("what follows the dot is not the name of an export"));
        }
        if module.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(refuse("the module's path is missing or has white space in it"));
        }
        if module.starts_with('/') || module.split('/').any(|part| part == "..") {
            return Err(refuse("the module must lie inside the source folder"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Handler {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// How the code is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// An unchanged server: the command starts a process that listens on `$PORT`.
    Server(CommandLine),
    /// Code that already is a handler of the cloud's events.
    Handler(Handler),
}

/// Where a component's code lies: the folder as it was written and as it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFolder {
    written: String,
    resolved: PathBuf,
}

impl SourceFolder {
    /// The folder `written`, seen from the folder `base`. Nothing is looked up on a disk.
    ///
    /// # Errors
    /// When `written` is blank or has a control character in it.
    pub fn new(base: &Path, written: &str) -> Result<Self, InvalidValue> {
        if written.trim().is_empty() {
            return Err(InvalidValue::new("source folder", written, "it is empty")
                .with_hint("write . for the folder of the configuration file"));
        }
        if written.chars().any(char::is_control) {
            return Err(InvalidValue::new("source folder", written, "there is a control character in it"));
        }
        let relative = Path::new(written).components().filter(|part| !matches!(part, std::path::Component::CurDir));
        Ok(Self { written: written.to_owned(), resolved: base.join(relative.collect::<PathBuf>()) })
    }

    /// The folder as it was written.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Where to find it.
    pub fn path(&self) -> &Path {
        &self.resolved
    }
}

/// The aggregate: one function with all that decides how it is made and run. Every part is valid
/// by its type, so any combination of them is; what a cloud adds to that is checked by its
/// adapter before anything is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerlessFunction {
    /// Where its code lies.
    pub source: SourceFolder,
    /// What builds it, run in a copy of the source folder; nothing needs building without it.
    pub build: Option<CommandLine>,
    /// How it is started.
    pub start: Start,
    /// The port that a server listens on whatever `PORT` says; of a handler it says nothing.
    pub port: Option<NonZeroU16>,
    /// The language runtime.
    pub runtime: Runtime,
    /// The processor that it runs on.
    pub architecture: Architecture,
    /// How much memory it gets.
    pub memory: Memory,
    /// How long one call may take.
    pub timeout: Timeout,
    /// The environment variables that the user set.
    pub environment: Environment,
}

impl ServerlessFunction {
    /// The command of a listening server, if it is one.
    pub fn server_command(&self) -> Option<&CommandLine> {
        match &self.start {
            Start::Server(command) => Some(command),
            Start::Handler(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handlers_name_a_module_and_its_export() {
        let handler: Handler = "dist/v1.2/lambda.handler".parse().unwrap();
        assert_eq!((handler.module(), handler.export()), ("dist/v1.2/lambda", "handler"));
        for bad in [
            "",
            "handler",
            "server.js",
            ".handler",
            "dist/lambda.",
            "../x.handler",
            "/x.handler",
            "a b.handler",
            "x.han-dler",
            "x.1",
        ] {
            assert!(bad.parse::<Handler>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn commands_are_one_line_and_sources_are_seen_from_the_file() {
        assert_eq!(" npm ci ".parse::<CommandLine>().unwrap().as_str(), "npm ci");
        for bad in ["", "  ", "a\nb", "a\0b"] {
            assert!(bad.parse::<CommandLine>().is_err(), "{bad:?} was accepted");
        }
        let source = SourceFolder::new(Path::new("/project"), "./rest-api").unwrap();
        assert_eq!(source.path(), Path::new("/project/rest-api"));
        assert_eq!(SourceFolder::new(Path::new("/project"), ".").unwrap().path(), Path::new("/project"));
        assert!(SourceFolder::new(Path::new("/project"), " ").is_err());
    }
}
