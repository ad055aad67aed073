//! Files are cut where they lie. Whatever happens meanwhile, the manifest names files that are there and that hold a
//! prefix of what they held, and no byte is lost.
//!
//! ```text
//!   keep      what is to be cut off is copied beside, durable with its name
//!   name      the manifest names no file behind the cut any more
//!   cut       the file ends at the cut
//!   remove    the files behind it go
//! ```
//! If it is interrupted, it may be done again: what was kept once is kept twice then.

use std::path::PathBuf;

use disk::{Disk, about, around};
use persist::aof::Checksums;

use crate::durable;

/// What is to be done.
#[derive(Debug, Clone)]
pub(crate) struct Cut {
    /// The file to be cut.
    pub(crate) file: PathBuf,
    /// So many bytes of it stay.
    pub(crate) offset: u64,
    /// What the name of a copy says.
    pub(crate) ending: &'static str,
    /// The files behind it, which go.
    pub(crate) rest: Vec<PathBuf>,
    /// The manifest with its new text, in the checked form, if it names others.
    pub(crate) manifest: Option<(PathBuf, String)>,
}

impl Cut {
    /// Does it. Gives the copies of what was cut off, each with the file that it is of.
    pub(crate) fn run(&self, disk: &Disk) -> Result<Vec<(PathBuf, PathBuf)>, String> {
        let Self { file, offset, ending, rest, manifest } = self;
        let length = |path: &PathBuf| disk.length(path).map_err(about(path));
        let mut kept = Vec::new();
        let is_longer = length(file)?.is_some_and(|length| length > *offset);
        if is_longer {
            kept.push((file.clone(), durable::keep_end(disk, file, *offset, ending)?));
        }
        for path in rest {
            if length(path)?.is_some() {
                kept.push((path.clone(), durable::keep_end(disk, path, 0, ending)?));
            }
        }
        if let Some((path, text)) = manifest {
            durable::replace(disk, path, text.as_bytes())?;
            // What stands beside it is about the one before. The new one has a checksum of its own.
            let beside = Checksums::beside(path);
            disk.remove(&beside).map_err(about(&beside))?;
        }
        if is_longer {
            disk.truncate(file, *offset).map_err(about(file))?;
            disk.sync(file).map_err(about(file))?;
        }
        for path in rest {
            disk.remove(path).map_err(about(path))?;
        }
        if !rest.is_empty() {
            disk.sync_folder(around(file)).map_err(about(file))?;
        }
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use disk::{Double, Fault};
    use stdx::rng::Rng;

    use super::*;

    const FOLDER: &str = "/set";
    /// The manifests before and after, as the names of the files.
    const BEFORE: &str = "base first second third";
    const AFTER: &str = "base first";
    /// Bytes of each file, and of the first one where it is cut.
    const LENGTH: usize = 9000;
    const OFFSET: usize = 5000;

    fn path(name: &str) -> PathBuf {
        Path::new(FOLDER).join(name)
    }

    fn content(name: &str) -> Vec<u8> {
        let seed = name.len() as u32;
        (0..LENGTH as u32).map(|at| (at.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 13) as u8).collect()
    }

    fn disk_of(double: &Double) -> Disk {
        Disk::new(Arc::new(double.clone()))
    }

    fn world() -> Double {
        let double = Double::new(Path::new(FOLDER), 7);
        let disk = disk_of(&double);
        for name in ["base", "first", "second", "third"] {
            disk.write(&path(name), &content(name)).expect("nothing fails");
            disk.sync(&path(name)).expect("nothing fails");
        }
        disk.write(&path("manifest"), BEFORE.as_bytes()).expect("nothing fails");
        disk.sync(&path("manifest")).expect("nothing fails");
        disk.sync_folder(Path::new(FOLDER)).expect("nothing fails");
        double
    }

    fn cut() -> Cut {
        Cut {
            file: path("first"),
            offset: OFFSET as u64,
            ending: "cut",
            rest: vec![path("second"), path("third")],
            manifest: Some((path("manifest"), AFTER.to_owned())),
        }
    }

    /// The manifest names files that hold a prefix, and every byte is somewhere.
    fn check(disk: &Disk) -> Result<(), String> {
        let read = |name: &str| disk.read(&path(name)).map_err(|error| format!("{name}: {error}"));
        let manifest = String::from_utf8(read("manifest")?).map_err(|error| error.to_string())?;
        if manifest != BEFORE && manifest != AFTER {
            return Err(format!("the manifest says {manifest:?}"));
        }
        let (mut held, mut all) = (Vec::new(), Vec::new());
        for name in manifest.split(' ') {
            held.extend(read(name)?);
        }
        for name in ["base", "first", "second", "third"] {
            all.extend(content(name));
        }
        if !all.starts_with(&held) || held.len() < LENGTH + OFFSET {
            return Err(format!("{} bytes are no prefix", held.len()));
        }
        let names = disk.list(Path::new(FOLDER)).map_err(|error| error.to_string())?;
        let has = |file: &str, from: usize| {
            let is_copy = |name: &&String| name.starts_with(&format!("{file}.cut-{from}"));
            let is_whole = |name: &String| read(name).is_ok_and(|bytes| bytes == content(file)[from..]);
            names.iter().filter(is_copy).any(is_whole) || read(file).is_ok_and(|bytes| bytes == content(file))
        };
        let lost = [("first", OFFSET), ("second", 0), ("third", 0)]
            .into_iter()
            .find(|&(file, from)| !has(file, from));
        lost.map_or(Ok(()), |(file, _)| Err(format!("bytes of {file} are lost")))
    }

    #[test]
    fn files_are_cut_and_what_is_cut_off_is_kept() {
        let disk = disk_of(&world());
        let kept = cut().run(&disk).expect("nothing fails");
        let names = ["first.cut-5000", "second.cut-0", "third.cut-0"];
        assert_eq!(kept.into_iter().map(|(_, copy)| copy).collect::<Vec<_>>(), names.map(path));
        assert_eq!(disk.read(&path("first")).expect("it is there"), content("first")[..OFFSET]);
        assert_eq!(disk.length(&path("second")).expect("nothing fails"), None);
        check(&disk).expect("nothing is lost");
        assert_eq!(cut().run(&disk), Ok(Vec::new()), "there is nothing left to do");
    }

    #[test]
    fn a_power_cut_at_any_call_leaves_a_prefix_and_loses_nothing() {
        let calls = {
            let double = world();
            let before = double.calls();
            cut().run(&disk_of(&double)).expect("nothing fails");
            before..double.calls()
        };
        assert!(calls.len() > 30, "{calls:?}");
        for (number, seed) in calls.clone().flat_map(|number| (0..20).map(move |seed| (number, seed))) {
            let double = world();
            double.plan(number..number + 1, Fault::PowerCut);
            let disk = disk_of(&double);
            assert!(cut().run(&disk).is_err(), "call {number}");
            double.cut_power(&mut Rng::from_seed(seed));
            let told = |error| format!("call {number}, seed {seed}: {error}");
            check(&disk).map_err(told).expect("a prefix");
            // Once more.
            cut().run(&disk).map_err(told).expect("nothing fails now");
            double.cut_power(&mut Rng::from_seed(seed));
            check(&disk).map_err(told).expect("a prefix");
            assert_eq!(disk.length(&path("first")).expect("nothing fails"), Some(OFFSET as u64));
        }
    }

    #[test]
    fn a_call_that_fails_leaves_a_prefix_and_loses_nothing() {
        const EIO: i32 = 5;
        let calls = world().calls()..world().calls() + 60;
        for fault in [Fault::Error(EIO), Fault::NoRoom, Fault::Short] {
            for number in calls.clone() {
                let double = world();
                double.plan(number..number + 1, fault);
                let disk = disk_of(&double);
                let result = cut().run(&disk);
                assert!(fault != Fault::Short || result.is_ok(), "{fault:?} at call {number}: {result:?}");
                double.heal();
                check(&disk)
                    .map_err(|error| format!("{fault:?} at call {number}: {error}"))
                    .expect("a prefix");
                double.cut_power(&mut Rng::from_seed(3));
                check(&disk)
                    .map_err(|error| format!("{fault:?} at call {number}: {error}"))
                    .expect("a prefix");
            }
        }
    }
}
