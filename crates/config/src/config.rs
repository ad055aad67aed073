//! A configuration: one checked value for every parameter.
//!
//! Reading is an array index and a match, cheap enough for every command. Whoever shares a configuration between threads puts
//! it behind an `Arc`, clones it to change it and swaps the `Arc`.
//!
//! Invariant: the value at the index of a parameter has the form that the parameter's kind makes. A getter of another form
//! is a mistake in this program and panics.

use std::borrow::Cow;

use stdx::glob;

use crate::choices::{self, AppendFsync, LogLevel, MaxmemoryPolicy, OomScoreAdj, Protected};
use crate::error::ConfigError;
use crate::keyspace_events::KeyspaceEvents;
use crate::kind::{Kind, Reason};
use crate::output_limits::OutputLimits;
use crate::parameter::{Change, find_name};
use crate::table::{OTHER_NAMES, Param, TABLE};
use crate::value::{MemoryLimit, SavePoint, Value};

/// The value of every parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    values: Vec<Value>,
}

/// What the situation lets CONFIG SET do.
#[derive(Clone, Copy, Debug)]
pub struct Permissions {
    /// Whether `enable-protected-configs` lets this client change `dir` and `dbfilename`.
    pub protected: bool,
    /// Whether data is being loaded.
    pub loading: bool,
}

impl Default for Config {
    /// Every parameter at the default of the table.
    fn default() -> Self {
        let parse = |row: &crate::Parameter| {
            let words = split_words(&row.kind, row.default.as_bytes());
            row.kind
                .parse(row.name, &words, &Value::Bool(false))
                .expect("a default is a legal value (tested)")
        };
        Self { values: TABLE.iter().map(parse).collect() }
    }
}

/// Typed reading.
impl Config {
    /// The value of a yes/no parameter.
    pub fn yes(&self, param: Param) -> bool {
        match self.value(param) {
            Value::Bool(yes) => *yes,
            _ => wrong_form(param),
        }
    }

    /// The value of a whole number.
    pub fn integer(&self, param: Param) -> i64 {
        match self.value(param) {
            Value::Integer(number) => *number,
            _ => wrong_form(param),
        }
    }

    /// The value of a memory size, in bytes.
    pub fn size(&self, param: Param) -> u64 {
        match self.value(param) {
            Value::Size(bytes) => *bytes,
            _ => wrong_form(param),
        }
    }

    /// The name chosen.
    pub fn choice(&self, param: Param) -> &'static str {
        param.row().kind.names()[self.choice_index(param)]
    }

    /// The value of a text.
    pub fn text(&self, param: Param) -> &[u8] {
        match self.value(param) {
            Value::Text(text) => text,
            _ => wrong_form(param),
        }
    }

    /// The value of a text, with what is not UTF-8 replaced.
    pub fn text_lossy(&self, param: Param) -> Cow<'_, str> {
        String::from_utf8_lossy(self.text(param))
    }

    /// The words of a list, such as `bind`.
    pub fn words(&self, param: Param) -> &[Vec<u8>] {
        match self.value(param) {
            Value::Words(words) => words,
            _ => wrong_form(param),
        }
    }

    /// The flags of a set, such as those of `shutdown-on-sigterm`; none stands for the default.
    pub fn flags(&self, param: Param) -> impl Iterator<Item = &'static str> {
        let Value::Flags(set) = *self.value(param) else { wrong_form(param) };
        let names = param.row().kind.names().iter().enumerate();
        names.filter(move |(index, _)| set & 1 << index != 0).map(|(_, name)| *name)
    }

    /// `maxmemory-clients`.
    pub fn maxmemory_clients(&self) -> MemoryLimit {
        match self.value(Param::MaxmemoryClients) {
            Value::Limit(limit) => *limit,
            _ => wrong_form(Param::MaxmemoryClients),
        }
    }

    /// `client-output-buffer-limit`.
    pub fn output_limits(&self) -> &OutputLimits {
        match self.value(Param::ClientOutputBufferLimit) {
            Value::OutputLimits(limits) => limits,
            _ => wrong_form(Param::ClientOutputBufferLimit),
        }
    }

    /// `save`.
    pub fn save_points(&self) -> &[SavePoint] {
        match self.value(Param::Save) {
            Value::SavePoints(points) => points,
            _ => wrong_form(Param::Save),
        }
    }

    /// `notify-keyspace-events`.
    pub fn keyspace_events(&self) -> KeyspaceEvents {
        match self.value(Param::NotifyKeyspaceEvents) {
            Value::KeyspaceEvents(events) => *events,
            _ => wrong_form(Param::NotifyKeyspaceEvents),
        }
    }

    /// `latency-tracking-info-percentiles`.
    pub fn percentiles(&self) -> &[f64] {
        match self.value(Param::LatencyTrackingInfoPercentiles) {
            Value::Percentiles(percentiles) => percentiles,
            _ => wrong_form(Param::LatencyTrackingInfoPercentiles),
        }
    }

    /// `appendfsync`.
    pub fn append_fsync(&self) -> AppendFsync {
        choices::APPEND_FSYNC[self.choice_index(Param::Appendfsync)]
    }

    /// `maxmemory-policy`.
    pub fn maxmemory_policy(&self) -> MaxmemoryPolicy {
        choices::MAXMEMORY_POLICY[self.choice_index(Param::MaxmemoryPolicy)]
    }

    /// `oom-score-adj`.
    pub fn oom_score_adj(&self) -> OomScoreAdj {
        choices::OOM_SCORE_ADJ[self.choice_index(Param::OomScoreAdj)]
    }

    /// `oom-score-adj-values`: those of a primary, a replica and a background process.
    pub fn oom_score_adj_values(&self) -> &[i64] {
        match self.value(Param::OomScoreAdjValues) {
            Value::Numbers(values) => values,
            _ => wrong_form(Param::OomScoreAdjValues),
        }
    }

    /// `loglevel`.
    pub fn log_level(&self) -> LogLevel {
        choices::LOG_LEVEL[self.choice_index(Param::Loglevel)]
    }

    /// `enable-protected-configs`, `enable-debug-command` or `enable-module-command`.
    pub fn protected(&self, param: Param) -> Protected {
        choices::PROTECTED[self.choice_index(param)]
    }

    fn choice_index(&self, param: Param) -> usize {
        match self.value(param) {
            Value::Choice(index) => *index,
            _ => wrong_form(param),
        }
    }

    pub(crate) fn value(&self, param: Param) -> &Value {
        &self.values[param as usize]
    }
}

/// CONFIG GET and CONFIG SET.
impl Config {
    /// The text of a value as CONFIG GET prints it.
    pub fn print(&self, param: Param) -> Vec<u8> {
        self.value(param).print(&param.row().kind)
    }

    /// As [`Config::print`], by name.
    pub fn get_text(&self, name: &[u8]) -> Option<Vec<u8>> {
        Param::find(name).map(|param| self.print(param))
    }

    /// The names that match one of `patterns`, in order, each with its text. A pattern without special bytes is a name, which
    /// finds hidden parameters too and is answered as it was written. `*` alone finds what Redis has.
    pub fn matching<'a>(&self, patterns: impl IntoIterator<Item = &'a [u8]>) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let mut add = |name: &[u8], param: Param| {
            if !found.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                found.push((name.to_vec(), self.print(param)));
            }
        };
        for pattern in patterns {
            if !pattern.iter().any(|byte| matches!(byte, b'[' | b'*' | b'?')) {
                if let Some(param) = Param::find(pattern) {
                    add(pattern, param);
                }
                continue;
            }
            let everything = pattern.iter().all(|&byte| byte == b'*');
            names_to_match(everything)
                .filter(|(name, _)| glob::matches(pattern, name.as_bytes(), glob::Case::Insensitive))
                .for_each(|(name, param)| add(name.as_bytes(), param));
        }
        found.sort();
        found
    }

    /// CONFIG SET of one parameter, with nothing protected and nothing loading.
    pub fn set(&mut self, name: &str, text: &[u8]) -> Result<(), ConfigError> {
        let permissions = Permissions { protected: true, loading: false };
        self.set_all(&[(name.as_bytes(), text)], permissions).map(drop)
    }

    /// CONFIG SET: takes all pairs of name and value, or none when one is refused. Returns the parameters whose value is
    /// another one now, for the caller to put into effect; if that fails, the caller keeps its old configuration.
    pub fn set_all(
        &mut self,
        pairs: &[(&[u8], &[u8])],
        permissions: Permissions,
    ) -> Result<Vec<Param>, ConfigError> {
        let mut named: Vec<(Param, &'static str)> = Vec::with_capacity(pairs.len());
        for (name, _) in pairs {
            let typed = || String::from_utf8_lossy(name).into_owned();
            let (param, known) = find_name(name).ok_or_else(|| ConfigError::Unknown(typed()))?;
            let row = param.row();
            if row.is_immutable() {
                return Err(ConfigError::refused(&typed(), "can't set immutable config"));
            }
            if row.change == Change::Protected && !permissions.protected {
                return Err(ConfigError::refused(&typed(), "can't set protected config"));
            }
            if permissions.loading && matches!(row.change, Change::NotLoading | Change::Protected) {
                return Err(ConfigError::Loading);
            }
            if named.iter().any(|(_, before)| *before == known) {
                return Err(ConfigError::refused(&typed(), "duplicate parameter"));
            }
            named.push((param, known));
        }
        let mut next = self.clone();
        for (&(param, known), (_, text)) in named.iter().zip(pairs) {
            let words = split_words(&param.row().kind, text);
            next.assign(param, &words).map_err(|reason| ConfigError::refused(known, reason))?;
            if let Some(lack) = param.row().lack(&next.print(param)) {
                return Err(ConfigError::refused(known, format!("{}; {}", lack.reason, lack.remedy)));
            }
        }
        let mut changed: Vec<Param> = named.into_iter().map(|(param, _)| param).collect();
        changed.sort_unstable();
        changed.dedup();
        changed.retain(|&param| next.value(param) != self.value(param));
        *self = next;
        Ok(changed)
    }

    /// Gives parameters the values that they have in another configuration.
    pub fn restore(&mut self, params: &[Param], from: &Self) {
        for &param in params {
            self.values[param as usize] = from.value(param).clone();
        }
    }

    /// Gives a parameter the value that `words` write, whether or not CONFIG SET could: for the start, and for what the server
    /// finds out itself, such as the full path of `dir`. On an error nothing changes.
    pub fn assign(&mut self, param: Param, words: &[&[u8]]) -> Result<(), Reason> {
        let row = param.row();
        let value = row.kind.parse(row.name, words, self.value(param))?;
        self.values[param as usize] = value;
        Ok(())
    }

    /// As `assign`, but save points come in addition to those that are there; no words at all remove them.
    pub(crate) fn extend(&mut self, param: Param, words: &[&[u8]]) -> Result<(), Reason> {
        let before = match self.value(param) {
            Value::SavePoints(points) if !words.is_empty() => points.clone(),
            _ => Vec::new(),
        };
        self.assign(param, words)?;
        if let Value::SavePoints(points) = &mut self.values[param as usize] {
            points.splice(0..0, before);
        }
        Ok(())
    }
}

/// The names that patterns of CONFIG GET are compared with.
fn names_to_match(everything: bool) -> impl Iterator<Item = (&'static str, Param)> {
    let rows = TABLE.iter().filter(move |row| row.is_shown(everything));
    let in_table = rows.flat_map(|row| row.names().map(|name| (name, row.param)));
    in_table.chain(OTHER_NAMES.iter().filter(move |_| !everything).copied())
}

/// The words of a value that stands in one text, as CONFIG SET splits it: single spaces separate, and no text is no word.
fn split_words<'a>(kind: &Kind, text: &'a [u8]) -> Vec<&'a [u8]> {
    match (kind.takes_words(), text.is_empty()) {
        (false, _) => vec![text],
        (true, true) => Vec::new(),
        (true, false) => text.split(|&byte| byte == b' ').collect(),
    }
}

fn wrong_form(param: Param) -> ! {
    panic!("`{}` is read as another kind than the table says", param.name())
}
