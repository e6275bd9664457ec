//! Words that other tools have for what is called otherwise here: whoever types one out of habit is led to ours.

use clap::error::{ContextKind, ContextValue};

/// Commands of Pulumi, OpenTofu, SST, CDK and the Serverless Framework, and what does the same here.
const COMMANDS: [(&str, &str); 15] = [
    ("remove", "destroy"),
    ("rm", "destroy"),
    ("down", "destroy"),
    ("delete", "destroy"),
    ("teardown", "destroy"),
    ("up", "deploy"),
    ("apply", "deploy"),
    ("update", "deploy"),
    ("plan", "preview"),
    ("diff", "preview"),
    ("refresh", "deploy --refresh=all"),
    ("output", "outputs"),
    ("ls", "stack ls"),
    ("list", "stack ls"),
    ("new", "init"),
];

/// The same of options.
const OPTIONS: [(&str, &str); 5] = [
    ("--stage", "--env"),
    ("--environment", "--env"),
    ("--auto-approve", "--yes"),
    ("--skip-preview", "--yes"),
    ("--aws-profile", "--profile"),
];

/// What somebody meant who typed what isn't known here, as a sentence.
pub fn in_our_words(error: &clap::Error) -> Option<String> {
    let typed = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let of = |table: &[(&str, &'static str)], typed: &str| {
        table.iter().find(|(theirs, _)| *theirs == typed).map(|(_, ours)| *ours)
    };
    if let Some((theirs, ours)) =
        typed(ContextKind::InvalidSubcommand).and_then(|typed| Some((typed, of(&COMMANDS, typed)?)))
    {
        return Some(format!("what other tools call `{theirs}` is `semantest-iac {ours}`"));
    }
    let (theirs, ours) = typed(ContextKind::InvalidArg).and_then(|typed| Some((typed, of(&OPTIONS, typed)?)))?;
    Some(format!("what other tools call `{theirs}` is `{ours}` here"))
}

#[cfg(test)]
mod tests {
    use super::super::command;
    use super::*;

    #[test]
    fn each_word_of_another_tool_leads_to_one_that_is_there() {
        for (theirs, ours) in COMMANDS {
            let error = command().try_get_matches_from(["semantest-iac", theirs]).unwrap_err();
            assert!(in_our_words(&error).is_some_and(|meant| meant.contains(ours)), "{theirs}: {error:?}");
            let mut known = command();
            for word in ours.split(' ').filter(|word| !word.starts_with('-')) {
                known = known.find_subcommand(word).unwrap_or_else(|| panic!("{ours}")).clone();
            }
        }
        for (theirs, ours) in OPTIONS {
            let error = command().try_get_matches_from(["semantest-iac", "deploy", "--all", theirs]).unwrap_err();
            assert!(in_our_words(&error).is_some_and(|meant| meant.contains(ours)), "{theirs}: {error:?}");
            let root = command();
            let deploy = root.find_subcommand("deploy").unwrap();
            let is_it = |argument: &clap::Arg| {
                argument.get_long().is_some_and(|long| ours == format!("--{long}"))
                    || argument.get_short().is_some_and(|short| ours == format!("-{short}"))
            };
            assert!(root.get_arguments().chain(deploy.get_arguments()).any(is_it), "{ours}");
        }
        let other = command().try_get_matches_from(["semantest-iac", "frobnicate"]).unwrap_err();
        assert_eq!(in_our_words(&other), None);
    }
}
