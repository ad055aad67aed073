//! What the program can do, one file each.

mod batch;
mod command;
mod eval;
mod latency;
mod pipe;
mod replica;
mod sample;
mod scan;
mod stat;

use crate::backups;
use crate::failure::Failure;
use crate::interactive;
use crate::options::{Mode, Options};
use crate::session::Session;
use std::process::ExitCode;

/// Does what the user asked for.
pub(crate) fn run(options: Options) -> Result<ExitCode, Failure> {
    if options.mode == Mode::Interactive {
        return interactive::run(options).map(|()| ExitCode::SUCCESS);
    }
    let mode = options.mode.clone();
    match mode {
        Mode::Command { args, input } => {
            let args = command::complete(args, &input, &mut std::io::stdin().lock())?;
            command::run(&options, &args)
        }
        Mode::Backups(work) => backups::run(&options, &work),
        Mode::Eval { path, args } => command::run(&options, &eval::command(&path, args)?),
        Mode::Batch | Mode::Interactive => batch::run(&options, std::io::stdin().lock()),
        Mode::Pipe { timeout } => pipe::run(&options, timeout),
        Mode::Rdb { path, functions_only } => {
            replica::save(&options, &path, functions_only).map(|()| ExitCode::SUCCESS)
        }
        Mode::Replica => replica::follow(&options).map(|()| ExitCode::SUCCESS),
        Mode::Scan(pattern) => scan::run(&options, &pattern).map(|()| ExitCode::SUCCESS),
        Mode::Stat => stat::run(&options).map(|()| ExitCode::SUCCESS),
        Mode::Latency { history } => latency::run(&options, history).map(|()| ExitCode::SUCCESS),
        Mode::Sample { measure, pattern } => {
            sample::run(&options, measure, &pattern).map(|()| ExitCode::SUCCESS)
        }
    }
}

/// The connection of a mode that is of no use without one.
fn connect(options: &Options) -> Result<Session, Failure> {
    Session::connect(options.target.clone())
}
