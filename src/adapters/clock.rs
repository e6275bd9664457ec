//! The machine's clock and random ids.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::ports::WallClock;

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct MachineClock;

impl WallClock for MachineClock {
    fn now_ms(&self) -> i64 {
        // A clock before 1970 is wrong anyway; zero keeps the program going.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
    }

    fn fresh_id(&self) -> String {
        const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        let mut random = uuid::Uuid::new_v4().as_u128();
        let mut digit = || {
            let next = DIGITS[(random % 36) as usize];
            random /= 36;
            char::from(next)
        };
        (0..9).map(|_| digit()).collect()
    }

    fn fresh_uuid(&self) -> String {
        uuid::Uuid::new_v4().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_nine_characters_of_base_36_and_differ() {
        let (a, b) = (MachineClock.fresh_id(), MachineClock.fresh_id());
        assert_ne!(a, b);
        assert!(a.len() == 9 && a.bytes().all(|c| c.is_ascii_digit() || c.is_ascii_lowercase()), "{a}");
    }
}
