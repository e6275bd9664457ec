//! Lambda's rules for an alias that shares traffic between two versions.

use std::collections::BTreeMap;

use crate::domain::violation::{FieldPath, Violation};

use super::error;

const SOURCE: &str = "https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html";

/// What keeps Lambda from routing an alias so: to `function_version`, and to each version of
/// `additional` its weight. There is at most one of those, a weight lies between 0 and 1 (the rest
/// goes to the first version), both are published versions, and not the same one.
pub fn check_alias_routing(function_version: &str, additional: &BTreeMap<String, f64>) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut refuse = |code, message: String, hint: &str| {
        violations.push(error(code, FieldPath::root(), message, hint, SOURCE));
    };
    if additional.len() > 1 {
        refuse(
            "aws/alias-versions",
            format!("an alias shares traffic between two versions, not {}", additional.len() + 1),
            "keep one additional version",
        );
    }
    for (version, weight) in additional {
        if !(0.0..=1.0).contains(weight) {
            refuse(
                "aws/alias-weight",
                format!("the weight of version {version} is {weight}, and lies between 0 and 1"),
                "write a tenth of the traffic as 0.1",
            );
        }
        if version == function_version {
            refuse(
                "aws/alias-versions",
                format!("an alias can't share traffic between version {version} and itself"),
                "give all traffic to it, or name another version",
            );
        }
    }
    let sum: f64 = additional.values().sum();
    if additional.len() > 1 && sum > 1.0 {
        refuse(
            "aws/alias-weight",
            format!("the weights of the additional versions add up to {sum}, and to 1 at most"),
            "lower them",
        );
    }
    if !additional.is_empty() {
        for version in additional.keys().map(String::as_str).chain([function_version]) {
            if version.is_empty() || version.starts_with('0') || !version.bytes().all(|b| b.is_ascii_digit()) {
                refuse(
                    "aws/alias-versions",
                    format!("traffic is shared between published versions only, and {version} is none"),
                    "publish a version, and name it by its number",
                );
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(function_version: &str, additional: &[(&str, f64)]) -> Vec<&'static str> {
        let additional = additional.iter().map(|(version, weight)| ((*version).to_owned(), *weight)).collect();
        check_alias_routing(function_version, &additional).iter().map(|violation| violation.code).collect()
    }

    #[test]
    fn traffic_is_shared_between_two_published_versions() {
        assert!(codes("$LATEST", &[]).is_empty());
        for weight in [0.0, 0.1, 1.0] {
            assert!(codes("1", &[("2", weight)]).is_empty(), "{weight}");
        }
        for weight in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(codes("1", &[("2", weight)]), ["aws/alias-weight"], "{weight}");
        }
        assert_eq!(codes("1", &[("1", 0.5)]), ["aws/alias-versions"]);
        assert_eq!(codes("$LATEST", &[("2", 0.5)]), ["aws/alias-versions"]);
        assert_eq!(codes("1", &[("$LATEST", 0.5)]), ["aws/alias-versions"]);
        assert_eq!(codes("1", &[("2", 0.5), ("3", 0.6)]), ["aws/alias-versions", "aws/alias-weight"]);
    }
}
