//! Names that people choose: of the project, its components, its environments and its stacks.
//! Physical names of cloud resources are not made here but by each cloud's adapter.

use std::fmt;
use std::str::FromStr;

use super::invalid::InvalidValue;
use super::provider::Provider;

/// Longest component and environment name, in characters. Long enough for words, short enough
/// that a name made of project, environment and component stays readable in a cloud's console.
pub const LONGEST_LABEL: usize = 40;

/// Pulumi's limit for project and stack names, in characters.
pub const LONGEST_PULUMI_NAME: usize = 100;

/// What Pulumi accepts as a project or stack name: 1 to 100 of letters, digits, `-`, `_` and `.`
/// (<https://www.pulumi.com/docs/iac/concepts/projects/> and `/stacks/`).
fn check_pulumi_name(what: &'static str, name: &str) -> Result<(), InvalidValue> {
    if name.is_empty() {
        return Err(InvalidValue::new(what, name, "it is empty"));
    }
    if name.chars().count() > LONGEST_PULUMI_NAME {
        return Err(InvalidValue::new(what, name, format!("it is longer than {LONGEST_PULUMI_NAME} characters")));
    }
    if let Some(wrong) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))) {
        return Err(InvalidValue::new(what, name, format!("{wrong:?} is not allowed in it"))
            .with_hint("use letters, digits, '-', '_' and '.' only"));
    }
    Ok(())
}

/// A lower-case label that is safe in every cloud's names, in a URL and in a file's name:
/// `[a-z][a-z0-9]*(-[a-z0-9]+)*`, at most [`LONGEST_LABEL`] characters.
fn check_label(what: &'static str, name: &str) -> Result<(), InvalidValue> {
    const RULE: &str =
        "start with a lower-case letter and go on with lower-case letters, digits and single '-' between them";
    let refuse = |reason: String| {
        let error = InvalidValue::new(what, name, reason);
        let suggestion = label_from(name);
        if suggestion.is_empty() || suggestion == name {
            error.with_hint(RULE)
        } else {
            error.with_hint(format!("{RULE}, for example {suggestion:?}"))
        }
    };
    if name.is_empty() {
        return Err(refuse("it is empty".into()));
    }
    if name.chars().count() > LONGEST_LABEL {
        return Err(refuse(format!("it is longer than {LONGEST_LABEL} characters")));
    }
    if let Some(wrong) = name.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-')) {
        return Err(refuse(format!("{wrong:?} is not allowed in it")));
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(refuse("it doesn't start with a letter".into()));
    }
    if name.ends_with('-') || name.contains("--") {
        return Err(refuse("a '-' stands where a letter or digit must".into()));
    }
    Ok(())
}

/// The label nearest to what was written, for a hint.
fn label_from(name: &str) -> String {
    let mut label = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            label.push(c.to_ascii_lowercase());
        } else if !label.is_empty() && !label.ends_with('-') {
            label.push('-');
        }
    }
    let label = label.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    label.chars().take(LONGEST_LABEL).collect::<String>().trim_end_matches('-').to_owned()
}

/// Declares a name: a string that was checked once and stays as it is.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Checks `name` and takes it as it is.
            ///
            /// # Errors
            /// When `name` breaks the rule given at the type.
            pub fn new(name: impl Into<String>) -> Result<Self, InvalidValue> {
                let name = name.into();
                $check($what, &name)?;
                Ok(Self(name))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;

            fn from_str(name: &str) -> Result<Self, InvalidValue> {
                Self::new(name)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

name! {
    /// The name of a project, which is Pulumi's project name too: 1 to 100 of letters, digits,
    /// `-`, `_` and `.`.
    ProjectName, "project name", check_pulumi_name
}

name! {
    /// The name of a component within its project: a lower-case label such as `rest-api`, at most
    /// [`LONGEST_LABEL`] characters.
    ComponentName, "component name", check_label
}

name! {
    /// The name of an environment, such as `local` or `production`: a lower-case label, at most
    /// [`LONGEST_LABEL`] characters.
    EnvironmentName, "environment name", check_label
}

name! {
    /// The name of a stack, which is Pulumi's stack name too: 1 to 100 of letters, digits, `-`,
    /// `_` and `.`. By default `<provider>-<environment>`.
    StackName, "stack name", check_pulumi_name
}

impl StackName {
    /// The stack that an environment has on a provider when no other name is given, such as
    /// `aws-production`.
    pub fn of(provider: &Provider, environment: &EnvironmentName) -> Self {
        // Both parts are shorter than half of Pulumi's limit and use less than its characters.
        Self(format!("{provider}-{environment}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_lower_case_words_joined_by_single_hyphens() {
        for good in ["rest-api", "a", "v2", "web-socket-2"] {
            assert_eq!(ComponentName::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "Rest", "rest_api", "-rest", "rest-", "re--st", "2rest", "rést", "a b", "a/b", "a.b"] {
            assert!(ComponentName::new(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(EnvironmentName::new("a".repeat(LONGEST_LABEL)).is_ok());
        assert!(EnvironmentName::new("a".repeat(LONGEST_LABEL + 1)).is_err());
    }

    #[test]
    fn a_refused_label_suggests_the_nearest_good_one() {
        let error = ComponentName::new("Rest API_2").unwrap_err();
        assert!(error.hint().unwrap().contains("\"rest-api-2\""), "{error:?}");
        let error = ComponentName::new("42").unwrap_err();
        assert!(!error.hint().unwrap().contains("for example"), "{error:?}");
    }

    #[test]
    fn stack_names_follow_pulumi() {
        let environment = EnvironmentName::new("e".repeat(LONGEST_LABEL)).unwrap();
        let stack = StackName::of(&Provider::known("abcdefghijklmnopqrst"), &environment);
        assert_eq!(StackName::new(stack.as_str()).unwrap(), stack);
        assert!(StackName::new("A.b_c-9").is_ok());
        assert!(StackName::new("org/project/stack").is_err());
        assert!(StackName::new("x".repeat(101)).is_err());
        assert!(ProjectName::new("").is_err());
    }
}
