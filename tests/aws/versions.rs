//! Published versions: what nothing needs any more goes with the next one.

use crate::aws::cases::{ALIAS, FUNCTION};
use crate::aws::support::{Account, PROJECT, map, tags, with};

/// Makes a function and fourteen versions of it, of which aliases name three. Gives the versions that are left.
async fn versions_left(project: Option<&str>) -> Vec<u64> {
    let account = Account::new().await;
    let role = crate::aws::cases::runner(&account, "runner").await;
    let mut inputs = crate::aws::cases::function_inputs(&account, &role, "api");
    if let Some(project) = project {
        inputs.insert("tags", tags(project, FUNCTION, "api"));
    }
    let mut state = account.create(FUNCTION, "api", &inputs).await;
    let (provider, context) = (account.provider(FUNCTION), account.context(FUNCTION, "api"));
    for number in 2..=14 {
        let wanted = with(&state.inputs, [("memorySize", f64::from(256 + number).into())]);
        state = provider.update(&context, &state, &wanted).await.unwrap();
        assert_eq!(state.outputs.string("version"), Some(number.to_string().as_str()));
        if number == 3 {
            let live = [("name", "live"), ("functionName", "api"), ("functionVersion", "1")];
            account.create(ALIAS, "live", &live.into()).await;
            let canary = [("name", "canary"), ("functionName", "api"), ("functionVersion", "2")];
            let shares = map([("additionalVersionWeights", map([("3", 0.1.into())]))]);
            account.create(ALIAS, "canary", &with(&canary.into(), [("routingConfig", shares)])).await;
        }
    }
    let lambda = aws_sdk_lambda::Client::new(&account.sdk().await);
    let listed = lambda.list_versions_by_function().function_name("api").send().await.unwrap();
    listed.versions().iter().filter_map(|version| version.version()?.parse().ok()).collect()
}

#[tokio::test]
async fn versions_go_that_no_alias_names_and_that_are_not_among_the_newest() {
    assert_eq!(versions_left(Some(PROJECT)).await, [1, 2, 3].into_iter().chain(5..=14).collect::<Vec<_>>());
}

/// What this stack doesn't mark as its own may have versions that others name.
#[tokio::test]
async fn versions_of_a_function_without_our_mark_stay() {
    assert_eq!(versions_left(None).await, (1..=14).collect::<Vec<_>>());
}
