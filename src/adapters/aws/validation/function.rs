//! Lambda's rules for a function: memory, timeout, handler, runtime.

use crate::domain::function::{ServerlessFunction, Start};
use crate::domain::violation::{FieldPath, Violation};

use super::{Circumstances, error, runtimes};

/// Lambda's limits.
const QUOTAS: &str = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html";

/// The rules of the call that makes a function.
const CREATE_FUNCTION: &str = "https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html";

/// The limits of an HTTP API.
const HTTP_API_QUOTAS: &str = "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html";

/// Megabytes of memory, from and to ("Function memory allocation").
const MEMORY: std::ops::RangeInclusive<u32> = 128..=10_240;

/// Seconds that a function may run ("Function timeout").
const LONGEST_TIMEOUT: u64 = 900;

/// Seconds after which an HTTP API gives an integration up ("Maximum integration timeout").
const LONGEST_INTEGRATION: u64 = 30;

/// Characters of a handler (parameter `Handler`).
const LONGEST_HANDLER: usize = 128;

pub(super) fn check(function: &ServerlessFunction, circumstances: &Circumstances<'_>) -> Vec<Violation> {
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
    violations.extend(check_timeout(function));
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

fn check_timeout(function: &ServerlessFunction) -> Option<Violation> {
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
            "behind an HTTP API, use at most 30s",
            QUOTAS,
        );
    }
    // Every component so far is behind an HTTP API.
    if seconds > LONGEST_INTEGRATION {
        return refuse(
            "aws/integration-timeout",
            format!("an HTTP API answers 504 after 30s, so a function behind it can't take {timeout}"),
            "use at most 30s, and do longer work after the answer or somewhere else",
            HTTP_API_QUOTAS,
        );
    }
    None
}
