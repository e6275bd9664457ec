//! Lambda's rules for a function: memory, timeout, handler, runtime.

use crate::domain::code::function::{ServerlessFunction, Start};
use crate::domain::violation::{FieldPath, Violation};

use super::{Circumstances, error, runtimes};

/// Lambda's limits.
const QUOTAS: &str = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html";

/// The rules of the call that makes a function.
const CREATE_FUNCTION: &str = "https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html";

/// Megabytes of memory, from and to ("Function memory allocation").
const MEMORY: std::ops::RangeInclusive<u32> = 128..=10_240;

/// Seconds that a function may run ("Function timeout").
const LONGEST_TIMEOUT: u64 = 900;

/// How long whatever stands before a function waits for its answer.
pub(in super::super) struct AnswerLimit {
    pub(in super::super) seconds: u64,
    pub(in super::super) code: &'static str,
    /// What happens after that.
    pub(in super::super) reason: &'static str,
    pub(in super::super) hint: &'static str,
    /// The page that says so.
    pub(in super::super) source: &'static str,
}

/// Characters of a handler (parameter `Handler`).
const LONGEST_HANDLER: usize = 128;

/// The rules for a function. `longest`: what else limits how long it may take for an answer.
pub(in super::super) fn check(
    function: &ServerlessFunction,
    longest: Option<&AnswerLimit>,
    circumstances: &Circumstances<'_>,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    let megabytes = function.memory.megabytes();
    if !MEMORY.contains(&megabytes) {
        violations.push(error(
            "aws/memory-range",
            FieldPath::of(["memory"]),
            format!("a Lambda function has 128MB to 10240MB of memory, not {megabytes}MB"),
            if megabytes < *MEMORY.start() { "use at least 128MB" } else { "use at most 10GB" },
            QUOTAS,
        ));
    }
    violations.extend(check_timeout(function, longest));
    if let Start::Handler(handler) = &function.start {
        let handler = handler.as_str();
        if handler.chars().count() > LONGEST_HANDLER || !handler.is_ascii() {
            violations.push(error(
                "aws/handler",
                FieldPath::of(["handler"]),
                format!("Lambda takes a handler of at most {LONGEST_HANDLER} ASCII characters"),
                "move the module to a shorter path",
                CREATE_FUNCTION,
            ));
        }
    }
    violations.extend(runtimes::check(function.runtime, circumstances.today));
    violations
}

fn check_timeout(function: &ServerlessFunction, longest: Option<&AnswerLimit>) -> Option<Violation> {
    let timeout = function.timeout;
    let refuse = |code, message: String, hint: &str, source| {
        Some(error(code, FieldPath::of(["timeout"]), message, hint, source))
    };
    let Some(seconds) = timeout.whole_seconds() else {
        return refuse(
            "aws/timeout-range",
            format!("Lambda counts a timeout in whole seconds, not {timeout}"),
            "use whole seconds, such as 30s",
            CREATE_FUNCTION,
        );
    };
    if seconds > LONGEST_TIMEOUT {
        return refuse(
            "aws/timeout-range",
            format!("a Lambda function runs for 1s to 15m, not {timeout}"),
            "use at most 15m, and behind an HTTP API at most 30s",
            QUOTAS,
        );
    }
    let limit = longest.filter(|limit| seconds > limit.seconds)?;
    refuse(
        limit.code,
        format!("{}, so a function behind it can't take {timeout}", limit.reason),
        limit.hint,
        limit.source,
    )
}
