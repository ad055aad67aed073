//! The server under test, asked by ordinary commands: log-in, facts from INFO, filling with keys.

use std::io;
use std::net::ToSocketAddrs;

use client::{Client, Options};
use resp::Frame;

use crate::connection::Address;
use crate::options::Target;
use crate::process::Process;

/// Keys that are written in one pipeline when a server is filled.
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

/// Sends a command that must not fail.
pub fn expect_ok(client: &mut Client, words: &[&str]) -> io::Result<Frame> {
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    client.command(&words).map_err(io::Error::other)
}

/// A number of INFO.
pub fn info_number(client: &mut Client, section: &str, field: &str) -> io::Result<u64> {
    let reply = expect_ok(client, &["INFO", section])?;
    let text = reply.bytes().map(String::from_utf8_lossy).unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':')?.trim().parse().ok())
        .ok_or_else(|| io::Error::other(format!("INFO {section} has no number '{field}'")))
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
    let mut next = 0;
    while next < keys {
        let end = keys.min(next + FILL_BATCH);
        let names: Vec<String> = (next..end).map(|number| format!("key:{number:012}")).collect();
        let commands: Vec<Vec<&[u8]>> =
            names.iter().map(|name| vec![&b"SET"[..], name.as_bytes(), &value]).collect();
        for reply in client.pipeline(&commands).map_err(io::Error::other)? {
            if let Frame::Error(text) = reply {
                return Err(io::Error::other(String::from_utf8_lossy(&text).into_owned()));
            }
        }
        next = end;
    }
    Ok(())
}
