//! `redis://[[user]:password@]host[:port][/database]`, with percent-encoded user and password.

use super::Target;
use client::Address;

/// Overwrites what the URI names. A lone word before `@` is the password, as in redis-cli.
pub(super) fn apply(uri: &str, target: &mut Target) -> Result<(), String> {
    let rest = match uri.split_once("://") {
        Some(("redis" | "valkey", rest)) => rest,
        Some(("rediss" | "valkeys", _)) => return Err("TLS is not supported by this client".to_owned()),
        _ => return Err("Invalid URI scheme".to_owned()),
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let location = match authority.rsplit_once('@') {
        None => authority,
        Some((login, location)) => {
            let (user, password) = login.split_once(':').unwrap_or(("", login));
            if !user.is_empty() {
                let user =
                    String::from_utf8(decode(user)?).map_err(|_| "The user is not UTF-8".to_owned())?;
                target.user = Some(user);
            }
            target.password = Some(decode(password)?);
            location
        }
    };
    apply_location(location, target)?;
    let path = path.split('?').next().unwrap_or(path);
    if !path.is_empty() {
        target.database = path.parse().map_err(|_| format!("Invalid database in URI: {path}"))?;
    }
    Ok(())
}

fn apply_location(location: &str, target: &mut Target) -> Result<(), String> {
    let Address::Tcp { host, port } = &mut target.address else { return Ok(()) };
    let (name, port_text) = match location.strip_prefix('[') {
        Some(bracketed) => {
            let (name, rest) = bracketed.split_once(']').ok_or("Missing ] in URI")?;
            (name, rest.strip_prefix(':'))
        }
        None => match location.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (location, None),
        },
    };
    if !name.is_empty() {
        name.clone_into(host);
    }
    if let Some(text) = port_text {
        *port = text.parse().map_err(|_| format!("Invalid port in URI: {text}"))?;
    }
    Ok(())
}

/// Resolves `%XX`.
fn decode(text: &str) -> Result<Vec<u8>, String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let value = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let value = value.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(value.ok_or("Incomplete URI encoding")?);
        rest = &rest[2..];
    }
    Ok(decoded)
}
