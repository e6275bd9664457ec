//! `stack init`: an empty stack, and Pulumi's files for it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::arguments::stack::StackInitArguments;
use crate::cli::compose::locks::Notices;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::render_warning;
use crate::cli::failure::store_failure;
use crate::cli::process::session::{CommandResult, Session};
use crate::cli::workspace::pulumi_files;
use crate::cli::workspace::stores::Workspace;
use crate::ports::{NewStackSecrets, StackAddress};

/// `stack init --json`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InitialStackDocument {
    /// Version of this document's form: 1.
    pub schema_version: u32,
    /// The project.
    pub project: String,
    /// The stack.
    pub stack: String,
    /// Where its state is.
    pub location: String,
    /// Where Pulumi's files disagree with the configuration.
    pub warnings: Vec<String>,
}

/// Makes the stack.
pub fn init(session: &Session, arguments: &StackInitArguments) -> CommandResult {
    let workspace = Workspace::find(session, &arguments.stack.store)?;
    let (address, selected) = workspace.select(&arguments.stack.stack.named(arguments.name.as_deref()))?;
    // Another project's files lie elsewhere.
    let folder = workspace.folder().filter(|_| workspace.project() == Some(address.project.as_str()));
    let usual = workspace.configuration.as_ref().map(|configuration| configuration.secrets_provider().to_string());
    let secrets = NewStackSecrets {
        provider: arguments.secrets_provider.clone(),
        usual,
        settings: folder.as_deref().map(|folder| pulumi_files::stack_file(folder, &address.stack)).transpose()?,
    };
    let notices = Notices::of(session);
    let location = session.block_on(async {
        let store = workspace.open(selected.as_ref()).await?;
        let locking = notices.locking(&arguments.lock);
        let created = store.create(&address, &secrets, locking.request, locking.notices).await;
        created.map_err(store_failure)?;
        Ok(store.location())
    })?;
    let mut warnings = Vec::new();
    if let Some(folder) = &folder {
        warnings = pulumi_files::write_project(folder, &address.project, &workspace.written_url())?;
    }
    tell(session, &address, location, warnings);
    Ok(ExitCode::Done)
}

fn tell(session: &Session, address: &StackAddress, location: String, warnings: Vec<String>) {
    let output = &session.output;
    for warning in &warnings {
        output.message(&render_warning(warning, None, output.message_palette()));
    }
    if output.json().is_some() {
        let (project, stack) = (address.project.clone(), address.stack.clone());
        output.document(&InitialStackDocument { schema_version: 1, project, stack, location, warnings });
    } else {
        output.note(&format!("Created stack '{}' in {location}", address.qualified()));
    }
}
