//! The courier: brings values to other servers for MIGRATE, and bytes of files for BACKUP, each on a thread of its own, so that a
//! server which does not answer, or a disk, holds up nobody but the client that named it.

mod kept;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use client::{Client, Error, Options, Stream};
use engine::migration::{Failure, Migration};
use parking_lot::Mutex;

use crate::clock;
use kept::{Connections, Destination};

/// Transfers under way at a time; beyond them clients are told that there is no connection.
const MAX_TRANSFERS: usize = 64;

/// What a thread does.
type Work = Box<dyn FnOnce() + Send>;

/// See the module's text.
#[derive(Debug)]
pub struct Courier {
    under_way: Arc<AtomicUsize>,
    connections: Arc<Connections>,
    /// Begins a thread.
    spawn: fn(Work) -> io::Result<()>,
}

impl Default for Courier {
    fn default() -> Self {
        Self { under_way: Arc::default(), connections: Arc::default(), spawn }
    }
}

/// A transfer's place among those under way, which is free again when this is dropped, after a panic too.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(under_way: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Self(Arc::clone(under_way));
        (under_way.fetch_add(1, Ordering::Relaxed) < MAX_TRANSFERS).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// For each key whether it has arrived, and why some have not.
type Delivered = (Vec<bool>, Option<Failure>);

impl Courier {
    /// Begins a transfer and returns at once; `answer` is called when it has ended.
    ///
    /// A transfer to `own_port` of this machine comes to this server, and a key that moves onto itself would be gone: it fails, as
    /// in Redis, which then waits for itself.
    pub fn carry(
        &self,
        migration: Migration,
        own_port: u16,
        answer: impl FnOnce(Migration, Delivered) + Send + 'static,
    ) {
        let connections = Arc::clone(&self.connections);
        let refused = self.go((migration, answer), move |(migration, answer)| {
            let delivered = deliver(&migration, own_port, &connections);
            answer(migration, delivered);
        });
        if let Err((migration, answer)) = refused {
            let delivered = (vec![false; migration.parcels.len()], Some(Failure::Connect));
            answer(migration, delivered);
        }
    }

    /// How many connections are kept for the next migration.
    pub fn kept_connections(&self) -> usize {
        self.connections.count()
    }

    /// Closes those that nobody has used for a while.
    pub fn close_old_connections(&self) {
        self.connections.close_old(clock::monotonic_ns());
    }

    /// Does something that may take its time, and returns at once. False: too much is under way, or there is no thread for it.
    pub fn run(&self, work: impl FnOnce() + Send + 'static) -> bool {
        self.go((), move |()| work()).is_ok()
    }

    /// One without threads: whoever asks for something waits for it.
    #[cfg(test)]
    pub fn inline() -> Self {
        let spawn = |work: Work| {
            work();
            Ok(())
        };
        Self { spawn, ..Self::default() }
    }

    /// Drops something that may take its time to go: here if there is no thread for it.
    pub fn bury<T: Send + 'static>(&self, dead: T) {
        let _ = self.go(dead, drop);
    }

    /// Has a thread do something with a load, which comes back if there is none. If it panics, the client waits until he gives up, and
    /// the log tells why.
    fn go<T: Send + 'static>(&self, load: T, work: impl FnOnce(T) + Send + 'static) -> Result<(), T> {
        let Some(place) = Place::take(&self.under_way) else { return Err(load) };
        let shared = Arc::new(Mutex::new(Some(load)));
        let taken = Arc::clone(&shared);
        let spawned = (self.spawn)(Box::new(move || {
            let _place = place;
            let load = taken.lock().take();
            load.map(work);
        }));
        let Err(error) = spawned else { return Ok(()) };
        tracing::error!("a transfer cannot begin: {error}");
        let load = shared.lock().take();
        load.map_or(Ok(()), Err)
    }
}

fn spawn(work: Work) -> io::Result<()> {
    std::thread::Builder::new().name("courier".to_owned()).spawn(work).map(drop)
}

fn deliver(migration: &Migration, own_port: u16, connections: &Connections) -> Delivered {
    let mut arrived = vec![false; migration.parcels.len()];
    let failure = send(migration, own_port, connections, &mut arrived).err();
    (arrived, failure)
}

/// Sends everything over a connection that was kept, or over a new one.
fn send(
    migration: &Migration,
    own_port: u16,
    connections: &Connections,
    arrived: &mut [bool],
) -> Result<(), Failure> {
    let to = Destination::of(migration);
    // A reply that nobody has asked for would be taken for one to what is sent now, and keys deleted on its word.
    let kept = connections.take(&to, clock::monotonic_ns());
    let kept = kept.and_then(|mut client| client.is_silent().then_some(client));
    let sent = kept.map(|mut client| (transfer(&mut client, migration, arrived), client));
    let (outcome, mut client) = match sent {
        // The other server has closed it meanwhile, or ended. It may have taken some keys before, if the replies were lost: then it has
        // them already when they come again, and refuses them unless they are to replace what is there, as in Redis.
        Some((Err(Broken { is_unanswered: true, .. }), _)) | None => {
            let mut client = connect(migration, own_port)?;
            (transfer(&mut client, migration, arrived), client)
        }
        Some(sent) => sent,
    };
    match outcome {
        Ok(refusal) => {
            if client.rest() {
                connections.keep(to, client, clock::monotonic_ns());
            }
            refusal
        }
        Err(Broken { failure, .. }) => Err(failure),
    }
}

fn connect(migration: &Migration, own_port: u16) -> Result<Client, Failure> {
    let options = Options {
        connect_timeout: Some(Duration::from_millis(migration.timeout_ms)),
        ..Options::tcp(&*migration.host, migration.port)
    };
    let client = Client::connect(&options).map_err(|_| Failure::Connect)?;
    if migration.port == own_port && is_this_machine(client.stream()) {
        return Err(Failure::Read);
    }
    Ok(client)
}

/// A transfer that has not come to its end; the connection is of no use any more.
struct Broken {
    failure: Failure,
    /// Whether the connection was closed, and no reply had come.
    is_unanswered: bool,
}

impl Broken {
    /// By an error of the connection, before any reply or behind one. Who is only slow has not closed it.
    fn by(error: &Error, is_before_replies: bool, failure: Failure) -> Self {
        Self { failure, is_unanswered: is_before_replies && matches!(error, Error::Closed) }
    }
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self { failure, is_unanswered: false }
    }
}

/// Sends everything in one go and reads all replies. The last refusal of a key is what the client is told.
fn transfer(
    client: &mut Client,
    migration: &Migration,
    arrived: &mut [bool],
) -> Result<Result<(), Failure>, Broken> {
    let timeout = Some(Duration::from_millis(migration.timeout_ms));
    let stream = client.stream();
    let limited = stream.set_read_timeout(timeout).and_then(|()| stream.set_write_timeout(timeout));
    limited.map_err(|_| Failure::Connect)?;
    let mut preparations = 1;
    if let Some((user, password)) = &migration.login {
        let words: Vec<&[u8]> =
            [&b"AUTH"[..]].into_iter().chain(user.as_deref()).chain([&password[..]]).collect();
        client.send(&words);
        preparations += 1;
    }
    client.send(&[b"SELECT", migration.database.to_string().as_bytes()]);
    let now = clock::now().unix;
    // What is due by now stays here and goes here: no server would take it.
    for parcel in migration.parcels.iter().filter(|parcel| !parcel.is_due(now)) {
        let ttl_ms = parcel.expiry.map_or(0, |at| (at.0 - now.0).max(1)).to_string();
        let payload = persist::dump::encode(parcel.value.at(now));
        let words: [&[u8]; 5] = [b"RESTORE", &parcel.key, ttl_ms.as_bytes(), &payload, b"REPLACE"];
        client.send(&words[..if migration.replaces { 5 } else { 4 }]);
    }
    client.flush().map_err(|error| Broken::by(&error, true, Failure::Write))?;
    for number in 0..preparations {
        match receive(client) {
            Ok(reply) => reply?,
            Err(error) => return Err(Broken::by(&error, number == 0, Failure::Read)),
        }
    }
    let mut refusal = Ok(());
    let sent = migration.parcels.iter().zip(arrived).filter(|(parcel, _)| !parcel.is_due(now));
    for (_, arrived) in sent {
        match receive(client).map_err(|_| Failure::Read)? {
            Ok(()) => *arrived = true,
            Err(failure) => refusal = Err(failure),
        }
    }
    Ok(refusal)
}

/// Whether both ends of a connection have one address.
fn is_this_machine(stream: &Stream) -> bool {
    let Stream::Tcp(stream) = stream else { return false };
    let addresses = (stream.local_addr(), stream.peer_addr());
    matches!(addresses, (Ok(own), Ok(peer)) if own.ip() == peer.ip())
}

/// Reads a reply, which an error makes a refusal.
fn receive(client: &mut Client) -> Result<Result<(), Failure>, Error> {
    let reply = client.receive()?;
    let refused = |text| Failure::Refused(String::from_utf8_lossy(text).into_owned());
    Ok(reply.error().map_or(Ok(()), |text| Err(refused(text))))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread;

    use engine::migration::Parcel;
    use keyspace::DbIndex;
    use resp::{Decoded, Limits, RequestDecoder};
    use stdx::hash::HashKey;
    use stdx::time::UnixMs;
    use value::hash::{self, FieldExpiry, Hash};
    use value::{Blob, Value};

    use super::*;

    #[test]
    fn a_transfer_that_panics_gives_its_place_back() {
        let under_way = Arc::new(AtomicUsize::new(0));
        let places: Vec<Place> =
            (0..MAX_TRANSFERS).map(|_| Place::take(&under_way).expect("there is room")).collect();
        assert!(Place::take(&under_way).is_none(), "a place that is refused is not taken");
        let outcome = catch_unwind(AssertUnwindSafe(move || {
            let _places = places;
            panic!("as a test");
        }));
        assert!(outcome.is_err());
        assert_eq!(under_way.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_is_due_by_now_is_not_sent_and_no_failure() {
        let other = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = other.local_addr().expect("it is bound");
        let server = thread::spawn(move || {
            let (mut client, _) = other.accept().expect("somebody comes");
            client.write_all(b"+OK\r\n+OK\r\n").expect("it takes them");
            let mut received = Vec::new();
            client.read_to_end(&mut received).expect("it ends");
            received
        });
        let mut hash = Hash::new();
        let settings = hash::Settings { max_packed_entries: 8, max_packed_value: 8, seed: HashKey([1, 2]) };
        hash.edit(&mut Vec::new(), settings, UnixMs(0), |edit| {
            edit.set(b"field", b"value", FieldExpiry::At(UnixMs(1)));
        });
        let text = || Value::String(Blob::from_bytes(b"text"));
        let parcel = |key: &[u8], value, expiry| Parcel { key: key.to_vec(), value, expiry };
        let parcels = vec![
            parcel(b"fields", Value::Hash(hash), None),
            parcel(b"due", text(), Some(UnixMs(1))),
            parcel(b"there", text(), None),
        ];
        let migration = Migration {
            host: address.ip().to_string(),
            port: address.port(),
            database: 0,
            timeout_ms: 10_000,
            login: None,
            replaces: false,
            keeps: false,
            from: DbIndex(0),
            parcels,
        };
        let delivered = deliver(&migration, 0, &Connections::default());
        assert_eq!(delivered, (vec![false, false, true], None));
        let received = server.join().expect("it has not panicked");
        let restores = received.windows(7).filter(|bytes| bytes == b"RESTORE").count();
        assert_eq!(restores, 1);
    }

    /// Brings one key to somebody on this machine.
    fn deliver_one(port: u16, timeout_ms: u64, connections: &Connections) -> Delivered {
        deliver(&migration(port, timeout_ms), 0, connections)
    }

    fn migration(port: u16, timeout_ms: u64) -> Migration {
        let value = Value::String(Blob::from_bytes(b"text"));
        Migration {
            host: "127.0.0.1".to_owned(),
            port,
            database: 0,
            timeout_ms,
            login: None,
            replaces: false,
            keeps: false,
            from: DbIndex(0),
            parcels: vec![Parcel { key: b"key".to_vec(), value, expiry: None }],
        }
    }

    /// Reads what [`deliver_one`] sends, a SELECT and a RESTORE, and then answers.
    fn answer(client: &mut TcpStream, replies: &str) {
        let (mut decoder, mut received, mut commands) = (RequestDecoder::default(), Vec::new(), 0);
        while commands < 2 {
            let mut bytes = [0; 1024];
            let count = client.read(&mut bytes).expect("something comes");
            assert_ne!(count, 0, "it has been closed");
            received.extend_from_slice(&bytes[..count]);
            let limits = Limits { max_bulk_bytes: 1024, auth_required: false };
            while let Decoded::Request { consumed } =
                decoder.decode(&received, &limits, &mut Vec::new()).expect("they are commands")
            {
                received.drain(..consumed);
                commands += 1;
            }
        }
        client.write_all(replies.as_bytes()).expect("it takes them");
    }

    #[test]
    fn a_connection_with_replies_that_nobody_has_asked_for_is_not_used_again() {
        let other = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = other.local_addr().expect("it is bound").port();
        let (write, written) = std::sync::mpsc::channel();
        let server = thread::spawn(move || {
            let accept = || other.accept().expect("somebody comes").0;
            let mut first = accept();
            answer(&mut first, "+OK\r\n+OK\r\n+OK\r\n+OK\r\n");
            let mut second = accept();
            answer(&mut second, "+OK\r\n+OK\r\n");
            written.recv().expect("it is to write");
            second.write_all(b"+OK\r\n+OK\r\n").expect("it takes them");
            let mut third = accept();
            answer(&mut third, "+OK\r\n-ERR no\r\n");
            [first, second, third]
        });
        let connections = Connections::default();
        let there = (vec![true], None);
        // They come with the last reply, or while the connection is kept.
        assert_eq!(deliver_one(port, 10_000, &connections), there);
        assert_eq!(connections.count(), 0);
        assert_eq!(deliver_one(port, 10_000, &connections), there);
        assert_eq!(connections.count(), 1);
        write.send(()).expect("the server waits");
        let to = Destination::of(&migration(port, 10_000));
        let client = connections.take(&to, clock::monotonic_ns()).expect("it is kept");
        let Stream::Tcp(stream) = client.stream() else { panic!("it is of the network") };
        stream.peek(&mut [0]).expect("something comes");
        connections.keep(to, client, clock::monotonic_ns());
        let refusal = Failure::Refused("ERR no".to_owned());
        assert_eq!(deliver_one(port, 10_000, &connections), (vec![false], Some(refusal)));
        server.join().expect("it has not panicked");
    }

    #[test]
    fn a_connection_is_used_again_and_made_anew_when_it_was_closed() {
        let other = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = other.local_addr().expect("it is bound").port();
        let (close, closed) = std::sync::mpsc::channel();
        let server = thread::spawn(move || {
            let accept = || other.accept().expect("somebody comes").0;
            let mut client = accept();
            answer(&mut client, "+OK\r\n+OK\r\n");
            answer(&mut client, "");
            drop(client);
            client = accept();
            answer(&mut client, "+OK\r\n+OK\r\n");
            closed.recv().expect("it is to be closed");
            drop(client);
            client = accept();
            answer(&mut client, "+OK\r\n+OK\r\n");
            answer(&mut client, "+OK\r\n-BUSYKEY Target key name already exists.\r\n");
            (other, client)
        });
        let connections = Connections::default();
        let there = (vec![true], None);
        assert_eq!(deliver_one(port, 10_000, &connections), there);
        assert_eq!(connections.count(), 1);
        assert_eq!(deliver_one(port, 10_000, &connections), there);
        close.send(()).expect("the server waits");
        assert_eq!(deliver_one(port, 10_000, &connections), there);
        let refusal = Failure::Refused("BUSYKEY Target key name already exists.".to_owned());
        assert_eq!(deliver_one(port, 10_000, &connections), (vec![false], Some(refusal)));
        // Everything was read that was awaited, so it is kept; and whoever is slow is not asked a second time.
        assert_eq!(connections.count(), 1);
        let (other, _client) = server.join().expect("it has not panicked");
        assert_eq!(deliver_one(port, 50, &connections), (vec![false], Some(Failure::Read)));
        assert_eq!(connections.count(), 0);
        other.set_nonblocking(true).expect("it can be");
        let error = other.accept().expect_err("nobody else has come");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn who_waits_learns_that_there_is_no_thread() {
        let courier = Courier { spawn: |_| Err(io::ErrorKind::WouldBlock.into()), ..Courier::default() };
        for _ in 0..2 * MAX_TRANSFERS {
            assert!(!courier.run(|| panic!("nobody does it")));
            assert_eq!(courier.go(7, |_| panic!("nobody does it")), Err(7));
        }
        assert_eq!(courier.under_way.load(Ordering::Relaxed), 0);
        assert!(Courier::default().run(|| ()));
    }
}
