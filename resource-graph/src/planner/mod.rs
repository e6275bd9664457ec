//! The planner: compares the wanted graph with what is recorded and decides what happens to each resource.
//!
//! Decisions are made in the order of dependencies, since what happens to a resource decides which of its outputs those
//! that need it can count on. Removals follow in [`removals`], and [`steps`] turns all of it into steps with edges.

use std::collections::HashSet;

// Names are hashed many times in a plan; nobody can choose them to slow it down who couldn't do worse.
use foldhash::HashMap;

use crate::resource::recorded::{RecordError, Recorded};
use crate::{
    InvalidPathPattern, Latencies, Operation, Plan, ResolveError, ResourceGraph, ResourceTypes, TypeToken, Urn,
};

mod decision;
pub mod diff;
mod early;
pub mod graph;
pub mod plan;
mod reconsider;
mod removals;
mod steps;

pub use reconsider::Reconsidered;

use decision::{Decision, Fate};
use removals::RecordFate;

/// Which resources a plan is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// All.
    #[default]
    All,
    /// These component resources and all that belongs to them. What they need from elsewhere is made if it isn't there,
    /// but otherwise left alone; resources of other components are never removed.
    Components(HashSet<Urn>),
    /// These resources and all that they depend on; only these are removed when they are no longer wanted.
    Targets(HashSet<Urn>),
}

/// What a plan is made by, beside the graph, the records and the types.
#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    /// Which resources it is about.
    pub selection: Selection,
    /// Recorded resources that a refresh didn't find in the cloud.
    pub gone: HashSet<Urn>,
    /// Measured durations.
    pub latencies: Latencies,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A wanted resource has a type that nothing knows how to make.
    #[error("{urn} has the type {type_token}, which isn't supported")]
    UnknownType {
        /// The resource.
        urn: Urn,
        /// Its type.
        type_token: TypeToken,
    },
    /// A record can't be decoded or decrypted.
    #[error("the record of {urn} can't be read")]
    Unreadable {
        /// The resource.
        urn: Urn,
        /// Why.
        #[source]
        source: RecordError,
    },
    /// The state holds a resource twice.
    #[error("{urn} is recorded twice")]
    DuplicateRecord {
        /// The resource.
        urn: Urn,
    },
    /// A reference leads nowhere.
    #[error("inputs of {urn} can't be resolved")]
    Unresolved {
        /// The resource whose inputs they are.
        urn: Urn,
        /// Why.
        #[source]
        source: ResolveError,
    },
    /// An entry of `ignore_changes` or `replace_on_changes` isn't a property path.
    #[error("an option of {urn} is wrong")]
    InvalidOption {
        /// The resource.
        urn: Urn,
        /// What is wrong.
        #[source]
        source: InvalidPathPattern,
    },
    /// Resources that are protected would be deleted or replaced.
    #[error("{}", protected_text(.refused))]
    Protected {
        /// The resources, and what would be done to each (`Delete` or `CreateReplacement`).
        refused: Vec<(Urn, Operation)>,
    },
    /// A selected resource is neither wanted nor recorded.
    #[error("{urn} is selected, but there is no such resource")]
    UnknownTarget {
        /// The resource.
        urn: Urn,
    },
    /// A target is to be removed, but a resource that isn't selected needs it.
    #[error("{urn} can't be removed, because {needed_by} needs it")]
    StillNeeded {
        /// The target.
        urn: Urn,
        /// The resource that needs it.
        needed_by: Urn,
    },
    /// The recorded dependencies form a cycle.
    #[error("recorded resources depend on each other in a cycle: {}", names(.urns))]
    RecordedCycle {
        /// The resources whose steps can't be put in order.
        urns: Vec<Urn>,
    },
}

impl PlanError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            PlanError::UnknownType { .. } => "use a supported type",
            PlanError::Unreadable { .. } => "check the passphrase, and the state with `pulumi stack export`",
            PlanError::DuplicateRecord { .. } | PlanError::RecordedCycle { .. } => {
                "the state is damaged: restore an earlier version from its history or backup"
            }
            PlanError::Unresolved { .. } => "refer to an output that the resource has",
            PlanError::InvalidOption { .. } => "write paths such as environment.variables.NAME or rules[0].port",
            PlanError::Protected { .. } => {
                "remove the protection (`protect: false`, or `pulumi state unprotect`) in a deployment of its own first"
            }
            PlanError::UnknownTarget { .. } => "the graph command lists the URNs of all resources",
            PlanError::StillNeeded { .. } => "select that resource too",
        }
    }
}

fn protected_text(refused: &[(Urn, Operation)]) -> String {
    let list: Vec<String> = refused
        .iter()
        .map(|(urn, operation)| {
            let verb = if *operation == Operation::Delete { "deleted" } else { "replaced" };
            format!("{urn} is protected, but would be {verb}")
        })
        .collect();
    list.join("; ")
}

fn names(urns: &[Urn]) -> String {
    urns.iter().map(Urn::as_str).collect::<Vec<_>>().join(", ")
}

/// Plans what takes the recorded resources to the wanted ones.
///
/// `records` is the content of the state, old copies (`pending_deletion`) included. To destroy, plan an empty graph.
///
/// # Errors
/// [`PlanError`]; nothing has happened then.
pub fn plan<R: Recorded>(
    graph: &ResourceGraph,
    records: &[R],
    types: &dyn ResourceTypes,
    options: &PlanOptions,
) -> Result<Plan, PlanError> {
    let mut planner = Planner::new(graph, records, types, options)?;
    planner.select()?;
    planner.decide()?;
    planner.decide_removals()?;
    planner.spread_early_deletions()?;
    planner.refuse_protected()?;
    planner.build()
}

/// Graph and records side by side. Positions are places in the graph's order; indices are places among the records.
struct Planner<'a, R> {
    graph: &'a ResourceGraph,
    records: &'a [R],
    types: &'a dyn ResourceTypes,
    options: &'a PlanOptions,
    specs: Vec<&'a std::sync::Arc<crate::ResourceSpec>>,
    needs: Vec<Vec<u32>>,
    position: HashMap<&'a str, u32>,
    live: HashMap<&'a str, u32>,
    /// The live record of each position.
    recorded: Vec<Option<u32>>,
    selected: Vec<bool>,
    decisions: Vec<Decision>,
    fates: Vec<RecordFate>,
    /// Records that are removed before the rest is made.
    early: foldhash::HashSet<u32>,
    outputs: HashMap<(u32, &'a [String]), Option<crate::Value>>,
}

impl<'a, R: Recorded> Planner<'a, R> {
    fn new(
        graph: &'a ResourceGraph,
        records: &'a [R],
        types: &'a dyn ResourceTypes,
        options: &'a PlanOptions,
    ) -> Result<Self, PlanError> {
        let specs: Vec<_> = graph.in_order().collect();
        let position = specs.iter().zip(0..).map(|(spec, position)| (spec.urn.as_str(), position)).collect();
        let mut live = HashMap::with_capacity_and_hasher(records.len(), Default::default());
        for (record, index) in records.iter().zip(0..) {
            if !record.marks().pending_deletion && live.insert(record.urn().as_str(), index).is_some() {
                return Err(PlanError::DuplicateRecord { urn: record.urn().clone() });
            }
        }
        let needs = graph.dependency_positions();
        let selected = vec![true; specs.len()];
        let recorded = specs.iter().map(|spec| live.get(spec.urn.as_str()).copied()).collect();
        Ok(Self {
            graph,
            records,
            types,
            options,
            specs,
            needs,
            position,
            live,
            recorded,
            selected,
            decisions: Vec::new(),
            fates: Vec::new(),
            early: foldhash::HashSet::default(),
            outputs: HashMap::default(),
        })
    }

    /// The live record of a wanted resource.
    fn record_of(&self, position: u32) -> Option<u32> {
        self.recorded[position as usize]
    }

    fn record(&self, index: u32) -> &'a R {
        &self.records[index as usize]
    }

    /// Whether the resource has to be made, since nothing of it is in the cloud.
    fn is_absent(&self, record: Option<u32>) -> bool {
        record.is_none_or(|index| {
            let record = self.record(index);
            record.marks().pending_replacement || self.options.gone.contains(record.urn())
        })
    }

    fn unreadable(&self, index: u32) -> impl FnOnce(RecordError) -> PlanError + use<R> {
        let urn = self.record(index).urn().clone();
        move |source| PlanError::Unreadable { urn, source }
    }

    /// Works out which wanted resources the plan is about.
    fn select(&mut self) -> Result<(), PlanError> {
        let (roots, everything_below) = match &self.options.selection {
            Selection::All => return Ok(()),
            Selection::Components(roots) => (roots, false),
            Selection::Targets(roots) => (roots, true),
        };
        let recorded: foldhash::HashSet<&Urn> = self.records.iter().map(Recorded::urn).collect();
        let is_unknown = |urn: &&Urn| !self.position.contains_key(urn.as_str()) && !recorded.contains(urn);
        if let Some(urn) = roots.iter().filter(is_unknown).min() {
            return Err(PlanError::UnknownTarget { urn: urn.clone() });
        }
        // Parents come first in the order, so belonging to a component passes down in one go.
        self.selected = vec![false; self.specs.len()];
        for (place, spec) in self.specs.iter().enumerate() {
            let below = !everything_below
                && spec.options.parent.as_ref().is_some_and(|parent| {
                    self.position.get(parent.as_str()).is_some_and(|parent| self.selected[*parent as usize])
                        || roots.contains(parent)
                });
            self.selected[place] = below || roots.contains(&spec.urn);
        }
        // Dependencies come later in the reversed order, so needing passes on in one go, too.
        for place in (0..self.specs.len()).rev() {
            if self.selected[place] {
                for needed in &self.needs[place] {
                    let is_absent = || self.is_absent(self.record_of(*needed));
                    if everything_below || is_absent() {
                        self.selected[*needed as usize] = true;
                    }
                }
            }
        }
        Ok(())
    }

    fn refuse_protected(&self) -> Result<(), PlanError> {
        let replaced = self.decisions.iter().zip(0..).filter_map(|(decision, position)| {
            let spec = &self.specs[position as usize];
            let details = decision.details.as_ref().filter(|details| !details.conditional)?;
            let is_protected =
                spec.options.protect == Some(true) || self.record(self.record_of(position)?).marks().protect;
            (decision.fate == Fate::Replace && is_protected && !details.keep_old)
                .then(|| (spec.urn.clone(), Operation::CreateReplacement))
        });
        let deleted = self.fates.iter().zip(self.records).filter_map(|(fate, record)| {
            let is_live = !record.marks().pending_deletion;
            (matches!(fate, RecordFate::Delete) && is_live && record.marks().protect)
                .then(|| (record.urn().clone(), Operation::Delete))
        });
        let refused: Vec<(Urn, Operation)> = replaced.chain(deleted).collect();
        if refused.is_empty() { Ok(()) } else { Err(PlanError::Protected { refused }) }
    }
}

#[cfg(test)]
mod tests;
