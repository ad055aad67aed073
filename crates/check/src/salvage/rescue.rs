//! What can be read goes through the commands and into new files.

use std::path::Path;

use disk::Disk;
use engine::scripting::LibraryCompiler;
use node::{Loader, Node, Side};
use persist::aof::{ANNOUNCEMENT, BATCH_BYTES, Chain, FileKind, FileReader, Framer, LastBatch, Mark, Part};
use persist::rdb::{Item, Notes};
use persist::{Placement, SnapshotWriter, Step};
use resp::write_command;
use stdx::time::UnixMs;

use super::plan::{Plan, Run};
use crate::clock;
use crate::durable::NewFile;
use crate::read::{self, Span};
use crate::target::DataFile;

/// Reasons that are kept to be told.
const MAX_REASONS: usize = 1000;

/// See the module's text.
pub(super) struct Rescue<'n> {
    loader: Loader<'n>,
    compiler: LibraryCompiler,
    /// The place in the chain of the new increments.
    chain: Option<Chain>,
    /// When the RDB data at hand was made, as it says itself: what goes back to a moment looks at it.
    made: Option<UnixMs>,
    left_out: LeftOut,
}

/// What of a file was not taken over.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    /// Why, for the first ones.
    pub(super) reasons: Vec<String>,
    /// Commands, libraries, and what modules have left.
    pub(super) count: u64,
    /// Keys of damaged RDB data that are saved.
    pub(super) keys_saved: u64,
}

impl LeftOut {
    fn add(&mut self, reason: String) {
        self.count += 1;
        if self.reasons.len() < MAX_REASONS {
            self.reasons.push(reason);
        }
    }

    /// What modules have left can be read by them alone.
    fn note_module(&mut self, item: &Item<'_>) {
        match item {
            Item::ModuleValue(key, name) => {
                self.add(format!("key '{}', a value of the module type {name}", key.escape_ascii()));
            }
            Item::ModuleData(name) => {
                self.add(format!("what the module with the type {name} has kept beside the keys"));
            }
            _ => {}
        }
    }
}

impl<'n> Rescue<'n> {
    /// Nothing is saved yet.
    pub(super) fn new(node: &'n Node) -> Self {
        Self {
            loader: Loader::new(node, Side::Main, clock::now()),
            compiler: LibraryCompiler::default(),
            chain: None,
            made: None,
            left_out: LeftOut::default(),
        }
    }

    /// What was left out of the last file.
    pub(super) fn take_left_out(&mut self) -> LeftOut {
        std::mem::take(&mut self.left_out)
    }

    /// Saves what a plan says into a new file.
    pub(super) fn file(&mut self, file: &DataFile, plan: &Plan, to: &Path) -> Result<(), String> {
        let is_increment = file.kind == Some(FileKind::Increment);
        let mut new = NewFile::create(&Disk::native(), to.to_owned())?;
        // The batches of a base are counted on their own.
        let mut commands = Commands::new(self.chain.filter(|_| is_increment));
        self.made = None;
        self.loader.begin_file();
        let has_rdb = plan.commands_from != Some(0);
        if has_rdb {
            self.rdb(file, plan, &mut new, &mut commands)?;
        }
        if has_rdb && file.is_rdb_alone {
            self.leave_out_commands(plan);
        } else {
            self.commands(&file.path, plan, &mut new, &mut commands)?;
        }
        self.chain = commands.chain().filter(|_| is_increment).or(self.chain);
        new.finish()
    }

    /// Takes over the RDB data that a file begins with: as it is if all of it is sound, or written anew.
    fn rdb(
        &mut self,
        file: &DataFile,
        plan: &Plan,
        new: &mut NewFile,
        commands: &mut Commands,
    ) -> Result<(), String> {
        let until = plan.commands_from.unwrap_or(u64::MAX);
        let span = Span { from: 0, until, stops_in_doubt: false };
        self.part(&file.path, FileReader::new(plan.options), span, new, commands)?;
        let is_sound = plan.commands_from.is_some() && plan.rdb_problem.is_none();
        if is_sound && self.left_out.count == 0 {
            new.copy(&file.path, 0, until)
        } else {
            self.write_rdb(file.kind == Some(FileKind::Base), new)
        }
    }

    /// An RDB file that stands alone has none.
    fn leave_out_commands(&mut self, plan: &Plan) {
        if plan.commands_from.is_some_and(|from| from < plan.whole) || !plan.runs.is_empty() {
            self.left_out.add("the commands behind the data, which no RDB file may have".to_owned());
        }
    }

    /// Takes over the commands of a file, up to what cannot be read and behind it.
    fn commands(
        &mut self,
        path: &Path,
        plan: &Plan,
        new: &mut NewFile,
        commands: &mut Commands,
    ) -> Result<(), String> {
        let reader = |from| FileReader::of_commands(plan.options, from);
        let span = |from, until| Span { from, until, stops_in_doubt: false };
        if let Some(from) = plan.commands_from {
            self.part(path, reader(from), span(from, plan.whole), new, commands)?;
        }
        for &Run { from, until, .. } in &plan.runs {
            // A batch that selects no database is about the first one.
            self.loader.begin_file();
            commands.begin_run();
            self.part(path, reader(from), span(from, until), new, commands)?;
        }
        commands.finish(new)
    }

    /// Takes over a part of a file.
    fn part(
        &mut self,
        path: &Path,
        reader: FileReader,
        span: Span,
        new: &mut NewFile,
        commands: &mut Commands,
    ) -> Result<(), String> {
        let Self { loader, compiler, made, left_out, .. } = self;
        let mut compile = |text: &[u8]| compiler.compile(text);
        let mut placement = Placement::new(None, &mut compile);
        // The system's errors stop the work; those of the file are known already.
        let mut failed = None;
        let mut has_database = true;
        read::read(path, reader, span, &mut |part| {
            let result = match part {
                // Keys of a database that cannot be belong nowhere.
                Part::Item(Item::Entry(_)) if !has_database => Ok(()),
                Part::Item(item) => {
                    left_out.note_module(&item);
                    let is_database = matches!(item, Item::Database(_));
                    *made = made.or(ctime(&item));
                    let taken = placement.take(item, loader.access());
                    has_database = if is_database { taken.is_ok() } else { has_database };
                    if let Err(problem) = taken {
                        left_out.add(problem.to_string());
                    }
                    Ok(())
                }
                Part::Run(_) => unreachable!("nobody has asked for keys in runs"),
                Part::Mark(mark) => commands.mark(&mark, new),
                Part::Command(buffer, args) => match loader.apply(buffer, args) {
                    Ok(()) => commands.take(
                        buffer,
                        &buffer[args[0].clone()],
                        args.get(1).map(|arg| &buffer[arg.clone()]),
                        new,
                    ),
                    Err(reason) => {
                        let place =
                            commands.batch.map_or(String::new(), |batch| format!("batch {}: ", batch.number));
                        left_out.add(format!("{place}{reason}"));
                        commands.leave_out(new)
                    }
                },
            };
            failed = result.err();
            if failed.is_some() { Err(String::new().into()) } else { Ok(()) }
        })?;
        left_out.keys_saved += placement.finish().keys;
        failed.map_or(Ok(()), Err)
    }

    /// Writes what is loaded as RDB data.
    fn write_rdb(&mut self, is_base: bool, new: &mut NewFile) -> Result<(), String> {
        let snapshot = self.loader.access().snapshot(|_| ());
        let notes = Notes {
            redis_version: engine::REDIS_VERSION,
            own_version: engine::VERSION,
            created: self.made.unwrap_or(clock::now().unix),
            used_memory: 0,
            is_aof_base: is_base,
        };
        let mut bytes = Vec::new();
        let writer = SnapshotWriter::rdb(&snapshot, true, true, &notes, &mut bytes);
        new.write(&bytes)?;
        writer.write_all(snapshot, |step| match step {
            Step::Bytes(bytes) => new.write(bytes),
            Step::Encoded(_) => Ok(()),
        })
    }
}

/// When RDB data was made, if an item of it says so.
fn ctime(item: &Item<'_>) -> Option<UnixMs> {
    let Item::Note { name, value } = item else { return None };
    let second = std::str::from_utf8(value).ok().filter(|_| &**name == b"ctime")?;
    second.parse().ok().map(UnixMs::from_secs_saturating)
}

/// The commands of a new file: batches get lines that fit, what stood in no batch stays in none.
struct Commands {
    framer: Framer,
    /// The batch at hand, as it was.
    batch: Option<LastBatch>,
    /// Its commands.
    bytes: Vec<u8>,
    /// The commands of a transaction that are still to come; 0 outside of one.
    unit_left: usize,
    /// Those that came and were accepted, and how many.
    unit: Vec<u8>,
    kept_of_unit: usize,
    /// The database that a reader of the new file has selected.
    selected: Vec<u8>,
    has_batches: bool,
}

impl Commands {
    fn new(follows: Option<Chain>) -> Self {
        Self {
            framer: Framer::following(follows.unwrap_or_default()),
            batch: None,
            bytes: Vec::new(),
            unit_left: 0,
            unit: Vec::new(),
            kept_of_unit: 0,
            selected: b"0".to_vec(),
            has_batches: follows.is_some(),
        }
    }

    /// What the next file follows on, if there were batches.
    fn chain(&self) -> Option<Chain> {
        self.has_batches.then(|| self.framer.chain())
    }

    /// What follows was written when database 0 was selected, or selects its own.
    fn begin_run(&mut self) {
        if self.selected != b"0" {
            self.selected = b"0".to_vec();
            write_command(&mut self.bytes, &[b"SELECT", &b"0"[..]]);
        }
    }

    fn mark(&mut self, mark: &Mark<'_>, new: &mut NewFile) -> Result<(), String> {
        match mark {
            Mark::Batch(batch) => {
                if !self.has_batches {
                    self.has_batches = true;
                    let number = batch.number.saturating_sub(1);
                    self.framer = Framer::following(Chain { number, ..self.framer.chain() });
                }
                self.batch = Some(LastBatch { number: batch.number, time: batch.time });
                Ok(())
            }
            Mark::EndOfBatch => self.flush(new),
            Mark::Transaction(count) => {
                (self.unit_left, self.kept_of_unit) = (*count, 0);
                Ok(())
            }
            Mark::Announcement => new.write(ANNOUNCEMENT),
            Mark::Annotation { line, .. } => {
                let mut out = Vec::new();
                self.framer.pass(line, &mut out);
                new.write(&out)
            }
        }
    }

    /// Takes a command that was accepted.
    fn take(
        &mut self,
        command: &[u8],
        name: &[u8],
        argument: Option<&[u8]>,
        new: &mut NewFile,
    ) -> Result<(), String> {
        if name.eq_ignore_ascii_case(b"SELECT") {
            self.selected = argument.unwrap_or_default().to_vec();
        }
        if self.unit_left > 0 {
            self.unit.extend_from_slice(command);
            self.kept_of_unit += 1;
        } else {
            self.bytes.extend_from_slice(command);
        }
        self.leave_out(new)
    }

    /// A command has come, and may have been left out.
    fn leave_out(&mut self, new: &mut NewFile) -> Result<(), String> {
        if self.unit_left > 0 {
            self.unit_left -= 1;
            if self.unit_left == 0 {
                self.end_unit();
            }
        }
        if self.batch.is_none() && self.unit_left == 0 { self.flush(new) } else { Ok(()) }
    }

    /// A transaction is complete.
    fn end_unit(&mut self) {
        if self.kept_of_unit > 1 {
            write_command(&mut self.bytes, &[b"MULTI"]);
            self.bytes.append(&mut self.unit);
            write_command(&mut self.bytes, &[b"EXEC"]);
        } else {
            self.bytes.append(&mut self.unit);
        }
    }

    /// What came goes into the file, as a batch or as it is.
    fn flush(&mut self, new: &mut NewFile) -> Result<(), String> {
        let batch = self.batch.take();
        if self.bytes.is_empty() {
            return Ok(());
        }
        let mut out = Vec::new();
        match batch {
            // All that stands before it will be on disk when somebody reads it.
            Some(batch) => self.framer.frame(&self.bytes, batch.time, new.length, &mut out),
            None => self.framer.pass(&self.bytes, &mut out),
        }
        self.bytes.clear();
        self.bytes.shrink_to(BATCH_BYTES);
        new.write(&out)
    }

    fn finish(&mut self, new: &mut NewFile) -> Result<(), String> {
        self.flush(new)
    }
}
