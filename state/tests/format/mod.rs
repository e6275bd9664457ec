//! The format of states, rule by rule and by properties: what is read, what is written, what is kept.

mod arbitrary;
mod integrity;
mod readers;
mod round_trips;
mod rules;
mod rules_of_values;
mod support;
