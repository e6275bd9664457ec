//! `preview --explain`: why a deployment takes the time it takes.

use std::fmt::Write as _;
use std::time::Duration;

use resource_graph::{LowerBound, Plan};

use crate::cli::progress::duration;
use crate::cli::terminal::palette::Palette;

/// The critical path, what binds, and the shortest possible time.
pub fn explain(plan: &Plan, bound: &LowerBound, palette: Palette) -> String {
    let mut text = String::new();
    if plan.is_empty() {
        return "Lower bound: 0 s, since there is nothing to do\n".to_owned();
    }
    let _ = writeln!(text, "{} {}, bound by {}", palette.strong("Lower bound:"), time(bound.duration), bound.binding);
    let _ = writeln!(text, "{}", palette.strong("Critical path:"));
    for id in &bound.critical_path {
        let step = plan.step(*id);
        let calls = match step.call_count() {
            0 => "no call".to_owned(),
            1 => "1 call".to_owned(),
            calls => format!("{calls} calls"),
        };
        let (operation, token, name) = (step.operation.name(), &step.type_token, step.urn.name());
        let detail = palette.faint(format!("({}, {calls})", time(step.estimated)));
        let _ = writeln!(text, "  {operation} {token} {name} {detail}");
    }
    let _ = writeln!(text, "{}", palette.strong("Bounds:"));
    for (what, duration) in &bound.bounds {
        let _ = writeln!(text, "  {:>9}  {what}", time(*duration));
    }
    text
}

fn time(time: Duration) -> String {
    duration(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
