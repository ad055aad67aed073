//! What a process is called, as programs such as `ps` see it.

use crate::support::{Server, must, run, text};

/// What the system tells of the command line of a server, as far as that is text.
fn title(server: &Server) -> String {
    let path = format!("/proc/{}/cmdline", server.process().as_raw_nonzero());
    let bytes = std::fs::read(path).expect("the system shows the command lines of our processes");
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[test]
#[cfg(target_os = "linux")]
fn a_server_is_called_what_its_template_says() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (server, mut client) = Server::start(folder.path(), &[]).connect_and_keep();
    let port = text(&must(&mut client, "INFO server"));
    let port = port.lines().find_map(|line| line.strip_prefix("tcp_port:")).expect("it is told").to_owned();
    let shown = title(&server);
    assert!(shown.ends_with(&format!("rustypotato-server 127.0.0.1:{port}")), "{shown}");
    client.command(&["CONFIG", "SET", "proc-title-template", "a {port} b"]).expect("a reply");
    assert_eq!(title(&server), format!("a {port} b"));
    assert!(run(&mut client, "CONFIG SET proc-title-template {x}").is_error());
    assert_eq!(title(&server), format!("a {port} b"));
    let long = "x".repeat(5000);
    client.command(&["CONFIG", "SET", "proc-title-template", &long]).expect("a reply");
    assert_eq!(title(&server), long[..2047]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_server_that_is_to_have_no_title_shows_its_command_line() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let server = Server::start(folder.path(), &["--set-proc-title", "no"]);
    let shown = title(&server);
    assert!(shown.ends_with("rustypotato-server"), "{shown}");
}
