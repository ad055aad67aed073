//! All backups of a folder, or one with those that it follows on, are read and judged.

use disk::Disk;

use crate::reading::Reading;
use crate::series::{Backup, Series};

/// What is found.
#[derive(Debug)]
pub enum Finding<'s> {
    /// It is whole, and so is all that it follows on.
    Whole(&'s Backup),
    /// It is not: which, and why.
    Damaged(String),
    /// These files belong to no backup.
    Strays(&'s [String]),
}

/// Tells of each backup whether it is whole; one of this name, or all. True: everything is. An error is one of
/// `tell`, or there is no such backup.
pub fn verify<E: From<String>>(
    disk: &Disk,
    series: &Series,
    id: Option<&str>,
    progress: &mut dyn FnMut(u64),
    tell: &mut dyn FnMut(Finding<'_>) -> Result<(), E>,
) -> Result<bool, E> {
    let mut is_sound = true;
    let tips: Vec<&Backup> = match id {
        Some(id) => vec![series.find(id)?],
        None => series.tips().collect(),
    };
    if id.is_none() {
        for (path, reason) in &series.unusable {
            is_sound = false;
            tell(Finding::Damaged(format!("{}: {reason}", path.display())))?;
        }
        if tips.is_empty() && is_sound {
            return Err(format!("{}: there is no backup", series.folder.display()).into());
        }
    }
    // Backups that several follow on are told once.
    let mut told: Vec<&str> = Vec::new();
    for tip in tips {
        let read = series.chain(tip).and_then(|chain| {
            let reading = Reading { disk, series, until: None, into: None, progress: &mut *progress };
            reading.run(&chain).map(|_| chain)
        });
        match read {
            Ok(chain) => {
                for backup in chain {
                    if !told.contains(&&*backup.id) {
                        told.push(&backup.id);
                        tell(Finding::Whole(backup))?;
                    }
                }
            }
            Err(reason) => {
                is_sound = false;
                tell(Finding::Damaged(reason))?;
            }
        }
    }
    if id.is_none() && !series.strays.is_empty() {
        tell(Finding::Strays(&series.strays))?;
    }
    Ok(is_sound)
}
