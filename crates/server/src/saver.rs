//! The saver thread: it writes snapshots into files, one after the other, while clients are served.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;

use engine::replication::Content;
use node::Image;

use crate::clock;
use crate::cores::SaverCores;
use crate::machine::ServerMachine;
use crate::persistence::Task;
use crate::priority;
use crate::progress::SaveEnd;
use crate::replication;
use crate::snapshot_file::{self, Form, Manner, Watch};

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
    /// Write a snapshot for replicas.
    Replica {
        /// The data.
        image: Image,
        /// Which of it.
        content: Content,
        /// What to make of it.
        form: Form,
        /// The name that the file has until it is open.
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

/// The most threads that encode: disks take no more than what these make.
const MAX_ENCODERS: usize = 4;

/// The thread's body. It ends with the process.
pub fn run(machine: &ServerMachine, jobs: &Receiver<Job>, cores: Option<&SaverCores>) {
    priority::step_back();
    for job in jobs {
        // The threads that encode for it run where it does.
        match (&job, cores) {
            (Job::Base { .. }, Some(cores)) => cores.rewrite.take(),
            (Job::Dump { .. } | Job::Replica { .. }, Some(cores)) => cores.save.take(),
            (_, None) => (),
        }
        let encoders = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MAX_ENCODERS));
        perform(machine, job, encoders);
    }
}

/// Does what it is given to do, with so many threads, and tells how that has ended.
pub fn perform(machine: &ServerMachine, job: Job, encoders: usize) {
    let ServerMachine { disk, progress, .. } = machine;
    let manner = Manner::Helped(encoders);
    let task = match job {
        Job::Base { image, form, path } => {
            Task::BaseWritten(snapshot_file::write(disk, &path, image, form, manner, progress.of_rewrite()))
        }
        Job::Replica { image, content, form, path } => {
            let replication = &machine.replication;
            let written = replication::write((replication, disk), &path, (image, content), form, manner);
            replication.end_snapshot(written.as_ref().ok(), clock::monotonic_ns());
            Task::Snapshot(written.map(drop))
        }
        Job::Dump { image, form, path } => Task::Saved(dump(machine, image, form, manner, &path)),
    };
    machine.tell(task);
}

/// Writes an image into the RDB file: under a temporary name first, which becomes the final one unless the work is given
/// up or a newer image has that name.
pub fn write_dump(
    machine: &ServerMachine,
    image: Image,
    form: Form,
    path: &Path,
    (purpose, manner): (&str, Manner),
    given_up: &AtomicBool,
) -> Result<(), String> {
    let temporary = snapshot_file::temporary(path, purpose, image.number);
    let identity = (image.number, image.changes);
    let ServerMachine { disk, progress, .. } = machine;
    let watch = Watch { given_up, progress: &progress.written };
    let result = snapshot_file::write(disk, &temporary, image, form, manner, watch).and_then(|()| {
        progress.install(identity, clock::now().unix, || {
            if given_up.load(Ordering::Acquire) {
                return Err("newer data has been saved".to_owned());
            }
            snapshot_file::install(disk, &temporary, path)
        })
    });
    if result != Ok(true) {
        // What stays is in nobody's way.
        let _ = disk.remove(&temporary);
    }
    result.map(drop)
}

fn dump(machine: &ServerMachine, image: Image, form: Form, manner: Manner, path: &Path) -> SaveEnd {
    let progress = &machine.progress;
    let given_up = &progress.save_given_up;
    let end = match write_dump(machine, image, form, path, ("bgsave", manner), given_up) {
        Ok(()) => SaveEnd::Saved,
        Err(_) if given_up.load(Ordering::Acquire) => SaveEnd::GivenUp,
        Err(reason) => SaveEnd::Failed(reason),
    };
    progress.end_save(&end, clock::monotonic_ns());
    end
}
