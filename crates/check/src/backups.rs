//! Backups: the crate that makes and restores them says whether they are whole.

use std::io::Write;
use std::path::{Path, PathBuf};

use backup::{ENDING, Finding, Series, is_list};
use disk::{Disk, around};

use crate::options::Options;
use crate::{Failure, Verdict, target};

/// A folder with backups, and the name of one of them if only that is meant.
pub(crate) struct Backups {
    folder: PathBuf,
    id: Option<String>,
}

/// What a path means, if it is that of a backup's list, or of a folder that holds one and no data of a server. Others
/// name files so, too: what stands in them tells.
pub(crate) fn find(path: &Path) -> Option<Backups> {
    let disk = Disk::native();
    if path.is_dir() {
        let names = disk.list(path).ok()?;
        let is_list = |name: &String| name.ends_with(ENDING) && is_list(&disk, &path.join(name));
        let is_meant = names.iter().any(is_list) && !target::is_data_folder(path);
        return is_meant.then(|| Backups { folder: path.to_owned(), id: None });
    }
    let id = path.file_name()?.to_str()?.strip_suffix(ENDING)?;
    is_list(&disk, path).then(|| Backups { folder: around(path).to_owned(), id: Some(id.to_owned()) })
}

/// Verifies them.
pub(crate) fn run(backups: &Backups, options: &Options, out: &mut dyn Write) -> Result<Verdict, Failure> {
    if options.fix || options.salvage.is_some() || options.until()?.is_some() {
        return Err(
            "a backup is never changed: restore it with rustypotato-cli, and look at what comes of it"
                .to_owned()
                .into(),
        );
    }
    let disk = Disk::native();
    let series = Series::open(&disk, &backups.folder)?;
    let is_sound = backup::verify(&disk, &series, backups.id.as_deref(), &mut |_| (), &mut |finding| {
        match finding {
            Finding::Whole(backup) => writeln!(out, "Backup {backup}: it is whole")?,
            Finding::Damaged(reason) => writeln!(out, "Backup {reason}")?,
            Finding::Strays(names) => writeln!(out, "These files belong to no backup: {}", names.join(", "))?,
        }
        Ok::<(), Failure>(())
    })?;
    let (verdict, is) = if is_sound {
        (Verdict::Sound, "All backups are whole")
    } else {
        (Verdict::Damaged, "Not all backups are whole")
    };
    writeln!(out, "{is}")?;
    Ok(verdict)
}
