//! rustypotato-server: the shell around the node.

mod acceptor;
mod allocator;
mod boot;
mod clock;
mod configuration;
mod copies;
mod cores;
mod courier;
mod daemon;
mod descriptors;
mod ending;
mod increment;
mod journal;
#[cfg(test)]
mod laboratory;
mod lending;
mod listening;
mod loading;
mod logging;
mod machine;
mod oom_score;
mod persistence;
mod pid_file;
mod priority;
mod progress;
mod reactor;
mod reclaimer;
mod recovery;
mod replication;
mod saver;
mod sealing;
mod service_manager;
mod shared;
mod signals;
mod snapshot_file;
mod socket;
mod storage;
mod threads;
mod title;
mod users;

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
