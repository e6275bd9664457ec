//! Questions or options to answers, answers to a file.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::detection::{self, detect};
use super::template::{Answers, ComponentAnswers, render};
use crate::adapters::configuration::{Configuration, FILE_NAME};
use crate::cli::arguments::InitArguments;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::terminal::prompts::Prompt;
use crate::domain::code::runtime::Runtime;
use crate::domain::names::{ComponentName, ProjectName};
use crate::domain::provider::Region;

/// The region where nothing says otherwise, as in most of AWS's own examples.
const DEFAULT_REGION: &str = "us-east-1";

/// `init --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InitDocument {
    /// Version of this document's form: 1.
    pub schema_version: u32,
    /// The file that was written.
    pub file: String,
    /// The project's name.
    pub project: String,
    /// Names of the components.
    pub components: Vec<String>,
}

/// Writes the file.
pub fn init(session: &Session, arguments: &InitArguments) -> CommandResult {
    let file = match &session.global.config {
        Some(path) => session.process.resolve(path),
        None => session.folder()?.join(FILE_NAME),
    };
    if file.exists() && !arguments.force {
        return Err(Failure::new(ExitCode::Usage, "exists", format!("{} is there already", file.display()))
            .with_hint("--force overwrites it; `semantest-iac validate` checks it"));
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(Failure::usage(format!("the folder {} isn't there", folder.display())));
    }
    let defaults = Defaults { session, arguments, folder };
    let answers = if session.is_interactive() && !arguments.yes && session.output.json().is_none() {
        defaults.ask(&mut Prompt::new(&session.output))?
    } else {
        defaults.take()?
    };
    let text = render(&answers);
    // What is wrong with an answer is shown where it stands in the file that it would make.
    Configuration::from_bytes(&file, text.clone().into_bytes(), session.clouds)?;
    write(&file, &text, arguments.force)?;
    let document = InitDocument {
        schema_version: 1,
        file: file.display().to_string(),
        project: answers.project,
        components: answers.components.into_iter().map(|component| component.name).collect(),
    };
    if session.output.json().is_some() {
        session.output.document(&document);
    } else {
        session.output.result(&format!("{}\n", document.file));
        session.output.note("Next: semantest-iac deploy --all --env local --yes");
    }
    Ok(ExitCode::Done)
}

struct Defaults<'a> {
    session: &'a Session,
    arguments: &'a InitArguments,
    folder: &'a Path,
}

impl Defaults<'_> {
    /// Everything from options and what is detected.
    fn take(&self) -> Result<Answers, Failure> {
        let sources = self.sources();
        if sources.is_empty() {
            return Err(Failure::usage(
                "there is no server here: no package.json with a start script, main or server.js",
            )
            .with_hint("say where it is with --source DIR, and how it is started with --start COMMAND"));
        }
        if sources.len() > 1 && (self.arguments.component.is_some() || self.arguments.start.is_some()) {
            let names: Vec<_> = sources.iter().map(|source| self.relative(source)).collect();
            return Err(Failure::usage("there is more than one server here")
                .with_hint(format!("say which one is meant with --source: {}", names.join(", "))));
        }
        let mut components = Vec::new();
        for source in sources {
            let mut component = self.component(&source)?;
            if component.start.is_empty() {
                return Err(Failure::usage(format!("nothing in {} says how the server is started", source.display()))
                    .with_hint("say it with --start, such as --start 'node server.js'"));
            }
            // Two folders may lead to one name.
            let taken = |name: &str| components.iter().any(|other: &ComponentAnswers| other.name == name);
            if taken(&component.name) {
                let free = (2..).map(|number| format!("{}-{number}", component.name)).find(|name| !taken(name));
                component.name = free.unwrap_or(component.name);
            }
            components.push(component);
        }
        Ok(Answers { project: self.project()?, components, region: self.region() })
    }

    /// The same as defaults of questions.
    fn ask(&self, prompt: &mut Prompt<'_>) -> Result<Answers, Failure> {
        let project = prompt.ask_until("Project", &self.project().unwrap_or_default(), |answer| {
            ProjectName::new(answer).map(drop).map_err(|error| error.to_string())
        })?;
        let source = self.sources().into_iter().next().unwrap_or_else(|| self.folder.to_owned());
        let source = prompt.ask_until("Folder of the server", &self.relative(&source), |answer| {
            let folder = self.folder.join(answer);
            if folder.is_dir() { Ok(()) } else { Err(format!("{} isn't a folder", folder.display())) }
        })?;
        let detected = self.component(&self.folder.join(&source))?;
        let name = prompt.ask_until("Name of the component", &detected.name, |answer| {
            ComponentName::new(answer).map(drop).map_err(|error| error.to_string())
        })?;
        let start = prompt.ask_until("Command that starts it", &detected.start, |answer| {
            if answer.is_empty() { Err("it must be started somehow".to_owned()) } else { Ok(()) }
        })?;
        let runtime = prompt.ask_until("Runtime", &detected.runtime, |answer| {
            answer.parse::<Runtime>().map(drop).map_err(|error| error.to_string())
        })?;
        let health = prompt.ask_until(
            "Path of the health check, or - for none",
            detected.health.as_deref().unwrap_or("-"),
            |answer| {
                if answer == "-" || answer.starts_with('/') { Ok(()) } else { Err("it begins with /".to_owned()) }
            },
        )?;
        let region = prompt.ask_until("Region of production", &self.region(), |answer| {
            answer.parse::<Region>().map(drop).map_err(|error| error.to_string())
        })?;
        let health = Some(health).filter(|path| path != "-");
        let source = self.relative(&self.folder.join(source));
        let component = ComponentAnswers { name, source, start, runtime, health, build: detected.build };
        Ok(Answers { project, components: vec![component], region })
    }

    fn sources(&self) -> Vec<PathBuf> {
        match &self.arguments.source {
            Some(source) => vec![self.session.process.resolve(source)],
            None => detection::servers(self.folder),
        }
    }

    fn component(&self, source: &Path) -> Result<ComponentAnswers, Failure> {
        if !source.is_dir() {
            return Err(Failure::usage(format!("{} isn't a folder", source.display()))
                .with_hint("name the folder of the server with --source"));
        }
        let detected = detect(source);
        let runtime = || detection::runtime(detected.major.or_else(|| self.installed_major()));
        let health = match &self.arguments.health {
            Some(path) => Some(path.clone()).filter(|path| !path.is_empty()),
            None => detected.health.then(|| "/health".to_owned()),
        };
        Ok(ComponentAnswers {
            name: self.arguments.component.clone().unwrap_or_else(|| component_name(source)),
            source: self.relative(source),
            build: detected.build,
            start: self.arguments.start.clone().or(detected.start).unwrap_or_default(),
            runtime: self.arguments.runtime.clone().unwrap_or_else(runtime),
            health,
        })
    }

    fn project(&self) -> Result<String, Failure> {
        if let Some(project) = &self.arguments.project {
            return Ok(project.clone());
        }
        let folder = std::path::absolute(self.folder).unwrap_or_else(|_| self.folder.to_owned());
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        label(&name).ok_or_else(|| {
            Failure::usage("the folder's name makes no project name").with_hint("name the project with --project")
        })
    }

    fn region(&self) -> String {
        let given = self.arguments.region.clone();
        let process = &self.session.process;
        let preset = || process.text("AWS_REGION").or_else(|| process.text("AWS_DEFAULT_REGION")).map(str::to_owned);
        given.or_else(preset).unwrap_or_else(|| DEFAULT_REGION.to_owned())
    }

    fn installed_major(&self) -> Option<u16> {
        let mut node = Command::new("node");
        node.arg("--version").env_clear().envs(&self.session.process.variables).stdin(Stdio::null());
        let output = node.stderr(Stdio::null()).output().ok().filter(|output| output.status.success())?;
        detection::first_number(&String::from_utf8_lossy(&output.stdout))
    }

    /// A folder as the file names it: relative to the file's own folder, where it is below that.
    fn relative(&self, folder: &Path) -> String {
        match folder.strip_prefix(self.folder) {
            Ok(below) if below.as_os_str().is_empty() => ".".to_owned(),
            Ok(below) if below.starts_with(".") || below.starts_with("..") => below.display().to_string(),
            Ok(below) => format!("./{}", below.display()),
            Err(_) => folder.display().to_string(),
        }
    }
}

fn component_name(source: &Path) -> String {
    let folder = source.canonicalize().unwrap_or_else(|_| source.to_owned());
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    label(&name).unwrap_or_else(|| "rest-api".to_owned())
}

/// The nearest name that components and projects may have.
fn label(text: &str) -> Option<String> {
    let mut label = String::new();
    for character in text.chars().flat_map(char::to_lowercase) {
        if character.is_ascii_alphanumeric() {
            label.push(character);
        } else if !label.is_empty() && !label.ends_with('-') {
            label.push('-');
        }
    }
    let label: String = label.trim_start_matches(|first: char| !first.is_ascii_lowercase()).chars().take(40).collect();
    let label = label.trim_end_matches('-');
    ComponentName::new(label).is_ok().then(|| label.to_owned())
}

fn write(file: &Path, text: &str, overwrite: bool) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| Failure::system(format!("{} can't be written", file.display()), error);
    if overwrite {
        let folder = file.parent().unwrap_or(Path::new("."));
        let mut written = tempfile::NamedTempFile::new_in(folder).map_err(|error| failed(&error))?;
        written.write_all(text.as_bytes()).map_err(|error| failed(&error))?;
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        written.as_file().set_permissions(permissions).map_err(|error| failed(&error))?;
        written.persist(file).map_err(|error| failed(&error.error))?;
        return Ok(());
    }
    // Whoever writes it between the look and now keeps theirs.
    let mut options = std::fs::OpenOptions::new();
    let mut written = options.write(true).create_new(true).open(file).map_err(|error| failed(&error))?;
    written.write_all(text.as_bytes()).map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::clouds::CLOUDS;
    use crate::cli::process::environment::Process;
    use crate::cli::terminal::output::testing::{captured, plain};

    fn with_folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Session) {
        let folder =
            tempfile::Builder::new().prefix("My Shop.").rand_bytes(0).tempdir_in(tempfile::tempdir().unwrap().keep());
        let folder = folder.unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let process = Process { folder: Some(folder.path().to_owned()), ..Process::default() };
        let (output, _, _) = captured(plain(None));
        let session = Session::new(process, Default::default(), output, &CLOUDS, "init", std::time::Instant::now());
        (folder, session)
    }

    #[test]
    fn everything_can_be_detected() {
        let (folder, session) = with_folder(&[
            ("Rest API/package.json", r#"{"engines":{"node":"24"}}"#),
            ("Rest API/server.js", "// answers /health"),
            ("rest_api/package.json", r#"{"engines":{"node":"20"}}"#),
            ("rest_api/index.js", ""),
        ]);
        assert_eq!(init(&session, &InitArguments::default()).unwrap(), ExitCode::Done);
        let configuration = Configuration::load(&folder.path().join(FILE_NAME), &CLOUDS).unwrap();
        assert_eq!(configuration.project_name().as_str(), "my-shop");
        assert_eq!(configuration.component_names(), ["rest-api", "rest-api-2"]);
        let components = configuration.components_for("local").unwrap();
        assert!(components[0].health().is_some() && components[1].health().is_none());
    }

    #[test]
    fn nothing_is_overwritten_without_force() {
        let (folder, session) = with_folder(&[("package.json", "{}"), ("server.js", ""), (FILE_NAME, "mine")]);
        let failure = init(&session, &InitArguments::default()).unwrap_err();
        assert_eq!((failure.exit, failure.details[0].code.as_str()), (ExitCode::Usage, "exists"));
        let file = folder.path().join(FILE_NAME);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
        init(&session, &InitArguments { force: true, ..InitArguments::default() }).unwrap();
        assert!(Configuration::load(&file, &CLOUDS).is_ok());
    }

    #[test]
    fn an_empty_folder_and_bad_answers_are_told_and_write_nothing() {
        let (folder, session) = with_folder(&[]);
        let failure = init(&session, &InitArguments::default()).unwrap_err();
        assert!(failure.details[0].hint.as_deref().unwrap().contains("--source"));
        let source = Some(folder.path().to_owned());
        let failure =
            init(&session, &InitArguments { source: source.clone(), ..InitArguments::default() }).unwrap_err();
        assert!(failure.details[0].hint.as_deref().unwrap().contains("--start"));
        let arguments = InitArguments {
            source,
            start: Some("node x.js".to_owned()),
            runtime: Some("python".to_owned()),
            ..InitArguments::default()
        };
        let failure = init(&session, &arguments).unwrap_err();
        assert!(failure.exit == ExitCode::Usage && failure.details[0].message.contains("python"), "{failure:?}");
        assert!(!folder.path().join(FILE_NAME).exists());
    }

    #[test]
    fn questions_have_what_was_detected_as_defaults() {
        let (folder, session) = with_folder(&[("api/package.json", "{}"), ("api/server.js", "")]);
        let arguments = InitArguments { region: Some("eu-west-1".to_owned()), ..InitArguments::default() };
        let defaults = Defaults { session: &session, arguments: &arguments, folder: folder.path() };
        let (output, _, stderr) = captured(plain(None));
        let input = b"Big Shop\nshop\nnowhere\napi\n\n\nnodejs24\n/ready\n\n";
        let answers = defaults.ask(&mut Prompt::reading(&output, Box::new(&input[..]))).unwrap();
        let component = &answers.components[0];
        assert_eq!((answers.project.as_str(), answers.region.as_str()), ("shop", "eu-west-1"));
        assert_eq!((component.name.as_str(), component.source.as_str()), ("api", "./api"));
        assert_eq!((component.start.as_str(), component.runtime.as_str()), ("node server.js", "nodejs24"));
        assert_eq!(component.health.as_deref(), Some("/ready"));
        assert!(stderr.text().contains("isn't a folder"));
    }

    #[test]
    fn names_are_made_fit() {
        for (text, name) in
            [("My Shop", Some("my-shop")), ("2nd.api_", Some("nd-api")), ("__", None), ("a--b", Some("a-b"))]
        {
            assert_eq!(label(text).as_deref(), name, "{text}");
        }
    }
}
