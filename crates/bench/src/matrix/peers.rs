//! Which servers are compared: those that are named, or ours with the ones that this machine has.

use std::env;
use std::ffi::OsStr;
use std::io;

/// Names servers as `--server` does, separated by semicolons. Not RUSTYPOTATO_..: that would be a parameter of ours.
const VARIABLE: &str = "BENCH_PEERS";
/// What stands for the number of threads.
const THREADS: &str = "{threads}";
/// Servers that are looked for, by their programs.
const KNOWN: [(&str, &str); 2] = [("redis", "redis-server"), ("valkey", "valkey-server")];

/// The servers that are named, and if that is only one, others.
pub fn all(named: &[String]) -> io::Result<Vec<String>> {
    let peers = env::var(VARIABLE).ok();
    let servers =
        chosen(named, peers.as_deref(), |program| is_program(program, env::var_os("PATH").as_deref()));
    for (at, text) in servers.iter().enumerate() {
        let name = name(text);
        if servers[..at].iter().any(|other| self::name(other) == name) {
            return Err(io::Error::other(format!("two servers are called '{name}'")));
        }
    }
    Ok(servers)
}

fn chosen(named: &[String], peers: Option<&str>, is_there: impl Fn(&str) -> bool) -> Vec<String> {
    let mut servers = named.to_vec();
    if servers.len() == 1 {
        match peers {
            Some(peers) => {
                servers.extend(
                    peers.split(';').map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned),
                );
            }
            None => servers.extend(
                KNOWN
                    .iter()
                    .filter(|(_, program)| is_there(program))
                    .map(|(name, program)| format!("{name}={program} --io-threads {THREADS}")),
            ),
        }
    }
    servers
}

/// The name of `NAME=PROGRAM [ARGUMENT]...`.
pub fn name(text: &str) -> &str {
    text.split_once('=').map_or(text, |(name, _)| name)
}

/// A server's text with the number of its threads.
pub fn with_threads(text: &str, threads: usize) -> String {
    text.replace(THREADS, &threads.to_string())
}

/// Whether one of the folders of a path has a file of this name.
pub fn is_program(program: &str, path: Option<&OsStr>) -> bool {
    path.is_some_and(|path| env::split_paths(path).any(|folder| folder.join(program).is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(named: &[&str], peers: Option<&str>, there: &[&str], expected: &[&str]) {
        let named: Vec<String> = named.iter().map(|&text| text.to_owned()).collect();
        assert_eq!(chosen(&named, peers, |program| there.contains(&program)), expected);
    }

    #[test]
    fn one_server_is_compared_with_those_of_the_variable_or_of_the_path() {
        check(&["a=x"], None, &["valkey-server"], &["a=x", "valkey=valkey-server --io-threads {threads}"]);
        check(&["a=x"], Some("b=y 1; c=z;"), &["valkey-server"], &["a=x", "b=y 1", "c=z"]);
        check(&["a=x"], Some(""), &["valkey-server"], &["a=x"]);
        check(&["a=x", "b=y"], Some("c=z"), &["redis-server"], &["a=x", "b=y"]);
    }

    #[test]
    fn two_servers_of_one_name_are_refused() {
        assert!(all(&["a=x".to_owned(), "a=y".to_owned()]).is_err());
    }

    #[test]
    fn the_number_of_threads_stands_where_the_text_says() {
        assert_eq!(with_threads("a=x --threads {threads} -v", 3), "a=x --threads 3 -v");
    }

    #[test]
    fn a_program_is_looked_for_in_all_folders() {
        let own = env::current_exe().expect("a program");
        let name = own.file_name().and_then(OsStr::to_str).expect("a name");
        let path =
            env::join_paths([env::temp_dir().as_path(), own.parent().expect("a folder")]).expect("a path");
        assert!(is_program(name, Some(&path)));
        assert!(!is_program("no such program", Some(&path)) && !is_program(name, None));
    }
}
