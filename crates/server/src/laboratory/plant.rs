//! What a world is built of: a node and a machine on a double, loaded as at a start.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use acl::Users;
use config::{Config, Param};
use disk::{Disk, Double};
use engine::accounts::setting;
use engine::table::Names;
use keyspace::Access;
use node::{Dead, Identity, Machine, Mailbox, Node, Settings, Side};
use persist::encode_value;
use resp::write_command;
use signal_hook::iterator::Signals;
use stdx::time::UnixMs;

use crate::clock;
use crate::courier::Courier;
use crate::listening::Listening;
use crate::machine::{Background, ServerMachine};
use crate::recovery;
use crate::saver::Job;
use crate::shared::Letter;

/// See the module's text.
pub(crate) struct Plant {
    pub(crate) node: Arc<Node>,
    pub(super) machine: Arc<ServerMachine>,
    pub(super) mailboxes: Vec<Arc<Mailbox<Letter>>>,
    pub(super) jobs: Receiver<Job>,
    _dead: Receiver<Dead>,
}

/// Workers of a server; as many threads load what it finds at its start.
pub(super) const WORKERS: usize = 2;

/// The data of a moment.
pub(super) type Fingerprint = u64;

/// The folder of all data.
pub(super) fn folder() -> PathBuf {
    std::env::current_dir().expect("a test is in a folder")
}

/// An empty disk.
pub(crate) fn empty_disk(seed: u64) -> Double {
    Double::new(&folder(), seed)
}

/// A disk with the files of a redis-server that has run some commands.
pub(super) fn disk_of_redis(seed: u64) -> Double {
    let double = empty_disk(seed);
    let disk = Disk::new(Arc::new(double.clone()));
    let mut commands = Vec::new();
    for command in [&["SELECT", "0"][..], &["SET", "a", "1"], &["INCR", "count"]] {
        write_command(&mut commands, command);
    }
    let write = || {
        disk.make_folder(&path("appendonlydir"))?;
        for (name, bytes) in [
            ("appendonlydir/appendonly.aof.1.incr.aof", &commands[..]),
            ("appendonlydir/appendonly.aof.manifest", b"file appendonly.aof.1.incr.aof seq 1 type i\n"),
        ] {
            disk.write(&path(name), bytes)?;
            disk.sync(&path(name))?;
        }
        disk.sync_folder(&path("appendonlydir"))
    };
    write().expect("nothing fails");
    double
}

/// Parameters in place of the defaults.
pub(crate) fn config(parameters: &[(&str, &str)]) -> Config {
    let mut config = Config::default();
    config.assign(Param::Databases, &[b"2"]).expect("two will do");
    for (name, value) in [("save", "")].iter().chain(parameters) {
        config.set(name, value.as_bytes()).expect("a test gives legal values");
    }
    config
}

impl Plant {
    /// A server that has started, or why it has not.
    pub(crate) fn start(disk: &Double, config: Config) -> Result<Self, String> {
        let mailboxes: Vec<_> = (0..WORKERS).map(|_| Arc::new(Mailbox::new(|| ()))).collect();
        let (background, jobs, dead) = Background::new();
        let no_signals: [i32; 0] = [];
        let mut machine = ServerMachine::new(
            Disk::new(Arc::new(disk.clone())),
            mailboxes.clone(),
            background,
            None,
            Signals::new(no_signals).expect("a test can wait for no signal").handle(),
            Arc::new(Listening::nowhere()),
        );
        machine.reader = Courier::inline();
        let machine = Arc::new(machine);
        let settings = Settings {
            config,
            names: Names::default(),
            users: Users::new(setting(false)),
            loaders: WORKERS,
            identity: Identity { threads: WORKERS, started: UnixMs(1), ..Identity::default() },
            seed: 7,
            clock: clock::monotonic_ns,
        };
        let node = Arc::new(Node::new(settings, Arc::clone(&machine) as Arc<dyn Machine>));
        recovery::run(&node, &machine)?;
        Ok(Self { node, machine, mailboxes, jobs, _dead: dead })
    }

    /// All data.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let mut access = Access::new(&self.node.shared.keyspace, self.node.side(Side::Main), 1);
        access.begin(clock::now().unix);
        let snapshot = access.snapshot(|_| ());
        access.end();
        let mut content = BTreeMap::new();
        for database in snapshot.databases() {
            for shard in 0..snapshot.shards() {
                snapshot.for_each(shard, database, &mut |seen| {
                    let mut text = Vec::new();
                    encode_value(seen.key, &seen.value, seen.expiry, &mut text);
                    content.insert((database.0, seen.key.to_vec()), text);
                });
            }
        }
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        hasher.finish()
    }
}

/// The path of a file of the append-only set, or of the snapshot.
pub(crate) fn path(name: &str) -> PathBuf {
    folder().join(Path::new(name))
}
