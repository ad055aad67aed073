//! The load itself: threads, each with its own poll, its share of the connections and its own histogram.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token};
use stdx::rng::Rng;

use crate::clock::now_ns;
use crate::connection::{Address, Connection, Socket};
use crate::keys::Keys;
use crate::options::Load;
use crate::replies::Errors;
use crate::workload::Workload;

/// The longest latency that is told apart: a minute, in nanoseconds.
const LONGEST_NS: u64 = 60_000_000_000;

/// Everything a measurement needs.
#[derive(Debug, Clone)]
pub struct Job {
    pub address: Address,
    /// Bytes to send first on every connection and how many replies they get.
    pub greeting: (Vec<u8>, u64),
    pub workload: Workload,
    pub load: Load,
}

/// What a measurement found.
#[derive(Debug)]
pub struct Measurement {
    pub requests: u64,
    pub seconds: f64,
    /// Latencies in nanoseconds, one a batch and request of it.
    pub latencies: Histogram<u64>,
    pub errors: Errors,
}

impl Measurement {
    /// Whether there was no other reply than errors, so that the figures tell nothing about the command.
    pub fn failed(&self) -> bool {
        self.errors.count > 0 && self.errors.count >= self.requests
    }

    /// Requests a second.
    pub fn throughput(&self) -> f64 {
        self.requests as f64 / self.seconds.max(1e-9)
    }

    /// A latency quantile in milliseconds.
    pub fn quantile_ms(&self, quantile: f64) -> f64 {
        self.latencies.value_at_quantile(quantile) as f64 / 1e6
    }
}

/// What the threads of one measurement share.
struct Budget {
    /// Requests that nobody has taken yet.
    left: AtomicU64,
    /// Requests that have been answered, for the progress bar.
    done: AtomicU64,
    failed: AtomicBool,
}

impl Budget {
    /// Takes up to `wanted` requests to send.
    fn take(&self, wanted: u64) -> u64 {
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            (left > 0).then(|| left - left.min(wanted))
        });
        taken.map_or(0, |before| before.min(wanted))
    }
}

/// Runs the job; `progress` is told now and then how many requests are done. An error names the server.
pub fn run(job: &Job, progress: impl Fn(u64)) -> io::Result<Measurement> {
    run_threads(job, progress)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", job.address)))
}

fn run_threads(job: &Job, progress: impl Fn(u64)) -> io::Result<Measurement> {
    let threads = job.load.threads.min(job.load.clients);
    let budget = Arc::new(Budget {
        left: AtomicU64::new(job.load.requests),
        done: AtomicU64::new(0),
        failed: AtomicBool::new(false),
    });
    let started = now_ns();
    let workers: Vec<_> = (0..threads)
        .map(|index| {
            let (job, budget) = (job.clone(), Arc::clone(&budget));
            std::thread::spawn(move || {
                let result = Thread::new(&job, index, threads).and_then(|thread| thread.run(&job, &budget));
                if result.is_err() {
                    budget.failed.store(true, Ordering::Relaxed);
                }
                result
            })
        })
        .collect();
    while workers.iter().any(|worker| !worker.is_finished()) {
        progress(budget.done.load(Ordering::Relaxed));
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let mut total: Option<Share> = None;
    for worker in workers {
        let share = worker.join().map_err(|_| io::Error::other("a load thread broke"))??;
        match &mut total {
            None => total = Some(share),
            Some(total) => total.merge(share)?,
        }
    }
    let total = total.expect("there is at least one thread");
    let seconds = total.ended_ns.saturating_sub(started) as f64 / 1e9;
    Ok(Measurement { requests: job.load.requests, seconds, latencies: total.latencies, errors: total.errors })
}

/// A thread's part of the result.
struct Share {
    latencies: Histogram<u64>,
    errors: Errors,
    ended_ns: u64,
}

impl Share {
    fn merge(&mut self, other: Self) -> io::Result<()> {
        self.latencies.add(other.latencies).map_err(io::Error::other)?;
        self.errors.add(other.errors);
        self.ended_ns = self.ended_ns.max(other.ended_ns);
        Ok(())
    }
}

/// One thread of the load.
struct Thread {
    poll: Poll,
    connections: Vec<Connection>,
    rng: Rng,
    keys: Keys,
    share: Share,
    /// Open loop: when each connection's next batch is due, and the time between its batches.
    schedule: Option<Schedule>,
}

/// The times at which an open-loop thread sends.
struct Schedule {
    next_ns: u64,
    interval_ns: u64,
}

impl Thread {
    fn new(job: &Job, index: usize, threads: usize) -> io::Result<Self> {
        let poll = Poll::new()?;
        let count = job.load.clients / threads + usize::from(index < job.load.clients % threads);
        let mut connections = Vec::with_capacity(count);
        for number in 0..count {
            connections.push(connect(job, &poll, number)?);
        }
        let latencies = Histogram::new_with_bounds(1, LONGEST_NS, 3).map_err(io::Error::other)?;
        let schedule = job.load.rate.map(|rate| Schedule {
            next_ns: now_ns(),
            interval_ns: 1_000_000_000 * threads as u64 * job.load.pipeline / rate.max(1),
        });
        Ok(Self {
            poll,
            connections,
            rng: Rng::from_seed(job.load.seed.wrapping_add(index as u64)),
            keys: Keys::new(job.load.distribution, job.load.keyspacelen.unwrap_or(1).max(1)),
            share: Share { latencies, errors: Errors::default(), ended_ns: 0 },
            schedule,
        })
    }

    /// Sends and receives until the budget is spent and all replies are here.
    fn run(mut self, job: &Job, budget: &Budget) -> io::Result<Share> {
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; 256 * 1024];
        let mut idle: Vec<usize> = (0..self.connections.len()).collect();
        loop {
            self.begin_batches(job, budget, &mut idle)?;
            if idle.len() == self.connections.len() && budget.left.load(Ordering::Relaxed) == 0 {
                break;
            }
            if budget.failed.load(Ordering::Relaxed) {
                break;
            }
            self.poll.poll(&mut events, Some(self.wait(&idle))).or_else(ignore_interrupt)?;
            for event in &events {
                let number = event.token().0;
                if event.is_writable() {
                    self.connections[number].flush()?;
                }
                if (event.is_readable() || event.is_read_closed())
                    && self.receive(job, budget, number, &mut buffer)?
                {
                    idle.push(number);
                }
            }
        }
        self.share.ended_ns = now_ns();
        Ok(self.share)
    }

    /// Gives idle connections their next batch, if the budget and the schedule allow one.
    fn begin_batches(&mut self, job: &Job, budget: &Budget, idle: &mut Vec<usize>) -> io::Result<()> {
        while let Some(&number) = idle.last() {
            let started_ns = match &mut self.schedule {
                None => now_ns(),
                Some(schedule) if schedule.next_ns > now_ns() => break,
                Some(schedule) => {
                    schedule.next_ns += schedule.interval_ns;
                    schedule.next_ns - schedule.interval_ns
                }
            };
            let count = budget.take(job.load.pipeline);
            if count == 0 {
                break;
            }
            idle.pop();
            let (rng, keys) = (&mut self.rng, &self.keys);
            let connection = &mut self.connections[number];
            connection.begin(count, job.workload.replies, started_ns, |out| {
                for _ in 0..count {
                    job.workload.append(out, || keys.draw(rng));
                }
            });
            connection.flush()?;
        }
        Ok(())
    }

    /// How long to wait for events: until the next batch is due, if a connection is free for it.
    fn wait(&self, idle: &[usize]) -> Duration {
        let longest = Duration::from_millis(100);
        match &self.schedule {
            Some(schedule) if !idle.is_empty() => {
                Duration::from_nanos(schedule.next_ns.saturating_sub(now_ns())).min(longest)
            }
            _ => longest,
        }
    }

    /// Reads all there is; true when the connection's batch is complete.
    fn receive(&mut self, job: &Job, budget: &Budget, number: usize, buffer: &mut [u8]) -> io::Result<bool> {
        let mut done = false;
        while let Some(progress) = self.connections[number].receive(buffer)? {
            self.share.errors.add(progress.errors);
            budget.done.fetch_add(progress.requests, Ordering::Relaxed);
            let latency = now_ns().saturating_sub(self.connections[number].started_ns).clamp(1, LONGEST_NS);
            self.share.latencies.record_n(latency, progress.requests).map_err(io::Error::other)?;
            if progress.batch_done {
                done = true;
                break;
            }
        }
        if done && job.load.keepalive == 0 {
            self.connections[number] = connect(job, &self.poll, number)?;
        }
        Ok(done)
    }
}

fn connect(job: &Job, poll: &Poll, number: usize) -> io::Result<Connection> {
    let mut connection = Connection::new(Socket::connect(&job.address)?, &job.greeting.0, job.greeting.1);
    let interest = Interest::READABLE | Interest::WRITABLE;
    poll.registry().register(connection.socket.source(), Token(number), interest)?;
    Ok(connection)
}

fn ignore_interrupt(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) }
}
