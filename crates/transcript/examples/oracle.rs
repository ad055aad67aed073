//! Judges a running server by transcripts, by hand:
//!
//! ```text
//! cargo run -p transcript --example oracle -- 127.0.0.1:6379 [-3] [--wait] [--record] tests/transcripts/*.txt
//! ```
//! `-3` speaks RESP3, `--wait` waits where time should pass, `--record` writes the replies of commands that have none
//! into the files. The exit status is 0 when every reply was as written.

use std::fs;
use std::process::ExitCode;

use client::Options;
use resp::Protocol;
use transcript::{Judge, Remote, Stand, Transcript};

/// What the command line asks for.
#[derive(Default)]
struct Wish {
    address: Option<(String, u16)>,
    files: Vec<String>,
    speaks_resp3: bool,
    waits: bool,
    records: bool,
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let wish = wish(std::env::args().skip(1))?;
    let (host, port) = wish.address.ok_or("HOST:PORT is missing")?;
    let options =
        Options { read_timeout: Some(std::time::Duration::from_mins(1)), ..Options::tcp(host, port) };
    let mut server = Remote::new(options, wish.waits.then_some(wait))?;
    let protocol = if wish.speaks_resp3 { Protocol::Resp3 } else { Protocol::Resp2 };
    let (mut judged, mut failed) = (0, 0);
    for file in &wish.files {
        let text = fs::read_to_string(file)?;
        let transcript = Transcript::parse(&text).map_err(|error| format!("{file}: {error}"))?;
        let mut verdict = Judge { protocol }.judge(&transcript, &mut server);
        if wish.records {
            let unwritten = verdict.differences.extract_if(.., |difference| difference.expected.is_empty());
            let replies: Vec<_> = unwritten.map(|difference| (difference.line, difference.got)).collect();
            fs::write(file, Transcript::with_replies(&text, &replies))?;
        }
        judged += verdict.judged;
        failed += verdict.differences.len();
        verdict.differences.iter().for_each(|difference| report(&format!("{file}: {difference}")));
    }
    let version = server.peer().version.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
    report(&format!("{} {version}: {judged} replies, {failed} other than written", server.peer().name));
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn wish(arguments: impl Iterator<Item = String>) -> Result<Wish, String> {
    let mut wish = Wish::default();
    for argument in arguments {
        match argument.as_str() {
            "-3" => wish.speaks_resp3 = true,
            "--wait" => wish.waits = true,
            "--record" => wish.records = true,
            _ if wish.address.is_none() => {
                let (host, port) = argument.rsplit_once(':').ok_or("the server is given as HOST:PORT")?;
                let port = port.parse().map_err(|_| format!("{port} is no port"))?;
                wish.address = Some((host.to_owned(), port));
            }
            _ => wish.files.push(argument),
        }
    }
    Ok(wish)
}

#[expect(clippy::disallowed_methods, reason = "a tool that was asked to wait")]
fn wait(time: std::time::Duration) {
    std::thread::sleep(time);
}

#[expect(clippy::print_stdout, reason = "a tool for the command line")]
fn report(text: &str) {
    println!("{text}");
}
