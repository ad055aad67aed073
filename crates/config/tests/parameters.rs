//! The table against Redis: names, defaults, round trips and the texts of refusals.

use std::collections::BTreeSet;

use config::{Config, ConfigError, Param, Permissions, TABLE};
use proptest::prelude::*;

const ANYONE: Permissions = Permissions { protected: false, loading: false };

/// Names and defaults of Redis 8.0.
fn redis() -> impl Iterator<Item = (&'static str, &'static str)> {
    include_str!("redis-8.0.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(' ').unwrap_or((line, "")))
}

fn refusal(name: &str, value: &str) -> String {
    match Config::default().set_all(&[(name.as_bytes(), value.as_bytes())], ANYONE) {
        Ok(_) => "OK".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn config_get_star_answers_the_names_of_redis_those_of_8_10_and_two_of_ours() {
    let ours: BTreeSet<Vec<u8>> =
        Config::default().matching([b"*".as_slice()]).into_iter().map(|(name, _)| name).collect();
    let mut theirs: BTreeSet<Vec<u8>> = redis().map(|(name, _)| name.into()).collect();
    let newer = ["backupdirname", "backup-sealed-ttl", "preload-file"];
    theirs.extend(newer.into_iter().chain(["threads", "io-backend"]).map(Vec::from));
    let hidden: Vec<_> =
        theirs.symmetric_difference(&ours).map(|name| String::from_utf8_lossy(name)).collect();
    assert!(hidden.is_empty(), "{hidden:?}");
}

#[test]
fn defaults_are_those_of_redis_but_for_the_append_only_file() {
    let config = Config::default();
    let different: Vec<_> = redis()
        .filter(|(name, default)| config.get_text(name.as_bytes()) != Some((*default).into()))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(different, ["appendonly"]);
    assert!(config.yes(Param::Appendonly));
}

#[test]
fn every_default_prints_as_the_table_writes_it_and_sets_again() {
    let mut config = Config::default();
    for row in TABLE {
        let text = config.print(row.param);
        assert_eq!(text, row.default.as_bytes(), "{}", row.name);
        if !row.is_immutable() {
            config.set(row.name, &text).unwrap();
        }
    }
    assert_eq!(config, Config::default());
}

#[test]
fn every_parameter_has_a_sentence() {
    for row in TABLE {
        assert!(row.doc.ends_with('.') && row.doc.len() > 10, "{}", row.name);
    }
}

#[test]
fn refusals_have_redis_words() {
    let cases = [
        ("maxmemory", "abc", "argument must be a memory value"),
        ("maxmemory", "-1", "argument must be a memory value"),
        ("maxmemory", "1.5gb", "argument must be a memory value"),
        ("maxmemory", "1 gb", "argument must be a memory value"),
        ("timeout", "abc", "argument couldn't be parsed into an integer"),
        ("timeout", "", "argument couldn't be parsed into an integer"),
        ("timeout", " 5", "argument couldn't be parsed into an integer"),
        ("timeout", "-5", "argument must be between 0 and 2147483647 inclusive"),
        ("port", "99999", "argument must be between 0 and 65535 inclusive"),
        ("maxclients", "0", "argument must be between 1 and 4294967295 inclusive"),
        (
            "client-query-buffer-limit",
            "1000",
            "argument must be between 1048576 and 9223372036854775807 inclusive",
        ),
        ("activerehashing", "maybe", "argument must be 'yes' or 'no'"),
        (
            "loglevel",
            "foo",
            "argument(s) must be one of the following: debug, verbose, notice, warning, nothing",
        ),
        ("maxmemory-clients", "101%", "percentage argument must be less or equal to 100"),
        ("maxmemory-clients", "-5", "argument must be a memory or percent value"),
        ("save", "900", "Invalid save parameters"),
        ("save", "900 1  300 10", "Invalid save parameters"),
        (
            "client-output-buffer-limit",
            "normal 0 0",
            "Wrong number of arguments in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "foo 0 0 0",
            "Invalid client class specified in buffer limit configuration.",
        ),
        ("hz", "-1", "argument must be between 0 and 2147483647 inclusive"),
        ("hz", "2147483648", "argument must be between 0 and 2147483647 inclusive"),
        ("proc-title-template", "", "template format is invalid or contains unknown variables"),
        ("proc-title-template", "{x}", "template format is invalid or contains unknown variables"),
        ("notify-keyspace-events", "KQ", "Invalid event class character. Use 'Ag$lshzxeKEtmdnoc'."),
        (
            "oom-score-adj-values",
            "0 1 a",
            "Invalid oom-score-adj-values, elements must be between -2000 and 2000.",
        ),
        ("oom-score-adj-values", "0 200", "wrong number of arguments"),
        (
            "shutdown-on-sigterm",
            "nosave save",
            "shutdown options SAVE and NOSAVE can't be used simultaneously",
        ),
        (
            "latency-tracking-info-percentiles",
            "50 101",
            "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]",
        ),
        ("databases", "5", "can't set immutable config"),
        (
            "tls-port",
            "6380",
            "this server does not speak TLS yet; remove the line, and put a proxy that ends TLS, such as stunnel, before \
             `port` or `unixsocket`",
        ),
        ("dbfilename", "a", "can't set protected config"),
    ];
    for (name, value, reason) in cases {
        let text = format!("CONFIG SET failed (possibly related to argument '{name}') - {reason}");
        assert_eq!(refusal(name, value), text, "{name} {value}");
    }
    assert_eq!(refusal("x", "1"), "Unknown option or number of arguments for CONFIG SET - 'x'");
}

#[test]
fn sizes_that_overflow_are_refused_where_redis_wraps_around() {
    for (name, value) in [
        ("maxmemory", "999999999999gb"),
        ("maxmemory-clients", "9999999999999999999999"),
        ("maxmemory-clients", "99999999999999999999%"),
        ("proto-max-bulk-len", "9223372036854775808"),
        ("client-output-buffer-limit", "normal 999999999999gb 0 0"),
        ("save", "1 99999999999"),
    ] {
        assert!(refusal(name, value).contains("failed"), "{name} {value}");
    }
}

#[test]
fn line_breaks_and_nul_bytes_are_refused_everywhere_but_in_passwords() {
    for row in TABLE.iter().filter(|row| !row.is_immutable()) {
        if [Param::Requirepass, Param::Masterauth].contains(&row.param) {
            Config::default().set(row.name, b"a\r\nb\0").expect("a password may have any bytes");
            continue;
        }
        for text in ["a\nb", "\r", "a\0"] {
            assert!(Config::default().set(row.name, text.as_bytes()).is_err(), "{}", row.name);
        }
    }
}

#[test]
fn values_print_in_their_normal_form() {
    let mut config = Config::default();
    for (name, value, printed) in [
        ("maxmemory", "1K", "1000"),
        ("maxmemory", "1gB", "1073741824"),
        ("maxmemory-clients", "50%", "50%"),
        ("hash-max-listpack-value", "1kb", "1024"),
        ("hz", "0", "1"),
        ("hz", "501", "500"),
        ("latency-tracking-info-percentiles", "50.5000 99.99999999", "50.5 100"),
        ("latency-tracking-info-percentiles", "", ""),
        ("maxmemory", "", "0"),
        ("repl-backlog-size", "1", "16384"),
        ("repl-backlog-size", "16385", "16385"),
        ("shutdown-on-sigint", "force now", "now force"),
        ("save", "900 1 300 10", "900 1 300 10"),
        ("save", "", ""),
        ("bind", "", ""),
        ("appendonly", "NO", "no"),
        (
            "client-output-buffer-limit",
            "replica 1mb 1k 5 normal 1 2 3",
            "normal 1 2 3 slave 1048576 1000 5 pubsub 33554432 8388608 60",
        ),
    ] {
        config.set(name, value.as_bytes()).unwrap();
        assert_eq!(config.get_text(name.as_bytes()), Some(printed.into()), "{name} {value}");
    }
}

#[test]
fn config_set_takes_all_pairs_or_none_and_tells_what_changed() {
    let mut config = Config::default();
    let before = config.clone();
    let bad: [(&[u8], &[u8]); 2] = [(b"maxmemory", b"1mb"), (b"timeout", b"x")];
    let error = config.set_all(&bad, ANYONE).unwrap_err();
    assert!(error.to_string().contains("argument 'timeout'"));
    assert_eq!(config, before);
    let good: [(&[u8], &[u8]); 3] = [(b"MAXMEMORY", b"1mb"), (b"timeout", b"0"), (b"hz", b"20")];
    assert_eq!(config.set_all(&good, ANYONE).unwrap(), [Param::Hz, Param::Maxmemory]);
}

#[test]
fn a_parameter_may_be_given_once_but_under_both_names() {
    let mut config = Config::default();
    let twice: [(&[u8], &[u8]); 2] = [(b"maxmemory", b"1"), (b"MaxMemory", b"2")];
    let error = config.set_all(&twice, ANYONE).unwrap_err();
    assert_eq!(
        error.to_string(),
        "CONFIG SET failed (possibly related to argument 'MaxMemory') - duplicate parameter"
    );
    let aliases: [(&[u8], &[u8]); 2] = [(b"slave-priority", b"3"), (b"replica-priority", b"4")];
    config.set_all(&aliases, ANYONE).unwrap();
    assert_eq!(config.integer(Param::ReplicaPriority), 4);
}

#[test]
fn some_parameters_do_not_change_while_data_is_loaded() {
    let loading = Permissions { protected: true, loading: true };
    let set = |name: &[u8], text: &[u8]| Config::default().set_all(&[(name, text)], loading);
    assert_eq!(set(b"appendonly", b"no"), Err(ConfigError::Loading));
    assert!(set(b"maxmemory", b"1").is_ok());
}

#[test]
fn config_get_finds_patterns_names_and_hidden_names() {
    let config = Config::default();
    let names = |pattern: &str| -> Vec<String> {
        let found = config.matching([pattern.as_bytes()]).into_iter();
        found.map(|(name, _)| String::from_utf8(name).unwrap()).collect()
    };
    assert_eq!(names("*-priority"), ["replica-priority", "slave-priority"]);
    assert_eq!(names("MAXmemory"), ["MAXmemory"]);
    assert_eq!(names("watchdog-period"), ["watchdog-period"]);
    assert!(names("watchdog*").is_empty());
    assert_eq!(
        names("commandlog*"),
        [
            "commandlog-execution-slower-than",
            "commandlog-large-reply-max-len",
            "commandlog-large-request-max-len",
            "commandlog-reply-larger-than",
            "commandlog-request-larger-than",
            "commandlog-slow-execution-max-len",
        ]
    );
    assert_eq!(names("PRIMARY*"), ["primaryauth", "primaryuser"]);
    assert_eq!(names("hash-see?"), ["hash-seed"]);
    assert_eq!(names("**"), names("*"));
    assert!(names("nothing-like-it").is_empty());
}

proptest! {
    #[test]
    fn no_value_panics_and_what_is_taken_prints_to_a_text_that_is_taken(
        index in 0..TABLE.len(),
        text in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40),
            "[0-9a-z%. -]{0,20}".prop_map(String::into_bytes),
        ],
    ) {
        let name = TABLE[index].name;
        let mut config = Config::default();
        if config.set(name, &text).is_ok() {
            let printed = config.get_text(name.as_bytes()).unwrap();
            let mut again = config.clone();
            again.set(name, &printed).unwrap();
            prop_assert_eq!(again.get_text(name.as_bytes()), Some(printed));
        }
    }
}
