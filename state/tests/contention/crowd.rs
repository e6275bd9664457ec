//! Processes that all want the same lock.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, BufReader};
use uuid::Uuid;

use crate::conformance::places::Place;
use crate::contention::process::{Orders, Task, Told, now, told};
use crate::support::{checkpoint, id, topics};

const LOCKS: &str = ".pulumi/locks/organization/shop/dev";

/// When somebody held the lock.
#[derive(Debug)]
struct Held {
    from: u64,
    until: u64,
    who: String,
    /// Lockers that speak Pulumi's protocol alone have none.
    token: Option<u64>,
}

/// All that a process told, and its id.
async fn run(orders: &Orders) -> (u32, Vec<Told>) {
    let mut child = orders.start();
    let pid = child.id().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut all = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        all.extend(told(&line));
    }
    assert!(child.wait().await.unwrap().success(), "{} failed", orders.user);
    (pid, all)
}

/// A stack whose number is 0.
async fn begin(place: &Place) {
    let store = place.open();
    let orders = Orders::new(place, "starter", Task::Count);
    let lock = store.lock(&id(), &orders.owner(), &orders.lock_options()).await.unwrap();
    store.save(&lock, &checkpoint(0), None).await.unwrap();
    lock.release().await.unwrap();
}

/// Never two at a time, tokens that only grow, no lock file left, and a number that has counted each.
async fn check(place: &Place, mut held: Vec<Held>, counted: usize) {
    held.sort_by_key(|held| held.from);
    for pair in held.windows(2) {
        assert!(pair[0].until <= pair[1].from, "two at a time: {} and {}, {pair:?}", pair[0].who, pair[1].who);
    }
    let tokens: Vec<u64> = held.iter().filter_map(|held| held.token).collect();
    assert!(tokens.windows(2).all(|pair| pair[0] < pair[1]), "{tokens:?}");
    assert_eq!(place.list(LOCKS).await, [""; 0]);
    let state = place.open().load(&id()).await.unwrap().unwrap();
    assert_eq!(topics(&state.checkpoint), counted, "an update was lost");
}

/// Twenty-five that wait, twenty that give up at once, and five that know nothing but Pulumi's protocol.
pub async fn fifty_processes_take_turns(place: &Place) {
    let started = Instant::now();
    begin(place).await;
    let waiting: Vec<Orders> =
        (0..25).map(|number| Orders::new(place, format!("patient-{number}"), Task::Count).waiting(300)).collect();
    let at_once: Vec<Orders> =
        (0..20).map(|number| Orders::new(place, format!("hasty-{number}"), Task::Count)).collect();
    let lockers = futures::future::join_all((0..5).map(|number| by_pulumis_protocol(place, number)));
    let processes = futures::future::join_all(waiting.iter().chain(&at_once).map(run));
    let (processes, lockers) = tokio::join!(processes, lockers);

    let mut held: Vec<Held> = lockers;
    let users: HashSet<String> = waiting.iter().chain(&at_once).map(|orders| orders.user.clone()).collect();
    let pids: HashSet<u32> = processes.iter().map(|(pid, _)| *pid).collect();
    let (mut counted, mut refused) = (0, 0);
    for (orders, (_, told)) in waiting.iter().chain(&at_once).zip(&processes) {
        match told.as_slice() {
            [Told::Holds { token, from, takeover: None }, Told::Gives { until }] => {
                counted += 1;
                held.push(Held { from: *from, until: *until, who: orders.user.clone(), token: Some(*token) });
            }
            [Told::Refused { text, holders }] => {
                assert!(orders.timeout.is_none(), "{} waited in vain: {text}", orders.user);
                assert!(!holders.is_empty(), "nobody is told to hold it");
                for (user, host, pid) in holders {
                    let is_ours = users.contains(user) && host == "here" && pids.contains(pid);
                    assert!(is_ours || user.starts_with("pulumi-") && host == "there" && *pid == 4242, "{text}");
                    assert!(text.contains(&format!("created by {user}@{host} (pid {pid}) at 20")), "{text}");
                }
                refused += 1;
            }
            other => panic!("{}: {other:?}", orders.user),
        }
    }
    assert!(counted >= 25 && counted + refused == 45, "{counted} + {refused}");
    println!("{counted} took turns, {refused} gave up, in {:?}", started.elapsed());
    check(place, held, counted).await;
}

/// One that knows nothing but Pulumi's protocol: it looks, writes its file, looks again, and gives way to any other. It
/// tries until it has held the lock once.
async fn by_pulumis_protocol(place: &Place, number: u32) -> Held {
    let name = format!("{}.json", Uuid::new_v4());
    let key = format!("{LOCKS}/{name}");
    let time = chrono::Utc::now().to_rfc3339();
    let content = serde_json::json!({ "pid": 4242, "username": format!("pulumi-{number}"), "hostname": "there", "timestamp": time });
    let others = async || place.list(LOCKS).await.iter().any(|found| *found != name);
    loop {
        if !others().await {
            place.put(&key, content.to_string()).await;
            if !others().await {
                let from = now();
                tokio::time::sleep(Duration::from_millis(20)).await;
                let until = now();
                place.delete(&key).await;
                return Held { from, until, who: format!("pulumi-{number}"), token: None };
            }
            place.delete(&key).await;
        }
        let random = u64::from(Uuid::new_v4().as_bytes()[0]);
        tokio::time::sleep(Duration::from_millis(20 + random)).await;
    }
}

/// Four are killed while they hold the lock, the last of them on another machine.
pub async fn the_killed_are_followed_at_once_here_and_when_their_lease_has_run_out_elsewhere(place: &Place) {
    let lease = Duration::from_secs(3);
    begin(place).await;
    let mut held = Vec::new();
    let mut counted = 0;
    for (number, host) in ["here", "here", "here", "elsewhere"].into_iter().enumerate() {
        let holder = Orders::new(place, format!("doomed-{number}"), Task::Hold).from(host, lease);
        let mut doomed = holder.start();
        let pid = doomed.id().unwrap();
        let mut lines = BufReader::new(doomed.stdout.take().unwrap()).lines();
        let (token, from) = loop {
            let line = lines.next_line().await.unwrap().expect("it takes the lock");
            match told(&line) {
                Some(Told::Holds { token, from, takeover: None }) => break (token, from),
                Some(other) => panic!("{other:?}"),
                None => {}
            }
        };
        // Those that wait are there before it dies, or come after.
        let waiting: Vec<Orders> = (0..3)
            .map(|other| {
                Orders::new(place, format!("next-{number}-{other}"), Task::Count).from("here", lease).waiting(120)
            })
            .collect();
        let followers = futures::future::join_all(waiting.iter().map(run));
        let kill = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let killed = now();
            doomed.kill().await.unwrap();
            killed
        };
        let (killed, followers) = tokio::join!(kill, followers);
        held.push(Held { from, until: killed, who: holder.user.clone(), token: Some(token) });
        let mut takeovers = Vec::new();
        for (orders, (_, told)) in waiting.iter().zip(followers) {
            let [Told::Holds { token, from, takeover }, Told::Gives { until }] = told.as_slice() else {
                panic!("{}: {told:?}", orders.user)
            };
            takeovers.extend(takeover.clone().map(|takeover| (takeover, *from)));
            held.push(Held { from: *from, until: *until, who: orders.user.clone(), token: Some(*token) });
            counted += 1;
        }
        let [(takeover, since)] = takeovers.as_slice() else { panic!("{takeovers:?}") };
        let after = Duration::from_nanos(since.saturating_sub(killed));
        println!("after {after:?}: {takeover}");
        assert!(
            takeover.starts_with(&format!("took over the lock of doomed-{number}@{host} (pid {pid})")),
            "{takeover}"
        );
        match host {
            "here" => assert!(takeover.ends_with("that process is not running any more"), "{takeover}"),
            // Its last heartbeat was a third of the lease before at most, and stores cut off seconds.
            _ => assert!(takeover.contains("its lease ran out at 20") && after > lease / 3, "{takeover} {after:?}"),
        }
    }
    check(place, held, counted).await;
}
