//! What must hold for any configuration, as redis.conf, as TOML and as a value of CONFIG SET: no panic, a refusal that is one
//! line of bounded length, and a configuration that is accepted can be rewritten so that it says the same.

use config::{Action, Appended, Config, Inputs, LoadError, load, rewrite};

/// The longest refusal: a quoted directive, the reason and the remedy.
const REFUSAL_BYTES: usize = 8192;

/// Panics if the configuration misbehaves on `bytes`.
pub(crate) fn check(bytes: &[u8]) {
    let _ = start("fuzzed.toml", bytes);
    if let Some(config) = start("fuzzed.conf", bytes) {
        let written =
            rewrite("fuzzed.conf", b"", &config, &[], Appended::Changed).expect("the syntax of redis.conf");
        assert_eq!(start("fuzzed.conf", &written).as_ref(), Some(&config));
    }
    for line in bytes.split(|&byte| byte == b'\n') {
        check_set(line);
    }
}

/// The configuration of a file, if it is accepted. The file may include itself and no other.
fn start(name: &str, content: &[u8]) -> Option<Config> {
    let action = load(&mut Inputs {
        arguments: &[name.to_owned()],
        environment: &[],
        read_file: &mut |path| {
            if path == name { Ok(content.to_vec()) } else { Err("no such file".to_owned()) }
        },
        list_directory: &mut |_| Ok(vec![name.to_owned()]),
        read_stdin: &mut || Ok(Vec::new()),
    });
    match action {
        Ok(Action::Start(loaded)) => Some(loaded.config),
        Ok(other) => panic!("a file asked for {other:?}"),
        Err(refusal) => {
            check_refusal(&refusal);
            None
        }
    }
}

fn check_refusal(refusal: &LoadError) {
    let text = refusal.to_string();
    assert!(!text.contains('\n') && text.len() <= REFUSAL_BYTES, "{text}");
}

/// A line as CONFIG SET: what is taken prints as a text that is taken and prints the same.
fn check_set(line: &[u8]) {
    let Some(space) = line.iter().position(|&byte| byte == b' ') else { return };
    let (Ok(name), value) = (std::str::from_utf8(&line[..space]), &line[space + 1..]) else { return };
    let mut config = Config::default();
    if config.set(name, value).is_err() {
        assert_eq!(config, Config::default(), "a refusal changes nothing");
        return;
    }
    let printed = config.get_text(name.as_bytes()).expect("it has just been set");
    let mut again = Config::default();
    again.set(name, &printed).expect("its own text");
    assert_eq!(again.get_text(name.as_bytes()), Some(printed));
}
