//! Clients that append to lists and read them, in every form in which several commands happen together.

use std::sync::atomic::{AtomicU64, Ordering};

use client::Client;
use resp::Frame;
use stdx::rng::Rng;

use super::history::{Step, Transaction, Value};
use crate::support::Server;

/// Few keys, so that transactions meet, in different shards.
const KEYS: usize = 6;
const MAX_STEPS: u64 = 4;

/// A step that is not done yet.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Intent {
    Append { key: usize, value: Value },
    Read { key: usize },
}

/// How steps are made to happen together.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// A command alone, if there is but one step; else MULTI and EXEC, sent in one go.
    Pipeline,
    /// MULTI and EXEC, each command sent when the last one was answered.
    Piecemeal,
    /// MULTI and EXEC behind WATCH and a read outside, on which the transaction depends.
    Guarded,
    /// A script that declares its keys.
    Script,
    /// A script that does not.
    Undeclared,
}

const FORMS: [Form; 5] = [Form::Pipeline, Form::Piecemeal, Form::Guarded, Form::Script, Form::Undeclared];

/// Steps by the names of their keys, which are arguments, or numbers of keys that are declared, and the values; `r` reads.
const SCRIPT: &str = "local replies = {} \
    for at = 1, #ARGV, 2 do \
      local key = KEYS[tonumber(ARGV[at])] or ARGV[at] \
      if ARGV[at + 1] == 'r' then replies[#replies + 1] = redis.call('LRANGE', key, 0, -1) \
      else replies[#replies + 1] = redis.call('RPUSH', key, ARGV[at + 1]) end \
    end \
    return replies";

fn name(key: usize) -> String {
    format!("list:{key}")
}

impl Intent {
    fn key(self) -> usize {
        match self {
            Self::Append { key, .. } | Self::Read { key } => key,
        }
    }

    fn command(self) -> Vec<String> {
        match self {
            Self::Append { key, value } => vec!["RPUSH".into(), name(key), value.to_string()],
            Self::Read { key } => vec!["LRANGE".into(), name(key), "0".into(), "-1".into()],
        }
    }

    /// For [`SCRIPT`].
    fn words(self, key: String) -> [String; 2] {
        match self {
            Self::Append { value, .. } => [key, value.to_string()],
            Self::Read { .. } => [key, "r".into()],
        }
    }

    /// The step with its reply.
    fn done(self, reply: &Frame) -> Step {
        match self {
            Self::Append { key, value } => {
                let length = reply.integer().unwrap_or_else(|| panic!("{reply:?} is no length"));
                Step::Append { key, value, length: Some(length as usize) }
            }
            Self::Read { key } => {
                let elements = reply.elements().unwrap_or_else(|| panic!("{reply:?} is no list"));
                let value = |element: &Frame| {
                    let text = String::from_utf8_lossy(element.bytes().expect("an element")).into_owned();
                    text.parse().expect("only numbers are appended")
                };
                Step::Read { key, list: elements.iter().map(value).collect() }
            }
        }
    }

    /// The step of a transaction that was given up.
    fn given_up(self) -> Option<Step> {
        match self {
            Self::Append { key, value } => Some(Step::Append { key, value, length: None }),
            Self::Read { .. } => None,
        }
    }
}

/// Random steps with values that nobody else appends.
struct Plans {
    rng: Rng,
    next_value: Value,
}

impl Plans {
    fn of(client: usize, seed: u64) -> Self {
        let next_value = 1_000_000 * (client as Value + 1);
        Self { rng: Rng::from_seed(seed ^ next_value), next_value }
    }

    fn append(&mut self, key: usize) -> Intent {
        self.next_value += 1;
        Intent::Append { key, value: self.next_value }
    }

    fn key(&mut self) -> usize {
        self.rng.below(KEYS as u64) as usize
    }

    fn steps(&mut self) -> Vec<Intent> {
        let step = |plans: &mut Self| match (plans.rng.below(2), plans.key()) {
            (0, key) => Intent::Read { key },
            (_, key) => plans.append(key),
        };
        (0..=self.rng.below(MAX_STEPS)).map(|_| step(self)).collect()
    }

    fn form(&mut self) -> Form {
        FORMS[self.rng.below(FORMS.len() as u64) as usize]
    }
}

/// Several clients at once, each on a thread of its own. At the end one reads everything.
pub(crate) fn concurrent(
    server: &Server,
    clients: usize,
    transactions: usize,
    seed: u64,
) -> Vec<Transaction> {
    let clock = AtomicU64::new(0);
    let mut history: Vec<Transaction> = std::thread::scope(|scope| {
        let client = |number| {
            let (clock, mut connection) = (&clock, server.connect());
            scope.spawn(move || {
                let mut plans = Plans::of(number, seed);
                let one = |_| {
                    let begun = clock.fetch_add(1, Ordering::SeqCst);
                    let (happened, steps) = transact(&mut connection, &mut plans);
                    let ended = clock.fetch_add(1, Ordering::SeqCst);
                    Transaction { client: number, begun, ended, happened, steps }
                };
                (0..transactions).map(one).collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = (0..clients).map(client).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a client succeeds")).collect()
    });
    history.push(read_everything(&mut server.connect(), clock.into_inner()));
    history
}

/// The transaction that reads every key, at a time.
fn read_everything(client: &mut Client, now: u64) -> Transaction {
    let reads: Vec<Intent> = (0..KEYS).map(|key| Intent::Read { key }).collect();
    let steps = exec(client, &reads, true).expect("nothing is watched");
    Transaction { client: 0, begun: now, ended: now + 1, happened: true, steps }
}

/// One transaction of a random form: whether it happened, and its steps.
fn transact(client: &mut Client, plans: &mut Plans) -> (bool, Vec<Step>) {
    let (form, mut intents) = (plans.form(), plans.steps());
    let steps = match form {
        Form::Pipeline if intents.len() == 1 => Some(vec![alone(client, intents[0])]),
        Form::Pipeline => exec(client, &intents, true),
        Form::Piecemeal => exec(client, &intents, false),
        Form::Script => Some(script(client, &intents, true)),
        Form::Undeclared => Some(script(client, &intents, false)),
        Form::Guarded => {
            let key = plans.key();
            intents.push(plans.append(key));
            client.command(&["WATCH", &name(key)]).expect("a reply");
            let first = alone(client, Intent::Read { key });
            exec(client, &intents, true).map(|steps| [vec![first], steps].concat())
        }
    };
    match steps {
        Some(steps) => (true, steps),
        None => (false, intents.into_iter().filter_map(Intent::given_up).collect()),
    }
}

fn alone(client: &mut Client, intent: Intent) -> Step {
    intent.done(&client.command(&intent.command()).expect("a reply"))
}

/// A transaction; none if a watched key has changed.
fn exec(client: &mut Client, intents: &[Intent], in_one_go: bool) -> Option<Vec<Step>> {
    let mut commands = vec![vec!["MULTI".to_owned()]];
    commands.extend(intents.iter().map(|intent| intent.command()));
    commands.push(vec!["EXEC".to_owned()]);
    let last = if in_one_go {
        client.pipeline(&commands).expect("replies").pop()
    } else {
        commands.iter().map(|command| client.command(command).expect("a reply")).last()
    };
    let reply = last.expect("EXEC is answered");
    if matches!(reply, Frame::Null | Frame::NullArray) {
        return None;
    }
    Some(answered(intents, &reply))
}

fn script(client: &mut Client, intents: &[Intent], declares: bool) -> Vec<Step> {
    let mut words = vec!["EVAL".to_owned(), SCRIPT.to_owned()];
    words.push(if declares { intents.len().to_string() } else { "0".to_owned() });
    if declares {
        words.extend(intents.iter().map(|intent| name(intent.key())));
    }
    for (number, intent) in intents.iter().enumerate() {
        let key = if declares { (number + 1).to_string() } else { name(intent.key()) };
        words.extend(intent.words(key));
    }
    answered(intents, &client.command(&words).expect("a reply"))
}

/// Steps with the elements of a reply.
fn answered(intents: &[Intent], reply: &Frame) -> Vec<Step> {
    let replies = reply.elements().unwrap_or_else(|| panic!("{reply:?} has no elements"));
    assert_eq!(replies.len(), intents.len(), "a reply for each command");
    intents.iter().zip(replies).map(|(intent, reply)| intent.done(reply)).collect()
}

/// A planted fault: transactions the commands of which are sent alone, and those of several clients in between, in a
/// random order that depends on the seed only. With `guarded` each reads a key and appends to it, as behind a WATCH that
/// does nothing; otherwise they are those of [`concurrent`].
pub(crate) fn torn(
    server: &Server,
    clients: usize,
    commands: usize,
    seed: u64,
    guarded: bool,
) -> Vec<Transaction> {
    let mut connection = server.connect();
    let mut rng = Rng::from_seed(seed);
    let mut plans: Vec<Plans> = (0..clients).map(|client| Plans::of(client, seed)).collect();
    let mut running: Vec<(Vec<Intent>, Transaction)> =
        (0..clients).map(|client| (Vec::new(), Transaction::begin(client, 0))).collect();
    let mut history = Vec::new();
    for clock in 0..commands as u64 {
        let client = rng.below(clients as u64) as usize;
        let (left, transaction) = &mut running[client];
        if left.is_empty() {
            *left = if guarded { plans[client].read_and_append() } else { plans[client].steps() };
            *transaction = Transaction::begin(client, 2 * clock);
        }
        transaction.steps.push(alone(&mut connection, left.remove(0)));
        if left.is_empty() {
            transaction.ended = 2 * clock + 1;
            history.push(transaction.clone());
        }
    }
    // What is on its way ends when nothing follows any more.
    let now = 2 * commands as u64;
    history.extend(
        running
            .into_iter()
            .filter(|(left, _)| !left.is_empty())
            .map(|(_, transaction)| Transaction { ended: now, ..transaction }),
    );
    history.push(read_everything(&mut connection, now + 1));
    history
}

impl Plans {
    fn read_and_append(&mut self) -> Vec<Intent> {
        let key = self.key();
        vec![Intent::Read { key }, self.append(key)]
    }
}

impl Transaction {
    fn begin(client: usize, begun: u64) -> Self {
        Self { client, begun, ended: 0, happened: true, steps: Vec::new() }
    }
}
