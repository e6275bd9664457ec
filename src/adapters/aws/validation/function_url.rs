//! Lambda's rules for a function's own address.

use crate::domain::gateway::cors::{Allowed, CorsPolicy};
use crate::domain::gateway::route::HttpMethod;
use crate::domain::violation::{FieldPath, Violation};

use super::error;

/// What its CORS settings may be.
const CORS: &str = "https://docs.aws.amazon.com/lambda/latest/api/API_Cors.html";

/// Seconds that an answer to a preflight request may be remembered (`MaxAge`: at most 86 400).
const LONGEST_MAX_AGE: u64 = 86_400;

/// The rules for the CORS policy of an address.
pub(in super::super) fn check(policy: &CorsPolicy) -> Vec<Violation> {
    let rules = policy.rules();
    let field = |key: &str| FieldPath::of(["gateway", "cors", key]);
    let mut violations = Vec::new();
    if matches!(&rules.methods, Allowed::These(methods) if methods.contains(&HttpMethod::Options)) {
        // Members of `AllowMethods` have at most 6 characters.
        violations.push(error(
            "aws/function-url-cors",
            field("methods"),
            "the CORS settings of a function's URL can't name OPTIONS",
            "leave it out: Lambda answers preflight requests itself",
            CORS,
        ));
    }
    if rules.max_age.is_some_and(|age| age.duration().as_secs() > LONGEST_MAX_AGE) {
        violations.push(error(
            "aws/function-url-cors",
            field("max-age"),
            "a browser can't be told to remember a preflight's answer for more than a day",
            "use at most 1d",
            CORS,
        ));
    }
    violations
}
