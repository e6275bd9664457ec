//! Amazon Resource Names, as others give them
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>): `arn:partition:service:region:account:resource`.

/// The region in an ARN; IAM's and a few others have none.
pub(in crate::adapters::aws) fn region(arn: &str) -> Option<&str> {
    arn.split(':').nth(3).filter(|region| !region.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_stands_in_most_arns() {
        assert_eq!(region("arn:aws:lambda:eu-west-1:123456789012:function:api"), Some("eu-west-1"));
        assert_eq!(region("arn:aws:iam::123456789012:role/api"), None);
        assert_eq!(region("api"), None);
    }
}
