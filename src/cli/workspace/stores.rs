//! Where a command on stacks finds its store, and which stack it is about: from the configuration where there is one, else
//! from `--state-url` and a whole name, as with Pulumi outside of a project.

use std::path::PathBuf;
use std::sync::Arc;

use state::{StackId, StoreUrl};

use super::project::SelectedStack;
use crate::adapters::causes::with_causes;
use crate::adapters::configuration::Configuration;
use crate::adapters::state_store::NewPassphrase;
use crate::cli::arguments::StackSelection;
use crate::cli::arguments::stack::{StackReference, StoreSelection};
use crate::cli::compose::ports;
use crate::cli::compose::store;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;
use crate::cli::process::session::Session;
use crate::domain::names::StackName;
use crate::ports::{StackAddress, StackAdministration, StackConfiguration, StackMigration};

/// Pulumi's variable for the store.
const BACKEND_VARIABLE: &str = "PULUMI_BACKEND_URL";

/// The store that a command works on, and the configuration around it.
pub struct Workspace<'s> {
    session: &'s Session,
    /// The configuration; `None` outside of a project.
    pub configuration: Option<Configuration>,
    url: StoreUrl,
    written: String,
}

/// A stack and the store that it is in.
pub struct OpenedStack {
    /// The store.
    pub store: Arc<dyn StackAdministration>,
    /// Which stack.
    pub address: StackAddress,
}

impl<'s> Workspace<'s> {
    /// Finds the store. Nothing is read of it yet.
    ///
    /// # Errors
    /// When nothing says where it is, or the configuration can't be read.
    pub fn find(session: &'s Session, selection: &StoreSelection) -> Result<Self, Failure> {
        let configuration = match (find_configuration(session)?, &selection.state_url) {
            (None, _) => None,
            // Whoever names the store gets along without a configuration that is broken.
            (Some(_), Some(_)) => session.configuration().ok(),
            (Some(_), None) => Some(session.configuration()?),
        };
        let process = &session.process;
        let (url, written) = match (&selection.state_url, &configuration) {
            (Some(url), _) => (parse_url(session, url)?, url.clone()),
            (None, Some(configuration)) => {
                let location = configuration.state();
                (store::url(process, location)?, store::written_url(process, location))
            }
            (None, None) => match process.text(BACKEND_VARIABLE) {
                Some(url) => (parse_url(session, url)?, url.to_owned()),
                None => return Err(no_store(session)),
            },
        };
        Ok(Self { session, configuration, url, written })
    }

    /// The project of the configuration.
    pub fn project(&self) -> Option<&str> {
        self.configuration.as_ref().map(|configuration| configuration.project_name().as_str())
    }

    /// The folder of the configuration: where Pulumi's files of the project lie, too.
    pub fn folder(&self) -> Option<PathBuf> {
        self.configuration.as_ref().map(|configuration| configuration.folder().to_owned())
    }

    /// The store's URL as the configuration or the user writes it.
    pub fn written_url(&self) -> String {
        self.written.clone()
    }

    /// The stack that is meant, and its environment where it has one.
    ///
    /// # Errors
    /// When it was left out and there is more than one choice, or the name can't be a stack's.
    pub fn select(&self, selection: &StackSelection) -> Result<(StackAddress, Option<SelectedStack>), Failure> {
        if let Some(reference) = selection.stack.as_deref().filter(|reference| reference.contains('/'))
            && let address = parse_reference(reference, self.project())?
            && self.project() != Some(address.project.as_str())
        {
            self.session.set_stack(&address.project, &address.stack);
            return Ok((address, None));
        }
        let stack = selection.stack.as_deref().and_then(|reference| reference.rsplit('/').next());
        let selection = StackSelection { stack: stack.map(str::to_owned), ..selection.clone() };
        let Some(configuration) = &self.configuration else {
            return Err(match &selection.stack {
                Some(stack) => Failure::usage(format!("the project of the stack '{stack}' isn't known here"))
                    .with_hint(format!("name it in full: --stack organization/<project>/{stack}")),
                None => Failure::usage("the stack isn't named")
                    .with_hint("name it in full: --stack organization/<project>/<stack>"),
            });
        };
        let selected = self.session.select_stack(configuration, &selection)?;
        let address = StackAddress::new(configuration.project_name().as_str(), selected.name.as_str());
        Ok((address, Some(selected)))
    }

    /// This store and the one at `url`, for taking `selected` from here to there.
    ///
    /// # Errors
    /// When one can't be opened.
    pub async fn open_migration(
        &self,
        selected: Option<&SelectedStack>,
        url: &str,
    ) -> Result<Arc<dyn StackMigration>, Failure> {
        let embedded = self.is_embedded(selected);
        let target = parse_url(self.session, url)?;
        ports::open_migration(self.session, (&self.url, &target), embedded, self.configuration.as_ref()).await
    }

    fn is_embedded(&self, selected: Option<&SelectedStack>) -> bool {
        match (&self.configuration, selected) {
            (Some(configuration), Some(selected)) => ports::is_embedded(configuration, selected),
            _ => false,
        }
    }

    /// The store, for work on `selected` or on no stack in particular.
    ///
    /// # Errors
    /// When it can't be opened.
    pub async fn open(&self, selected: Option<&SelectedStack>) -> Result<Arc<dyn StackAdministration>, Failure> {
        let embedded = self.is_embedded(selected);
        ports::open_administration(self.session, &self.url, embedded, self.configuration.as_ref()).await
    }

    /// What the configuration says of the encryption of stacks.
    pub fn encryption(&self) -> Option<state::Encryption> {
        self.configuration.as_ref().map(|configuration| configuration.state_encryption().into())
    }

    /// The configuration of a stack of this project.
    ///
    /// # Errors
    /// When the stack is of another project, whose files aren't here, or the settings can't be read.
    pub async fn open_configuration(
        &self,
        selection: &StackSelection,
        new_passphrase: NewPassphrase,
    ) -> Result<Arc<dyn StackConfiguration>, Failure> {
        let (address, selected) = self.select(selection)?;
        let (Some(configuration), Some(selected)) = (&self.configuration, &selected) else {
            return Err(Failure::usage(format!("the project of '{}' isn't here", address.qualified()))
                .with_hint("work in the folder of its semantest-iac.yaml: a stack's configuration lies beside it"));
        };
        ports::open_configuration(self.session, &self.url, configuration, selected, new_passphrase).await
    }

    /// The stacks that the configuration has by its environments, each with the environment's name.
    pub fn configured(&self) -> Vec<(StackAddress, String)> {
        let Some(configuration) = &self.configuration else { return Vec::new() };
        let project = configuration.project_name().as_str();
        let stacks = configuration.environments().flat_map(|environment| {
            configuration.clouds().named(&environment.clouds).into_iter().map(move |cloud| {
                let stack = StackName::of(&cloud.provider(), &environment.name);
                (StackAddress::new(project, stack.as_str()), environment.name.to_string())
            })
        });
        stacks.collect()
    }
}

impl OpenedStack {
    /// Finds the store and settles the stack.
    ///
    /// # Errors
    /// As [`Workspace::find`], [`Workspace::select`] and [`Workspace::open`].
    pub async fn open(session: &Session, reference: &StackReference) -> Result<Self, Failure> {
        let workspace = Workspace::find(session, &reference.store)?;
        let (address, selected) = workspace.select(&reference.stack)?;
        Ok(Self { store: workspace.open(selected.as_ref()).await?, address })
    }
}

fn find_configuration(session: &Session) -> Result<Option<PathBuf>, Failure> {
    match &session.global.config {
        Some(path) => Ok(Some(session.process.resolve(path))),
        None => Ok(Configuration::find(session.folder()?).ok()),
    }
}

/// The error outside of a project when no store is named, either.
fn no_store(session: &Session) -> Failure {
    let folder = session.folder().map(|folder| format!(" in {} or any folder above it", folder.display()));
    let message = format!("there is no semantest-iac.yaml{}, and no store is named", folder.unwrap_or_default());
    Failure::usage(message).with_hint(format!(
        "work in a project's folder, or name the store with --state-url (or {BACKEND_VARIABLE}) and the stack in full: \
         --stack organization/<project>/<stack>"
    ))
}

fn parse_url(session: &Session, url: &str) -> Result<StoreUrl, Failure> {
    store::parse(url, session.folder()?, store::home(&session.process).as_deref())
}

/// Reads a stack's name, whole or of `project`.
///
/// # Errors
/// When it can't be one.
pub fn parse_reference(reference: &str, project: Option<&str>) -> Result<StackAddress, Failure> {
    // Without a project only a whole name gets through, whose project isn't this.
    let id = StackId::parse(reference, project.unwrap_or_default()).map_err(|error| usage(&error))?;
    Ok(StackAddress::new(id.project(), id.stack()))
}

fn usage(error: &state::Error) -> Failure {
    let failure = Failure::new(ExitCode::Usage, "usage", with_causes(error));
    match error.hint() {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}
