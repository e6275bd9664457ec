//! Looking for what a plan is about to make: it may stand there already.
//!
//! What this stack has left behind is gone on with. What isn't ours is refused before anything is done, and not only when its turn
//! comes.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::{StreamExt, stream};
use resource_graph::{Operation, Plan, PropertyMap, Resolved, Step, Urn, Value};

use super::refresh::tags;
use crate::application::error::{ApplicationError, ErrorKind, detail_of};
use crate::application::request::{Options, Ports};
use crate::application::steps::gate::ReadGate;
use crate::application::steps::ownership::{Owners, ThingKey, refusal};
use crate::domain::deployment::ErrorDetail;
use crate::ports::{
    CallGate, Found, Maker, OperationContext, ProviderErrorKind, RecordedResource, ResourceProvider, Whose,
};

/// Looks that may be under way at a time.
const PARALLEL_LOOKS: usize = 32;
/// How many resources a deployment looks for at most before it begins. Where another stack has the name, each of them stands there,
/// and each step looks for itself once more; so a sample tells, and a large first deployment isn't held up.
const SAMPLE: usize = 50;

/// How far is looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// For everything: nothing else will look.
    All,
    /// For some of what has a name of its own. What hasn't is looked for by its step.
    Sample,
}

/// Something that stands where a resource is to be made.
struct Standing {
    urn: Urn,
    found: Found,
}

/// Looks for what the plan makes, as far as its names are known by now. Returns what this stack has left behind and will go on with.
///
/// # Errors
/// When something stands there that isn't this stack's; all of it is named.
pub async fn look(
    ports: &Ports,
    options: &Options,
    identity: &str,
    plan: &Plan,
    records: &[RecordedResource],
    extent: Extent,
) -> Result<Vec<Urn>, ApplicationError> {
    let creations = plan.steps().iter().filter(|step| step.operation == Operation::Create && !step.free);
    let mut wanted: Vec<(&Step, Arc<dyn ResourceProvider>, PropertyMap)> = creations
        .filter_map(|step| {
            let provider = ports.cloud.resource(&step.type_token)?;
            let identity = known_identity(step, provider.as_ref())?;
            (extent == Extent::All || !provider.has_generated_id()).then_some((step, provider, identity))
        })
        .collect();
    if extent == Extent::Sample {
        wanted.truncate(SAMPLE);
    }
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let gate: Arc<dyn CallGate> = Arc::new(ReadGate::new(ports, options));
    let looks: Vec<_> = wanted
        .iter()
        .map(async |(step, provider, inputs)| {
            let urn = step.urn.clone();
            let context =
                OperationContext { urn: urn.clone(), tags: tags(options, identity, ""), gate: Arc::clone(&gate) };
            match provider.find(&context, inputs).await {
                Ok(found) => Ok(found.map(|found| Standing { urn, found })),
                Err(error) if error.kind == ProviderErrorKind::Cancelled => Err(ApplicationError::from(error)),
                // Whoever may not look may still make it; the step tells what is wrong.
                Err(error) => {
                    tracing::debug!("whether {urn} stands there already can't be seen: {error}");
                    Ok(None)
                }
            }
        })
        .collect();
    let mut looks = stream::iter(looks).buffer_unordered(PARALLEL_LOOKS);
    let mut standing = Vec::new();
    while let Some(seen) = looks.next().await {
        standing.extend(seen?);
    }
    standing.sort_by(|one, other| one.urn.cmp(&other.urn));
    if standing.is_empty() {
        return Ok(Vec::new());
    }
    judge(ports, options, records, standing)
}

fn judge(
    ports: &Ports,
    options: &Options,
    records: &[RecordedResource],
    standing: Vec<Standing>,
) -> Result<Vec<Urn>, ApplicationError> {
    let owners = Owners::of(ports.cloud.as_ref(), records);
    let (mut left, mut details, mut namesakes) = (Vec::new(), Vec::new(), Vec::new());
    for Standing { urn, found } in standing {
        let key = ThingKey::new(ports.cloud.as_ref(), &urn.type_token(), &found.state.id, &found.state.inputs);
        let owner = owners.owner(&urn, &key);
        match refusal(&owner, &found, options.reclaim) {
            None => left.push(urn),
            Some(error) => match found.whose {
                Whose::Namesake(maker) => namesakes.push((urn, found.state.id, maker)),
                Whose::Ours | Whose::Others => {
                    details.push(detail_of(&error, &urn));
                }
            },
        }
    }
    details.extend(namesake_detail(options, &namesakes));
    if details.is_empty() { Ok(left) } else { Err(ApplicationError { kind: ErrorKind::Failed, details }) }
}

/// All that belongs to a stack of the same name, told once.
fn namesake_detail(options: &Options, namesakes: &[(Urn, String, Maker)]) -> Option<ErrorDetail> {
    let (_, _, maker) = namesakes.first()?;
    let things: BTreeSet<String> =
        namesakes.iter().map(|(urn, id, _)| format!("  {} {id}", urn.type_token().as_str())).collect();
    let things: Vec<String> = things.into_iter().collect();
    let target = &options.target;
    Some(ErrorDetail {
        urn: None,
        code: "another-stack".into(),
        message: format!(
            "the account has a stack {}/{} already, which this state doesn't know{}:\n{}",
            target.project,
            target.stack,
            maker.described(),
            things.join("\n")
        ),
        hint: Some(maker.hint()),
    })
}

/// The inputs by which a resource is found, when all of them are known before anything is made.
fn known_identity(step: &Step, provider: &dyn ResourceProvider) -> Option<PropertyMap> {
    let names = provider.identifying_inputs();
    let mut inputs = step.inputs.resolve(&mut |_| Resolved::Unknown).ok()?;
    inputs.retain(|name, _| names.is_empty() || names.contains(&name));
    let all_known = !inputs.values().any(Value::contains_unknown);
    all_known.then_some(inputs)
}
