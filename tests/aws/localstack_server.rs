//! LocalStack is stricter than MiniStack with functions: the laws of Lambda's types hold there too, and changes that meet wait
//! for each other.

use localstack::{Emulator, Error, Server, StartOptions};
use resource_graph::Value;
use tokio::sync::OnceCell;

use crate::aws::cases::{self, ALIAS, FUNCTION};
use crate::aws::laws::hold;
use crate::aws::support::{Account, installer, with};

/// An account on the LocalStack that these tests share; `None` where there is no Python that it runs on.
async fn account() -> Option<Account> {
    static SHARED: OnceCell<Option<Server>> = OnceCell::const_new();
    let start = || async {
        match Server::start(&installer(), Emulator::LocalStack, StartOptions::default()).await {
            Ok(server) => Some(server),
            Err(error @ Error::InterpreterNotFound { .. }) => {
                println!("skipped: {error}");
                None
            }
            Err(error) => panic!("{error}"),
        }
    };
    let server = SHARED.get_or_init(start).await.as_ref()?;
    Some(Account::at(&server.endpoint()).await)
}

macro_rules! laws_hold {
    ($($case:ident)+) => {
        $(
            #[tokio::test]
            async fn $case() {
                let Some(account) = account().await else { return };
                let case = cases::$case(&account).await;
                hold(&account, &case).await;
            }
        )+
    };
}

laws_hold!(alias function function_url role role_policy);

/// LocalStack takes `invokedViaFunctionUrl`, but doesn't write it into the policy.
#[tokio::test]
async fn permission() {
    let Some(account) = account().await else { return };
    let mut case = cases::permission(&account).await;
    case.replacements.retain(|(name, _)| *name != "invokedViaFunctionUrl");
    case.untried = &["invokedViaFunctionUrl"];
    hold(&account, &case).await;
}

/// A function that was just made is pending, and one that was just changed is being updated: the next change waits.
#[tokio::test]
async fn a_change_waits_for_the_one_before_it() {
    let Some(account) = account().await else { return };
    let role = cases::runner(&account, "runner").await;
    let inputs = cases::function_inputs(&account, &role, "busy");
    let (provider, context) = (account.provider(FUNCTION), account.context(FUNCTION, "busy"));
    let mut state = account.create(FUNCTION, "busy", &inputs).await;
    for (version, changes) in [
        (2, vec![("code", account.package("two"))]),
        (3, vec![("code", account.package("three")), ("memorySize", Value::from(512.0))]),
        (4, vec![("timeout", Value::from(20.0))]),
    ] {
        let wanted = with(&state.inputs, changes);
        state = provider.update(&context, &state, &wanted).await.unwrap();
        assert_eq!(state.outputs.string("version"), Some(version.to_string().as_str()));
        let read = provider.read(&context, &state.id, &wanted).await.unwrap().unwrap();
        assert_eq!(read.inputs, wanted);
    }
}

/// Two that change the same function at once both get through.
#[tokio::test]
async fn changes_that_meet_both_get_through() {
    let Some(account) = account().await else { return };
    let role = cases::runner(&account, "runner").await;
    let inputs = cases::function_inputs(&account, &role, "met");
    let state = account.create(FUNCTION, "met", &inputs).await;
    let other = account.through(&account.endpoint()).await;
    let change = async |account: &Account, changes: [(&'static str, Value); 1]| {
        let wanted = with(&state.inputs, changes);
        account.provider(FUNCTION).update(&account.context(FUNCTION, "met"), &state, &wanted).await.unwrap()
    };
    let code = account.package("two");
    tokio::join!(change(&account, [("code", code)]), change(&other, [("timeout", 20.0.into())]));
    let found = account.find(FUNCTION, "met", &inputs).await.unwrap();
    assert_eq!(found.state.inputs.number("timeout"), Some(20.0));
    assert_ne!(found.state.inputs.get("code"), inputs.get("code"));
}

/// Whatever else of a function is changed while an update of it is in progress gets through too, and so does its end.
#[tokio::test]
async fn aliases_permissions_and_the_end_meet_an_update() {
    const PERMISSION: &str = "aws:lambda/permission:Permission";
    let Some(account) = account().await else { return };
    let role = cases::runner(&account, "runner").await;
    let function = account.create(FUNCTION, "busy", &cases::function_inputs(&account, &role, "busy")).await;
    let lambda = aws_sdk_lambda::Client::new(&account.sdk().await);
    // LocalStack refuses a change only while it carries out the one before.
    let busy = async |timeout: i32| {
        let mut tries = 0;
        loop {
            tries += 1;
            match lambda.update_function_configuration().function_name("busy").timeout(timeout).send().await {
                Ok(answer) => break assert_eq!(answer.last_update_status().unwrap().as_str(), "InProgress"),
                Err(error) => assert!(tries < 200, "{error:?}"),
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let alias = [("name", "live"), ("functionName", "busy"), ("functionVersion", "1")].into();
    busy(11).await;
    let alias = account.create(ALIAS, "live", &alias).await;
    let permission = [
        ("action", "lambda:InvokeFunction"),
        ("function", "busy"),
        ("principal", "apigateway.amazonaws.com"),
        ("qualifier", "live"),
        ("statementId", "api"),
    ];
    busy(12).await;
    let permission = account.create(PERMISSION, "api", &permission.into()).await;
    busy(13).await;
    let described = with(&alias.inputs, [("description", "what the API calls".into())]);
    account.provider(ALIAS).update(&account.context(ALIAS, "live"), &alias, &described).await.unwrap();
    busy(14).await;
    for (token, name, state) in
        [(PERMISSION, "api", &permission), (ALIAS, "live", &alias), (FUNCTION, "busy", &function)]
    {
        account.provider(token).delete(&account.context(token, name), state).await.unwrap();
    }
    assert_eq!(account.find(FUNCTION, "busy", &function.inputs).await, None);
}
