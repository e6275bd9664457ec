//! How many requests a gateway lets through before it answers 429.

use crate::domain::invalid::InvalidValue;

/// A token bucket: `rate` requests a second on average, `burst` at once. Neither is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    rate: u32,
    burst: u32,
}

impl Throttle {
    /// `rate` requests a second, `burst` at once.
    ///
    /// # Errors
    /// When one of them is zero: nothing would pass.
    pub fn new(rate: u32, burst: u32) -> Result<Self, InvalidValue> {
        for (name, amount) in [("request rate", rate), ("request burst", burst)] {
            if amount == 0 {
                return Err(InvalidValue::new(name, "0", "no request would pass"));
            }
        }
        Ok(Self { rate, burst })
    }

    /// Requests a second, on average.
    pub fn rate(self) -> u32 {
        self.rate
    }

    /// Requests at once.
    pub fn burst(self) -> u32 {
        self.burst
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_always_passes() {
        assert!(Throttle::new(0, 1).is_err());
        assert!(Throttle::new(1, 0).is_err());
        let throttle = Throttle::new(100, 200).unwrap();
        assert_eq!((throttle.rate(), throttle.burst()), (100, 200));
    }
}
