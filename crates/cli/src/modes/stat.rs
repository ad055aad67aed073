//! `--stat`: a line of statistics with every interval, taken from INFO.

use crate::clock;
use crate::failure::Failure;
use crate::options::Options;
use std::fmt::Write as _;
use std::io::Write;

/// After how many lines the heading is repeated.
const LINES_A_HEADING: u64 = 20;
const HEADING: &str = "\
------- data ------ --------------------- load -------------------- - child -
keys       mem      clients blocked requests            connections          
";

/// Prints lines until interrupted.
pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let mut session = super::connect(options)?;
    let mut previous_requests = None;
    let mut lines = 0_u64;
    // With -r the user wants so many lines; once is what -r says by itself, and means for ever here.
    let limit = options.repeat.filter(|times| *times > 1);
    while limit.is_none_or(|limit| lines < limit) {
        let reply = session.request(&["INFO"])?;
        if let Some(text) = reply.error() {
            return Err(Failure::message(format!("ERROR: {}", text.escape_ascii())));
        }
        let info = String::from_utf8_lossy(reply.bytes().unwrap_or_default());
        let mut out = std::io::stdout().lock();
        if lines.is_multiple_of(LINES_A_HEADING) {
            out.write_all(HEADING.as_bytes())?;
        }
        writeln!(out, "{}", line(&info, previous_requests))?;
        out.flush()?;
        drop(out);
        previous_requests = field(&info, "total_commands_processed");
        lines = lines.wrapping_add(1);
        clock::pause(options.interval.unwrap_or_default());
    }
    Ok(())
}

fn line(info: &str, previous_requests: Option<i64>) -> String {
    let number = |name| field(info, name).unwrap_or(0);
    let requests = number("total_commands_processed");
    let new_requests = previous_requests.map_or(0, |previous| requests.saturating_sub(previous));
    let mut line = format!("{:<11}", keys(info));
    let _ = write!(line, "{:<8}", human_bytes(number("used_memory")));
    let _ = write!(line, " {:<8}{:<8}", number("connected_clients"), number("blocked_clients"));
    let _ = write!(line, "{:<19}", format!("{requests} (+{new_requests})"));
    let _ = write!(line, " {:<12}", number("total_connections_received"));
    let saves = field(info, "rdb_bgsave_in_progress").or_else(|| field(info, "bgsave_in_progress"));
    let children = [
        ("SAVE", saves.unwrap_or(0)),
        ("AOF", number("aof_rewrite_in_progress")),
        ("LOAD", number("loading")),
    ];
    let running: Vec<&str> = children.iter().filter(|(_, runs)| *runs != 0).map(|(name, _)| *name).collect();
    line + &running.join("+")
}

/// The keys of all databases.
fn keys(info: &str) -> i64 {
    let databases = info.lines().filter_map(|line| {
        let (name, counts) = line.strip_prefix("db")?.split_once(":keys=")?;
        name.parse::<u32>().ok()?;
        counts.split(',').next()?.parse::<i64>().ok()
    });
    databases.fold(0, i64::saturating_add)
}

fn field(info: &str, name: &str) -> Option<i64> {
    let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.trim_end().parse().ok()
}

fn human_bytes(bytes: i64) -> String {
    const UNITS: [&str; 4] = ["K", "M", "G", "T"];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.2}{}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "# Server\r\nused_memory:916766\r\nused_memory_rss:1\r\nconnected_clients:2\r\n\
        blocked_clients:0\r\ntotal_commands_processed:7\r\ntotal_connections_received:3\r\nloading:0\r\n\
        rdb_bgsave_in_progress:1\r\naof_rewrite_in_progress:1\r\n# Keyspace\r\ndb0:keys=2,expires=0\r\n\
        db11:keys=40,expires=0\r\n";

    #[test]
    fn a_line_has_the_columns_of_the_heading() {
        let expected = "42         895.28K  2       0       7 (+2)              3           SAVE+AOF";
        assert_eq!(line(INFO, Some(5)), expected);
        assert_eq!(line("", None), "0          0B       0       0       0 (+0)              0           ");
    }

    #[test]
    fn bytes_are_shown_in_the_unit_that_fits() {
        for (bytes, text) in [(1023, "1023B"), (1024, "1.00K"), (1 << 30, "1.00G"), (i64::MAX, "8388608.00T")]
        {
            assert_eq!(human_bytes(bytes), text);
        }
    }
}
