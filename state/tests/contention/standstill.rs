//! A process that stands still (SIGSTOP), whose lease runs out meanwhile, and that goes on after somebody else has taken over.

use std::process::Command;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::conformance::places::Place;
use crate::contention::process::{Orders, Task, Told, told};
use crate::support::{checkpoint, id};

fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

/// It is stopped somewhere in a row of writes, wherever that happens to be.
pub async fn who_stood_still_past_its_lease_writes_nothing(place: &Place) {
    let lease = Duration::from_secs(3);
    let store = place.open();
    let other = Orders::new(place, "other", Task::Count).from("elsewhere", lease).waiting(120);
    let lock = store.lock(&id(), &other.owner(), &other.lock_options()).await.unwrap();
    store.save(&lock, &checkpoint(0), None).await.unwrap();
    lock.release().await.unwrap();

    let mut writer = Orders::new(place, "writer", Task::Write).from("here", lease).start();
    let pid = writer.id().unwrap();
    let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    let mut written = 0;
    while written < 5 {
        let line = lines.next_line().await.unwrap().expect("it writes");
        match told(&line) {
            Some(Told::Wrote) => written += 1,
            Some(Told::Holds { .. }) | None => {}
            Some(other) => panic!("{other:?}"),
        }
    }
    signal("-STOP", pid);
    let lock = store.lock(&id(), &other.owner(), &other.lock_options()).await.unwrap();
    let takeover = lock.takeover().unwrap().to_string();
    assert!(takeover.contains("writer@here") && takeover.contains("its lease ran out at"), "{takeover}");
    let (_, journal) = store.resume_journal(&lock).await.unwrap().unwrap();
    let found = store.load(&id()).await.unwrap().unwrap();
    store.save_during(&lock, &checkpoint(42), Some(&found.revision), Some(&journal)).await.unwrap();
    let before = place.files().await;
    signal("-CONT", pid);

    let mut stopped = None;
    while let Some(line) = lines.next_line().await.unwrap() {
        match told(&line) {
            // What it had written before it was stopped may be told now.
            Some(Told::Wrote) | None => {}
            Some(Told::Stopped { error, lost }) => stopped = Some((error, lost)),
            Some(other) => panic!("{other:?}"),
        }
    }
    assert!(writer.wait().await.unwrap().success());
    let (error, lost) = stopped.expect("it notices");
    println!("{error}");
    let is_fenced =
        lost || error.contains("changed by another program") || error.contains("belongs to another process");
    assert!(is_fenced, "{error}");
    let mut after = place.files().await;
    // Our own heartbeat goes on.
    let lease = ".semantest/leases/shop/dev.json";
    assert!(after.remove(lease).is_some());
    let changed: Vec<&String> =
        after.iter().filter(|(key, content)| before.get(*key) != Some(*content)).map(|(key, _)| key).collect();
    // A copy of what stands in the checkpoint does no harm, nor does what was staged for a write that didn't happen.
    assert!(changed.iter().all(|key| key.ends_with(".bak") || key.contains("/staging/")), "{changed:?}");
    assert_eq!(place.open().load(&id()).await.unwrap().unwrap().checkpoint.latest.unwrap().resources.len(), 43);
    journal.append_durable(&"mine").await.unwrap();
    lock.verify().await.unwrap();
    journal.finish().await.unwrap();
    lock.release().await.unwrap();
}
