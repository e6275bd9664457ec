//! `preview`: what [`deploy`](super::deploy()) would do.

use crate::application::error::ApplicationError;
use crate::application::journal::intent;
use crate::application::plan::look::Extent;
use crate::application::plan::preview::{Preview, counts_of, lower_bound};
use crate::application::plan::wanted::want;
use crate::application::plan::{outputs, planning};
use crate::application::queries;
use crate::application::report::{DeploymentReport, DeploymentResult, SCHEMA_VERSION};
use crate::application::request::{DeployRequest, Ports};
use crate::application::saga::Stopwatch;
use crate::application::steps::gate::unless_stopped;
use crate::domain::deployment::DeploymentCommand;
use crate::ports::Notice;
use crate::ports::clock::milliseconds;

/// Shows what [`deploy`] would do, and does nothing.
///
/// # Errors
/// As [`deploy`].
pub async fn preview(
    ports: &Ports,
    request: &DeployRequest,
    show: &(dyn Fn(&Preview<'_>) + Sync),
) -> Result<DeploymentReport, ApplicationError> {
    let watch = Stopwatch::start(ports);
    let (wanted, _, snapshot) = unless_stopped(&request.options, want(ports, request)).await?;
    let warn = |message: String, hint: &str| {
        ports.notices.notice(Notice::Warning { message, hint: Some(hint.to_owned()) });
    };
    if let Some(deployment) = queries::interrupted_id(&snapshot) {
        warn(
            format!("the deployment {deployment} was cut off; what it left open isn't in this preview"),
            "the next deploy settles it first",
        );
    }
    if let Some(running) = queries::running(&snapshot) {
        warn(
            format!("the deployment {} is under way, by {}", running.deployment_id, running.holder),
            "preview again when it is over",
        );
    }
    let latencies = ports.latencies.load();
    let planned = planning::plan(ports, &request.options, &wanted, &snapshot, &latencies, Extent::All).await?;
    if !planned.left_behind.is_empty() {
        let left: Vec<String> = planned.left_behind.iter().map(|urn| format!("  {urn}")).collect();
        warn(
            format!("what is to be created stands there already, left behind by this stack:\n{}", left.join("\n")),
            "the deployment goes on with it: it is brought to what is wanted, and nothing is made twice",
        );
    }
    if snapshot.secrets_manager.is_none() && intent::records_secrets(&planned.plan) {
        warn(
            "the stack gets its first secret: whoever deploys needs a passphrase, which encrypts it in the state"
                .into(),
            "set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE, or a terminal asks for it; `secrets-provider` \
             names a key of a cloud instead",
        );
    }
    let lower_bound = lower_bound(ports, &planned.plan);
    show(&Preview {
        command: DeploymentCommand::Deploy,
        stack: &request.options.target.stack,
        plan: &planned.plan,
        adoptions: &planned.adoptions.records,
        drifts: &planned.drifts,
        lower_bound: &lower_bound,
    });
    Ok(DeploymentReport {
        schema_version: SCHEMA_VERSION,
        command: "preview".into(),
        project: request.options.target.project.clone(),
        stack: request.options.target.stack.clone(),
        result: DeploymentResult::Succeeded,
        deployment_id: None,
        changes: counts_of(&planned.plan),
        calls: ports.calls.counts(),
        duration_ms: watch.elapsed_ms(),
        applied_ms: None,
        lower_bound_ms: milliseconds(lower_bound.duration),
        outputs: outputs::shown(&snapshot.outputs),
        adopted: planned.adoptions.reported(),
        errors: Vec::new(),
        left: Vec::new(),
    })
}
