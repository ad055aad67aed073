//! The saver thread: it writes snapshots into files, one after the other, while clients are served.

use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use node::Image;

use crate::clock;
use crate::machine::ServerMachine;
use crate::persistence::Task;
use crate::snapshot_file::{self, Form};

/// What it is given to do.
#[derive(Debug)]
pub enum Job {
    /// Write the base of a rewrite under a temporary name.
    Base {
        /// The data.
        image: Image,
        /// What to make of it.
        form: Form,
        /// The name.
        path: PathBuf,
    },
    /// Write the RDB file.
    Dump {
        /// The data.
        image: Image,
        /// What to make of it.
        form: Form,
        /// The file's final name.
        path: PathBuf,
    },
}

/// How much the thread steps back behind those that serve clients, where there are fewer processors than threads.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

/// The thread's body. It ends with the process.
pub fn run(machine: &ServerMachine, jobs: &Receiver<Job>) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE) {
        tracing::debug!("the saver runs with the priority of the workers: {error}");
    }
    for job in jobs {
        let task = match job {
            Job::Base { image, form, path } => {
                Task::BaseWritten(snapshot_file::write(&path, image, form, &machine.progress.cancelled))
            }
            Job::Dump { image, form, path } => Task::Saved(dump(machine, image, form, &path)),
        };
        machine.tell(task);
    }
}

fn dump(machine: &ServerMachine, image: Image, form: Form, path: &std::path::Path) -> Result<(), String> {
    let progress = &machine.progress;
    let temporary = snapshot_file::temporary(path, "bgsave");
    let changes = image.changes;
    let result = snapshot_file::write(&temporary, image, form, &progress.cancelled).and_then(|()| {
        progress
            .install_unless_cancelled(changes, clock::now().unix, || snapshot_file::install(&temporary, path))
    });
    if result.is_err() {
        // What stays is in nobody's way.
        let _ = std::fs::remove_file(&temporary);
    }
    progress.end_save(result.is_ok(), clock::monotonic_ns());
    result
}
