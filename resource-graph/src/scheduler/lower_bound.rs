//! The time that a plan takes at least, and what binds it: its critical path, a quota, or a thing that takes one write at
//! a time. `preview --explain` shows it, and a deployment is measured against it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::remaining_path::{earliest_starts, remaining_paths};
use crate::{ConflictKey, Phase, Plan, Quotas, Step, StepId};

/// What makes a plan take the time it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The longest chain of steps that need each other.
    CriticalPath,
    /// The calls of a quota class.
    Quota(String),
    /// The steps that share a conflict key.
    ConflictKey(ConflictKey),
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::CriticalPath => f.write_str("the critical path"),
            Bound::Quota(name) => write!(f, "the quota {name}"),
            Bound::ConflictKey(key) => write!(f, "one write at a time to {key}"),
        }
    }
}

/// The time that a plan takes at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LowerBound {
    /// The time.
    pub duration: Duration,
    /// What binds it.
    pub binding: Bound,
    /// All bounds, the greatest first.
    pub bounds: Vec<(Bound, Duration)>,
    /// The longest chain of steps, from the first to the last.
    pub critical_path: Vec<StepId>,
}

/// The time that the steps for which `counts` holds take at least, were each as fast as estimated and the buckets full.
/// Before a run, count all steps; after it, those that really ran, with the durations that were measured.
///
/// Each bound is a sum of three times that can't overlap: until the first of its steps can begin, the time that its
/// calls (or its steps, one by one) take, and from the end of the last one to the end of the plan.
pub fn lower_bound(plan: &Plan, quotas: &Quotas, counts: impl Fn(&Step) -> bool) -> LowerBound {
    let durations: Vec<Duration> =
        plan.steps().iter().map(|step| if counts(step) { step.estimated } else { Duration::ZERO }).collect();
    bound(plan, quotas, &durations, counts)
}

/// As [`lower_bound`], with a duration for each step, by its id.
pub fn lower_bound_of(
    plan: &Plan,
    quotas: &Quotas,
    durations: &[Duration],
    counts: impl Fn(&Step) -> bool,
) -> LowerBound {
    bound(plan, quotas, durations, counts)
}

fn bound(plan: &Plan, quotas: &Quotas, durations: &[Duration], counts: impl Fn(&Step) -> bool) -> LowerBound {
    let before = earliest_starts(plan, durations);
    let paths = remaining_paths(plan, durations);
    let critical_path = critical_path(plan, durations, &paths);
    let longest = paths.iter().max().copied().unwrap_or_default();
    let mut classes: BTreeMap<&str, Vec<Part>> = BTreeMap::new();
    let mut keys: BTreeMap<&ConflictKey, Vec<Part>> = BTreeMap::new();
    for step in plan.steps().iter().filter(|step| counts(step)) {
        let index = step.id.index();
        let (duration, calls) = (durations[index], step.call_count());
        let after = paths[index].saturating_sub(duration);
        for cost in step.calls {
            // Of the step itself, at least one call comes after the token.
            let one_call = duration.checked_div(calls).unwrap_or_default();
            let part = Part { before: before[index], work: f64::from(cost.calls), after: after + one_call };
            classes.entry(cost.quota).or_default().push(part);
        }
        for key in &step.conflict_keys {
            let part = Part { before: before[index], work: duration.as_secs_f64(), after };
            keys.entry(key).or_default().push(part);
        }
    }
    let mut bounds = vec![(Bound::CriticalPath, longest)];
    for (name, parts) in classes {
        if let Some(quota) = quotas.get(name) {
            let time = |calls: f64| ((calls - quota.burst.max(1.0)) / quota.rate).max(0.0);
            bounds.push((Bound::Quota(name.to_owned()), greatest(parts, time)));
        }
    }
    for (key, parts) in keys {
        bounds.push((Bound::ConflictKey(key.clone()), greatest(parts, |seconds| seconds)));
    }
    // Stable: of equal bounds, the critical path comes first.
    bounds.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
    let (binding, duration) = bounds[0].clone();
    LowerBound { duration, binding, bounds, critical_path }
}

/// What a step adds to a bound.
#[derive(Clone, Copy)]
struct Part {
    /// The earliest time at which it can begin.
    before: Duration,
    /// Calls, or seconds.
    work: f64,
    /// The time that passes at least after it.
    after: Duration,
}

/// The greatest bound that the parts, or some of them, give: all that can't begin before some time, and all after which
/// at least some time passes.
fn greatest(mut parts: Vec<Part>, time: impl Fn(f64) -> f64) -> Duration {
    let mut best = Duration::ZERO;
    let mut sweep = |parts: &[Part]| {
        let (mut work, mut before, mut after) = (0.0, Duration::MAX, Duration::MAX);
        for part in parts {
            work += part.work;
            before = before.min(part.before);
            after = after.min(part.after);
            best = best.max(before + Duration::from_secs_f64(time(work).min(YEAR)) + after);
        }
    };
    parts.sort_by_key(|part| std::cmp::Reverse((part.before, part.after)));
    sweep(&parts);
    parts.sort_by_key(|part| std::cmp::Reverse((part.after, part.before)));
    sweep(&parts);
    best
}

/// Longest time that a bound can be, in seconds: a rate of zero must not make an endless duration.
const YEAR: f64 = 366.0 * 24.0 * 3600.0;

fn critical_path(plan: &Plan, durations: &[Duration], paths: &[Duration]) -> Vec<StepId> {
    let longest = |candidates: &mut dyn Iterator<Item = StepId>| {
        candidates.max_by_key(|id| (paths[id.index()], std::cmp::Reverse(*id)))
    };
    let mut path = Vec::new();
    let mut next = longest(&mut plan.steps().iter().map(|step| step.id));
    while let Some(id) = next {
        path.push(id);
        let rest = paths[id.index()].saturating_sub(durations[id.index()]);
        next = longest(&mut plan.unlocks(id).iter().copied().filter(|next| paths[next.index()] == rest));
        if next.is_none() && plan.step(id).phase == Phase::Make && !rest.is_zero() {
            // The way goes on with the removals, which wait for all that is made.
            next = longest(&mut plan.steps().iter().filter(|step| step.phase == Phase::Remove).map(|step| step.id));
        }
    }
    path
}

#[cfg(test)]
mod tests;
