//! What the machine does to a measurement: threads that are ready to run and do not.
//!
//! ```text
//!   the load's thread, which spins:  |..|..|..|        gap        |..|..|      two looks at the clock far apart
//!   a thread of the server:          runs ---- ready, waits for a core ---- runs     /proc/PID/task/TID/schedstat
//! ```
//! Either delays requests without the server's doing. A wait of the server's counts only as far as no other thread of
//! it, or child, ran meanwhile: what a server does to itself is its own. What the machine has taken casts a *shadow*:
//! the time itself, and as long as a server under this load needs to work off what has come in meanwhile.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::clock;
use crate::process::Process;
use crate::servers;

/// Shorter gaps between two looks at the clock are a system call's.
const GAP_NS: u64 = 200_000;
/// Shorter waits of the server cannot be told from the coarseness of the system's figures.
const WAIT_NS: u64 = 500_000;
/// How often the server's threads are looked at, and after how many times their list is read anew.
const LOOK_NS: u64 = 4_000_000;
const LISTING: u32 = 25;
/// So many looks are remembered, to tell who ran during a wait that ends now.
const REMEMBERED: usize = 64;
/// The most times that are noted.
const MOST_SPANS: usize = 1 << 16;

/// A time from one moment to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub start_ns: u64,
    pub end_ns: u64,
}

impl Span {
    /// How long it is.
    pub fn length(self) -> u64 {
        self.end_ns - self.start_ns
    }
}

/// The clock of a thread that spins, which notes what the machine takes.
pub struct Watch {
    last_ns: u64,
    /// When the thread did not run.
    pub gaps: Vec<Span>,
    server: Option<ServerThreads>,
}

impl Watch {
    /// A watch that begins now, of the server's threads as well.
    pub fn new(server: Option<Process>) -> Self {
        let now_ns = clock::now_ns();
        let server = server.map(|process| ServerThreads::new(process, now_ns));
        Self { last_ns: clock::now_ns(), gaps: Vec::new(), server }
    }

    /// The time. To be called around each system call.
    pub fn now(&mut self) -> u64 {
        let mut now_ns = clock::now_ns();
        if now_ns - self.last_ns >= GAP_NS && self.gaps.len() < MOST_SPANS {
            self.gaps.push(Span { start_ns: self.last_ns, end_ns: now_ns });
        }
        if let Some(server) = &mut self.server
            && now_ns >= server.next_ns
        {
            server.look(now_ns);
            now_ns = clock::now_ns();
        }
        self.last_ns = now_ns;
        now_ns
    }

    /// When the server's threads were ready and did not run.
    pub fn waits(&self) -> &[Span] {
        self.server.as_ref().map_or(&[], |server| &server.waits)
    }

    /// All shadows in order, none touching another, of a server that is so busy (0 to 1).
    pub fn shadows(&self, load: f64) -> Vec<Span> {
        let all: Vec<Span> = self.gaps.iter().chain(self.waits()).copied().collect();
        shadows(all, load)
    }
}

fn shadows(mut spans: Vec<Span>, load: f64) -> Vec<Span> {
    let load = load.clamp(0.0, 0.9);
    let longer = load / (1.0 - load);
    spans.sort_by_key(|span| span.start_ns);
    let mut merged: Vec<Span> = Vec::new();
    for mut span in spans {
        span.end_ns += (span.length() as f64 * longer) as u64;
        match merged.last_mut() {
            Some(last) if span.start_ns <= last.end_ns => last.end_ns = last.end_ns.max(span.end_ns),
            _ => merged.push(span),
        }
    }
    merged
}

/// How much of a time lies in spans that are in order.
pub fn overlap_ns(spans: &[Span], time: Span) -> u64 {
    let first = spans.partition_point(|span| span.end_ns <= time.start_ns);
    let met = spans[first..].iter().take_while(|span| span.start_ns < time.end_ns);
    met.map(|span| span.end_ns.min(time.end_ns) - span.start_ns.max(time.start_ns)).sum()
}

/// The threads of a server, as the system counts them.
struct ServerThreads {
    process: Process,
    tasks: Vec<Task>,
    /// What all of them had run at past looks.
    history: VecDeque<(u64, u64)>,
    ran_ns: u64,
    next_ns: u64,
    looks: u32,
    waits: Vec<Span>,
}

/// A thread of the server, or a child that it has forked.
struct Task {
    path: String,
    figures: File,
    ran_ns: u64,
    waited_ns: u64,
    is_child: bool,
}

impl ServerThreads {
    fn new(process: Process, now_ns: u64) -> Self {
        let (tasks, history, waits) = (Vec::new(), VecDeque::new(), Vec::new());
        let mut threads = Self { process, tasks, history, ran_ns: 0, next_ns: now_ns, looks: 0, waits };
        threads.look(now_ns);
        threads
    }

    fn look(&mut self, now_ns: u64) {
        if self.looks.is_multiple_of(LISTING) {
            self.list();
        }
        self.looks += 1;
        let mut waits = Vec::new();
        self.tasks.retain_mut(|task| {
            // Those that have ended say nothing more.
            let Some((ran_ns, waited_ns)) = read_figures(&task.figures) else { return false };
            let ran = ran_ns - std::mem::replace(&mut task.ran_ns, ran_ns);
            let waited = waited_ns - std::mem::replace(&mut task.waited_ns, waited_ns);
            self.ran_ns += ran;
            if waited >= WAIT_NS && !task.is_child {
                waits.push((ran, waited));
            }
            true
        });
        for (ran, waited) in waits {
            let start_ns = now_ns.saturating_sub(waited + LOOK_NS);
            let before = self.history.iter().rev().find(|(then_ns, _)| *then_ns <= start_ns);
            let others = self.ran_ns - ran - before.or(self.history.front()).map_or(0, |&(_, ran)| ran);
            let lost = waited.saturating_sub(others);
            if lost >= WAIT_NS && self.waits.len() < MOST_SPANS {
                self.waits.push(Span { start_ns: now_ns.saturating_sub(lost + LOOK_NS), end_ns: now_ns });
            }
        }
        if self.history.len() == REMEMBERED {
            self.history.pop_front();
        }
        self.history.push_back((now_ns, self.ran_ns));
        self.next_ns = now_ns + LOOK_NS;
    }

    fn list(&mut self) {
        let own = format!("/proc/{}/task", self.process.0);
        let children = fs::read_to_string(format!("{own}/{}/children", self.process.0)).unwrap_or_default();
        let threads = fs::read_dir(&own).into_iter().flatten().flatten();
        let threads = threads.map(|entry| (entry.path().join("schedstat").display().to_string(), false));
        let children = children.split_whitespace().map(|child| (format!("/proc/{child}/schedstat"), true));
        for (path, is_child) in threads.chain(children) {
            if !self.tasks.iter().any(|task| task.path == path) {
                self.tasks.extend(Task::open(path, is_child));
            }
        }
    }
}

impl Task {
    fn open(path: String, is_child: bool) -> Option<Self> {
        let figures = File::open(Path::new(&path)).ok()?;
        let (ran_ns, waited_ns) = read_figures(&figures)?;
        Some(Self { path, figures, ran_ns, waited_ns, is_child })
    }
}

/// What a thread has run and waited for a core so far, in nanoseconds.
#[cfg(unix)]
fn read_figures(file: &File) -> Option<(u64, u64)> {
    use std::os::unix::fs::FileExt;
    let mut text = [0; 96];
    let count = file.read_at(&mut text, 0).ok()?;
    let mut words = std::str::from_utf8(&text[..count]).ok()?.split_whitespace();
    let mut number = || words.next()?.parse().ok();
    Some((number()?, number()?))
}

#[cfg(not(unix))]
fn read_figures(_: &File) -> Option<(u64, u64)> {
    None
}

/// What the machine takes from a thread that only counts, on each of the cores: the gaps of so many seconds.
pub fn control(cores: &[Option<usize>], seconds: u64) -> io::Result<Vec<Vec<Span>>> {
    let end_ns = clock::now_ns() + seconds * 1_000_000_000;
    let spin = |core: Option<usize>| -> io::Result<Vec<Span>> {
        servers::take_core(core)?;
        let mut watch = Watch::new(None);
        while watch.now() < end_ns {}
        Ok(watch.gaps)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = cores.iter().map(|&core| scope.spawn(move || spin(core))).collect();
        threads.into_iter().map(|thread| thread.join().expect("it returns its errors")).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start_ns: u64, end_ns: u64) -> Span {
        Span { start_ns, end_ns }
    }

    #[test]
    fn shadows_last_as_long_as_the_work_that_came_in_meanwhile() {
        assert_eq!(shadows(vec![span(10, 20)], 0.5), [span(10, 30)]);
        assert_eq!(shadows(vec![span(30, 40), span(10, 20)], 0.8), [span(10, 80)]);
        assert_eq!(shadows(vec![span(30, 40), span(10, 20)], 0.0), [span(10, 20), span(30, 40)]);
    }

    #[test]
    fn what_lies_in_a_shadow_is_the_machines() {
        let shadows = [span(10, 20), span(30, 40)];
        for (start, end, lost) in
            [(0, 10, 0), (0, 15, 5), (12, 18, 6), (15, 35, 10), (0, 50, 20), (40, 50, 0)]
        {
            assert_eq!(overlap_ns(&shadows, span(start, end)), lost, "{start} to {end}");
        }
    }

    #[test]
    fn a_thread_that_does_not_look_at_the_clock_has_a_gap() {
        let mut watch = Watch::new(None);
        std::thread::park_timeout(std::time::Duration::from_nanos(3 * GAP_NS));
        let now_ns = watch.now();
        let last = watch.gaps.last().expect("a gap");
        assert!(last.end_ns == now_ns && last.length() >= 2 * GAP_NS);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_threads_of_a_process_are_seen() {
        let mut threads = ServerThreads::new(Process(std::process::id()), clock::now_ns());
        threads.look(clock::now_ns());
        assert!(!threads.tasks.is_empty());
    }
}
