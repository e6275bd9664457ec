//! Options that several commands share.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};
use resource_graph::Urn;

/// Options of all commands.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalOptions {
    /// Run as if started in this folder
    #[arg(short = 'C', long = "cwd", value_name = "DIR", global = true, value_hint = ValueHint::DirPath)]
    pub cwd: Option<PathBuf>,
    /// The configuration file; without it, semantest-iac.yaml is looked for in the working folder and above
    #[arg(long, value_name = "FILE", global = true, value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Print one JSON document on stdout; with `=events`, one domain event a line as they happen
    #[arg(long, value_name = "FORM", global = true, num_args = 0..=1, require_equals = true, default_missing_value = "document")]
    pub json: Option<JsonForm>,
    /// Print results, warnings and errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Log more to stderr: -v what is done, -vv in detail, -vvv every call (SEMANTEST_LOG_LEVEL filters by module)
    #[arg(short, long = "verbose", global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// When to use colour; NO_COLOR is honoured
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto")]
    pub color: ColorChoice,
}

/// What `--json` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum JsonForm {
    /// One document at the end
    Document,
    /// The domain events, one a line, as they happen
    Events,
}

/// When colour is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Which stack a command is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Stack")]
pub struct StackSelection {
    /// The cloud, such as aws; not needed where the environment names just one
    #[arg(long, value_name = "CLOUD")]
    pub provider: Option<String>,
    /// The environment of the configuration [default: SEMANTEST_ENVIRONMENT, or the only one]
    #[arg(long = "env", value_name = "NAME")]
    pub environment: Option<String>,
    /// The stack's name [default: <provider>-<env>]
    #[arg(short, long, value_name = "NAME")]
    pub stack: Option<String>,
}

impl StackSelection {
    /// The same with a stack that was named in another place.
    #[must_use]
    pub fn named(&self, stack: Option<&str>) -> Self {
        Self { stack: stack.map(str::to_owned).or_else(|| self.stack.clone()), ..self.clone() }
    }
}

/// Which components a command is about.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Components")]
#[group(id = "selection", required = true, multiple = false)]
pub struct ComponentSelection {
    /// A component of the configuration; can be given several times
    #[arg(long = "component", value_name = "NAME", action = clap::ArgAction::Append)]
    pub components: Vec<String>,
    /// All components
    #[arg(long)]
    pub all: bool,
}

/// How the cloud is reached, where it differs from the configuration.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "AWS")]
pub struct CloudOptions {
    /// The profile of the AWS configuration files
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// The region
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// The URL of an AWS-compatible server, or `local` for the embedded local cloud
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
}

/// How a deployment is carried out.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Deployment")]
pub struct DeploymentOptions {
    /// Calls under way at once, at most; the cloud's quotas hold in any case
    #[arg(long, value_name = "NUMBER")]
    pub parallelism: Option<NonZeroUsize>,
    /// Only this resource and what it needs; can be given several times
    #[arg(long = "target", value_name = "URN", value_parser = parse_urn)]
    pub targets: Vec<Urn>,
    /// What is read from the cloud first
    #[arg(long, value_name = "WHAT", default_value = "changed")]
    pub refresh: RefreshMode,
    /// Wait this long for a lock that somebody else holds, such as 90s or 10m [default: don't wait]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub lock_timeout: Option<Duration>,
}

/// What is taken over from another program that has recorded it in the same stack.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Taking over")]
pub struct AdoptionOptions {
    /// Take this over, though its name doesn't tell: ours as `graph` names it, theirs by URN, name or id; can be given several times
    #[arg(long = "adopt", value_name = "OURS=THEIRS", value_parser = parse_mapping)]
    pub adopt: Vec<(String, String)>,
    /// Take over what a stack of the same project and name has made, which this state doesn't know: for a state that was lost
    #[arg(long)]
    pub reclaim: bool,
    /// Let what is taken over be replaced where it doesn't fit
    #[arg(long)]
    pub replace_adopted: bool,
}

fn parse_mapping(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((ours, theirs)) if !ours.trim().is_empty() && !theirs.trim().is_empty() => {
            Ok((ours.to_owned(), theirs.to_owned()))
        }
        _ => Err("write the resource's name here, =, and its URN, name or id there: api-role=api-role-1a2b3c4".into()),
    }
}

/// How a stack's lock is taken.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Stack")]
pub struct LockWait {
    /// Wait this long for a lock that somebody else holds, such as 90s or 10m [default: don't wait]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub lock_timeout: Option<Duration>,
}

/// What is read from the cloud before a plan is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum RefreshMode {
    /// What the plan is about to touch, and nothing else
    #[default]
    Changed,
    /// The whole stack
    All,
    /// Nothing: the state is taken as it is
    None,
}

pub(super) fn parse_urn(text: &str) -> Result<Urn, String> {
    Urn::parse(text).map_err(|error| error.to_string())
}

/// Reads a time such as `90s`, `10m`, `1h` or `500ms`; a bare number counts seconds.
pub(super) fn parse_time(text: &str) -> Result<Duration, String> {
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| "write a number and a unit: 500ms, 90s, 10m or 1h")?;
    let milliseconds = match &text[digits..] {
        "ms" => Some(number),
        "" | "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        unit => return Err(format!("'{unit}' isn't a unit of time: write ms, s, m or h")),
    };
    // A year is far beyond any sense, and keeps sums with it from overflowing.
    match milliseconds {
        Some(milliseconds) if milliseconds <= 366 * 24 * 3_600_000 => Ok(Duration::from_millis(milliseconds)),
        _ => Err("it is longer than a year".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_name_two_resources() {
        let pair = |ours: &str, theirs: &str| Ok((ours.to_owned(), theirs.to_owned()));
        assert_eq!(parse_mapping("api-role=arn:a=b"), pair("api-role", "arn:a=b"));
        for text in ["", "=", "api-role", "api-role=", "=x", " = "] {
            assert!(parse_mapping(text).is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn times_have_units() {
        for (text, seconds) in [("90s", 90.0), ("90", 90.0), ("10m", 600.0), ("1h", 3600.0), ("500ms", 0.5), ("0", 0.0)]
        {
            assert_eq!(parse_time(text).unwrap().as_secs_f64(), seconds, "{text}");
        }
        for text in ["", "s", "-1s", "1.5s", "10 m", "1d", "99999999999999999999", "18446744073709551615h"] {
            assert!(parse_time(text).is_err(), "{text} was accepted");
        }
    }
}
