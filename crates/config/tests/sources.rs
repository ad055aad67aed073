//! Reading from all sources: precedence, syntax, refusals with place and reason, and whole files.

use std::collections::BTreeMap;

use config::{Action, Config, Inputs, LoadError, Loaded, MaxmemoryPolicy, Param, load};
use proptest::prelude::*;

/// Files, environment and standard input of a made-up world.
#[derive(Default)]
struct World {
    files: BTreeMap<String, Vec<u8>>,
    environment: Vec<(String, String)>,
    stdin: Vec<u8>,
}

impl World {
    fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.to_owned(), content.into());
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn run(&self, arguments: &[&str]) -> Result<Action, LoadError> {
        load(&mut Inputs {
            arguments: &arguments.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(),
            environment: &self.environment,
            read_file: &mut |path| {
                self.files.get(path).cloned().ok_or_else(|| "No such file or directory".to_owned())
            },
            list_directory: &mut |directory| {
                let prefix = format!("{directory}/");
                Ok(self
                    .files
                    .keys()
                    .filter_map(|path| path.strip_prefix(&prefix))
                    .map(str::to_owned)
                    .collect())
            },
            read_stdin: &mut || Ok(self.stdin.clone()),
        })
    }

    fn start(&self, arguments: &[&str]) -> Loaded {
        match self.run(arguments) {
            Ok(Action::Start(loaded)) => *loaded,
            other => panic!("{other:?}"),
        }
    }

    fn refusal(&self, arguments: &[&str]) -> String {
        self.run(arguments).expect_err("the configuration is bad").to_string()
    }
}

fn text(config: &Config, name: &str) -> String {
    let text = config.get_text(name.as_bytes()).expect("the parameter exists");
    String::from_utf8(text).expect("the value is plain text")
}

fn conf(content: &str) -> Config {
    World::default().file("a.conf", content).start(&["a.conf"]).config
}

#[test]
fn stronger_sources_replace_weaker_ones() {
    let world = World { stdin: b"hz 30\nport 3\nmaxclients 3".to_vec(), ..World::default() }
        .file("a.conf", "timeout 20\nhz 20\nport 2\nmaxclients 2\nsave 1 1\nsave 2 2\n")
        .variable("RUSTYPOTATO_PORT", "4")
        .variable("RUSTYPOTATO_MAXCLIENTS", "4")
        .variable("RUSTYPOTATO_MAXMEMORY_POLICY", "allkeys-lru")
        .variable("OTHER", "x");
    let loaded = world.start(&["a.conf", "--port", "5", "--save", "9 9", "-"]);
    let config = &loaded.config;
    assert_eq!(text(config, "tcp-backlog"), "511");
    assert_eq!(config.integer(Param::Timeout), 20);
    assert_eq!(config.integer(Param::Hz), 30);
    assert_eq!(config.integer(Param::Maxclients), 4);
    assert_eq!(config.integer(Param::Port), 5);
    assert_eq!(config.maxmemory_policy(), MaxmemoryPolicy::AllkeysLru);
    assert_eq!(text(config, "save"), "1 1 2 2 9 9", "save points add up");
    let strongest = loaded.origins.iter().rfind(|(param, _)| *param == Param::Maxclients).unwrap();
    assert_eq!(strongest.1.to_string(), "environment variable RUSTYPOTATO_MAXCLIENTS");
}

#[test]
fn without_any_source_the_append_only_file_is_on() {
    let config = World::default().start(&[]).config;
    assert_eq!(config, Config::default());
    assert!(config.yes(Param::Appendonly));
}

#[test]
fn the_command_line_of_redis_server_is_understood() {
    let world = World::default().file("/r.conf", "port 1\nsave 900 1");
    let check = |arguments: &[&str], name: &str, expected: &str| {
        assert_eq!(text(&world.start(arguments).config, name), expected, "{arguments:?}");
    };
    let full = ["/r.conf", "--port", "7000", "--save", "", "--appendonly", "no", "-"];
    check(&full, "port", "7000");
    check(&full, "save", "");
    check(&full, "appendonly", "no");
    check(&["--save", "900 1", "--save", "300", "10"], "save", "900 1 300 10");
    check(&["/r.conf", "--save", "300", "10"], "save", "900 1 300 10");
    assert_eq!(text(&conf("save 900 1\nsave \n"), "save"), "", "without a word");
    check(&["/r.conf", "hz", "7", "--port '8'"], "hz", "7");
    check(&["/r.conf", "hz", "7", "--port '8'"], "port", "8");
    check(&["--save", "--port", "7"], "save", "");
    check(&["--port", "7", "--save"], "save", "");
    check(&["--port 7", "--hz", "5"], "port", "7");
    check(&["--bind", "127.0.0.1", "::1", "--threads", "1"], "bind", "127.0.0.1 ::1");
    check(&["--requirepass", "--secret"], "requirepass", "--secret");
    check(&["--proc-title-template", "--my title", "--port", "8"], "port", "8");
    check(&["--PORT", "9"], "port", "9");
    check(&["-", "--threads", "1"], "threads", "1");
    check(
        &["--client-output-buffer-limit", "pubsub", "1mb", "1mb", "1"],
        "client-output-buffer-limit",
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 1048576 1048576 1",
    );
}

#[test]
fn questions_are_answered_instead_of_a_start() {
    let run = |arguments: &[&str]| World::default().run(arguments);
    assert!(matches!(run(&["-v"]), Ok(Action::Version)));
    assert!(matches!(run(&["--version"]), Ok(Action::Version)));
    assert!(matches!(run(&["--help"]), Ok(Action::Help)));
    assert!(matches!(run(&["-h"]), Ok(Action::Help)));
    assert!(matches!(run(&["--check-system"]), Ok(Action::CheckSystem)));
    assert!(matches!(run(&["--test-memory", "64"]), Ok(Action::TestMemory { megabytes: 64 })));
    assert!(run(&["--test-memory"]).is_err());
}

#[test]
fn a_refusal_names_place_directive_reason_and_remedy() {
    let world = World::default()
        .file("/bad.conf", "# fine\nport 1\nmaxmemory abc\n")
        .file("/unknown.conf", "maxmemmory 1gb")
        .file("/quotes.conf", "\n\nlogfile \"a")
        .file("/module.conf", "loadmodule /x.so")
        .file("/bad.toml", "port = 1\n[tls]\nport = 'x'\n")
        .file("/broken.toml", "port = 1\nhz = = 2\n")
        .file("/latin.toml", b"\nport = '\xff'".to_vec());
    for (arguments, parts) in [
        (
            &["/bad.conf"][..],
            &["'/bad.conf', line 3", "'maxmemory abc'", "argument must be a memory value", "100mb"][..],
        ),
        (
            &["/unknown.conf"],
            &["line 1", "maxmemmory", "Bad directive or wrong number of arguments", "docs/configuration.md"],
        ),
        (&["/quotes.conf"], &["line 3", "Unbalanced quotes in configuration line"]),
        (&["/module.conf"], &["line 1", "not supported", "remove the line"]),
        (&["/bad.toml"], &["'/bad.toml', line 3", "tls-port", "argument couldn't be parsed into an integer"]),
        (&["/broken.toml"], &["'/broken.toml', line 2", "correct the TOML"]),
        (&["/latin.toml"], &["'/latin.toml', line 2", "not UTF-8"]),
        (
            &["/missing.conf"],
            &["command line", "/missing.conf", "No such file or directory", "check the path"],
        ),
        (
            &["--port", "abc"],
            &["command line", "'port \"abc\"'", "argument couldn't be parsed into an integer", "65535"],
        ),
        (&["--port"], &["command line", "'port'", "wrong number of arguments"]),
        (&["--port", "1", "2"], &["wrong number of arguments"]),
        (&["--sentinel"], &["this server is no Sentinel", "redis-sentinel"]),
        (&["-x"], &["'-x'", "Bad directive"]),
        (&["--"], &["Bad directive"]),
    ] {
        let refusal = world.refusal(arguments);
        assert!(!refusal.contains('\n'), "{refusal}");
        for part in parts {
            assert!(refusal.contains(part), "{part:?} is not in {refusal}");
        }
    }
    let refusal = World::default().variable("RUSTYPOTATO_NO_SUCH", "1").refusal(&[]);
    assert!(refusal.contains("environment variable RUSTYPOTATO_NO_SUCH"), "{refusal}");
}

#[test]
fn what_asks_for_something_that_is_not_there_is_refused_with_its_place_and_a_remedy() {
    for (line, parts) in [
        ("tls-port 6380", &["does not speak TLS", "proxy"][..]),
        ("TLS-Cluster yes", &["tls-cluster yes", "does not speak TLS"]),
        ("cluster-enabled yes", &["node of a cluster", "remove the line"]),
        ("slaveof 10.0.0.1 6379", &["replicaof 10.0.0.1 6379", "cannot follow", "MIGRATE"]),
        ("syslog-enabled yes", &["syslog", "logfile"]),
        ("locale-collate de_DE.UTF-8", &["compares bytes"]),
        ("aof-disable-auto-gc yes", &["always removed"]),
        ("unixsocketgroup web", &["to a group", "setgid"]),
        ("bind-source-addr 10.0.0.1", &["outgoing connections"]),
    ] {
        let world = World::default().file("a.conf", format!("port 1\n{line}\nhz 20\n"));
        let refusal = world.refusal(&["a.conf"]);
        assert!(refusal.contains("file 'a.conf', line 2: >>> '"), "{refusal}");
        for part in parts {
            assert!(refusal.contains(part), "{part:?} is not in {refusal}");
        }
    }
}

#[test]
fn what_is_not_there_may_be_named_as_long_as_it_is_not_asked_for() {
    let lines = "tls-port 0\ntls-cert-file a.crt\ncluster-enabled no\nreplicaof 127.0.0.1 0\nmasterauth x\nlocale-collate C\n";
    assert_eq!(conf(lines).integer(Param::TlsPort), 0);
    let world = World::default().file("a.conf", "tls-port 6380");
    assert_eq!(world.start(&["a.conf", "--tls-port", "0"]).config.integer(Param::TlsPort), 0);
}

#[test]
fn a_refusal_quotes_what_was_written() {
    for (content, parts) in [
        ("[tls]\nport = 'x'\n", &["line 2", ">>> 'port = 'x''", "tls-port takes"][..]),
        ("tls.port = 'x' # odd", &[">>> 'tls.port = 'x''"]),
        ("[tls]\nkey-file-pass = 'secret'\nsession-caching = 3", &["line 3", ">>> 'session-caching = 3'"]),
        ("tls = { key-file-pass = 'secret', port = 'x' }", &["line 1", ">>> 'port = 'x''"]),
        ("\nmaxmemory_policy = \"\"\"\n a\n b\"\"\"", &["line 2", "maxmemory_policy = \"\"\" a b\"\"\"'"]),
        ("oom-score-adj-values = [\n 1,\n 2]", &["oom-score-adj-values = [ 1, 2]"]),
        ("port = 1979-05-27", &["port = 1979-05-27", "no value of a parameter"]),
        ("client-output-buffer-limit.pubsub = 'x'", &["client-output-buffer-limit.pubsub = 'x'"]),
        ("nonsense = 1", &["nonsense = 1", "Bad directive"]),
    ] {
        let refusal = World::default().file("a.toml", content).refusal(&["a.toml"]);
        assert!(!refusal.contains("secret") && !refusal.contains('\n'), "{refusal}");
        for part in parts {
            assert!(refusal.contains(part), "{part:?} is not in {refusal}");
        }
    }
    let refusal = World::default().variable("RUSTYPOTATO_MAXMEMORY_POLICY", "x y").refusal(&[]);
    assert!(refusal.contains(">>> 'RUSTYPOTATO_MAXMEMORY_POLICY=x y'"), "{refusal}");
    let refusal =
        World::default().file("a.conf", format!("port {}", "x".repeat(1 << 20))).refusal(&["a.conf"]);
    assert!(refusal.len() < 1000 && refusal.contains("xxx...'"), "{refusal}");
}

#[test]
fn a_refusal_does_not_show_secrets() {
    for content in ["requirepass secret1 secret2", "requirepass \"secret1", "user alice >secret1 \"x"] {
        let refusal = World::default().file("a.conf", content).refusal(&["a.conf"]);
        assert!(!refusal.contains("secret"), "{refusal}");
    }
    for content in [
        "requirepass = 'secret'\nport = 'x'",
        "requirepass = ['secret', 'b']",
        "user = [1979-05-27, '>secret']",
    ] {
        let refusal = World::default().file("a.toml", content).refusal(&["a.toml"]);
        assert!(!refusal.contains("secret"), "{refusal}");
    }
    let refusal = World::default().variable("RUSTYPOTATO_MASTERUSER", "secret\nx").refusal(&[]);
    assert!(!refusal.contains("secret"), "{refusal}");
}

#[test]
fn line_breaks_cannot_be_smuggled_into_a_value() {
    for content in [
        "dir \"a\\nb\"",
        "masteruser \"a\\x00b\"",
        "bind \"a\\rb\"",
        "logfile \"a\\x0ab\"",
        "pidfile \"a\\x00b\"",
    ] {
        let refusal = World::default().file("a.conf", content).refusal(&["a.conf"]);
        assert!(refusal.contains("line breaks"), "{refusal}");
    }
}

#[test]
fn names_that_stand_in_quotes_everywhere_may_hold_line_breaks() {
    let world = World::default().file("a.conf", "appendfilename \" a\\nb \"");
    assert_eq!(world.start(&["a.conf"]).config.text(Param::Appendfilename), b" a\nb ");
    for content in ["\"a\\x00b\"", "\"a/b\"", "\"\"", "a.lock", ".lock"] {
        World::default().file("a.conf", format!("appendfilename {content}")).refusal(&["a.conf"]);
    }
}

#[test]
fn includes_are_read_in_place_and_patterns_in_order() {
    let world = World::default()
        .file("/a.conf", "port 1\ninclude /c/*.conf\ninclude /none/*.conf\ninclude /b.toml\n")
        .file("/c/20.conf", "hz 20\ntimeout 2")
        .file("/c/10.conf", "hz 10\nport 2")
        .file("/c/.hidden.conf", "nonsense")
        .file("/b.toml", "timeout = 3");
    let config = world.start(&["/a.conf"]).config;
    assert_eq!([Param::Port, Param::Hz, Param::Timeout].map(|param| config.integer(param)), [2, 20, 3]);
}

#[test]
fn files_that_include_themselves_are_refused() {
    let world = World::default().file("/a.conf", "include /a.conf\ninclude /a.conf");
    assert!(world.refusal(&["/a.conf"]).contains("includes itself"));
    assert!(World::default().file("/a.conf", "include /*/x").refusal(&["/a.conf"]).contains("wildcards"));
}

#[test]
fn directives_that_are_no_parameters_are_collected_or_skipped() {
    let loaded = World::default()
        .file(
            "a.conf",
            "user alice on >pw ~*\nUSER bob off\nrename-command FLUSHALL \"\"\nlua-replicate-commands yes\n",
        )
        .start(&["a.conf"]);
    assert_eq!(loaded.users.len(), 2);
    assert_eq!(loaded.users[0].0, [b"alice".to_vec(), b"on".to_vec(), b">pw".to_vec(), b"~*".to_vec()]);
    let renamed = &loaded.renamed_commands[0];
    assert_eq!(
        (renamed.old.as_slice(), renamed.new.as_slice(), renamed.place.to_string().as_str()),
        (&b"FLUSHALL"[..], &b""[..], "file 'a.conf', line 3")
    );
    assert_eq!(loaded.file.as_deref(), Some("a.conf"));
}

#[test]
fn files_of_many_versions_load() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut count = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        // What they ask for and is not there is taken back.
        let absent = ["--tls-port", "0", "--replicaof", "no", "one"];
        let arguments = [&[name][..], &absent].concat();
        let loaded = World::default().file(name, std::fs::read(&path).unwrap()).start(&arguments);
        assert!(loaded.origins.len() > 10, "{name}");
        count += 1;
    }
    assert!(count >= 5);
}

#[test]
fn toml_says_the_same_as_redis_syntax() {
    let toml = "
        port = 7000
        appendonly = false
        maxmemory = '2gb'
        maxmemory_policy = 'allkeys-lfu'
        bind = ['127.0.0.1', '::1']
        save = ['900 1', '300 10']
        oom-score-adj-values = [0, 100, 200]
        latency-tracking-info-percentiles = [50, 99.9]
        requirepass = 'two words'
        user = ['alice on', 'bob off']
        [client-output-buffer-limit]
        pubsub = '1mb 1mb 1'
        [tls]
        auth-clients = 'no'
        [tls.session]
        caching = false
    ";
    let redis = "
        port 7000
        appendonly no
        maxmemory 2gb
        maxmemory-policy allkeys-lfu
        bind 127.0.0.1 ::1
        save 900 1 300 10
        oom-score-adj-values 0 100 200
        latency-tracking-info-percentiles 50 99.9
        requirepass 'two words'
        client-output-buffer-limit pubsub 1mb 1mb 1
        tls-auth-clients no
        tls-session-caching no
    ";
    let loaded = World::default().file("a.toml", toml).start(&["a.toml"]);
    assert_eq!(loaded.config, conf(redis));
    assert_eq!(loaded.users.len(), 2);
    let nested =
        World::default().file("a.toml", "save = [[900, 1], [300, 10]]\nbind = []").start(&["a.toml"]).config;
    assert_eq!((text(&nested, "save").as_str(), text(&nested, "bind").as_str()), ("900 1 300 10", ""));
}

proptest! {
    #[test]
    fn no_file_panics(content in any::<Vec<u8>>(), is_toml in any::<bool>()) {
        let name = if is_toml { "a.toml" } else { "a.conf" };
        let _ = World::default().file(name, content).run(&[name]);
    }

    #[test]
    fn no_line_of_likely_words_panics(
        content in "((save|bind|port|include|user|client-output-buffer-limit|=|\\[tls\\]|[0-9]{1,20}|\"|'|\\\\x4|#|\n| ){0,30})",
        is_toml in any::<bool>(),
    ) {
        let name = if is_toml { "a.toml" } else { "a.conf" };
        let _ = World::default().file(name, content).run(&[name]);
    }

    #[test]
    fn no_command_line_panics(arguments in proptest::collection::vec("(--)?(save|port|-|sentinel|[a-z \"']{0,6})", 0..6)) {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let _ = World::default().run(&arguments);
    }
}
