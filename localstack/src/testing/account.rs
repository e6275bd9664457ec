//! Separate accounts on one server: an access key of twelve digits is the account's id, on MiniStack and on LocalStack.

use uuid::Uuid;

/// A twelve-digit account id that nobody else has, to be used as the access key. Two tests with an account each don't see each other's resources.
pub fn unique_account() -> String {
    // A leading zero would be lost by whatever reads the id as a number.
    const SMALLEST: u128 = 100_000_000_000;
    (SMALLEST + Uuid::new_v4().as_u128() % (9 * SMALLEST)).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn accounts_are_twelve_digits_and_differ() {
        let accounts: HashSet<String> = (0..1000).map(|_| unique_account()).collect();
        assert_eq!(accounts.len(), 1000);
        for account in accounts {
            assert_eq!(account.len(), 12);
            assert!(account.bytes().all(|byte| byte.is_ascii_digit()) && !account.starts_with('0'), "{account}");
        }
    }
}
