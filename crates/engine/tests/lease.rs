//! When the requests of a group find their shards locked together, and when each locks its own.

mod machine;

use engine::args::OwnedArgs;
use engine::execute::Lease;
use engine::{Environment, Login, Prepared, Session, Shared, Worker};
use keyspace::{Access, WorkerId};
use machine::Nothing;
use stdx::time::UnixMs;

/// A worker, and another access that holds what it wants.
struct Two<'k> {
    shared: &'k Shared,
    worker: Worker<'k>,
    other: Access<'k>,
    session: Session,
}

impl<'k> Two<'k> {
    fn new(shared: &'k Shared) -> Self {
        let record = shared.clients.open(0, 0, "127.0.0.1:1", "127.0.0.1:2", false, UnixMs(0));
        let mut two = Self {
            shared,
            worker: Worker::new(Access::new(&shared.keyspace, WorkerId(0), 7), 0),
            other: Access::new(&shared.keyspace, WorkerId(1), 8),
            session: Session::new(record, Login::initial(&shared.accounts)),
        };
        two.worker.access.begin(UnixMs(1));
        two.other.begin(UnixMs(1));
        two
    }

    /// A request by itself; its reply.
    fn run<'r>(&mut self, request: impl IntoIterator<Item = &'r str>) -> String {
        let request: OwnedArgs = request.into_iter().collect();
        let (args, mut out) = (request.as_args(), Vec::new());
        let mut prepared = Prepared::new(&self.shared.names, &args);
        self.worker.want(&mut prepared, &args, self.session.database, None);
        assert_eq!(self.worker.lease(), Lease::Together);
        let environment = Environment { shared: self.shared, host: &Nothing, meanwhile: None };
        self.worker.run(&prepared, &args, &mut self.session, &mut out, environment, 0);
        self.worker.release();
        String::from_utf8_lossy(&out).into_owned()
    }

    /// A group that appends to some keys, while the other access holds those of `taken`, which it gives up before they run.
    fn append(&mut self, keys: &[&str], taken: &[&str]) -> (Lease, String) {
        let keyspace = &self.shared.keyspace;
        let mut shards: Vec<usize> =
            taken.iter().map(|name| keyspace.shard_of(&keyspace.key(name.as_bytes()))).collect();
        self.other.lock(&mut shards);
        let requests: Vec<OwnedArgs> = keys.iter().map(|key| ["APPEND", key, "x"].iter().collect()).collect();
        let mut group: Vec<(Prepared, &OwnedArgs)> = requests
            .iter()
            .map(|request| {
                let mut prepared = Prepared::new(&self.shared.names, &request.as_args());
                self.worker.want(&mut prepared, &request.as_args(), self.session.database, None);
                (prepared, request)
            })
            .collect();
        let lease = self.worker.lease();
        self.other.unlock();
        let mut out = Vec::new();
        for (prepared, request) in &mut group {
            let environment = Environment { shared: self.shared, host: &Nothing, meanwhile: None };
            let (args, session) = (request.as_args(), &mut self.session);
            match lease {
                Lease::Together => self.worker.run(prepared, &args, session, &mut out, environment, 0),
                Lease::Apart => self.worker.run_apart(prepared, &args, session, &mut out, environment, 0),
            };
        }
        self.worker.release();
        (lease, String::from_utf8_lossy(&out).into_owned())
    }
}

#[test]
fn a_group_that_met_another_worker_and_those_behind_it_lock_for_each_request() {
    let shared = machine::shared();
    let mut two = Two::new(&shared);
    assert_eq!(two.append(&["a", "b", "a"], &[]), (Lease::Together, ":1\r\n:1\r\n:2\r\n".to_owned()));
    assert_eq!(two.append(&["a", "b", "a"], &["b"]), (Lease::Apart, ":3\r\n:2\r\n:4\r\n".to_owned()));
    for _ in 0..63 {
        assert_eq!(two.append(&["c", "d"], &[]).0, Lease::Apart);
        assert_eq!(two.append(&["c", "c"], &[]).0, Lease::Together, "one shard is locked as a whole");
    }
    assert_eq!(two.append(&["a", "b"], &[]), (Lease::Together, ":5\r\n:3\r\n".to_owned()));
}

#[test]
fn a_group_of_one_shard_that_is_taken_says_nothing_of_others() {
    let shared = machine::shared();
    let mut two = Two::new(&shared);
    assert_eq!(two.append(&["a", "a"], &["a"]), (Lease::Apart, ":1\r\n:2\r\n".to_owned()));
    assert_eq!(two.append(&["a", "b"], &[]), (Lease::Together, ":3\r\n:1\r\n".to_owned()));
}

#[test]
fn a_request_with_more_keys_than_are_near_or_hashed_at_once_finds_all_of_them() {
    let shared = machine::shared();
    let mut two = Two::new(&shared);
    let names: Vec<String> = (0..3000).map(|number| format!("key:{number}")).collect();
    let pairs = names.iter().flat_map(|name| [name.as_str(), name]);
    assert_eq!(two.run(["MSET"].into_iter().chain(pairs)), "+OK\r\n");
    let values: Vec<String> = names.iter().map(|name| format!("${}\r\n{name}\r\n", name.len())).collect();
    let all = || names.iter().map(String::as_str);
    assert_eq!(two.run(["MGET"].into_iter().chain(all())), format!("*3000\r\n{}", values.concat()));
    // Another one in front, so that the places of those that are known say nothing of the others'.
    assert_eq!(two.run(["TOUCH", "none"].into_iter().chain(all())), ":3000\r\n");
    let many = 300_000;
    let repeated = all().cycle().take(many);
    assert_eq!(two.run(["EXISTS"].into_iter().chain(repeated)), format!(":{many}\r\n"));
    assert_eq!(two.run(["DEL"].into_iter().chain(all())), ":3000\r\n");
    assert_eq!(two.run(["EXISTS"].into_iter().chain(all())), ":0\r\n");
}
