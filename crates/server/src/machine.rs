//! The machine as the node sees it: mailboxes, the journal, saving, figures, the end.

mod reconfiguration;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::Thread;

use config::{Appended, Config, LogLevel, Param};
use disk::Disk;
use engine::Shared as EngineShared;
use engine::errand::{Done, Ended, Errand};
use engine::host::BackupFigures;
use engine::migration::{Arrival, Migration};
use engine::replication::Replica;
use engine::sealing::{Stage, Status};
use engine::shared::WriteBlock;
use engine::tracking::Place;
use keyspace::{Access, LogPosition};
use node::{
    AllocatorValue, CANNOT_END, Dead, Image, Machine, Mail, Mailbox, MemoryFigures, PersistenceFigures,
    Refusal,
};
use parking_lot::Mutex;
use persist::aof::{Files, Kept};
use tracing::{debug, error, info, trace, warn};

use crate::clock;
use crate::copies::{Copies, UNKNOWN};
use crate::courier::Courier;
use crate::journal::Journal;
use crate::listening::Listening;
use crate::loading;
use crate::oom_score::OomScore;
use crate::persistence::{NO_ROOM, Task};
use crate::progress::{Progress, SaveEnd};
use crate::replication::Replication;
use crate::saver::{self, Job};
use crate::sealing::Sealing;
use crate::shared::Letter;
use crate::signals;
use crate::snapshot_file::{Form, Manner};
use crate::threads::WORKER_NAME;
use crate::title::Title;

/// Why writes are refused after a save that failed, as Redis says it.
const SNAPSHOT_REFUSAL: &str = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist \
to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during \
writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the \
RDB error.";

/// See the module's text.
pub struct ServerMachine {
    mailboxes: Vec<Arc<Mailbox<Letter>>>,
    /// Where all data files are.
    pub disk: Disk,
    /// The append-only file as the workers see it.
    pub journal: Journal,
    /// Who follows what is changed here.
    pub replication: Arc<Replication>,
    /// The files of the append-only set, once it has been on.
    pub append_only: Mutex<Option<Files>>,
    /// Saving and rewriting.
    pub progress: Progress,
    tasks: Mailbox<Task>,
    persistence: PersistenceThread,
    /// None when the saver is to end.
    jobs: Mutex<Option<Sender<Job>>>,
    dead: Mutex<Sender<Dead>>,
    /// Brings keys to other servers.
    pub courier: Courier,
    /// Files that are held open to be copied.
    pub copies: Copies,
    /// The backup in a folder of its own.
    pub sealing: Sealing,
    /// What is kept for those who will copy more.
    pub kept: Mutex<Kept>,
    /// Reads files, and closes them.
    pub reader: Courier,
    /// Where the configuration came from.
    config_file: Option<PathBuf>,
    /// Where clients connect.
    listening: Arc<Listening>,
    /// Whether the system ends this process soon when it has no memory.
    pub oom_score: OomScore,
    /// What the process is called.
    pub title: Title,
    /// Who has asked for an end that waits for replicas, with the number of the wait.
    callers: Mutex<Vec<(u64, Place, u64)>>,
    /// Ends the wait of the main thread.
    ending: Mutex<Option<signal_hook::iterator::Handle>>,
}

/// The persistence thread, once it runs.
pub type PersistenceThread = Arc<Mutex<Option<Thread>>>;

/// Where the background threads get their work.
pub struct Background {
    /// The saver's.
    pub jobs: Sender<Job>,
    /// The reclaimer's.
    pub dead: Sender<Dead>,
}

impl Background {
    /// The ends where work goes in, and those where the saver and the reclaimer take it.
    pub fn new() -> (Self, Receiver<Job>, Receiver<Dead>) {
        let (jobs, saver) = mpsc::channel();
        let (dead, reclaimer) = mpsc::channel();
        (Self { jobs, dead }, saver, reclaimer)
    }
}

impl ServerMachine {
    /// A machine for workers with these mailboxes.
    pub fn new(
        disk: Disk,
        mailboxes: Vec<Arc<Mailbox<Letter>>>,
        background: Background,
        config_file: Option<PathBuf>,
        ending: signal_hook::iterator::Handle,
        listening: Arc<Listening>,
    ) -> Self {
        let persistence = PersistenceThread::default();
        let thread = Arc::clone(&persistence);
        let replication = Arc::new(Replication::new(mailboxes.clone()));
        Self {
            disk,
            journal: Journal::new(mailboxes.clone(), Arc::clone(&replication)),
            replication,
            mailboxes,
            append_only: Mutex::new(None),
            progress: Progress::new(),
            tasks: Mailbox::new(move || wake(&thread)),
            persistence,
            jobs: Mutex::new(Some(background.jobs)),
            dead: Mutex::new(background.dead),
            courier: Courier::default(),
            copies: Copies::default(),
            sealing: Sealing::default(),
            kept: Mutex::default(),
            reader: Courier::default(),
            title: Title::new(config_file.clone()),
            config_file,
            listening,
            oom_score: OomScore::new(),
            callers: Mutex::default(),
            ending: Mutex::new(Some(ending)),
        }
    }

    /// The persistence thread runs.
    pub fn set_persistence_thread(&self, thread: Thread) {
        *self.persistence.lock() = Some(thread);
    }

    /// Tells those who wait for the end that it does not come, except those of one wait.
    pub fn dismiss_callers(&self, kept: Option<u64>) {
        let gone: Vec<_> = self.callers.lock().extract_if(.., |(wait, ..)| Some(*wait) != kept).collect();
        for (_, to, waiter) in gone {
            self.post(
                to.worker,
                Mail::Errand(Box::new(Ended { result: Err(CANNOT_END.to_owned()), to, waiter })),
            );
        }
    }

    /// Tells the persistence thread something.
    pub fn tell(&self, task: Task) {
        self.tasks.send(task);
    }

    /// What the persistence thread has been told.
    pub fn tasks(&self, into: &mut Vec<Task>) {
        self.tasks.take(into);
    }

    /// Lets the saver do something.
    pub fn begin_job(&self, job: Job) {
        if let Some(jobs) = &*self.jobs.lock() {
            // It ends after everybody who could send to it.
            let _ = jobs.send(job);
        }
    }

    /// Whether rewrites wait, since a backup has the increments of the append-only file, which a rewrite would delete.
    pub fn defers_rewrites(&self) -> bool {
        self.journal.is_on() && self.sealing.stage() == Stage::Incrementing
    }

    /// No more work for the saver.
    pub fn end_saver(&self) {
        *self.jobs.lock() = None;
    }
}

/// Notes how a save in the background has ended.
pub fn note_saved(shared: &EngineShared, end: SaveEnd) {
    match end {
        SaveEnd::Saved => {
            info!("the data has been saved");
            shared.refuse_writes(WriteBlock::Snapshot, None);
        }
        SaveEnd::GivenUp => info!("saving has been given up, since nobody wants this data any more"),
        SaveEnd::Failed(reason) => {
            tell_failed_save(&reason);
            let refuses = {
                let config = shared.config.read();
                config.yes(Param::StopWritesOnBgsaveError) && !config.save_points().is_empty()
            };
            shared.refuse_writes(WriteBlock::Snapshot, refuses.then(|| SNAPSHOT_REFUSAL.to_owned()));
        }
    }
}

/// The RDB file. The process is in the folder `dir`.
pub fn dump_path(config: &Config) -> PathBuf {
    std::env::current_dir().unwrap_or_default().join(&*config.text_lossy(Param::Dbfilename))
}

fn wake(thread: &PersistenceThread) {
    if let Some(thread) = thread.lock().as_ref() {
        thread.unpark();
    }
}

fn tell_failed_save(reason: &str) {
    error!(
        "saving the data failed: {reason}. The file that was there stays: make room, mend the disk, or let the server write there"
    );
}

impl Machine for ServerMachine {
    fn post(&self, worker: usize, mail: Mail) {
        if let Some(mailbox) = self.mailboxes.get(worker) {
            mailbox.send(Letter::Node(mail));
        }
    }

    fn write_log(&self, shared: &EngineShared, worker: usize, position: LogPosition) -> bool {
        let is_there = self.journal.release(shared, worker, position);
        if self.journal.wants_thread() {
            wake(&self.persistence);
        }
        is_there
    }

    fn released(&self) -> LogPosition {
        self.journal.released()
    }

    fn run_errand(&self, errand: Errand, to: Place, waiter: u64) {
        let (token, file, offset, length) = match errand {
            Errand::Lend(what) => return self.tell(Task::Lend { what, to, waiter }),
            Errand::Backup(step) => return self.tell(Task::Backup { step, to, waiter }),
            Errand::LoadAof => return self.tell(Task::LoadAof { to, waiter }),
            Errand::End { wait } => {
                self.callers.lock().push((wait, to, waiter));
                return signals::call();
            }
            Errand::Read { token, file, offset, length } => (token, file, offset, length),
        };
        let Some(mailbox) = self.mailboxes.get(to.worker).cloned() else { return };
        let tell =
            move |result| mailbox.send(Letter::Node(Mail::Errand(Box::new(Ended { result, to, waiter }))));
        let Some(file) = self.copies.file(token, file, clock::monotonic_ns()) else {
            return tell(Err(UNKNOWN.to_owned()));
        };
        let refuse = tell.clone();
        if !self.reader.run(move || tell(file.read(offset, length).map(Done::Bytes))) {
            refuse(Err("too many files are being read: try again".to_owned()));
        }
    }

    fn backup(&self) -> Status {
        self.sealing.status()
    }

    fn migrate(&self, migration: Migration, to: Place, waiter: u64) {
        let own_port = self.listening.port().unwrap_or(0);
        let Some(mailbox) = self.mailboxes.get(to.worker).cloned() else { return };
        self.courier.carry(migration, own_port, move |migration, (arrived, failure)| {
            let arrival = Box::new(Arrival { migration, arrived, failure, to, waiter });
            mailbox.send(Letter::Node(Mail::Migrated(arrival)));
        });
    }

    fn delay_appends(&self, us: u64) {
        self.journal.delay_appends(us);
    }

    fn kept_connections(&self) -> usize {
        self.courier.kept_connections()
    }

    fn synced(&self) -> Option<LogPosition> {
        self.journal.synced()
    }

    fn await_sync(&self, worker: usize) {
        self.journal.await_sync(worker);
    }

    fn attach_replica(&self, replica: &Arc<Replica>, from: Option<(Vec<u8>, u64)>) {
        if self.replication.attach(replica, from) {
            self.tell(Task::Synchronise);
        }
    }

    fn detach_replica(&self, id: u64) {
        self.replication.detach(id);
    }

    fn ask_replicas(&self, position: LogPosition) {
        self.replication.ask(position);
    }

    fn free(&self, dead: Dead) {
        // The reclaimer ends after everybody who could send to it.
        let _ = self.dead.lock().send(dead);
    }

    fn thread_bytes(&self) -> i64 {
        crate::allocator::thread_bytes()
    }

    fn rewrite_aof(&self) -> Result<bool, String> {
        if self.journal.is_full() {
            return Err(NO_ROOM.to_owned());
        }
        if self.defers_rewrites() {
            self.progress.schedule_rewrite();
            return Ok(false);
        }
        let begun = self.progress.begin_rewrite(clock::monotonic_ns())?;
        if begun {
            self.tell(Task::Rewrite);
        }
        Ok(begun)
    }

    fn check_save(&self) -> Result<(), String> {
        self.progress.check_save()
    }

    fn save(&self, shared: &EngineShared, image: Image) -> Result<(), String> {
        let (form, path) = {
            let config = shared.config.read();
            (Form::dump(&config), dump_path(&config))
        };
        let never = AtomicBool::new(false);
        let result = saver::write_dump(self, image, form, &path, ("save", Manner::Alone), &never);
        match &result {
            Ok(()) => note_saved(shared, SaveEnd::Saved),
            // Whoever asked for it learns it. Writes go on, since the next save in the background may succeed.
            Err(reason) => tell_failed_save(reason),
        }
        result
    }

    fn reserve_save(&self, schedule: bool) -> Result<bool, String> {
        self.progress.begin_save(schedule, clock::monotonic_ns())
    }

    fn save_in_background(&self, shared: &EngineShared, image: Image) {
        let config = shared.config.read();
        self.begin_job(Job::Dump { image, form: Form::dump(&config), path: dump_path(&config) });
    }

    fn give_up_save(&self) {
        self.progress.give_up_save();
    }

    fn load_rdb(&self, shared: &EngineShared, access: &mut Access<'_>, merges: bool) -> Result<(), String> {
        let path = dump_path(&shared.config.read());
        match loading::rdb(
            &self.disk,
            &path,
            loading::read_options(shared),
            clock::now().unix,
            access,
            merges,
            None,
        ) {
            Ok(Some(loaded)) => {
                self.progress.set_loaded(&loaded);
                Ok(())
            }
            Ok(None) => Err(format!("{}: the file is not there", path.display())),
            Err(reason) => Err(reason),
        }
        .map_err(|reason| {
            error!("{reason}");
            "Error trying to load the RDB dump, check server logs.".to_owned()
        })
    }

    fn lacks_first_base(&self) -> bool {
        !self.progress.is_whole()
    }

    fn end(&self) {
        if let Some(ending) = self.ending.lock().take() {
            ending.close();
        }
    }

    fn log(&self, level: LogLevel, text: &str) {
        match level {
            LogLevel::Debug => trace!("{text}"),
            LogLevel::Verbose => debug!("{text}"),
            LogLevel::Notice => info!("{text}"),
            LogLevel::Warning => warn!("{text}"),
            LogLevel::Nothing => {}
        }
    }

    fn unix_us(&self) -> u64 {
        clock::unix_us()
    }

    fn memory(&self) -> MemoryFigures {
        crate::allocator::figures()
    }

    fn is_sparse(&self, block: *const u8) -> bool {
        crate::allocator::is_sparse(block)
    }

    fn purge_memory(&self) {
        crate::allocator::purge();
    }

    fn allocator_report(&self) -> String {
        crate::allocator::report()
    }

    fn allocator_value(&self, name: &[u8]) -> Option<AllocatorValue> {
        crate::allocator::value(name)
    }

    fn persistence(&self) -> PersistenceFigures {
        let (aof_size, aof_buffered) = self.journal.sizes();
        let (journal, kept) = (self.journal.figures(), *self.kept.lock());
        PersistenceFigures {
            aof_enabled: journal.is_on,
            aof_write_ok: !journal.has_trouble,
            aof_write_failures: journal.failures,
            aof_unsynced_ms: journal.unsynced_ms,
            aof_syncing: journal.is_syncing,
            aof_size,
            aof_buffered,
            backups: BackupFigures {
                leases: kept.leases,
                kept_files: kept.files,
                kept_bytes: kept.bytes,
                open_copies: self.copies.count(),
            },
            ..self.progress.figures(clock::monotonic_ns())
        }
    }

    fn processor_us(&self) -> (u64, u64) {
        clock::processor_us()
    }

    fn workers_us(&self) -> (u64, u64) {
        clock::threads_us(WORKER_NAME)
    }

    fn reconfigure(&self, old: &Config, new: &Config) -> Result<(), Refusal> {
        self.follow_change(old, new)
    }

    fn rewrite_config(&self, config: &Config, users: &[Vec<u8>], appended: Appended) -> Result<(), String> {
        crate::configuration::rewrite(self.config_file.as_deref(), config, users, appended)
    }

    fn read_acl_file(&self, path: &str) -> Result<Vec<u8>, String> {
        crate::users::read_file(path)
    }

    fn write_acl_file(&self, path: &str, content: &[u8]) -> Result<(), String> {
        crate::storage::replace(Path::new(path), content).inspect_err(|reason| {
            error!("the users cannot be saved: {reason}");
        })
    }

    fn fill_with_entropy(&self, bytes: &mut [u8]) -> Result<(), String> {
        getrandom::fill(bytes).map_err(|error| error.to_string())
    }
}
