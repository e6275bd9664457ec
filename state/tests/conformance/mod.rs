//! What every store has to keep to, on each of the three kinds that there are: a folder, a bucket of S3, a container of
//! Azure's blob storage; and on buckets and containers that are set up as they are where people work. A law is written once
//! and knows no kind.

mod laws;
pub mod places;

/// Makes a test of each law for each of these kinds of stores.
macro_rules! laws {
    (on $kinds:tt: $($group:ident: $($law:ident),+;)+) => {
        $(mod $group {
            laws!(@kinds $kinds $group [$($law),+]);
        })+
    };
    (@kinds [$($kind:ident),+] $group:ident $laws:tt) => {
        $(mod $kind {
            laws!(@tests $kind $group $laws);
        })+
    };
    (@tests $kind:ident $group:ident [$($law:ident),+]) => {
        $(#[tokio::test]
        async fn $law() {
            crate::conformance::laws::$group::$law(&crate::conformance::places::Place::$kind().await).await;
        })+
    };
}

laws! {
    on [folder, s3, versioned_s3, kms_s3, azure, versioned_azure]:
    checkpoints:
        a_stack_is_saved_loaded_and_listed,
        of_two_writers_over_the_same_version_exactly_one_wins,
        a_broken_state_is_never_written,
        a_checkpoint_changes_its_form_when_asked_to,
        of_several_forms_the_newest_counts,
        a_stack_without_state_is_read_as_such,
        a_copy_of_another_stacks_state_is_refused,
        checkpoints_are_retained_when_asked_to;
    layout:
        other_layouts_are_refused,
        what_is_not_a_stack_is_passed_over,
        reading_writes_nothing;
    history:
        operations_are_recorded_with_their_checkpoints,
        backups_can_be_left_out,
        tags_are_kept_beside_the_checkpoint,
        a_removed_stack_leaves_its_last_state_as_a_backup;
    journal:
        records_are_there_in_order_and_finishing_archives_them,
        another_machine_goes_on_where_one_died,
        a_settled_journal_is_archived_without_its_writer,
        a_journal_names_the_checkpoints_that_its_records_belong_to,
        every_beginning_of_a_journal_is_gone_on_with,
        audit_logs_are_written_over;
    sealing:
        another_machine_reads_what_stands_nowhere_in_clear,
        a_stack_is_sealed_and_opened_and_all_is_what_it_was,
        older_and_shortened_files_are_refused;
    transfer:
        a_stack_takes_all_with_it_to_its_new_name,
        a_name_that_is_taken_is_refused,
        a_deployment_that_died_is_settled_before_its_stack_moves,
        a_stack_goes_to_another_store;
}

laws! {
    on [s3, versioned_s3, kms_s3, azure, versioned_azure]:
    network:
        a_lost_answer_loses_nothing,
        what_something_in_between_tried_twice_is_no_conflict,
        a_store_that_vanishes_loses_nothing,
        refusals_are_told_with_what_to_do,
        who_may_only_read_is_told_so_before_anything_is_begun,
        a_bucket_that_is_not_there_is_named,
        a_server_that_does_not_answer_is_named_soon,
        records_are_written_in_groups_however_far_the_store_is,
        a_journal_whose_removal_was_cut_off_is_none,
        a_header_that_arrives_after_a_takeover_is_taken_back,
        what_was_told_to_be_durable_is_in_the_journal_of_who_took_over,
        reading_takes_few_requests;
}
