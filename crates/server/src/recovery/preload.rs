//! `preload-file`: at the start, data is loaded from elsewhere in place of the server's own, as after a backup was copied here.
//!
//! What is loaded stays as it is. The server's own append-only file, if it is on and says something else, is replaced when all is
//! loaded: by a base of what was loaded, and the old files count until that is durable. The parameter is for one start: with
//! it, the next one loads the same again.

use std::path::{Path, PathBuf};

use config::{Config, Param};
use disk::{Disk, around};
use node::{Loader, Node};
use persist::aof::{FileKind, Files, Manifest, ManifestEntry};
use tracing::{info, warn};

use super::{Recovered, seconds_since};
use crate::clock;
use crate::loading::{self, Crew, Owner};
use crate::machine::ServerMachine;
use crate::storage::at;

/// What is to be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preload {
    kind: Kind,
    path: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A set of files.
    Manifest,
    /// A file of commands.
    Commands,
    /// A snapshot.
    Snapshot,
}

impl Preload {
    /// What the parameter says, if it says something.
    pub fn of(config: &Config) -> Result<Option<Self>, String> {
        let text = config.text_lossy(Param::PreloadFile);
        let (kind, path) = match text.split_once(':') {
            None => return Ok(None),
            Some(("rdb", path)) => (Kind::Snapshot, path),
            Some((_, path)) => match Path::new(path).extension().and_then(|extension| extension.to_str()) {
                Some("manifest") => (Kind::Manifest, path),
                Some("aof") => (Kind::Commands, path),
                _ => {
                    return Err(format!(
                        "preload-file {text}: the name must end with .manifest or .aof; a snapshot is `rdb:` and its path"
                    ));
                }
            },
        };
        let path = std::path::absolute(path).map_err(|error| format!("preload-file {text}: {error}"))?;
        Ok(Some(Self { kind, path }))
    }

    /// Whether it is the server's own append-only set, whose manifest is given. A part of that is refused: it would be deleted when the
    /// set gives way to what was loaded.
    pub fn is_of(&self, own: &Path) -> Result<bool, String> {
        let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let (path, own) = (real(&self.path), real(own));
        if self.kind == Kind::Manifest && path == own {
            return Ok(true);
        }
        if around(&path) == around(&own) {
            return Err(format!(
                "{}: preload-file names a part of the server's own append-only file, which would be replaced by it: copy it elsewhere first",
                self.path.display()
            ));
        }
        Ok(false)
    }

    /// Loads it.
    pub fn load(
        &self,
        node: &Node,
        machine: &ServerMachine,
        loader: &mut Loader<'_>,
        crew: &mut Crew<'_>,
    ) -> Result<(), String> {
        let (started, path) = (clock::now(), self.path.display());
        if machine.disk.length(&self.path).map_err(|error| at(&self.path, &error))?.is_none() {
            return Err(format!("{path}: the file that preload-file names is not there"));
        }
        let loaded = if self.kind == Kind::Snapshot {
            let options = loading::read_options(&node.shared);
            let (disk, access) = (&machine.disk, loader.access());
            loading::rdb(disk, &self.path, options, started.unix, access, false, Some(crew))?
                .unwrap_or_default()
        } else {
            let files = self.files(&machine.disk)?;
            let Recovered { commands, loaded, .. } =
                loading::append_only(&machine.disk, (&files, Owner::Other), node, loader, Some(crew))?;
            info!("loaded {commands} commands of {path}");
            loaded
        };
        machine.progress.set_loaded(&loaded);
        info!("loaded {} keys of {path} in {:.3} seconds", loaded.keys, seconds_since(started));
        warn!(
            "{path} has been loaded as preload-file says: take that out of the configuration, for the next start would load it again"
        );
        Ok(())
    }

    fn files(&self, disk: &Disk) -> Result<Files, String> {
        let folder = around(&self.path);
        let manifest = if self.kind == Kind::Manifest {
            let read = Manifest::read(disk, &self.path).map_err(|error| error.within(folder))?;
            read.map(|checked| checked.manifest).unwrap_or_default()
        } else {
            let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let entry = ManifestEntry::new(name, 1, FileKind::Increment);
            Manifest { entries: vec![entry], ..Manifest::default() }
        };
        Files::look_at(disk.clone(), folder.to_owned(), manifest).map_err(|error| error.within(folder))
    }
}
