//! The command line: arguments, output, progress, exit codes. The only place that knows a terminal or the environment.
