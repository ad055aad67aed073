//! A blocking RESP client for the command-line programs.
