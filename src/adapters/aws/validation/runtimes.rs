//! The Node.js runtimes of AWS Lambda and how long each can be used. AWS moves these dates, as a
//! rule backwards; the table is what AWS's page said at [`CHECKED`].

use chrono::NaiveDate;

use crate::domain::code::runtime::{Language, Runtime};
use crate::domain::violation::{FieldPath, Severity, Violation};

/// Where AWS lists its runtimes and their dates.
pub const SOURCE: &str = "https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html";

/// When the table was last held against AWS's page.
const CHECKED: &str = "2026-09-25";

/// From how many days before its end on a runtime is warned of.
const DAYS_OF_WARNING: i64 = 90;

/// What AWS says of a runtime.
#[derive(Debug, Clone, Copy)]
enum Support {
    /// It can be used, but without any promise.
    Preview,
    /// It is supported until it is deprecated; after the second date no function can be made
    /// with it, after the third none can be changed.
    Until { deprecated: NaiveDate, no_new_functions: NaiveDate, no_updates: NaiveDate },
}

/// The runtimes, newest first.
fn table() -> [(Runtime, Support); 5] {
    let until = |deprecated: (i32, u32, u32), new: (i32, u32, u32), updates: (i32, u32, u32)| Support::Until {
        deprecated: date(deprecated),
        no_new_functions: date(new),
        no_updates: date(updates),
    };
    [
        (Runtime::node_js(26), Support::Preview),
        (Runtime::node_js(24), until((2028, 4, 30), (2028, 6, 1), (2028, 7, 1))),
        (Runtime::node_js(22), until((2027, 4, 30), (2027, 6, 1), (2027, 7, 1))),
        (Runtime::node_js(20), until((2026, 4, 30), (2027, 2, 1), (2027, 3, 3))),
        (Runtime::node_js(18), until((2025, 9, 1), (2027, 2, 1), (2027, 3, 3))),
    ]
}

fn date((year, month, day): (i32, u32, u32)) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap_or(NaiveDate::MIN)
}

/// What Lambda calls the runtime, such as `nodejs22.x`.
pub fn identifier(runtime: Runtime) -> String {
    match runtime.language() {
        Language::NodeJs => format!("nodejs{}.x", runtime.major()),
    }
}

/// What is to be said of `runtime` on the day `today`: nothing, a warning, or that it can't be
/// used.
pub fn check(runtime: Runtime, today: NaiveDate) -> Option<Violation> {
    let violation = |severity, code, message: String, hint: String| Violation {
        code,
        severity,
        field: FieldPath::of(["runtime"]),
        message,
        hint: Some(hint),
        source_url: SOURCE,
    };
    let newest = newest_supported(today);
    let use_newest = match newest {
        Some(newest) => format!("use {newest}"),
        None => "see AWS's page for the runtimes that are supported now".to_owned(),
    };
    let Some((_, support)) = table().into_iter().find(|(known, _)| *known == runtime) else {
        let known: Vec<String> = table().iter().rev().map(|(known, _)| known.to_string()).collect();
        return Some(violation(
            Severity::Error,
            "aws/unsupported-runtime",
            format!("AWS Lambda has no runtime for {runtime}"),
            format!("{use_newest}; there are, as of {CHECKED}: {}", known.join(", ")),
        ));
    };
    match support {
        Support::Preview => Some(violation(
            Severity::Warning,
            "aws/preview-runtime",
            format!("{runtime} is a preview on AWS Lambda, without any promise of support"),
            use_newest,
        )),
        Support::Until { no_new_functions, no_updates, .. } if today >= no_new_functions => Some(violation(
            Severity::Error,
            "aws/ended-runtime",
            if today >= no_updates {
                format!("AWS Lambda makes and changes no functions with {runtime} since {no_updates}")
            } else {
                format!("AWS Lambda makes no functions with {runtime} since {no_new_functions}")
            },
            use_newest,
        )),
        Support::Until { deprecated, no_new_functions, .. } if today >= deprecated => Some(violation(
            Severity::Warning,
            "aws/deprecated-runtime",
            format!("{runtime} is deprecated on AWS Lambda since {deprecated}: it gets no security updates any more"),
            format!("{use_newest}; functions with {runtime} can't be made after {no_new_functions}"),
        )),
        Support::Until { deprecated, .. } if (deprecated - today).num_days() <= DAYS_OF_WARNING => Some(violation(
            Severity::Warning,
            "aws/runtime-ends-soon",
            format!("{runtime} will be deprecated on AWS Lambda on {deprecated}"),
            use_newest,
        )),
        Support::Until { .. } => None,
    }
}

fn newest_supported(today: NaiveDate) -> Option<Runtime> {
    table()
        .into_iter()
        .find(|(_, support)| matches!(support, Support::Until { deprecated, .. } if *deprecated > today))
        .map(|(runtime, _)| runtime)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(major: u16, today: (i32, u32, u32)) -> Option<(Severity, &'static str)> {
        check(Runtime::node_js(major), date(today)).map(|violation| (violation.severity, violation.code))
    }

    #[test]
    fn a_runtime_is_fine_then_warned_of_then_refused() {
        assert_eq!(said(22, (2027, 1, 29)), None);
        assert_eq!(said(22, (2027, 1, 30)), Some((Severity::Warning, "aws/runtime-ends-soon")));
        assert_eq!(said(22, (2027, 4, 29)), Some((Severity::Warning, "aws/runtime-ends-soon")));
        assert_eq!(said(22, (2027, 4, 30)), Some((Severity::Warning, "aws/deprecated-runtime")));
        assert_eq!(said(22, (2027, 5, 31)), Some((Severity::Warning, "aws/deprecated-runtime")));
        assert_eq!(said(22, (2027, 6, 1)), Some((Severity::Error, "aws/ended-runtime")));
        assert_eq!(said(18, (2026, 11, 22)), Some((Severity::Warning, "aws/deprecated-runtime")));
        assert_eq!(said(18, (2027, 3, 3)), Some((Severity::Error, "aws/ended-runtime")));
    }

    #[test]
    fn runtimes_that_lambda_has_not_got_are_refused() {
        for major in [1, 16, 19, 23, 25, 28] {
            assert_eq!(said(major, (2026, 11, 22)), Some((Severity::Error, "aws/unsupported-runtime")), "{major}");
        }
        assert_eq!(said(26, (2026, 11, 22)), Some((Severity::Warning, "aws/preview-runtime")));
    }

    #[test]
    fn the_remedy_is_a_runtime_that_is_fine() {
        let today = date((2026, 11, 22));
        let hint = check(Runtime::node_js(16), today).unwrap().hint.unwrap();
        assert!(hint.starts_with("use nodejs24;"), "{hint}");
        assert!(check(newest_supported(today).unwrap(), today).is_none());
        assert_eq!(identifier(Runtime::node_js(22)), "nodejs22.x");
    }

    #[test]
    fn dates_of_the_table_are_real_and_in_order() {
        for (runtime, support) in table() {
            if let Support::Until { deprecated, no_new_functions, no_updates } = support {
                assert!(NaiveDate::MIN < deprecated, "{runtime}");
                assert!(deprecated <= no_new_functions && no_new_functions <= no_updates, "{runtime}");
            }
        }
        assert!(CHECKED.parse::<NaiveDate>().is_ok());
    }
}
