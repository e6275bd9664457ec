//! The program. Everything is in the library, so that tests and documentation can reach it.

fn main() -> std::process::ExitCode {
    semantest_iac::cli::main()
}
