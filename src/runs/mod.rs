//! Runs: experiment files, plans, run folders, the command line.
