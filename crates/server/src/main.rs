//! rustypotato-server: the shell around the node.

mod acceptor;
mod allocator;
mod aof;
mod boot;
mod clock;
mod configuration;
mod descriptors;
mod journal;
mod listening;
mod logging;
mod machine;
mod reactor;
mod shared;
mod signals;
mod socket;

use std::process::ExitCode;

fn main() -> ExitCode {
    match boot::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            boot::complain(&reason);
            ExitCode::FAILURE
        }
    }
}
