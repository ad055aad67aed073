//! `redis://[[user]:password@]host[:port][/database]`, with percent-encoded user and password.

use std::str::FromStr;

/// What a URI names; what it leaves out is for the program to choose.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Uri {
    /// The user to authenticate.
    pub user: Option<String>,
    /// The password.
    pub password: Option<Vec<u8>>,
    /// Name, IPv4 or IPv6 address without brackets.
    pub host: Option<String>,
    /// Port number.
    pub port: Option<u16>,
    /// The database to select.
    pub database: Option<u32>,
}

impl FromStr for Uri {
    type Err = String;

    /// A lone word before `@` is the password, as in redis-cli.
    fn from_str(text: &str) -> Result<Self, String> {
        let rest = match text.split_once("://") {
            Some(("redis" | "valkey", rest)) => rest,
            Some(("rediss" | "valkeys", _)) => return Err("TLS is not supported by this client".to_owned()),
            _ => return Err("Invalid URI scheme".to_owned()),
        };
        let mut uri = Self::default();
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let location = match authority.rsplit_once('@') {
            None => authority,
            Some((login, location)) => {
                uri.set_login(login)?;
                location
            }
        };
        uri.set_location(location)?;
        let path = path.split('?').next().unwrap_or(path);
        if !path.is_empty() {
            uri.database = Some(path.parse().map_err(|_| format!("Invalid database in URI: {path}"))?);
        }
        Ok(uri)
    }
}

impl Uri {
    fn set_login(&mut self, login: &str) -> Result<(), String> {
        let (user, password) = login.split_once(':').unwrap_or(("", login));
        if !user.is_empty() {
            let user = String::from_utf8(decode(user)?).map_err(|_| "The user is not UTF-8".to_owned())?;
            self.user = Some(user);
        }
        self.password = Some(decode(password)?);
        Ok(())
    }

    fn set_location(&mut self, location: &str) -> Result<(), String> {
        let (name, port) = match location.strip_prefix('[') {
            Some(bracketed) => {
                let (name, rest) = bracketed.split_once(']').ok_or("Missing ] in URI")?;
                (name, rest.strip_prefix(':'))
            }
            None => match location.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (location, None),
            },
        };
        self.host = (!name.is_empty()).then(|| name.to_owned());
        self.port = match port {
            Some(text) => Some(text.parse().map_err(|_| format!("Invalid port in URI: {text}"))?),
            None => None,
        };
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_is_left_to_the_program() {
        let uri: Uri = "redis://127.0.0.1:7000".parse().expect("a URI");
        assert_eq!((uri.host.as_deref(), uri.port), (Some("127.0.0.1"), Some(7000)));
        assert!(uri.user.is_none() && uri.password.is_none() && uri.database.is_none());
        let uri: Uri = "redis://:p%40s@[::1]/3?x=y".parse().expect("a URI");
        assert_eq!((uri.host.as_deref(), uri.port, uri.database), (Some("::1"), None, Some(3)));
        assert_eq!((uri.user, uri.password.as_deref()), (None, Some(&b"p@s"[..])));
    }
}
