//! How the resources of a component are to be treated, whatever they are: Pulumi's resource options
//! (<https://www.pulumi.com/docs/iac/concepts/resources/options/>).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use resource_graph::PathPattern;

use crate::domain::invalid::InvalidValue;

/// The way to an input of a resource, such as `tags.owner`, `layers[0]` or `tags[*]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputPath(String);

impl InputPath {
    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InputPath {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match PathPattern::parse(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => Err(InvalidValue::new("property path", text, error.to_string())
                .with_hint("write the input's name as a preview shows it, such as memorySize or tags.owner")),
        }
    }
}

impl fmt::Display for InputPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// How one resource is to be treated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceTreatment {
    /// Whether its deletion is refused; `None` leaves it as it is recorded, which others may have decided.
    pub protect: Option<bool>,
    /// Whether it stays in the cloud when it is no longer wanted; `None` leaves it as it is recorded.
    pub retain: Option<bool>,
    /// Inputs whose changes are left alone.
    pub ignore_changes: Vec<InputPath>,
    /// Inputs whose changes replace it.
    pub replace_on_changes: Vec<InputPath>,
}

/// How the resources of a component are to be treated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Treatment {
    /// All of them, where nothing else is said of one. Only `protect` and `retain` can be.
    pub all: ResourceTreatment,
    /// Single ones, by what they are called within the component: `function`, `logs`.
    pub single: BTreeMap<String, ResourceTreatment>,
}

impl Treatment {
    /// How the resource `name` of the component is to be treated.
    pub fn of(&self, name: &str) -> ResourceTreatment {
        let single = self.single.get(name).cloned().unwrap_or_default();
        ResourceTreatment {
            protect: single.protect.or(self.all.protect),
            retain: single.retain.or(self.all.retain),
            ..single
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_one_wins_over_what_is_said_of_all() {
        let all = ResourceTreatment { protect: Some(true), ..ResourceTreatment::default() };
        let path: InputPath = "tags.owner".parse().unwrap();
        let one =
            ResourceTreatment { protect: Some(false), ignore_changes: vec![path], ..ResourceTreatment::default() };
        let treatment = Treatment { all: all.clone(), single: [("logs".to_owned(), one.clone())].into() };
        assert_eq!((treatment.of("logs"), treatment.of("role")), (one, all));
        for bad in ["", "a[", "a..b"] {
            assert!(bad.parse::<InputPath>().is_err(), "{bad}");
        }
    }
}
