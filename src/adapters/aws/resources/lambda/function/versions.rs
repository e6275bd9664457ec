//! The published versions of a function. Each keeps its package towards the 75 GB that a region takes, so those that nothing needs any
//! more go (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>: "Function and layer storage").

use std::collections::BTreeSet;

use aws_sdk_lambda::Client as Lambda;
use aws_sdk_lambda::types::FunctionConfiguration;

use crate::adapters::aws::calls::Action;
use crate::adapters::aws::frame::managed::{Call, optional};
use crate::adapters::aws::frame::pages::Pages;
use crate::adapters::aws::quota::LAMBDA_CONTROL;
use crate::ports::{ProviderError, ProviderErrorKind};

const LIST: Action = Action::read("lambda:ListVersionsByFunction", LAMBDA_CONTROL);
const LIST_ALIASES: Action = Action::read("lambda:ListAliases", LAMBDA_CONTROL);
const DELETE: Action = Action::write("lambda:DeleteFunction", LAMBDA_CONTROL);

/// The newest versions that stay for rollbacks, whether an alias names them or not. They fit on the first page of a listing, which has
/// fifty whatever is asked for (<https://docs.aws.amazon.com/lambda/latest/api/API_ListVersionsByFunction.html>): so the newest is found
/// with one call.
const KEPT: usize = 10;

/// Versions that one change takes away at most: a function that has gathered thousands loses them over several deployments.
const MOST_AT_ONCE: usize = 20;

fn number(version: &FunctionConfiguration) -> Option<u64> {
    version.version()?.parse().ok()
}

/// The published versions, in no order.
async fn all(call: &Call<'_>, name: &str) -> Result<Vec<FunctionConfiguration>, ProviderError> {
    let (mut pages, mut versions) = (Pages::default(), Vec::new());
    loop {
        let request = call.client::<Lambda>().list_versions_by_function().function_name(name).set_marker(pages.token());
        let answer = call.send(LIST, name, || request.clone().send()).await?;
        versions.extend(answer.versions.unwrap_or_default().into_iter().filter(|version| number(version).is_some()));
        if !pages.go_on(answer.next_marker, LIST.name)? {
            return Ok(versions);
        }
    }
}

/// The version that was published last; `None` when there is none.
pub(super) async fn last(call: &Call<'_>, name: &str) -> Result<Option<FunctionConfiguration>, ProviderError> {
    Ok(all(call, name).await?.into_iter().max_by_key(number))
}

/// The versions that aliases lead to, with those that only get a share of the requests.
async fn named_by_aliases(call: &Call<'_>, name: &str) -> Result<BTreeSet<u64>, ProviderError> {
    let (mut pages, mut named) = (Pages::default(), BTreeSet::new());
    loop {
        let request = call.client::<Lambda>().list_aliases().function_name(name).set_marker(pages.token());
        let answer = call.send(LIST_ALIASES, name, || request.clone().send()).await?;
        for alias in answer.aliases() {
            let shares = alias.routing_config().and_then(|routing| routing.additional_version_weights());
            let versions = shares.into_iter().flat_map(|weights| weights.keys().map(String::as_str));
            named.extend(versions.chain(alias.function_version()).filter_map(|version| version.parse::<u64>().ok()));
        }
        if !pages.go_on(answer.next_marker, LIST_ALIASES.name)? {
            return Ok(named);
        }
    }
}

/// Which of the versions nothing needs: neither among the newest nor named by an alias. The oldest come first.
fn superfluous(mut versions: Vec<u64>, named: &BTreeSet<u64>) -> Vec<u64> {
    versions.sort_unstable();
    versions.truncate(versions.len().saturating_sub(KEPT));
    versions.retain(|version| !named.contains(version));
    versions.truncate(MOST_AT_ONCE);
    versions
}

/// Takes away what nothing needs once `published` is there. A deployment doesn't fail over it: what can't be taken away (for a
/// permission, or since CloudFront has copied it) is told, and tried again by the next one.
///
/// # Errors
/// When the deployment is being stopped at once.
pub(super) async fn prune(call: &Call<'_>, name: &str, published: &str) -> Result<(), ProviderError> {
    let may_be_many = published.parse::<usize>().is_ok_and(|number| number > KEPT);
    if !may_be_many || call.gate.stopping() {
        return Ok(());
    }
    match remove_superfluous(call, name).await {
        Err(error) if error.kind != ProviderErrorKind::Cancelled => {
            tracing::warn!("old versions of the function {name} stay: {error}");
            Ok(())
        }
        result => result,
    }
}

async fn remove_superfluous(call: &Call<'_>, name: &str) -> Result<(), ProviderError> {
    let versions: Vec<u64> = all(call, name).await?.iter().filter_map(number).collect();
    if versions.len() <= KEPT {
        return Ok(());
    }
    let named = named_by_aliases(call, name).await?;
    for version in superfluous(versions, &named) {
        let request = call.client::<Lambda>().delete_function().function_name(name).qualifier(version.to_string());
        optional(call.looking().send(DELETE, &format!("{name}:{version}"), || request.clone().send()).await)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_and_the_named_stay_and_no_change_takes_too_many() {
        assert_eq!(superfluous((1..=10).collect(), &[].into()), [0; 0]);
        assert_eq!(superfluous((1..=13).rev().collect(), &[].into()), [1, 2, 3]);
        assert_eq!(superfluous((1..=13).collect(), &[2, 13].into()), [1, 3]);
        assert_eq!(superfluous((1..=1000).collect(), &[1].into()), (2..=20).chain([21]).collect::<Vec<_>>());
    }
}
