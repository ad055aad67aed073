//! `--to-time`, `--to-batch` and `--truncate-to-timestamp`: the files as they were at a
//! moment, a prefix of whole batches.
//!
//! The place of the cut is the first batch or time annotation beyond the moment, or the end of the batch; behind it
//! nothing is looked at, so that damage there does not matter. A base is all data at one moment and is never cut: what
//! was before it these files do not tell.

use std::io::Write;
use std::path::{Path, PathBuf};

use disk::Disk;
use node::Node;
use persist::aof::{ANNOUNCEMENT, Damage, FileKind, FileReader, Manifest, Mark, Part, Tail};
use persist::rdb::{Item, ReadOptions};
use stdx::time::UnixMs;

use crate::options::{Options, Until};
use crate::read::{self, Read, WHOLE};
use crate::target::{self, DataFile, Set, Target};
use crate::{Failure, Verdict, check, durable, in_place, report, world};
use backup::moment;

/// Where to cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cut {
    /// The file, by its place.
    file: usize,
    /// So many bytes of it are kept.
    offset: u64,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// What is beyond begins here.
    Cut(Cut),
    /// Nothing is beyond.
    Everything,
    /// These files do not tell it, for this reason.
    Nothing(String),
    /// Before the place is found, a file is damaged.
    Damaged(usize, Damage),
}

/// Why reading has stopped.
#[derive(Debug)]
enum Stop {
    /// At what is beyond.
    Beyond,
    /// Behind the batch.
    Behind(u64),
    /// These files do not tell it.
    Untold(String),
}

/// Finds the place, and cuts there, or copies what lies before.
pub(crate) fn run(
    options: &Options,
    target: &Target,
    until: Until,
    node: &Node,
    out: &mut dyn Write,
) -> Result<Verdict, Failure> {
    if let Target::Rdb(path) = target {
        return Err(
            format!("{}: an RDB file tells of one moment only, and cannot be cut", path.display()).into()
        );
    }
    report::begin(target, out)?;
    let files = target.files();
    let found = find(&files, until, options.untimed, world::read_options(node))?;
    let cut = match found {
        Found::Cut(cut) => Some(cut),
        Found::Everything => None,
        Found::Nothing(reason) => {
            writeln!(out, "{reason}")?;
            return Ok(Verdict::Damaged);
        }
        Found::Damaged(file, damage) => {
            let path = files[file].path.display();
            writeln!(out, "{path}: {damage}")?;
            writeln!(
                out,
                "It is damaged before the place of the cut; --salvage FOLDER saves what can be read"
            )?;
            return Ok(Verdict::Damaged);
        }
    };
    match (until, &options.into) {
        (Until::Timestamp(second), _) => truncate(target, &files, second, cut, out),
        (_, Some(folder)) => copy(options, target, &files, cut, folder, node, out),
        (_, None) => cut_in_place(options, target, &files, cut, node, out),
    }
}

/// Finds what is beyond a moment.
fn find(
    files: &[DataFile],
    until: Until,
    keeps_untimed: bool,
    options: ReadOptions,
) -> Result<Found, String> {
    let mut chain = None;
    let mut looker = Looker {
        until,
        is_base: false,
        base_until: None,
        keeps_untimed,
        is_timed: false,
        has_untimed: false,
        behind: None,
        last_batch: None,
    };
    for (index, file) in files.iter().enumerate() {
        let is_base = file.kind == Some(FileKind::Base);
        let mut stop = None;
        looker.is_base = is_base;
        looker.is_timed = false;
        let reader = FileReader::new(options).following(chain);
        let read = read::read(&file.path, reader, WHOLE, &mut |part| {
            stop = looker.look(&part);
            // The reader stops at an error, and that is no damage.
            if stop.is_some() { Err(String::new().into()) } else { Ok(()) }
        })?;
        chain = read.chain.filter(|_| !is_base);
        let is_last = index + 1 == files.len();
        if let Some(found) = place(index, &read, stop, until, (is_base, is_last)) {
            return Ok(looker.untold().filter(|_| matches!(found, Found::Cut(_))).unwrap_or(found));
        }
    }
    Ok(match until {
        Until::Time(_) => looker.untold().unwrap_or(Found::Everything),
        Until::Batch(number) => Found::Nothing(match looker.last_batch {
            Some(last) => format!("There is no batch {number}: {last} is the last one"),
            None => "There are no batches in these files".to_owned(),
        }),
        Until::Timestamp(_) => Found::Everything,
    })
}

/// Whether so many bytes of a file without a base are nothing but the announcement of what was
/// to come: no command is shorter.
fn is_nothing(offset: u64) -> bool {
    offset <= ANNOUNCEMENT.len() as u64
}

/// What a file that was read up to some place says; nothing if the next one has to be looked at.
fn place(
    index: usize,
    read: &Read,
    stop: Option<Stop>,
    until: Until,
    (is_base, is_last): (bool, bool),
) -> Option<Found> {
    let at = |offset| match until {
        Until::Timestamp(_) => Some(Found::Cut(Cut { file: index, offset })),
        _ if index == 0 && is_nothing(offset) => {
            Some(Found::Nothing("Nothing in these files lies before that".to_owned()))
        }
        _ => Some(Found::Cut(Cut { file: index, offset })),
    };
    match (stop, &read.end) {
        (Some(Stop::Untold(reason)), _) => Some(Found::Nothing(reason)),
        (Some(Stop::Beyond), _) if is_base && !matches!(until, Until::Timestamp(_)) => Some(Found::Nothing(
            "The base was written later than that; what was before it these files do not tell".to_owned(),
        )),
        (Some(Stop::Beyond), _) => at(read.whole),
        (Some(Stop::Behind(offset)), _) => at(offset),
        (None, Ok(Tail::Whole)) => None,
        (None, Ok(Tail::Torn(_))) if is_last && matches!(until, Until::Batch(_)) => None,
        (None, Ok(Tail::Torn(offset))) if is_last => at(*offset),
        (None, Ok(Tail::Torn(offset))) => {
            let reason = "it is torn there, and other files follow it".into();
            Some(Found::Damaged(index, Damage { offset: *offset, batch: None, reason }))
        }
        (None, Err(damage)) => Some(Found::Damaged(index, damage.clone())),
    }
}

/// Looks at parts for what is beyond the moment.
struct Looker {
    until: Until,
    is_base: bool,
    /// RDB data may hold what was written up to this moment, which is beyond the one that is wanted, unless something
    /// that was written behind it is not.
    base_until: Option<UnixMs>,
    /// Whether commands are kept of which nothing tells when they were written.
    keeps_untimed: bool,
    /// Whether something tells when the command at hand was written.
    is_timed: bool,
    /// Whether there were commands without a time, and nothing behind them that is not beyond the moment.
    has_untimed: bool,
    /// Where the batch ends that is to be the last.
    behind: Option<u64>,
    /// The number of the last batch of an increment.
    last_batch: Option<u64>,
}

impl Looker {
    fn look(&mut self, part: &Part<'_>) -> Option<Stop> {
        match (part, self.until) {
            (Part::Item(Item::Note { name, value }), Until::Time(time)) if &**name == b"ctime" => {
                let second = std::str::from_utf8(value).ok()?.parse().ok()?;
                self.base_until = Some(moment::end_of_second(second)).filter(|&until| until > time);
                (UnixMs::from_secs_saturating(second) > time).then_some(Stop::Beyond)
            }
            (Part::Mark(mark), Until::Time(time)) => {
                match mark {
                    Mark::EndOfBatch => self.is_timed = false,
                    _ => self.is_timed |= mark.time().is_some(),
                }
                if mark.time().is_some_and(|told| told <= time) {
                    self.has_untimed = false;
                    if !self.is_base {
                        self.base_until = None;
                    }
                }
                is_later(mark, time)
            }
            (Part::Command(..), Until::Time(_)) => {
                self.has_untimed |= !self.is_timed && !self.keeps_untimed;
                None
            }
            (Part::Mark(mark), Until::Timestamp(second)) => is_later(mark, moment::end_of_second(second)),
            // The batches of a base are counted on their own.
            (Part::Mark(mark), Until::Batch(number)) if !self.is_base => self.look_at_number(mark, number),
            _ => None,
        }
    }

    /// Why these files do not tell what was at the moment, if they do not.
    fn untold(&self) -> Option<Found> {
        if self.has_untimed {
            return Some(Found::Nothing(
                "There are commands of which nothing tells whether they were written before that or later; --untimed keeps them"
                    .to_owned(),
            ));
        }
        let until = moment::show(self.base_until?);
        Some(Found::Nothing(format!(
            "The RDB data may hold what was written up to {until}; what was before it these files do not tell"
        )))
    }

    fn look_at_number(&mut self, mark: &Mark<'_>, wanted: u64) -> Option<Stop> {
        match mark {
            Mark::Batch(batch) => {
                let number = batch.number;
                self.last_batch = Some(number);
                if number == wanted {
                    self.behind = Some(batch.offset + batch.length);
                }
                match number {
                    // What stood before the first batch is in the base.
                    _ if number <= wanted => None,
                    _ if number - 1 == wanted => Some(Stop::Beyond),
                    _ => Some(Stop::Untold(format!(
                        "There is no batch {wanted}: {number} is the first one, and the base holds what was before it"
                    ))),
                }
            }
            Mark::EndOfBatch => self.behind.take().map(Stop::Behind),
            Mark::Transaction(_) | Mark::Announcement | Mark::Annotation { .. } => None,
        }
    }
}

fn is_later(mark: &Mark<'_>, time: UnixMs) -> Option<Stop> {
    mark.time().filter(|&told| told > time).map(|_| Stop::Beyond)
}

/// Cuts the last file as redis-check-aof does, and says what it says; but what is cut off is kept.
fn truncate(
    target: &Target,
    files: &[DataFile],
    second: i64,
    cut: Option<Cut>,
    out: &mut dyn Write,
) -> Result<Verdict, Failure> {
    let Some(Cut { file, offset }) = cut else {
        for file in files {
            let (what, path) = (report::kind(file), file.path.display());
            writeln!(out, "Truncate nothing in AOF {path} to timestamp {second}\n{what} {path} is valid")?;
        }
        report::end(target, Verdict::Sound, out)?;
        return Ok(Verdict::Sound);
    };
    let DataFile { path, .. } = &files[file];
    let shown = path.display();
    if is_nothing(offset) {
        writeln!(out, "AOF {shown} has nothing before timestamp {second}, aborting...")?;
        return Ok(Verdict::Damaged);
    }
    if file + 1 < files.len() || target::followed_in(path)?.is_some() {
        writeln!(
            out,
            "Failed to truncate AOF {shown} to timestamp {second} to offset {offset} because it is not the last file. \
             --to-time {second} --into FOLDER writes new files"
        )?;
        return Ok(Verdict::Damaged);
    }
    let manifest = target.manifest_when_cut(path);
    let cut = in_place::Cut { file: path.clone(), offset, ending: "cut", rest: Vec::new(), manifest };
    let kept = cut.run(&Disk::native())?;
    let kept =
        kept.first().map_or(String::new(), |(_, kept)| format!("; what was cut is in {}", kept.display()));
    writeln!(out, "Successfully truncated AOF {shown} to timestamp {second}{kept}")?;
    Ok(Verdict::Sound)
}

/// Writes what lies before the cut into a new folder, and checks it.
fn copy(
    options: &Options,
    target: &Target,
    files: &[DataFile],
    cut: Option<Cut>,
    folder: &Path,
    node: &Node,
    out: &mut dyn Write,
) -> Result<Verdict, Failure> {
    let disk = Disk::native();
    durable::new_folder(&disk, folder)?;
    let cut = cut.unwrap_or(Cut { file: files.len().saturating_sub(1), offset: u64::MAX });
    for (index, file) in files.iter().enumerate().take(cut.file + 1) {
        let until = if index == cut.file { cut.offset } else { u64::MAX };
        let mut new = durable::NewFile::create(&disk, folder.join(file.name()))?;
        new.copy(&file.path, 0, until)?;
        writeln!(out, "{}: {} bytes are in {}", file.path.display(), new.length, folder.display())?;
        new.finish()?;
    }
    let new = match target {
        Target::Set(set) => {
            let mut manifest = durable::NewFile::create(&disk, folder.join(&set.manifest_name))?;
            manifest.write(first_files(set, cut.file + 1).format_checked().as_bytes())?;
            manifest.finish()?;
            folder.join(&set.manifest_name)
        }
        Target::Commands(path) | Target::Rdb(path) => folder.join(path.file_name().unwrap_or_default()),
    };
    writeln!(out)?;
    Ok(check::run(&target::find(&new)?, options, node, out)?.verdict())
}

/// The manifest of the first files that hold data.
fn first_files(set: &Set, count: usize) -> Manifest {
    Manifest { entries: set.manifest.data().take(count).cloned().collect(), ..Manifest::default() }
}

/// Cuts the files themselves.
fn cut_in_place(
    options: &Options,
    target: &Target,
    files: &[DataFile],
    cut: Option<Cut>,
    node: &Node,
    out: &mut dyn Write,
) -> Result<Verdict, Failure> {
    let Some(Cut { file, offset }) = cut else {
        writeln!(out, "Nothing is to be cut")?;
        return Ok(check::run(target, options, node, out)?.verdict());
    };
    let path = &files[file].path;
    if let (Target::Commands(_), Some(manifest)) = (target, target::followed_in(path)?) {
        let (path, manifest) = (path.display(), manifest.display());
        return Err(format!("{path}: other files follow it in {manifest}; name that instead").into());
    }
    let rest: Vec<PathBuf> = files[file + 1..].iter().map(|file| file.path.clone()).collect();
    let manifest = match target {
        Target::Set(set) if !rest.is_empty() => {
            let manifest = set.manifest_when_cut(first_files(set, file + 1), path);
            Some((set.manifest_path(), manifest.format_checked()))
        }
        _ => target.manifest_when_cut(path),
    };
    let cut = in_place::Cut { file: path.clone(), offset, ending: "cut", rest, manifest };
    let kept = cut.run(&Disk::native())?;
    writeln!(out, "{}: {offset} bytes are left", path.display())?;
    for (path, kept) in kept {
        writeln!(out, "{}: what lies behind the cut is in {}", path.display(), kept.display())?;
    }
    writeln!(out)?;
    Ok(check::run(&target.again()?, options, node, out)?.verdict())
}
