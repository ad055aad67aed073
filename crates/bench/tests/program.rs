//! Runs the program against small servers of its own making: what it prints, and how it ends.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};

/// Answers requests on every connection, the n-th with what `answer` gives for it, until the test ends. A request here
/// is one inline command, so that a line is a request.
fn serve(answer: fn(u64) -> &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let converse = move |stream: TcpStream| {
        let mut out = stream.try_clone().expect("a second handle");
        for (number, line) in BufReader::new(stream).lines().enumerate() {
            if line.is_err() || out.write_all(answer(number as u64)).is_err() {
                return;
            }
        }
    };
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || converse(stream));
        }
    });
    port
}

fn run(port: u16, flags: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rustypotato-bench"))
        .args(["-p", &port.to_string(), "-t", "ping_inline", "-n", "40", "-c", "1"])
        .args(flags)
        .output()
        .expect("the program runs")
}

#[test]
fn a_test_of_nothing_but_errors_is_told_and_fails() {
    let port = serve(|_| b"-ERR no\r\n");
    for flags in [&["-q"][..], &["--csv"], &["--json", "-P", "4"], &["-P", "8"]] {
        let output = run(port, flags);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{flags:?}");
        assert!(told.contains("PING_INLINE: 40 of 40 replies were errors, the first: ERR no"), "{told}");
        assert!(told.contains("every reply was an error"), "{told}");
    }
}

#[test]
fn some_errors_are_counted_and_leave_the_figures_valid() {
    let port = serve(|number| if number % 4 == 0 { b"-ERR busy\r\n" } else { b"+PONG\r\n" });
    let output = run(port, &["-q", "-P", "4"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("10 of 40 replies were errors, the first: ERR busy"), "{told}");
}

#[test]
fn a_server_without_errors_is_measured_in_silence() {
    let output = run(serve(|_| b"+PONG\r\n"), &["-q"]);
    assert!(output.status.success());
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("PING_INLINE: "));
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    drop(listener);
    let output = run(port, &[]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(told.contains(&format!("127.0.0.1:{port}: Connection refused")), "{told}");
}

#[test]
fn every_mode_explains_itself() {
    for mode in [&[][..], &["versus"], &["interference"], &["matrix"], &["tails"]] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_rustypotato-bench"));
        let output = program.args(mode).arg("--help").output().expect("the program runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("--tests"), "{mode:?}: {text}");
    }
}

#[test]
fn the_connections_of_the_load_can_be_tracked() {
    // The first request of a connection is its greeting, whatever its bytes.
    let port = serve(|number| if number == 0 { b"-ERR tracked\r\n" } else { b"+PONG\r\n" });
    let output = run(port, &["-q", "--enable-tracking"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("tracked"), "{told}");
}

#[test]
fn an_option_that_does_not_exist_is_no_command() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_rustypotato-bench"));
    let output = program.args(["-p", "1", "--nosuch", "-n", "5"]).output().expect("the program runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("Invalid option \"--nosuch\""), "{told}");
}
