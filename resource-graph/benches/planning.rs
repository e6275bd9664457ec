//! Planning 10,000 resources in which nothing changes, and as many that are all to be made.
#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

fn main() {
    println!("planning");
}
