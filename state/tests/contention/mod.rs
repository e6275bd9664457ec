//! Many processes at one stack, on each of the three kinds of stores: real ones, some of which are killed or stand still
//! while they hold the lock, and some of which speak Pulumi's protocol alone.
#![cfg(unix)]
#![allow(clippy::print_stdout, reason = "what is measured, shown with --nocapture")]

mod crowd;
mod process;
mod standstill;

/// Makes a test of each scene for each kind of store.
macro_rules! on_all_stores {
    ($($scene:path as $name:ident),+) => {
        on_all_stores!(@kind folder, $($scene as $name),+);
        on_all_stores!(@kind s3, $($scene as $name),+);
        on_all_stores!(@kind azure, $($scene as $name),+);
    };
    (@kind $kind:ident, $($scene:path as $name:ident),+) => {
        mod $kind {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                $scene(&crate::conformance::places::Place::$kind().await).await;
            })+
        }
    };
}

on_all_stores! {
    crate::contention::crowd::fifty_processes_take_turns as fifty_processes_take_turns,
    crate::contention::crowd::the_killed_are_followed_at_once_here_and_when_their_lease_has_run_out_elsewhere
        as the_killed_are_followed_at_once_here_and_when_their_lease_has_run_out_elsewhere,
    crate::contention::standstill::who_stood_still_past_its_lease_writes_nothing as who_stood_still_past_its_lease_writes_nothing
}
