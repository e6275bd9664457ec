//! Packages on their way to Lambda: how many are in memory at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use localstack::proxy::{Action, Moment, Proxy};
use semantest_iac::ports::OperationContext;

use crate::aws::cases::FUNCTION;
use crate::aws::support::{Account, TestGate, with};

/// Packages of 30 MB go three at a time, and each is sent again whole after a failure.
#[tokio::test(flavor = "multi_thread")]
async fn large_packages_take_turns() {
    let account = Account::new().await;
    let role = crate::aws::cases::runner(&account, "runner").await;
    let proxy = Proxy::start(&account.endpoint()).unwrap();
    let slow = account.through(&proxy.endpoint()).await;
    slow.identity().await;
    let (under_way, most, refused) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
    let counted = most.clone();
    proxy.set_hook(move |exchange, moment| {
        if exchange.method != "POST" || !exchange.path.ends_with("/functions") {
            return Action::Pass;
        }
        match moment {
            // The role isn't known yet: the package isn't kept until it is.
            Moment::Before if refused.fetch_add(1, Ordering::SeqCst) == 0 => {
                let message = "The role defined for the function cannot be assumed by Lambda.";
                return Action::Answer(exchange.refused(400, "InvalidParameterValueException", message));
            }
            Moment::Before => {
                counted.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                return Action::Delay(Duration::from_secs(4));
            }
            Moment::After => drop(under_way.fetch_sub(1, Ordering::SeqCst)),
        }
        Action::Pass
    });

    let package = account.large_package(30_000_000);
    let create = |number: usize| {
        let name = format!("large-{number}");
        let inputs = crate::aws::cases::function_inputs(&account, &role, &name);
        let inputs = with(&inputs, [("code", package.clone())]);
        let gate = Arc::new(TestGate::default());
        let context = OperationContext { gate, ..slow.context(FUNCTION, &name) };
        let provider = slow.provider(FUNCTION);
        async move { provider.create(&context, &inputs).await.map(drop) }
    };
    let all: Vec<_> = (0..6).map(|number| tokio::spawn(create(number))).collect();
    for one in all {
        one.await.unwrap().unwrap();
    }
    let most = most.load(Ordering::SeqCst);
    assert!((2..=3).contains(&most), "{most} at once");
}
