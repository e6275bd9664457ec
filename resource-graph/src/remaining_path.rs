//! How much of a plan still lies behind each step: what the scheduler orders ready steps by, and where the critical path
//! comes from.

use std::collections::HashMap;
use std::time::Duration;

use crate::{ConflictKey, Phase, Plan, StepId};

/// For each step, its own duration and the longest way from its end to the end of the plan, all removals included for
/// steps that make something. Steps that share a conflict key count as a chain, since they will be one: what leads to
/// many of them comes before what leads to few.
pub(crate) fn priorities(plan: &Plan) -> Vec<Duration> {
    let mut behind: HashMap<&ConflictKey, Duration> = HashMap::new();
    longest(plan, |step, path| {
        let step = plan.step(step);
        let mut path = path;
        for key in &step.conflict_keys {
            let queue = behind.entry(key).or_default();
            path = path.max(*queue + step.estimated);
            *queue += step.estimated;
        }
        path
    })
}

fn longest(plan: &Plan, mut adjust: impl FnMut(StepId, Duration) -> Duration) -> Vec<Duration> {
    let mut paths = vec![Duration::ZERO; plan.steps().len()];
    let mut all_removals = Duration::ZERO;
    for step in plan.in_order().rev() {
        let mut after = plan.unlocks(step.id).iter().map(|next| paths[next.index()]).max().unwrap_or_default();
        if step.phase == Phase::Make {
            after = after.max(all_removals);
        }
        let path = adjust(step.id, after + step.estimated);
        paths[step.id.index()] = path;
        if step.phase == Phase::Remove {
            all_removals = all_removals.max(path);
        }
    }
    paths
}
