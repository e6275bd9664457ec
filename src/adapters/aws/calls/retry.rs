//! How long and how densely failed calls are tried again. No SDK retries, no fixed sleeps: each wait depends on what failed
//! and how often, and ends with its budget.

use std::time::Duration;

use super::Class;

/// Exponential back-off with full jitter
/// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>) within a budget.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Backoff {
    /// The longest first wait.
    pub(in super::super) first: Duration,
    /// By how much the longest wait grows each time, in tenths.
    pub(in super::super) growth_tenths: u32,
    /// The longest wait.
    pub(in super::super) longest: Duration,
    /// After so much time since the first failure of the class, no more tries.
    pub(in super::super) budget: Duration,
    /// Whether the wait is drawn between nothing and the longest; else it is the longest itself.
    pub(in super::super) jitter: bool,
}

impl Backoff {
    /// The wait before try number `failures + 1`, given a draw from 0 to 1.
    pub(in super::super) fn wait(&self, failures: u32, draw: f64) -> Duration {
        let growth =
            (f64::from(self.growth_tenths) / 10.0).powi(i32::try_from(failures.saturating_sub(1)).unwrap_or(64));
        let ceiling = self.first.mul_f64(growth.min(1e6)).min(self.longest);
        if self.jitter { ceiling.mul_f64(draw.clamp(0.0, 1.0)) } else { ceiling }
    }
}

/// Throttled: spread out, but stay within what a user waits for.
const THROTTLED: Backoff = Backoff {
    first: Duration::from_millis(250),
    growth_tenths: 20,
    longest: Duration::from_secs(8),
    budget: Duration::from_secs(120),
    jitter: true,
};
/// AWS or the way to it failed.
const UNAVAILABLE: Backoff = Backoff {
    first: Duration::from_millis(150),
    growth_tenths: 20,
    longest: Duration::from_secs(4),
    budget: Duration::from_secs(45),
    jitter: true,
};
/// Another change is under way: those last fractions of a second to a few seconds, so it is asked densely.
const CONFLICT: Backoff = Backoff {
    first: Duration::from_millis(100),
    growth_tenths: 15,
    longest: Duration::from_secs(1),
    budget: Duration::from_secs(90),
    jitter: true,
};
/// A new IAM role spreads in about 2 s as a rule and within a minute: 0.25, 0.5, 1, then each 2 s.
const PROPAGATING: Backoff = Backoff {
    first: Duration::from_millis(250),
    growth_tenths: 20,
    longest: Duration::from_secs(2),
    budget: Duration::from_secs(60),
    jitter: false,
};

/// How patient a call is. The default suits deployments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Patience {
    /// Budgets of a minute or two.
    Deployment,
    /// For the first call of a command: whoever mistyped an endpoint wants to know at once.
    Greeting,
    /// One try: whoever calls asks again, or doesn't.
    Once,
}

impl Patience {
    /// The back-off for a class of failures; `None` when trying again is no use.
    pub(in super::super) fn backoff(self, class: Class) -> Option<Backoff> {
        let backoff = match class {
            Class::Throttled => THROTTLED,
            Class::Unavailable => UNAVAILABLE,
            Class::Conflict => CONFLICT,
            Class::Propagating => PROPAGATING,
            Class::NotFound | Class::AlreadyExists | Class::Refused | Class::Denied | Class::Internal => return None,
        };
        Some(match self {
            Self::Deployment => backoff,
            Self::Greeting => Backoff { budget: backoff.budget.min(Duration::from_secs(2)), ..backoff },
            Self::Once => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_role_is_asked_for_at_a_quarter_half_one_and_then_each_two_seconds() {
        let backoff = Patience::Deployment.backoff(Class::Propagating).unwrap();
        let waits: Vec<_> = (1..=5).map(|failures| backoff.wait(failures, 0.1).as_millis()).collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 2000]);
    }

    #[test]
    fn waits_grow_to_their_limit_and_are_drawn_from_zero_up() {
        for class in [Class::Throttled, Class::Unavailable, Class::Conflict] {
            let backoff = Patience::Deployment.backoff(class).unwrap();
            assert_eq!(backoff.wait(1, 1.0), backoff.first);
            assert_eq!(backoff.wait(1, 0.0), Duration::ZERO);
            assert_eq!(backoff.wait(1000, 1.0), backoff.longest);
            assert!(backoff.wait(3, 1.0) > backoff.wait(2, 1.0));
        }
    }

    #[test]
    fn what_was_refused_is_not_tried_again() {
        for class in [Class::Refused, Class::Denied, Class::NotFound, Class::AlreadyExists, Class::Internal] {
            assert!(Patience::Deployment.backoff(class).is_none());
        }
    }
}
