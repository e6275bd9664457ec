//! The metrics of a deployment as text, for `--metrics`: the OpenMetrics format, which Prometheus and its node exporter's
//! textfile collector read (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use crate::application::DeploymentReport;
use crate::application::projections::metrics::Counted;

/// Writes the file in one go, so that no reader sees half of it.
///
/// # Errors
/// When it can't be written.
pub fn write(path: &Path, report: &DeploymentReport, counted: &Counted) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(render(report, counted).as_bytes())?;
    file.persist(path)?;
    Ok(())
}

fn render(report: &DeploymentReport, counted: &Counted) -> String {
    let stack = labels(&[("project", &report.project), ("stack", &report.stack), ("command", &report.command)]);
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: Vec<(String, f64)>| {
        let _ = writeln!(text, "# TYPE {name} {kind}\n# HELP {name} {help}");
        for (sample, value) in samples {
            let _ = writeln!(text, "{name}{sample} {value}");
        }
    };
    let seconds = |milliseconds: u64| milliseconds as f64 / 1000.0;
    let of_stack = |value: f64| vec![(format!("{{{stack}}}"), value)];
    family(
        "semantest_deployment_duration_seconds",
        "gauge",
        "How long it took.",
        of_stack(seconds(report.duration_ms)),
    );
    family(
        "semantest_deployment_applied_seconds",
        "gauge",
        "How long the work on the resources took.",
        report.applied_ms.map(|applied| of_stack(seconds(applied))).unwrap_or_default(),
    );
    family(
        "semantest_deployment_lower_bound_seconds",
        "gauge",
        "The shortest time that quotas and dependencies allow.",
        of_stack(seconds(report.lower_bound_ms)),
    );
    let result = serde_json::to_value(report.result).ok();
    let result = result.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
    let sample = format!("{{{stack},{}}}", labels(&[("result", result)]));
    family("semantest_deployment_result", "gauge", "1 for how it ended.", vec![(sample, 1.0)]);
    let calls = [("read", report.calls.read), ("write", report.calls.write)]
        .map(|(kind, count)| (format!("_total{{{stack},{}}}", labels(&[("kind", kind)])), count as f64));
    family("semantest_api_calls", "counter", "Calls to the cloud.", calls.into());
    let operations: Vec<(String, _)> = counted
        .operations
        .iter()
        .map(|((token, operation, ending), operations)| {
            let of = labels(&[("type", token.as_str()), ("operation", operation), ("outcome", ending.as_str())]);
            (format!("{{{stack},{of}}}"), operations)
        })
        .collect();
    let of_operations = |value: fn(&crate::application::projections::metrics::Operations) -> f64| {
        operations.iter().map(|(labels, operations)| (format!("_total{labels}"), value(operations))).collect()
    };
    family("semantest_operations", "counter", "Operations on resources.", of_operations(|of| of.count as f64));
    family(
        "semantest_operation_seconds",
        "counter",
        "How long operations took.",
        of_operations(|of| of.duration.as_secs_f64()),
    );
    family(
        "semantest_quota_wait_seconds",
        "counter",
        "How long operations waited for quotas.",
        of_operations(|of| of.waited.as_secs_f64()),
    );
    let checks = counted.health_checks.iter().map(|((component, ending), count)| {
        let of = labels(&[("component", component), ("outcome", ending.as_str())]);
        (format!("_total{{{stack},{of}}}"), *count as f64)
    });
    family("semantest_health_checks", "counter", "Health checks of components.", checks.collect());
    text.push_str("# EOF\n");
    text
}

fn labels(pairs: &[(&str, &str)]) -> String {
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::projections::metrics::Metrics;
    use crate::application::{DeploymentResult, Outputs};
    use crate::cli::progress::testing::story;
    use crate::domain::deployment::{CallCounts, ChangeCounts};
    use crate::ports::EventHandler;

    #[test]
    fn operations_calls_and_checks_are_counted() {
        let metrics = Metrics::default();
        story().iter().for_each(|event| metrics.handle(event));
        let report = DeploymentReport {
            schema_version: 1,
            command: "deploy".to_owned(),
            project: "shop".to_owned(),
            stack: "aws-local".to_owned(),
            result: DeploymentResult::NeedsAttention,
            deployment_id: None,
            changes: ChangeCounts::default(),
            calls: CallCounts { read: 1, write: 14 },
            duration_ms: 4_200,
            applied_ms: Some(4_100),
            lower_bound_ms: 4_000,
            outputs: Outputs::new(),
            adopted: vec![],
            errors: vec![],
            left: vec![],
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deploy.prom");
        write(&path, &report, &metrics.counted()).unwrap();
        insta::assert_snapshot!(std::fs::read_to_string(path).unwrap());
    }
}
