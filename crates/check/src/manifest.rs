//! `--fix`: a manifest and its file of checksums are made to fit each other again.
//!
//! A manifest that is lost or damaged is written anew, as its file of checksums tells it. A file of checksums
//! that is damaged is taken away: the manifest counts by itself then, until the next start. Either may be the one
//! that is right, so both want a yes.

use std::io::Write;

use disk::{Disk, about, around};

use crate::doubt::{self, Doubt};
use crate::durable::{self, NewFile};
use crate::options::Options;
use crate::{Failure, fix};

/// What the names of copies say.
const ENDING: &str = "cut";

/// Does it, if there is something to do. False: it was not agreed to.
pub(crate) fn run(options: &Options, out: &mut dyn Write) -> Result<bool, Failure> {
    let disk = Disk::native();
    let (path, manifest) = match doubt::find(&options.path)? {
        None => return Ok(true),
        Some(Doubt::Manifest(path, manifest)) => (path, Some(manifest)),
        Some(Doubt::Checksums(path)) => (path, None),
    };
    let shown = path.display();
    match &manifest {
        Some(manifest) => {
            writeln!(
                out,
                "{shown} is not what its file of checksums tells. It will say\n{}",
                manifest.format()
            )?;
        }
        None => {
            writeln!(out, "{shown} is damaged. It will be removed, so that the manifest counts as it is")?;
        }
    }
    if !fix::is_agreed(options, out)? {
        writeln!(out, "Aborting...")?;
        return Ok(false);
    }
    if path.exists() {
        let kept = durable::keep_end(&disk, &path, 0, ENDING)?;
        writeln!(out, "What it was is in {}\n", kept.display())?;
    }
    match manifest {
        None => {
            disk.remove(&path).and_then(|()| disk.sync_folder(around(&path))).map_err(about(&path))?;
        }
        Some(manifest) if path.exists() => durable::replace(&disk, &path, manifest.format().as_bytes())?,
        Some(manifest) => {
            let mut file = NewFile::create(&disk, path.clone())?;
            file.write(manifest.format().as_bytes())?;
            file.finish()?;
        }
    }
    Ok(true)
}
