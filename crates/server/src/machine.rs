//! The machine as the node sees it: mailboxes, background work, figures, the end.

use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::thread::Thread;

use config::{Appended, Config, Param};
use engine::Shared as EngineShared;
use keyspace::{LogPosition, Snapshot};
use node::{
    Background, JournalLetter, Machine, Mail, Mailbox, MemoryFigures, PersistenceFigures, Refusal, Shutdown,
};
use parking_lot::Mutex;
use tracing::{info, warn};

use crate::aof::{AofFolder, at};
use crate::listening::Listening;
use crate::shared::Letter;

/// Bytes of a new base that are written at once.
const WRITE_STEP: usize = 1 << 20;

/// See the module's text.
pub struct ServerMachine {
    mailboxes: Vec<Arc<Mailbox<Letter>>>,
    journal: Mailbox<JournalLetter>,
    background: Mutex<Sender<Background>>,
    released: AtomicU64,
    figures: Mutex<PersistenceFigures>,
    aof_ok: AtomicBool,
    /// Where the files of the append-only file are.
    aof_folder: PathBuf,
    /// Where the configuration came from.
    config_file: Option<PathBuf>,
    /// Where clients connect.
    listening: Arc<Listening>,
    /// Ends the wait of the main thread.
    ending: Mutex<Option<signal_hook::iterator::Handle>>,
}

/// The journal's thread, once it runs.
pub type JournalThread = Arc<Mutex<Option<Thread>>>;

impl ServerMachine {
    /// A machine for workers with these mailboxes.
    pub fn new(
        mailboxes: Vec<Arc<Mailbox<Letter>>>,
        journal_thread: &JournalThread,
        background: Sender<Background>,
        aof_folder: PathBuf,
        config_file: Option<PathBuf>,
        ending: signal_hook::iterator::Handle,
        listening: Arc<Listening>,
    ) -> Self {
        let thread = Arc::clone(journal_thread);
        let wake = move || {
            if let Some(thread) = thread.lock().as_ref() {
                thread.unpark();
            }
        };
        Self {
            mailboxes,
            journal: Mailbox::new(wake),
            background: Mutex::new(background),
            released: AtomicU64::new(0),
            figures: Mutex::new(PersistenceFigures {
                aof_rewrite_ok: true,
                aof_write_ok: true,
                aof_rewrite_seconds: -1,
                ..PersistenceFigures::default()
            }),
            aof_ok: AtomicBool::new(true),
            aof_folder,
            config_file,
            listening,
            ending: Mutex::new(Some(ending)),
        }
    }

    /// The journal's letters.
    pub fn journal_letters(&self, into: &mut Vec<JournalLetter>) {
        self.journal.take(into);
    }

    /// The log has come so far; true if that is further than before.
    pub fn set_released(&self, position: LogPosition) -> bool {
        self.released.swap(position.0, Ordering::Release) != position.0
    }

    /// Whether writing works; true if that is news.
    pub fn set_aof_ok(&self, ok: bool) -> bool {
        self.figures.lock().aof_write_ok = ok;
        self.aof_ok.swap(ok, Ordering::Relaxed) != ok
    }

    /// The bytes of the append-only file, and after its last rewrite.
    pub fn set_aof_sizes(&self, now: u64, base: u64) {
        let mut figures = self.figures.lock();
        (figures.aof_size, figures.aof_base_size) = (now, base);
    }

    /// The append-only file has grown.
    pub fn add_aof_bytes(&self, bytes: u64) {
        self.figures.lock().aof_size += bytes;
    }

    /// Whether there is an append-only file.
    pub fn set_aof_enabled(&self, on: bool) {
        self.figures.lock().aof_enabled = on;
    }

    /// A rewrite has ended.
    pub fn finish_rewrite(&self, ok: bool, bytes: u64) {
        let mut figures = self.figures.lock();
        figures.aof_rewriting = false;
        figures.aof_rewrite_ok = ok;
        if ok {
            (figures.aof_size, figures.aof_base_size) = (bytes, bytes);
        }
    }

    /// Does one piece of background work.
    pub fn work(&self, work: Background) {
        match work {
            Background::Free(garbage) => drop(garbage),
            Background::RewriteAof(snapshot) => {
                let result = self.write_base(snapshot);
                self.journal.send(JournalLetter::Base(result));
            }
            Background::Save(_) => {}
        }
    }

    /// Writes a snapshot as commands into a temporary file; returns its name.
    fn write_base(&self, mut snapshot: Snapshot) -> Result<String, String> {
        let (path, name) = AofFolder::temporary_base(&self.aof_folder);
        let write = |snapshot: &mut Snapshot| -> std::io::Result<()> {
            let mut file = BufWriter::with_capacity(WRITE_STEP, std::fs::File::create(&path)?);
            let mut text = Vec::new();
            for database in snapshot.databases() {
                resp::write_command(&mut text, &["SELECT", &database.0.to_string()]);
                for shard in 0..snapshot.shards() {
                    snapshot.for_each(shard, database, &mut |seen| {
                        persist::encode_value(seen.key, &seen.value, seen.expiry, &mut text);
                    });
                    snapshot.release(shard, database);
                    file.write_all(&text)?;
                    text.clear();
                }
            }
            file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
        };
        write(&mut snapshot).map_err(|error| at(&path, &error))?;
        Ok(name)
    }
}

impl Machine for ServerMachine {
    fn post(&self, worker: usize, mail: Mail) {
        if let Some(mailbox) = self.mailboxes.get(worker) {
            mailbox.send(Letter::Node(mail));
        }
    }

    fn journal(&self, letter: JournalLetter) {
        self.journal.send(letter);
    }

    fn released(&self) -> LogPosition {
        LogPosition(self.released.load(Ordering::Acquire))
    }

    fn begin(&self, work: Background) {
        if matches!(work, Background::RewriteAof(_)) {
            self.figures.lock().aof_rewriting = true;
        }
        // The background thread ends after everybody who could send to it.
        let _ = self.background.lock().send(work);
    }

    fn save_now(&self, _: &EngineShared, _: Snapshot) -> Result<(), String> {
        Err("saving RDB files is not implemented yet; the append-only file holds the data".to_owned())
    }

    fn shutdown(&self, _: Shutdown) -> Result<(), String> {
        info!("a client asked to shut down");
        if let Some(ending) = self.ending.lock().take() {
            ending.close();
        }
        Ok(())
    }

    fn warn(&self, text: &str) {
        warn!("{text}");
    }

    fn memory(&self) -> MemoryFigures {
        crate::allocator::figures()
    }

    fn purge_memory(&self) {
        crate::allocator::purge();
    }

    fn persistence(&self) -> PersistenceFigures {
        self.figures.lock().clone()
    }

    fn processor_us(&self) -> (u64, u64) {
        crate::clock::processor_us()
    }

    fn reconfigure(&self, old: &Config, new: &Config) -> Result<(), Refusal> {
        let clients = new.integer(Param::Maxclients);
        if clients > old.integer(Param::Maxclients) {
            crate::descriptors::allow_clients(clients as u64).map_err(|possible| {
                let reason = "The operating system is not able to handle the specified number of clients";
                (Param::Maxclients, format!("{reason}, try with {possible}"))
            })?;
        }
        let is_bound_elsewhere = old.words(Param::Bind) != new.words(Param::Bind);
        if is_bound_elsewhere || old.integer(Param::Port) != new.integer(Param::Port) {
            self.listening.replace(old, new).map_err(|_| {
                if is_bound_elsewhere {
                    (Param::Bind, "Failed to bind to specified addresses.".to_owned())
                } else {
                    (Param::Port, "Unable to listen on this port. Check server logs.".to_owned())
                }
            })?;
        }
        crate::logging::configure(new);
        Ok(())
    }

    fn rewrite_config(&self, config: &Config, appended: Appended) -> Result<(), String> {
        crate::configuration::rewrite(self.config_file.as_deref(), config, appended)
    }
}
