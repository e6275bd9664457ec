//! Why a plan does something to a resource, or leaves it alone, as fragments of sentences for people.

use std::fmt;

use crate::{PropertyChange, Urn};

/// Why a step is there.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// It isn't recorded.
    New,
    /// It is recorded, but a refresh didn't find it in the cloud.
    GoneFromCloud,
    /// A replacement was interrupted after the old copy had been deleted.
    InterruptedReplacement,
    /// Inputs differ for sure; the changes are the step's own.
    InputsChanged(Vec<String>),
    /// Inputs come from resources that aren't done yet.
    InputsMayChange(Vec<String>),
    /// Changes of these inputs force a replacement.
    ForcedReplacement(Vec<String>),
    /// It is marked to be replaced.
    Tainted,
    /// It was made, but wasn't healthy.
    NotHealthy(Vec<String>),
    /// An output that another resource needs isn't recorded.
    OutputNotRecorded(String),
    /// Options that only the state knows differ: their names.
    OptionsChanged(Vec<&'static str>),
    /// It is recorded, but no longer wanted.
    NoLongerWanted,
    /// An earlier replacement left it.
    LeftByReplacement,
    /// Its replacement takes its place.
    Replaced,
    /// It is to be kept in the cloud when it is removed from the state.
    Retained,
    /// It goes away with another resource.
    DeletedWith(Urn),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::New => f.write_str("new"),
            Reason::GoneFromCloud => f.write_str("gone from the cloud"),
            Reason::InterruptedReplacement => f.write_str("deleted by a replacement that was interrupted"),
            Reason::InputsChanged(changes) => write!(f, "inputs changed: {}", changes.join(", ")),
            Reason::InputsMayChange(paths) => {
                write!(f, "inputs may change, known after apply: {}", paths.join(", "))
            }
            Reason::ForcedReplacement(paths) => {
                let verb = if paths.len() == 1 { "forces" } else { "force" };
                write!(f, "replaced because {} {verb} a replacement", paths.join(", "))
            }
            Reason::Tainted => f.write_str("marked to be replaced"),
            Reason::NotHealthy(errors) => write!(f, "made, but not healthy: {}", errors.join(", ")),
            Reason::OutputNotRecorded(name) => write!(f, "output {name} isn't recorded"),
            Reason::OptionsChanged(names) => write!(f, "options changed: {}", names.join(", ")),
            Reason::NoLongerWanted => f.write_str("no longer wanted"),
            Reason::LeftByReplacement => f.write_str("old copy left by an earlier replacement"),
            Reason::Replaced => f.write_str("old copy of a replaced resource"),
            Reason::Retained => f.write_str("kept in the cloud (retain on delete)"),
            Reason::DeletedWith(urn) => write!(f, "goes away with {}", urn.name()),
        }
    }
}

impl Reason {
    /// The reasons that differences of inputs give.
    pub(crate) fn of_changes(changes: &[PropertyChange]) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let forcing: Vec<String> =
            changes.iter().filter(|change| change.forces_replacement).map(|change| change.path.to_string()).collect();
        if !forcing.is_empty() {
            reasons.push(Reason::ForcedReplacement(forcing));
        }
        let certain: Vec<String> = changes
            .iter()
            .filter(|change| change.is_certain())
            .map(|change| PropertyChange { forces_replacement: false, ..change.clone() }.to_string())
            .collect();
        if !certain.is_empty() {
            reasons.push(Reason::InputsChanged(certain));
        }
        let perhaps: Vec<String> =
            changes.iter().filter(|change| !change.is_certain()).map(|change| change.path.to_string()).collect();
        if !perhaps.is_empty() {
            reasons.push(Reason::InputsMayChange(perhaps));
        }
        reasons
    }
}

/// Why a resource is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UntouchedReason {
    /// Its type isn't ours.
    UnknownType,
    /// It isn't among the selected resources.
    NotSelected,
    /// Another program made it.
    NotOurs,
    /// It is read, not owned.
    External,
    /// It is no longer wanted, but another resource that stays needs it.
    NeededBy(Urn),
    /// The root of the stack or a provider, which the state needs.
    Bookkeeping,
}

impl fmt::Display for UntouchedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UntouchedReason::UnknownType => f.write_str("its type isn't managed here"),
            UntouchedReason::NotOurs => f.write_str("another program made it"),
            UntouchedReason::NotSelected => f.write_str("not selected"),
            UntouchedReason::External => f.write_str("read only, not owned"),
            UntouchedReason::NeededBy(urn) => write!(f, "still needed by {urn}"),
            UntouchedReason::Bookkeeping => f.write_str("belongs to the state itself"),
        }
    }
}
