//! Where the passphrase of a state's secrets comes from: the environment, a file, a question on the terminal; and for the
//! embedded local cloud alone a generated file of the user's own.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::adapters::causes::with_causes;
use crate::application::redaction::Redactor;
use crate::cli::process::environment::Process;
use crate::cli::terminal::output::Output;

/// The variables, as Pulumi's CLI reads them (SPEC.md section 3.3).
const VARIABLE: &str = "PULUMI_CONFIG_PASSPHRASE";
const FILE_VARIABLE: &str = "PULUMI_CONFIG_PASSPHRASE_FILE";

/// Why there is no passphrase.
#[derive(Debug, thiserror::Error)]
pub enum PassphraseError {
    /// Nothing gives one.
    #[error("no passphrase is given, and there is no terminal to ask on")]
    Missing,
    /// A file can't be read or written.
    #[error("the passphrase's file {path} can't be {action}")]
    File {
        /// The file.
        path: PathBuf,
        /// `read`, `written`, …
        action: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file of the local cloud can be read by others.
    #[error("the passphrase's file {path} can be read by others", path = .0.display())]
    Readable(PathBuf),
    /// A new one was typed in two ways.
    #[error("the two inputs differ")]
    Differ,
    /// What was typed couldn't be read.
    #[error("the passphrase couldn't be read from the terminal")]
    Terminal(#[source] io::Error),
}

impl PassphraseError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Missing => format!("set {VARIABLE}, or {FILE_VARIABLE} to a file that holds it"),
            Self::File { .. } => format!("check the file, or set {VARIABLE}"),
            Self::Readable(path) => format!("chmod 600 {}", path.display()),
            Self::Differ => "run the command again".to_owned(),
            Self::Terminal(_) => format!("set {VARIABLE}"),
        }
    }
}

/// Gives the passphrase when it is asked for, and remembers it.
pub struct PassphraseGiver {
    process: Process,
    output: Arc<Output>,
    /// Where the generated passphrase of the embedded local cloud is kept; `None` for every other cloud.
    local_file: Option<PathBuf>,
    known: Mutex<Option<String>>,
}

impl PassphraseGiver {
    /// A giver for a real cloud, or with `local_file` for the embedded local one.
    pub fn new(process: Process, output: Arc<Output>, local_file: Option<PathBuf>) -> Self {
        Self { process, output, local_file, known: Mutex::new(None) }
    }

    /// The passphrase. From now on it is taken out of whatever is written.
    ///
    /// # Errors
    /// [`PassphraseError`]
    pub fn passphrase(&self) -> Result<String, PassphraseError> {
        self.remembered(|output| ask(output, "Passphrase of the state's secrets: "))
    }

    /// The passphrase for a stack that is new to it: where it is typed, it is twice.
    ///
    /// # Errors
    /// [`PassphraseError`]
    pub fn new_passphrase(&self) -> Result<String, PassphraseError> {
        self.remembered(|output| ask_twice(output, "New passphrase, to protect the state's secrets: "))
    }

    fn remembered(
        &self,
        typed: impl FnOnce(&Output) -> Result<String, PassphraseError>,
    ) -> Result<String, PassphraseError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(passphrase) = &*known {
            return Ok(passphrase.clone());
        }
        let passphrase = self.find(typed)?;
        let redactor: &Redactor = self.output.redactor();
        redactor.add_secret(&passphrase);
        *known = Some(passphrase.clone());
        Ok(passphrase)
    }

    fn find(&self, typed: impl FnOnce(&Output) -> Result<String, PassphraseError>) -> Result<String, PassphraseError> {
        // An empty passphrase is one too, if it is set.
        if let Some(passphrase) = self.process.variables.get(VARIABLE.as_ref() as &std::ffi::OsStr) {
            return Ok(passphrase.to_string_lossy().into_owned());
        }
        if let Some(path) = self.process.variable(FILE_VARIABLE) {
            let path = self.process.resolve(Path::new(path));
            let text = fs::read_to_string(&path).map_err(file_error(&path, "read"))?;
            return Ok(text.trim().to_owned());
        }
        if let Some(path) = &self.local_file {
            return generated(path);
        }
        if !self.process.stdin_is_terminal || !self.process.stderr_is_terminal {
            return Err(PassphraseError::Missing);
        }
        typed(&self.output)
    }
}

/// Reads a line that isn't shown.
fn ask(output: &Output, question: &str) -> Result<String, PassphraseError> {
    output.messages().ask(question);
    let line = console::Term::stderr().read_secure_line();
    output.message("");
    line.map_err(PassphraseError::Terminal)
}

/// Reads a line that isn't shown, and once more, so that a slip is noticed.
pub fn ask_twice(output: &Output, question: &str) -> Result<String, PassphraseError> {
    let (first, second) = (ask(output, question)?, ask(output, "The same passphrase again: ")?);
    if first == second { Ok(first) } else { Err(PassphraseError::Differ) }
}

impl state::PassphraseSource for PassphraseGiver {
    fn passphrase(&self) -> Result<state::Passphrase, state::SecretsError> {
        given(self.passphrase())
    }

    fn new_passphrase(&self) -> Result<state::Passphrase, state::SecretsError> {
        given(self.new_passphrase())
    }
}

fn given(text: Result<String, PassphraseError>) -> Result<state::Passphrase, state::SecretsError> {
    match text {
        Ok(text) => Ok(state::Passphrase::new(text)),
        Err(PassphraseError::Missing) => Err(state::SecretsError::NoPassphrase),
        Err(error) => Err(state::SecretsError::PassphraseSource(format!("{}; {}", with_causes(&error), error.hint()))),
    }
}

fn file_error(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> PassphraseError {
    let path = path.to_owned();
    move |source| PassphraseError::File { path, action, source }
}

/// The generated passphrase in `path`, made now if there is none.
fn generated(path: &Path) -> Result<String, PassphraseError> {
    if let Some(passphrase) = read_private(path)? {
        return Ok(passphrase);
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(file_error(folder, "written"))?;
    let passphrase = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    // Written in full under another name and then linked into place, so that of two processes that generate at once
    // both end up with the first one's.
    let candidate = folder.join(format!(".passphrase-{}", uuid::Uuid::new_v4()));
    let mut options = fs::OpenOptions::new();
    let written = options.write(true).create_new(true).mode(0o600).open(&candidate).and_then(|mut file| {
        file.write_all(format!("{passphrase}\n").as_bytes())?;
        file.sync_all()
    });
    let linked = written.and_then(|()| fs::hard_link(&candidate, path));
    // Left behind, it would only be one more private file.
    let _ = fs::remove_file(&candidate);
    match linked {
        Ok(()) => Ok(passphrase),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read_private(path)?.ok_or_else(|| file_error(path, "read")(io::ErrorKind::NotFound.into()))
        }
        Err(error) => Err(file_error(path, "written")(error)),
    }
}

fn read_private(path: &Path) -> Result<Option<String>, PassphraseError> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(file_error(path, "read"))?,
    };
    let mode = fs::metadata(path).map_err(file_error(path, "read"))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(PassphraseError::Readable(path.to_owned()));
    }
    Ok(Some(text.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::terminal::output::testing::{captured, plain};

    fn giver(variables: &[(&str, &str)], local_file: Option<PathBuf>) -> PassphraseGiver {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let process = Process { variables, ..Process::default() };
        PassphraseGiver::new(process, captured(plain(None)).0, local_file)
    }

    #[test]
    fn the_variable_comes_first_and_may_be_empty() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("phrase");
        fs::write(&file, "  from the file\n").unwrap();
        let named = file.to_str().unwrap();
        assert_eq!(giver(&[(FILE_VARIABLE, named)], None).passphrase().unwrap(), "from the file");
        assert_eq!(giver(&[(VARIABLE, "x y"), (FILE_VARIABLE, named)], None).passphrase().unwrap(), "x y");
        assert_eq!(giver(&[(VARIABLE, "")], None).passphrase().unwrap(), "");
        let error = giver(&[(FILE_VARIABLE, "/nowhere/phrase")], None).passphrase().unwrap_err();
        assert!(error.to_string().contains("/nowhere/phrase"));
        assert!(giver(&[], None).passphrase().unwrap_err().hint().contains(VARIABLE));
    }

    #[test]
    fn the_local_clouds_passphrase_is_generated_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data/passphrase");
        let passphrases: Vec<String> = std::thread::scope(|scope| {
            let generate = || giver(&[], Some(file.clone())).passphrase().unwrap();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(generate)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(passphrases.iter().all(|passphrase| *passphrase == passphrases[0]) && passphrases[0].len() == 64);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let error = giver(&[], Some(file.clone())).passphrase().unwrap_err();
        assert!(matches!(error, PassphraseError::Readable(_)));
    }

    #[test]
    fn a_passphrase_that_was_given_is_taken_out_of_everything() {
        let giver = giver(&[(VARIABLE, "open sesame")], None);
        giver.passphrase().unwrap();
        assert_eq!(giver.output.redactor().text("it is open sesame!"), "it is [secret]!");
    }
}
