//! Command lines and what they mean.

use super::*;

fn parse(line: &[&str]) -> Result<Options, Failure> {
    parse_at(line, Environment { password: None, input_is_terminal: true, output_is_terminal: true })
}

fn parse_at(line: &[&str], environment: Environment) -> Result<Options, Failure> {
    let words = std::iter::once(&"rustypotato-cli").chain(line);
    let flags =
        Flags::try_parse_from(words).map_err(|error| Failure::message(error.to_string().trim_end()))?;
    resolve(flags, environment)
}

fn options(line: &[&str]) -> Options {
    parse(line).unwrap_or_else(|failure| panic!("{line:?}: {failure}"))
}

fn command(line: &[&str]) -> Vec<String> {
    match options(line).mode {
        Mode::Command { args, .. } => {
            args.iter().map(|arg| String::from_utf8_lossy(arg).into_owned()).collect()
        }
        mode => panic!("{line:?} is {mode:?}"),
    }
}

#[test]
fn flags_end_where_the_command_begins() {
    assert_eq!(command(&["-p", "7000", "set", "-p", "--", "-3"]), ["set", "-p", "--", "-3"]);
    assert_eq!(command(&["incrby", "k", "-5"]), ["incrby", "k", "-5"]);
    assert_eq!(command(&["--quoted-input", "get", "\"a\\x00\"", "b\"c"]), ["get", "a\0", "b\"c"]);
    assert!(parse(&["--nonsense"]).is_err());
    assert!(parse(&["-p"]).is_err());
    assert!(parse(&["--quoted-input", "get", "\"a"]).is_err());
}

#[test]
fn the_mode_follows_from_flags_and_from_what_standard_input_is() {
    assert_eq!(options(&[]).mode, Mode::Interactive);
    let piped = Environment { password: None, input_is_terminal: false, output_is_terminal: false };
    let batch = parse_at(&[], piped).expect("parsed");
    assert_eq!((batch.mode, batch.style.format), (Mode::Batch, Format::Raw));
    let glob = Some(b"a*".to_vec());
    assert_eq!(
        options(&["--scan", "--quoted-pattern", "\"a\\x2a\"", "--count", "5"]).mode,
        Mode::Scan(Pattern { glob, count: Some(5) })
    );
    assert_eq!(
        options(&["--memkeys-samples", "0"]).mode,
        Mode::Sample { measure: Measure::Memory { samples: Some(0) }, pattern: Pattern::default() }
    );
    assert_eq!(options(&["--pipe", "--pipe-timeout", "0"]).mode, Mode::Pipe { timeout: None });
    assert_eq!(options(&["--latency-history"]).mode, Mode::Latency { history: true });
    assert_eq!(options(&["--stat"]).interval, Some(STAT_INTERVAL));
    assert!(parse(&["-x", "-X", "tag", "set", "tag"]).is_err());
    assert!(parse(&["-x"]).is_err());
}

#[test]
fn the_format_follows_from_flags_and_terminal() {
    let format = |line: &[&str]| options(line).style.format;
    assert_eq!(format(&[]), Format::Standard);
    assert_eq!(format(&["--raw"]), Format::Raw);
    assert_eq!(format(&["--raw", "--no-raw"]), Format::Standard);
    assert_eq!(format(&["--csv"]), Format::Csv);
    assert_eq!(format(&["--json"]), Format::Json);
    assert_eq!(format(&["--quoted-json"]), Format::QuotedJson);
    assert_eq!(options(&["--json"]).target.protocol, WantedProtocol::PreferResp3);
    assert_eq!(options(&["--json", "-2"]).target.protocol, WantedProtocol::Resp2);
    assert_eq!(options(&["-2", "-3"]).target.protocol, WantedProtocol::Resp3);
}

#[test]
fn repetition_and_intervals_are_bounded_and_may_be_endless() {
    assert_eq!(options(&["-r", "-1", "ping"]).repeat, None);
    assert_eq!(options(&["-r", "3", "-i", "0.5", "ping"]).interval, Some(Duration::from_millis(500)));
    assert_eq!(options(&["-i", "inf", "ping"]).interval, Some(Duration::from_hours(8760)));
    assert_eq!(options(&["-i", "nan", "ping"]).interval, None);
}

#[test]
fn a_uri_names_server_user_and_database() {
    let target = options(&["-u", "redis://us%40er:p%25:x@example.org:7000/3", "ping"]).target;
    assert_eq!(target.address, Address::Tcp { host: "example.org".to_owned(), port: 7000 });
    assert_eq!(target.user.as_deref(), Some("us@er"));
    assert_eq!(target.password.as_deref(), Some(&b"p%:x"[..]));
    assert_eq!(target.database, 3);
    let target = options(&["-p", "1", "-u", "redis://secret@[::1]"]).target;
    assert_eq!(target.address, Address::Tcp { host: "::1".to_owned(), port: 1 });
    assert_eq!((target.user, target.password), (None, Some(b"secret".to_vec())));
    for bad in
        ["http://x", "x", "redis://h:port", "redis://a:%4@h", "redis://a:%+1@h", "redis://h/x", "rediss://h"]
    {
        assert!(parse(&["-u", bad]).is_err(), "{bad}");
    }
}

#[test]
fn the_password_of_the_command_line_goes_before_that_of_the_environment() {
    let environment =
        || Environment { password: Some(b"env".to_vec()), input_is_terminal: true, output_is_terminal: true };
    let password = |line: &[&str]| parse_at(line, environment()).expect("parsed").target.password;
    assert_eq!(password(&[]), Some(b"env".to_vec()));
    assert_eq!(password(&["-a", "-arg"]), Some(b"-arg".to_vec()));
    assert_eq!(password(&["--user", "u", "--pass", "p"]), Some(b"p".to_vec()));
}
