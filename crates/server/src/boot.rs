//! The start and the end: configuration, log, data, threads, signals.
//!
//! The order matters. Sockets are bound before data is loaded, so that a wrong address is told at once; clients are
//! accepted after it. At the end the workers stop first, then the persistence thread, so that every effect of an
//! acknowledged write is on disk when the process ends.

use std::path::Path;
use std::sync::{Arc, Barrier};
use std::thread;

use acl::Users;
use config::{Config, Param};
use disk::Disk;
use engine::table::Names;
use node::{Identity, Machine, Mailbox, Node, Settings, Worker};
use tracing::{error, info, warn};

use crate::acceptor::Acceptor;
use crate::clock;
use crate::configuration::{self, Wish};
use crate::cores::{Cores, Places, in_place};
use crate::daemon;
use crate::descriptors;
use crate::ending::Ender;
use crate::listening::Listening;
use crate::machine::{Background, ServerMachine};
use crate::persistence::{Persistence, Task};
use crate::pid_file::PidFile;
use crate::reactor::Reactor;
use crate::reactor::backend::Backend;
use crate::reclaimer;
use crate::recovery;
use crate::saver;
use crate::service_manager::ServiceManager;
use crate::shared::{Letter, Shared};
use crate::signals::{Waiting, Woken};
use crate::threads::{WORKER_NAME, join, loader_count, spawn, without_files, worker_count};

/// Runs the server from the command line to its end.
pub fn run() -> Result<(), String> {
    let (mut config, names, users, file, input) = match configuration::read()? {
        Wish::Serve { config, names, users, file, input } => (*config, names, users, file, input),
        Wish::Print(text) => {
            print(&text);
            return Ok(());
        }
    };
    let manager = ServiceManager::find(&config);
    if daemon::is_here() {
        daemon::leave_session();
    } else if config.yes(Param::Daemonize) && !manager.is_there() {
        return daemon::start(input.as_deref());
    }
    configuration::enter_directory(&mut config)?;
    crate::logging::start(&config).map_err(|error| {
        let path = config.text_lossy(Param::Logfile);
        format!("the log file {path} cannot be opened: {error}; correct `logfile`, whose folder must exist and let the server write")
    })?;
    manager.introduce(&config);
    let users = crate::users::load(&config, &users)?;
    let server = Server::start(config, names, users, file.as_deref(), &manager)?;
    manager.tell_ready();
    if daemon::is_here() {
        daemon::tell_ready();
    }
    server.serve(&manager)
}

#[allow(clippy::print_stdout, reason = "the command line asked for it")]
fn print(text: &str) {
    println!("{text}");
}

/// How a complaint on standard error begins.
pub const COMPLAINT: &str = "rustypotato-server: ";

/// Tells why the server does not run: in the log, and on standard error unless the log is on the terminal already.
#[allow(clippy::print_stderr, reason = "the log may be elsewhere, or not open yet")]
pub fn complain(reason: &str) {
    error!("{reason}");
    if !crate::logging::shows_errors_on_stdout() || daemon::is_here() {
        eprintln!("{COMPLAINT}{reason}");
    }
}

/// The mailboxes of all workers.
type Mailboxes = Vec<Arc<Mailbox<Letter>>>;

/// Everything that runs.
struct Server {
    shared: Arc<Shared>,
    machine: Arc<ServerMachine>,
    workers: Vec<thread::JoinHandle<()>>,
    /// Where workers wait twice at the end, and the main thread with them: when all have stopped, and until their clients may know.
    rests: Arc<Barrier>,
    acceptor: thread::JoinHandle<()>,
    persistence: thread::JoinHandle<Result<(), String>>,
    saver: thread::JoinHandle<()>,
    signals: Waiting,
    /// It goes when all is done.
    _pid_file: Option<PidFile>,
}

impl Server {
    fn start(
        mut config: Config,
        names: Names,
        users: Users,
        file: Option<&Path>,
        manager: &ServiceManager,
    ) -> Result<Self, String> {
        let (listening, poll) = Listening::open(&config)?;
        let pid_file = PidFile::write(&config, daemon::is_here());
        // Test harnesses written for Redis look for `PID: ` to learn that the process has its port.
        info!(
            "RustyPotato {} (Redis {} compatible) starts, PID: {}",
            engine::VERSION,
            engine::REDIS_VERSION,
            std::process::id()
        );
        let listening = Arc::new(listening);
        let signals =
            Waiting::install().map_err(|error| without_files("signals cannot be awaited", &error))?;
        limit_clients(&mut config);

        let places = Places::take(&config);
        let threads = worker_count(&config);
        let (backends, mailboxes): (Vec<_>, Mailboxes) = Backend::for_workers(&config, threads)
            .map_err(|error| without_files("events cannot be awaited", &error))?
            .into_iter()
            .unzip();
        let multiplexing = backends.first().map_or("", Backend::name);
        let (background, jobs, dead) = Background::new();
        let machine = Arc::new(ServerMachine::new(
            Disk::native(),
            mailboxes.clone(),
            background,
            file.map(Path::to_owned),
            signals.handle(),
            Arc::clone(&listening),
        ));
        machine.title.begin(&config);
        // Where the system does not let it, that stands in the log.
        let _ = machine.oom_score.follow(&config);
        let port = listening.port().unwrap_or(0);
        let settings = Settings {
            identity: Identity { multiplexing, ..identity(threads, port, file, manager) },
            loaders: loader_count(&config),
            config,
            names,
            users,
            seed: clock::entropy(),
            clock: clock::monotonic_ns,
        };
        let node = node_on(&machine, settings);
        let shared = Shared::new(Arc::clone(&node), mailboxes);

        // Harnesses wait for these words behind the process id; Redis says them before it loads.
        info!("Server initialized");
        recovery::run(&node, &machine)?;
        // It ends with the process.
        let burying = Arc::clone(&node);
        spawn("reclaimer", in_place(places.background.clone(), move || reclaimer::run(&burying, &dead)))?;
        let saving = Arc::clone(&machine);
        let saver = spawn("saver", move || saver::run(&saving, &jobs, places.saver.as_ref()))?;
        let persistence = spawn_persistence(&node, &machine, places.background)?;
        let rests = Arc::new(Barrier::new(threads + 1));
        let workers = backends
            .into_iter()
            .enumerate()
            .map(|(index, backend)| spawn_worker(index, backend, &shared, &rests))
            .collect::<Result<_, _>>()?;
        let (acceptor, waker) = Acceptor::new(poll, listening, Arc::clone(&shared))
            .map_err(|error| without_files("connections cannot be awaited", &error))?;
        shared.set_acceptor(waker);
        let acceptor = spawn("acceptor", move || acceptor.run())?;
        tell_ready(port, threads);
        Ok(Self {
            shared,
            machine,
            workers,
            rests,
            acceptor,
            persistence,
            saver,
            signals,
            _pid_file: pid_file,
        })
    }

    /// Serves until a signal or a client ends it.
    fn serve(mut self, manager: &ServiceManager) -> Result<(), String> {
        loop {
            match self.signals.wait() {
                Woken::Signal(name) => {
                    info!("received {name}; shutting down");
                    if self.ender().end_at(name).is_ok() {
                        break;
                    }
                }
                Woken::Called => {
                    info!("a client asked to shut down");
                    if self.ender().end_when_replicas_have_all().is_ok() {
                        break;
                    }
                }
                Woken::Closed => {
                    info!("a client asked to shut down");
                    break;
                }
            }
        }
        manager.tell_stopping();
        self.shared.stop();
        join("acceptor", self.acceptor)?;
        self.rests.wait();
        self.machine.tell(Task::Finish);
        let finished = join("persistence", self.persistence)?;
        // What it is writing is given up, and removed.
        self.machine.progress.give_up_all();
        self.machine.replication.give_up();
        self.machine.end_saver();
        join("saver", self.saver)?;
        finished?;
        info!("all data is written; ready to exit, bye bye");
        // Whoever has asked for the end learns of it by the end of his connection. He may start another server at once then, or
        // copy the files.
        drop(self.machine.append_only.lock().take());
        self.rests.wait();
        for worker in self.workers {
            join("worker", worker)?;
        }
        Ok(())
    }

    fn ender(&mut self) -> Ender<'_> {
        Ender { shared: &self.shared, machine: &self.machine, signals: &mut self.signals }
    }
}

/// The node on its machine, whose replication has to know it.
fn node_on(machine: &Arc<ServerMachine>, settings: Settings) -> Arc<Node> {
    let node = Arc::new(Node::new(settings, Arc::clone(machine) as Arc<dyn Machine>));
    machine.replication.introduce(&node.shared.replicas);
    machine.replication.configure(&node.shared.config.read());
    node
}

fn tell_ready(port: u16, threads: usize) {
    let workers = if threads == 1 { "worker thread" } else { "worker threads" };
    info!("Ready to accept connections on port {port} with {threads} {workers}");
}

fn spawn_worker(
    index: usize,
    backend: Backend,
    shared: &Arc<Shared>,
    rests: &Arc<Barrier>,
) -> Result<thread::JoinHandle<()>, String> {
    let (shared, rests) = (Arc::clone(shared), Arc::clone(rests));
    spawn(&format!("{WORKER_NAME}{index}"), move || {
        let node = Arc::clone(&shared.node);
        let worker = Worker::new(&node, index, clock::entropy());
        let mut reactor = Reactor::new(index, backend, shared);
        reactor.run(worker);
        rests.wait();
        rests.wait();
    })
}

fn spawn_persistence(
    node: &Arc<Node>,
    machine: &Arc<ServerMachine>,
    cores: Option<Cores>,
) -> Result<thread::JoinHandle<Result<(), String>>, String> {
    let (node, own) = (Arc::clone(node), Arc::clone(machine));
    let thread = spawn("persistence", in_place(cores, move || Persistence::new(&node, own).run()))?;
    machine.set_persistence_thread(thread.thread().clone());
    Ok(thread)
}

fn identity(threads: usize, port: u16, file: Option<&Path>, manager: &ServiceManager) -> Identity {
    let run_id = format!("{:016x}{:016x}{:08x}", clock::entropy(), clock::entropy(), clock::entropy() as u32);
    let system = rustix::system::uname();
    Identity {
        run_id,
        started: clock::now().unix,
        process_id: std::process::id(),
        system: format!(
            "{} {} {}",
            system.sysname().to_string_lossy(),
            system.release().to_string_lossy(),
            system.machine().to_string_lossy()
        ),
        config_file: file.map_or_else(String::new, |path| path.display().to_string()),
        executable: std::env::current_exe().map_or_else(|_| String::new(), |path| path.display().to_string()),
        port,
        threads,
        multiplexing: "",
        supervisor: if manager.is_there() { "systemd" } else { "no" },
    }
}

/// Fewer clients than asked for, if the system does not allow as many files.
fn limit_clients(config: &mut Config) {
    let clients = config.integer(Param::Maxclients) as u64;
    if let Err(possible) = descriptors::allow_clients(clients) {
        let possible = possible.max(1);
        warn!(
            "the limit of open files allows {possible} clients; maxclients is reduced from {clients} to that"
        );
        config
            .assign(Param::Maxclients, &[possible.to_string().as_bytes()])
            .expect("a number of clients between 1 and the one that was set is a legal value");
    }
}
