//! `destroy`: the saga with nothing wanted.

use crate::application::error::ApplicationError;
use crate::application::plan::preview::Confirmation;
use crate::application::plan::wanted::{Wanted, refuse_other_account, refuse_unknown_components};
use crate::application::report::DeploymentReport;
use crate::application::request::{DestroyRequest, Ports};
use crate::application::saga::{Context, Saga, Stopwatch};
use crate::application::steps::default_provider::DefaultProvider;
use crate::application::steps::gate::unless_stopped;
use crate::domain::deployment::DeploymentCommand;
use crate::ports::CallKind;

/// Deletes what the chosen components have in the stack.
///
/// # Errors
/// As [`deploy`].
pub async fn destroy(
    ports: &Ports,
    request: &DestroyRequest,
    confirmation: &dyn Confirmation,
) -> Result<DeploymentReport, ApplicationError> {
    let watch = Stopwatch::start(ports);
    let begun = async {
        // The one call that isn't made through a gate.
        ports.calls.count(CallKind::Read);
        let (identity, snapshot) = tokio::join!(ports.cloud.identity(), ports.store.read());
        Ok::<_, ApplicationError>((identity?, snapshot?))
    };
    let (identity, snapshot) = unless_stopped(&request.options, begun).await?;
    refuse_other_account(ports, &request.options, &identity, &snapshot)?;
    refuse_unknown_components(&request.options, request.configured.iter().map(String::as_str), &snapshot)?;
    // Nothing is taken over to be deleted.
    let wanted = Wanted {
        command: DeploymentCommand::Destroy,
        specs: Vec::new(),
        outputs: Vec::new(),
        identity: None,
        provider: DefaultProvider::of(ports, &request.options.target, &identity, snapshot.resources.iter()),
    };
    let context = Context { ports, options: &request.options, components: &[], wanted, identity, watch };
    Saga { context, confirmation }.run(snapshot).await
}
