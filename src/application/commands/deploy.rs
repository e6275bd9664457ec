//! `deploy`: from what is wanted through the saga.

use crate::application::error::ApplicationError;
use crate::application::plan::preview::Confirmation;
use crate::application::plan::wanted::want;
use crate::application::report::DeploymentReport;
use crate::application::request::{DeployRequest, Ports};
use crate::application::saga::{Context, Saga, Stopwatch};
use crate::application::steps::gate::unless_stopped;

/// Brings the chosen components to what the configuration wants.
///
/// # Errors
/// When nothing was begun: wrong input, no credentials, locked. What fails later is in the report.
pub async fn deploy(
    ports: &Ports,
    request: &DeployRequest,
    confirmation: &dyn Confirmation,
) -> Result<DeploymentReport, ApplicationError> {
    let watch = Stopwatch::start(ports);
    let (wanted, identity, snapshot) = unless_stopped(&request.options, want(ports, request)).await?;
    let components = &request.components;
    let context = Context { ports, options: &request.options, components, wanted, identity, watch };
    Saga { context, confirmation }.run(snapshot).await
}
