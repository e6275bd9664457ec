//! Physical names: the same for the same project, environment and component, so that a second try finds what the first one
//! made.

use sha2::{Digest, Sha256};

/// The longest name of a function or role
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>,
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
const LONGEST: usize = 64;
/// The longest name of a bucket
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>).
const LONGEST_BUCKET: usize = 63;

/// The name that a component's function, role and API share.
pub(super) fn component(project: &str, environment: &str, component: &str) -> String {
    fitted(&format!("{project}-{environment}-{component}"), LONGEST, |c| {
        c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
    })
}

/// The name of the bucket for a component's packages; buckets share one name space with all of AWS's customers.
pub(super) fn bucket(component: &str, account: &str, region: &str) -> String {
    let name = format!("{component}-{account}-{region}").to_ascii_lowercase();
    fitted(&name, LONGEST_BUCKET, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// A name with nothing in it that AWS refuses. One that had to be changed or shortened ends in a hash of what it was, so that
/// different names stay different.
fn fitted(name: &str, longest: usize, allowed: fn(char) -> bool) -> String {
    if name.len() <= longest && name.chars().all(allowed) {
        return name.to_owned();
    }
    let plain: String = name.chars().map(|c| if allowed(c) { c } else { '-' }).collect();
    let hash = &hex::encode(Sha256::digest(name))[..8];
    let kept = plain.get(..plain.len().min(longest - hash.len() - 1)).unwrap_or_default().trim_end_matches('-');
    format!("{kept}-{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_fits_stays_as_it_is() {
        assert_eq!(component("semantest", "production", "rest-api"), "semantest-production-rest-api");
        assert_eq!(bucket("shop-test-api", "123456789012", "eu-west-1"), "shop-test-api-123456789012-eu-west-1");
    }

    #[test]
    fn long_and_strange_names_stay_legal_and_different() {
        let long = "a".repeat(100);
        for (one, other) in [
            (component("my.shop", "test", "api"), component("my-shop", "test", "api")),
            (component(&long, "x", "api"), component(&long, "x", "apj")),
        ] {
            assert_ne!(one, other);
            for name in [one, other] {
                assert!(name.len() <= LONGEST && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{name}");
            }
        }
        let bucket = bucket(&component(&long, "x", "My_API"), "123456789012", "eu-west-1");
        assert!(
            bucket.len() <= LONGEST_BUCKET
                && bucket.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
            "{bucket}"
        );
    }
}
