//! The composition root: builds the adapters that a command needs, out of configuration, arguments and environment.

use std::sync::Arc;

use resource_graph::SystemClock;

use crate::adapters::clock::MachineClock;
use crate::adapters::configuration::Configuration;
use crate::adapters::health::HttpHealthChecker;
use crate::adapters::keys::CloudKeys;
use crate::adapters::latencies::LatencyFile;
use crate::adapters::source_code::SourceCode;
use crate::adapters::state_store::administration::{StateAdministration, StateMigration};
use crate::adapters::state_store::{NewPassphrase, SecretsSettings, StackConfigurationFile, StateStore};
use crate::application::Ports;
use crate::application::steps::calls::Calls;
use crate::domain::violation::Severity;
use crate::ports::{
    Cloud, ConnectError, ConnectRequest, ConnectionChoice, EventHandler, NoticeHandler, StackAdministration,
    StackConfiguration, StackMigration, StackStore, Variables,
};

use super::passphrases::PassphraseGiver;
use super::store;
use crate::application::redaction::{WatchedCloud, WatchedHealth};
use crate::cli::arguments::CloudOptions;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;
use crate::cli::failure::store_failure;
use crate::cli::process::session::Session;
use crate::cli::workspace::project::SelectedStack;

/// Who hears of what goes on.
pub struct Handlers {
    /// Who hears of the deployment's events.
    pub events: Vec<Arc<dyn EventHandler>>,
    /// Who hears of what takes time.
    pub notices: Arc<dyn NoticeHandler>,
}

/// What a command that deploys is connected to.
pub struct Connection {
    /// The outside world.
    pub ports: Ports,
}

/// Connects to the cloud and the state.
///
/// # Errors
/// When a setting makes no sense, or the embedded local cloud can't be started.
pub async fn connect(
    session: &Session,
    configuration: &Configuration,
    environment: &str,
    selected: &SelectedStack,
    options: &CloudOptions,
    handlers: Handlers,
) -> Result<Connection, Failure> {
    let cache = session.cache_folder()?;
    let code = Arc::new(SourceCode::new(cache.join("packages"), session.process.variables.clone()));
    let cloud = open_cloud(session, configuration, environment, selected, options, Arc::clone(&code)).await?;
    let longest_operation = cloud.longest_operation();
    let cloud = Arc::new(WatchedCloud::new(cloud, Arc::clone(session.output.redactor())));
    let store = open_store(session, configuration, selected).await?;
    let monotonic = Arc::new(SystemClock::new());
    let health = HttpHealthChecker::new(Arc::clone(&monotonic) as _)
        .map_err(|error| Failure::new(ExitCode::Failed, "tls", format!("TLS can't be set up: {error}")))?;
    let project = configuration.project_name().as_str();
    let calls = Arc::new(Calls::new(cloud.as_ref(), Arc::clone(&monotonic) as _));
    // A stack stands for one account and region, or one emulator: what takes long in one says nothing of another.
    let measured = cache.join("latencies").join(project).join(format!("{}.json", selected.name));
    let ports = Ports {
        cloud,
        store,
        packager: code,
        health: Arc::new(WatchedHealth::new(Arc::new(health), Arc::clone(session.output.redactor()))),
        clock: Arc::new(MachineClock),
        monotonic,
        latencies: Arc::new(LatencyFile::new(measured).at_most(longest_operation)),
        notices: handlers.notices,
        calls,
        handlers: handlers.events,
    };
    Ok(Connection { ports })
}

async fn open_cloud(
    session: &Session,
    configuration: &Configuration,
    environment: &str,
    selected: &SelectedStack,
    options: &CloudOptions,
    code: Arc<SourceCode>,
) -> Result<Arc<dyn Cloud>, Failure> {
    let factory = configuration.cloud(selected.provider.as_str())?;
    let settings = configuration.cloud_settings(environment, &selected.provider)?;
    let CloudOptions { profile, region, endpoint } = options.clone();
    let choice = ConnectionChoice { profile, region, endpoint };
    let is_local = factory.needs_local_cloud(&settings, &choice).map_err(|error| Failure::usage(error.to_string()))?;
    let local_endpoint = match is_local {
        true => {
            code.runs_here();
            Some(super::local_cloud::ensure(session).await?)
        }
        false => None,
    };
    let request = ConnectRequest {
        settings: &settings,
        choice: &choice,
        local_endpoint,
        variables: Variables(&session.process.variables),
        artifacts: code,
    };
    factory.connect(request).await.map_err(|error| unconnected(error, configuration, environment, selected))
}

fn unconnected(
    error: ConnectError,
    configuration: &Configuration,
    environment: &str,
    selected: &SelectedStack,
) -> Failure {
    match error {
        ConnectError::Missing(missing) => {
            configuration.missing_setting(environment, &selected.provider, &missing, Severity::Error).into()
        }
        ConnectError::Choice(error) => Failure::usage(error.to_string()),
        ConnectError::Provider(error) => Failure::from(error).with_exit(ExitCode::Usage),
    }
}

/// The cloud as far as it is needed to describe resources: nothing is started and nothing is called, and no region needs
/// to be known.
///
/// # Errors
/// When there is no such environment.
pub async fn describe_cloud(
    session: &Session,
    configuration: &Configuration,
    environment: &str,
    selected: &SelectedStack,
) -> Result<Arc<dyn Cloud>, Failure> {
    let settings = configuration.cloud_settings(environment, &selected.provider)?;
    let code = SourceCode::new(session.cache_folder()?.join("packages"), session.process.variables.clone());
    let factory = configuration.cloud(selected.provider.as_str())?;
    let cloud = factory.describe(&settings, Arc::new(code)).await;
    cloud.map_err(|error| unconnected(error, configuration, environment, selected))
}

/// Opens the state of a stack; nothing is read yet.
///
/// # Errors
/// When the location isn't supported, or what it takes to open it isn't known.
pub async fn open_store(
    session: &Session,
    configuration: &Configuration,
    selected: &SelectedStack,
) -> Result<Arc<dyn StackStore>, Failure> {
    let store = store::open(session, configuration).await?;
    let access = secrets_access(session, is_embedded(configuration, selected))?;
    let project = configuration.project_name().as_str();
    let (owner, lock) = (lock_owner(session), lock_options(configuration));
    let store = StateStore::new(store, project, selected.name.as_str(), owner, lock, access).map_err(store_failure)?;
    Ok(Arc::new(store.with_settings(secrets_settings(configuration, selected.name.as_str())?)))
}

/// Opens the configuration of a stack; nothing is read yet. `url`: the store with its state.
///
/// # Errors
/// When the store's location isn't supported, or `Pulumi.yaml` can't be read.
pub async fn open_configuration(
    session: &Session,
    url: &state::StoreUrl,
    configuration: &Configuration,
    selected: &SelectedStack,
    new_passphrase: NewPassphrase,
) -> Result<Arc<dyn StackConfiguration>, Failure> {
    let store = store::open_url(session, url, None).await?;
    let access = secrets_access(session, is_embedded(configuration, selected))?;
    let (owner, lock) = (lock_owner(session), lock_options(configuration));
    let (project, stack) = (configuration.project_name().as_str(), selected.name.as_str());
    let stack_store = StateStore::new(store, project, stack, owner, lock, access).map_err(store_failure)?;
    let settings = secrets_settings(configuration, stack)?;
    let file = settings.file.clone().unwrap_or_default();
    Ok(Arc::new(StackConfigurationFile::new(stack_store.with_settings(settings), file, new_passphrase)))
}

/// What `Pulumi.yaml` and the configuration say of the settings and the secrets manager of a stack.
fn secrets_settings(configuration: &Configuration, stack: &str) -> Result<SecretsSettings, Failure> {
    let folder = configuration.folder();
    let project = state::ProjectSettings::find(folder).map_err(|error| settings_failure(&error))?;
    Ok(SecretsSettings {
        file: Some(project.stack_file(folder, stack)),
        is_shared: project.file.is_some(),
        kind: configuration.secrets_provider(),
    })
}

/// A failure of Pulumi's files beside the configuration.
pub fn settings_failure(error: &state::SettingsError) -> Failure {
    let failure = Failure::new(ExitCode::Usage, "settings", error.in_full());
    error.hint().into_iter().fold(failure, Failure::with_hint)
}

/// Opens a store for work on its stacks; nothing is read yet. `embedded`: the stack that is worked on lives in the embedded
/// local cloud. `configuration`: what says how new stacks are encrypted and locks are taken, where there is one.
///
/// # Errors
/// When the location isn't supported.
pub async fn open_administration(
    session: &Session,
    url: &state::StoreUrl,
    embedded: bool,
    configuration: Option<&Configuration>,
) -> Result<Arc<dyn StackAdministration>, Failure> {
    let encryption = configuration.map(|configuration| configuration.state_encryption().into());
    Ok(Arc::new(administration(session, url, embedded, encryption, configuration).await?))
}

/// Opens two stores, so that stacks can go from one to the other in the form that they have.
///
/// # Errors
/// When a location isn't supported.
pub async fn open_migration(
    session: &Session,
    (from, to): (&state::StoreUrl, &state::StoreUrl),
    embedded: bool,
    configuration: Option<&Configuration>,
) -> Result<Arc<dyn StackMigration>, Failure> {
    let from = administration(session, from, embedded, None, configuration).await?;
    let to = administration(session, to, embedded, None, configuration).await?;
    Ok(Arc::new(StateMigration::new(from, to)))
}

async fn administration(
    session: &Session,
    url: &state::StoreUrl,
    embedded: bool,
    encryption: Option<state::Encryption>,
    configuration: Option<&Configuration>,
) -> Result<StateAdministration, Failure> {
    let access = secrets_access(session, embedded)?;
    let (owner, lock) = (lock_owner(session), configuration.map(lock_options).unwrap_or_default());
    let store = store::open_url(session, url, encryption).await?;
    Ok(StateAdministration::new(store, owner, lock, access))
}

/// How locks are taken, as the configuration says.
pub fn lock_options(configuration: &Configuration) -> state::LockOptions {
    let mut options = state::LockOptions::default();
    if let Some(lease) = configuration.state_lease() {
        options.lease = lease.duration();
    }
    options
}

/// This process, as a holder of locks.
fn lock_owner(session: &Session) -> state::Owner {
    state::Owner::this_process(session.process.user_name(), session.process.host_name(), &state::SystemProcesses)
}

/// How managers of secrets get their keys. Nothing is asked yet.
fn secrets_access(session: &Session, embedded: bool) -> Result<state::SecretsAccess, Failure> {
    let local_file = embedded.then(|| session.data_folder()).transpose()?.map(|data| data.join("local/passphrase"));
    // One for the whole command: a passphrase is asked for once.
    Ok(session.secrets_access(embedded, || {
        let giver = PassphraseGiver::new(session.process.clone(), Arc::clone(&session.output), local_file);
        state::SecretsAccess {
            key_override: session.process.text("PULUMI_CLOUD_SECRET_OVERRIDE").map(str::to_owned),
            ..state::SecretsAccess::new(Arc::new(giver), Arc::new(CloudKeys::new(Some(store::identity(session)))))
        }
    }))
}

/// Whether the stack lives in the embedded local cloud, whose secrets protect nothing that others could reach.
pub fn is_embedded(configuration: &Configuration, selected: &SelectedStack) -> bool {
    let Some(environment) = &selected.environment else { return false };
    let factory = configuration.clouds().find(&selected.provider);
    let settings = configuration.cloud_settings(environment.as_str(), &selected.provider);
    factory.zip(settings.ok()).is_some_and(|(factory, settings)| factory.is_embedded(&settings))
}
