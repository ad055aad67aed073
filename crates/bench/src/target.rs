//! The server under test, asked by ordinary commands: log-in, facts from INFO, filling with keys.

use std::borrow::Cow;
use std::io;
use std::net::ToSocketAddrs;

use client::{Client, Options};
use resp::Frame;

use crate::connection::Address;
use crate::options::Target;
use crate::process::Process;

/// Commands of one pipeline when a server is filled.
const FILL_BATCH: u64 = 1000;

/// The address to connect the load to.
pub fn resolve(target: &Target) -> io::Result<Address> {
    if let Some(path) = &target.socket {
        return Ok(Address::Unix(path.clone()));
    }
    let mut addresses = (target.host.as_str(), target.port).to_socket_addrs()?;
    addresses
        .next()
        .map(Address::Tcp)
        .ok_or_else(|| io::Error::other(format!("{} has no address", target.host)))
}

/// The bytes that log a load connection in, and how many replies they get.
pub fn greeting(target: &Target) -> (Vec<u8>, u64) {
    let mut out = Vec::new();
    let mut replies = 0;
    let mut add = |words: &[&str]| {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        resp::write_command(&mut out, &words);
        replies += 1;
    };
    match (&target.user, &target.password) {
        (Some(user), Some(password)) => add(&["AUTH", user, password]),
        (None, Some(password)) => add(&["AUTH", password]),
        _ => {}
    }
    if target.resp3 {
        add(&["HELLO", "3"]);
    }
    if target.enable_tracking {
        add(&["CLIENT", "TRACKING", "ON"]);
    }
    if target.database != 0 {
        add(&["SELECT", &target.database.to_string()]);
    }
    (out, replies)
}

/// A control connection.
pub fn connect(target: &Target) -> io::Result<Client> {
    let address = match &target.socket {
        Some(path) => Options::unix(path),
        None => Options::tcp(&target.host, target.port),
    };
    let options = Options {
        username: target.user.clone(),
        password: target.password.clone().map(String::into_bytes),
        database: target.database,
        ..address
    };
    Client::connect(&options).map_err(io::Error::other)
}

/// Sends a command that must not be refused.
pub fn expect_ok<A: AsRef<[u8]>>(client: &mut Client, words: &[A]) -> io::Result<Frame> {
    match client.command(words).map_err(io::Error::other)? {
        Frame::Error(text) => {
            let command = String::from_utf8_lossy(words.first().map_or(&[], AsRef::as_ref)).into_owned();
            Err(io::Error::other(format!("{command}: {}", String::from_utf8_lossy(&text))))
        }
        reply => Ok(reply),
    }
}

/// A number of INFO.
pub fn info_number(client: &mut Client, section: &str, field: &str) -> io::Result<u64> {
    let reply = expect_ok(client, &["INFO", section])?;
    let text = reply.bytes().map(String::from_utf8_lossy).unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':')?.trim().parse().ok())
        .ok_or_else(|| io::Error::other(format!("INFO {section} has no number '{field}'")))
}

/// What the server says it is, such as `valkey 9.1.2`.
pub fn version(client: &mut Client) -> io::Result<String> {
    let reply = expect_ok(client, &["INFO", "server"])?;
    let text = reply.bytes().map(String::from_utf8_lossy).unwrap_or_default();
    let find = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("_version:"))?;
        Some(format!("{name} {}", value.trim()))
    };
    // Others tell as well with which version of Redis they want to be compatible.
    Ok(["rustypotato", "valkey", "redis"].into_iter().find_map(find).unwrap_or_else(|| "unknown".to_owned()))
}

/// The server's process, if it is on this machine and says so.
pub fn process_of(target: &Target) -> io::Result<Option<Process>> {
    let mut client = connect(target)?;
    let Ok(pid) = info_number(&mut client, "server", "process_id") else { return Ok(None) };
    let process = Process(pid as u32);
    Ok(process.cpu_ns().is_ok().then_some(process))
}

/// Writes `keys` different keys of 16 bytes.
pub fn fill(client: &mut Client, keys: u64, value_size: usize) -> io::Result<()> {
    let value = vec![b'x'; value_size];
    repeat(client, keys, |number| {
        let key = format!("key:{number:012}").into_bytes();
        vec![Cow::Borrowed(&b"SET"[..]), Cow::Owned(key), Cow::Borrowed(&value)]
    })
}

/// Sends a command for each number below `count`, many in a pipeline. None may fail.
pub fn repeat<A: AsRef<[u8]>>(
    client: &mut Client,
    count: u64,
    command: impl Fn(u64) -> Vec<A>,
) -> io::Result<()> {
    let mut next = 0;
    while next < count {
        let end = count.min(next + FILL_BATCH);
        let commands: Vec<Vec<A>> = (next..end).map(&command).collect();
        for reply in client.pipeline(&commands).map_err(io::Error::other)? {
            if let Frame::Error(text) = reply {
                return Err(io::Error::other(String::from_utf8_lossy(&text).into_owned()));
            }
        }
        next = end;
    }
    Ok(())
}
