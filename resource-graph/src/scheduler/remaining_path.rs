//! How much of a plan lies before and behind each step: what the scheduler orders ready steps by, and where the critical
//! path comes from.

use std::collections::HashMap;
use std::time::Duration;

use crate::{ConflictKey, Phase, Plan, StepId};

/// For each step, its own duration and the longest way from its end to the end of the plan, all removals included for
/// steps that make something.
pub(crate) fn remaining_paths(plan: &Plan, durations: &[Duration]) -> Vec<Duration> {
    longest(plan, |step, after| after + durations[step.index()])
}

/// For each step, the earliest time at which all that it needs can be done.
pub(crate) fn earliest_starts(plan: &Plan, durations: &[Duration]) -> Vec<Duration> {
    let mut starts = vec![Duration::ZERO; plan.steps().len()];
    let mut all_made = Duration::ZERO;
    for step in plan.in_order() {
        let needed = plan.needs(step.id).iter().map(|needed| starts[needed.index()] + durations[needed.index()]);
        let mut start = needed.max().unwrap_or_default();
        match step.phase {
            Phase::Make => all_made = all_made.max(start + durations[step.id.index()]),
            Phase::Remove => start = start.max(all_made),
        }
        starts[step.id.index()] = start;
    }
    starts
}

/// As [`remaining_paths`], but steps that share a conflict key count as a chain, since they will be one: what leads to
/// many of them comes before what leads to few.
pub(crate) fn priorities(plan: &Plan) -> Vec<Duration> {
    let mut behind: HashMap<&ConflictKey, Duration> = HashMap::new();
    longest(plan, |id, after| {
        let step = plan.step(id);
        let mut path = after + step.estimated;
        for key in &step.conflict_keys {
            let queue = behind.entry(key).or_default();
            path = path.max(*queue + step.estimated);
            *queue += step.estimated;
        }
        path
    })
}

fn longest(plan: &Plan, mut path_of: impl FnMut(StepId, Duration) -> Duration) -> Vec<Duration> {
    let mut paths = vec![Duration::ZERO; plan.steps().len()];
    let mut all_removals = Duration::ZERO;
    for step in plan.in_order().rev() {
        let mut after = plan.unlocks(step.id).iter().map(|next| paths[next.index()]).max().unwrap_or_default();
        if step.phase == Phase::Make {
            after = after.max(all_removals);
        }
        let path = path_of(step.id, after);
        paths[step.id.index()] = path;
        if step.phase == Phase::Remove {
            all_removals = all_removals.max(path);
        }
    }
    paths
}
