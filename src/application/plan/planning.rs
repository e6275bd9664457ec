//! From what is wanted and what is recorded to a plan: the graph, the refresh of what the plan is about to touch, the plan.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use resource_graph::{
    Latencies, OutputReference, Ownership, Plan, PlanOptions, PropertyMap, ResolveError, Resolved, ResourceGraph,
    ResourceRecord, Selection, Urn,
};

use super::look::{self, Extent};
use super::neighbours::Neighbours;
use super::recorded::{live, recorded_output};
use super::refresh::{self, Refreshed};
use super::wanted::Wanted;
use crate::application::adoption::{self, Adoptions};
use crate::application::error::{ApplicationError, ErrorKind};
use crate::application::request::{Options, Ports, Refresh};
use crate::application::steps::default_provider::DefaultProvider;
use crate::domain::component::group_urns;
use crate::domain::deployment::{DeploymentCommand, ErrorDetail};
use crate::ports::{RecordedResource, StackSnapshot};

/// A resource that isn't as the state records it.
#[derive(Clone, Debug)]
pub struct Drift {
    /// Its name.
    pub urn: Urn,
    /// Names of the inputs that differ; empty when it is gone.
    pub properties: Vec<String>,
    /// What it is now; `None` when it is gone.
    pub record: Option<Arc<ResourceRecord>>,
}

/// A plan with what it was made from.
pub struct Planned {
    /// The steps.
    pub plan: Plan,
    /// The provider that the resources name, whose id is the stack's identity.
    pub provider: DefaultProvider,
    /// What is to be made and stands there already, left behind by this stack: it is gone on with.
    pub left_behind: Vec<Urn>,
    /// What is taken over from another program.
    pub adoptions: Adoptions,
    /// What was found otherwise than recorded.
    pub drifts: Vec<Drift>,
    /// The records that the plan was made from: the state's, with what was read in their place.
    pub records: Vec<RecordedResource>,
    /// The stack's outputs, as far as they are known before anything is done; `None` when one isn't.
    pub outputs: Option<PropertyMap>,
}

impl Planned {
    /// Whether nothing is to be done: to the cloud, to the state, to what is shown.
    pub fn is_empty(&self, snapshot: &StackSnapshot) -> bool {
        self.plan.is_empty()
            && self.adoptions.is_empty()
            && self.drifts.is_empty()
            && self.outputs.as_ref() == Some(&snapshot.outputs)
    }
}

/// Makes the plan, and looks for what it makes, as far as `extent` says.
///
/// # Errors
/// When what is wanted doesn't hang together, something is protected, something that isn't ours is in the way, or the cloud can't be
/// asked.
pub async fn plan(
    ports: &Ports,
    options: &Options,
    wanted: &Wanted,
    snapshot: &StackSnapshot,
    latencies: &Latencies,
    extent: Extent,
) -> Result<Planned, ApplicationError> {
    let recorded = DefaultProvider::recorded(ports, snapshot.resources.iter());
    let provider = recorded.unwrap_or_else(|| wanted.provider.clone());
    let specs = wanted.specs_of(ports, &provider.id);
    let graph = ResourceGraph::new(specs.iter().cloned())
        .map_err(|error| usage("graph", error.to_string()).with_hint(error.hint()))?;
    let mut plan_options = PlanOptions {
        selection: selection(options, snapshot, &graph)?,
        gone: HashSet::new(),
        latencies: latencies.clone(),
    };
    let make = |records: &[RecordedResource], plan_options: &PlanOptions| {
        resource_graph::planner::plan(&graph, records, ports.cloud.as_ref(), plan_options)
            .map_err(|error| plan_error(&error))
    };
    let adoptions = match wanted.command {
        DeploymentCommand::Deploy => {
            let (cloud, clock) = (ports.cloud.as_ref(), ports.clock.as_ref());
            let (selection, records) = (&plan_options.selection, &snapshot.resources);
            let found = adoption::find(cloud, clock, &options.adopt, selection, &specs, records)?;
            if let Some(identity) = &wanted.identity {
                adoption::refuse_other_account(cloud, identity, &found)?;
            }
            found
        }
        DeploymentCommand::Destroy => Adoptions::default(),
    };
    let mut records = adoptions.applied_to(&snapshot.resources);
    let mut drifts = Vec::new();
    // No plan yet, or one that what was read since has overtaken.
    let mut planned = None;
    let mut to_read: BTreeSet<usize> = match options.refresh {
        Refresh::All => own(&records),
        Refresh::Changed => touched(planned.insert(make(&records, &plan_options)?), &records),
        Refresh::None => BTreeSet::new(),
    };
    let mut read = HashSet::new();
    let mut neighbours = None;
    // In rounds: what is found otherwise changes the plan, which then touches more.
    while !to_read.is_empty() {
        let found = refresh::read(ports, options, &records, to_read.iter().copied()).await?;
        read.extend(std::mem::take(&mut to_read));
        for Refreshed { place, record } in found {
            let urn = records[place].urn().clone();
            match record {
                None => {
                    let neighbours = neighbours.get_or_insert_with(|| Neighbours::of(&records));
                    to_read.extend(neighbours.take(place).filter(|near| !read.contains(near)));
                    plan_options.gone.insert(urn.clone());
                    drifts.push(Drift { urn, properties: Vec::new(), record: None });
                    planned = None;
                }
                Some(record) => {
                    let before =
                        records[place].to_record().map_err(|error| ApplicationError::of_record(&urn, &error))?;
                    let properties = refresh::differing_inputs(ports, &before, &record)?;
                    if !properties.is_empty() {
                        let record = Arc::new(record);
                        records[place] = Arc::new(ResourceRecord::clone(&record));
                        drifts.push(Drift { urn, properties, record: Some(record) });
                        planned = None;
                    }
                }
            }
        }
        // Only when all that is near has been read: planning a large stack costs more than looking at its records.
        if to_read.is_empty() && planned.is_none() {
            to_read = touched(planned.insert(make(&records, &plan_options)?), &records);
            to_read.retain(|place| !read.contains(place));
        }
    }
    let plan = match planned {
        Some(plan) => plan,
        None => make(&records, &plan_options)?,
    };
    if !options.replace_adopted {
        adoptions.refuse_replacements(&plan)?;
    }
    // A resource that is gone stays in the records for the planner's sake, which is told that it is gone.
    let outputs = known_outputs(wanted, options, snapshot, &plan, &records)?;
    let left_behind = match (wanted.command, options.refresh) {
        (DeploymentCommand::Destroy, _) | (_, Refresh::None) => Vec::new(),
        _ => look::look(ports, options, &provider.id, &plan, &records, extent).await?,
    };
    Ok(Planned { plan, provider, left_behind, adoptions, drifts, records, outputs })
}

/// Places of the live records that are ours: others aren't read, and so never seen to have drifted.
fn own(records: &[RecordedResource]) -> BTreeSet<usize> {
    let ownership = Ownership::of(records);
    let live = records.iter().enumerate().filter(|(_, record)| !record.marks().pending_deletion);
    live.map(|(place, _)| place).filter(|place| !ownership.is_foreign(*place)).collect()
}

/// Places of the live records, by name.
pub(super) fn places(records: &[RecordedResource]) -> HashMap<Urn, usize> {
    let all = records.iter().enumerate().filter(|(_, record)| !record.marks().pending_deletion);
    all.map(|(index, record)| (record.urn().clone(), index)).collect()
}

/// Places of the live records that something is about to happen to.
fn touched(plan: &Plan, records: &[RecordedResource]) -> BTreeSet<usize> {
    use resource_graph::Operation::{CreateReplacement, Delete, DeleteReplaced, Update};
    let steps = plan.steps().iter().filter(|step| !step.free && step.record.is_some());
    let mut steps =
        steps.filter(|step| matches!(step.operation, Update | CreateReplacement | DeleteReplaced | Delete)).peekable();
    if steps.peek().is_none() {
        return BTreeSet::new();
    }
    let places = places(records);
    steps.filter_map(|step| places.get(&step.urn).copied()).collect()
}

fn selection(
    options: &Options,
    snapshot: &StackSnapshot,
    graph: &ResourceGraph,
) -> Result<Selection, ApplicationError> {
    if !options.targets.is_empty() {
        let known = known(graph, snapshot);
        let details: Vec<ErrorDetail> = options
            .targets
            .iter()
            .filter(|urn| !known.contains(urn))
            .map(|urn| ErrorDetail {
                urn: Some(urn.to_string()),
                code: "unknown-target".into(),
                message: format!("there is no resource {urn}"),
                hint: Some("`semantest-iac status --json` lists the URNs of what is deployed, `semantest-iac graph --json` those of what is wanted".into()),
            })
            .collect();
        if !details.is_empty() {
            return Err(ApplicationError { kind: ErrorKind::Usage, details });
        }
        return Ok(Selection::Targets(options.targets.iter().cloned().collect()));
    }
    if options.components.is_empty() {
        return Ok(Selection::All);
    }
    let target = &options.target;
    let urns = |name: &String| group_urns(&target.project, &target.stack, name).collect::<Vec<_>>();
    // A chosen component that is neither wanted nor recorded has nothing to be destroyed.
    let known = known(graph, snapshot);
    let urns = options.components.iter().flat_map(urns);
    Ok(Selection::Components(urns.filter(|urn| known.contains(urn)).collect()))
}

/// All that is wanted or recorded.
fn known<'a>(graph: &'a ResourceGraph, snapshot: &'a StackSnapshot) -> HashSet<&'a Urn> {
    let wanted = graph.in_order().map(|spec| &spec.urn);
    wanted.chain(snapshot.resources.iter().map(|record| record.urn())).collect()
}

fn known_outputs(
    wanted: &Wanted,
    options: &Options,
    snapshot: &StackSnapshot,
    plan: &Plan,
    records: &[RecordedResource],
) -> Result<Option<PropertyMap>, ApplicationError> {
    if wanted.command == DeploymentCommand::Destroy {
        return Ok(Some(outputs_after_destroy(options, snapshot)));
    }
    let changing: HashSet<&Urn> = plan.steps().iter().map(|step| &step.urn).collect();
    let live = live(records);
    let mut all_known = true;
    let mut lookup = |reference: &OutputReference| match live.get(&reference.urn) {
        Some(record) if !changing.contains(&reference.urn) => recorded_output(record, &reference.path),
        // Only some resources were chosen, and this one isn't among them.
        None if is_partial(options) && !changing.contains(&reference.urn) => Resolved::Missing,
        _ => {
            all_known = false;
            Resolved::Unknown
        }
    };
    let outputs = outputs_after_deploy(wanted, options, snapshot, &mut lookup)
        .map_err(|error| ApplicationError::new(ErrorKind::Failed, "outputs", error.to_string()))?;
    Ok(all_known.then_some(outputs))
}

fn is_partial(options: &Options) -> bool {
    !options.targets.is_empty()
}

/// The outputs when everything that was chosen is deployed.
///
/// # Errors
/// When a component shows an output that isn't there.
pub fn outputs_after_deploy(
    wanted: &Wanted,
    options: &Options,
    snapshot: &StackSnapshot,
    lookup: &mut impl FnMut(&OutputReference) -> Resolved,
) -> Result<PropertyMap, ResolveError> {
    let before = outputs_before(wanted, options, snapshot);
    super::outputs::resolve(&before, &wanted.outputs, is_partial(options), lookup)
}

/// The outputs to start from: when everything is deployed, those of components that are no longer wanted go.
fn outputs_before(wanted: &Wanted, options: &Options, snapshot: &StackSnapshot) -> PropertyMap {
    let mut before = snapshot.outputs.clone();
    if wanted.command == DeploymentCommand::Deploy && options.components.is_empty() && options.targets.is_empty() {
        let declared: HashSet<&str> = wanted.outputs.iter().map(|output| output.component.as_str()).collect();
        let components = components(snapshot);
        // What isn't a component's map is another tool's export, and stays.
        before.retain(|name, value| declared.contains(name) || value.as_map().is_none() || !components.contains(name));
    }
    before
}

/// The outputs when the chosen components are gone.
pub fn outputs_after_destroy(options: &Options, snapshot: &StackSnapshot) -> PropertyMap {
    let mut left = snapshot.outputs.clone();
    if options.components.is_empty() && options.targets.is_empty() {
        let components = components(snapshot);
        left.retain(|name, value| value.as_map().is_none() || !components.contains(name));
        return left;
    }
    left.retain(|name, _| !options.components.iter().any(|component| component == name));
    left
}

/// Names of the components that are recorded as ours.
fn components(snapshot: &StackSnapshot) -> HashSet<&str> {
    let groups = snapshot.resources.iter().filter(|record| !record.marks().custom && !record.is_foreign());
    groups.map(|record| record.urn().name()).collect()
}

fn usage(code: &str, message: String) -> ApplicationError {
    ApplicationError::new(ErrorKind::Usage, code, message)
}

fn plan_error(error: &resource_graph::PlanError) -> ApplicationError {
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    ApplicationError::new(ErrorKind::Failed, "plan", message).with_hint(error.hint())
}
