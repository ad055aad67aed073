//! The configuration from the command line, the environment and files; and back into the file.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use config::{Action, Appended, Config, Inputs, LoadError, Param, RenamedCommand};
use engine::table::{BadName, Names};

use crate::storage::{at, replace};
use crate::users::UserLine;

/// What the command line asked for.
pub enum Wish {
    /// Run.
    Serve {
        config: Box<Config>,
        /// By what names clients find the commands.
        names: Names,
        /// The `user` lines.
        users: Vec<UserLine>,
        /// The file that was named.
        file: Option<PathBuf>,
        /// What came from standard input.
        input: Option<Vec<u8>>,
    },
    /// Print this and end.
    Print(String),
}

/// Reads all sources.
pub fn read() -> Result<Wish, String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let environment: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let mut input = None;
    let mut inputs = Inputs {
        arguments: &arguments,
        environment: &environment,
        read_file: &mut |path| fs::read(path).map_err(|error| error.to_string()),
        list_directory: &mut list,
        read_stdin: &mut || {
            let mut content = Vec::new();
            std::io::stdin().lock().read_to_end(&mut content).map_err(|error| error.to_string())?;
            input = Some(content.clone());
            Ok(content)
        },
    };
    match config::load(&mut inputs).map_err(|error| error.to_string())? {
        Action::Version => Ok(Wish::Print(version())),
        Action::Help => Ok(Wish::Print(HELP.to_owned())),
        Action::CheckSystem => Ok(Wish::Print("nothing to report".to_owned())),
        Action::TestMemory { .. } => {
            Err("--test-memory is not offered; use memtester or memtest86".to_owned())
        }
        Action::Start(loaded) => {
            let names = names(&loaded.renamed_commands).map_err(|error| error.to_string())?;
            let file =
                loaded.file.as_ref().map(|path| fs::canonicalize(path).unwrap_or_else(|_| path.into()));
            Ok(Wish::Serve { config: Box::new(loaded.config), names, users: loaded.users, file, input })
        }
    }
}

/// The names of the commands when all renaming is done.
fn names(renamed: &[RenamedCommand]) -> Result<Names, LoadError> {
    let mut names = Names::default();
    for each in renamed {
        names.rename(&each.old, &each.new).map_err(|error| match error {
            BadName::Unknown => {
                each.error("No such command in rename-command", "COMMAND LIST tells the names that there are")
            }
            BadName::Taken => each.error("Target command name already exists", "choose another name"),
        })?;
    }
    Ok(names)
}

/// The names in a directory.
fn list(directory: &str) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(directory).map_err(|error| error.to_string())?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

/// Writes the parameters and users into the file they came from.
pub fn rewrite(
    path: Option<&Path>,
    config: &Config,
    users: &[Vec<u8>],
    appended: Appended,
) -> Result<(), String> {
    let path = path.ok_or_else(|| "The server is running without a config file".to_owned())?;
    let old = fs::read(path).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(Vec::new()),
        _ => Err(at(path, &error)),
    })?;
    let text = config::rewrite(&path.to_string_lossy(), &old, config, users, appended)
        .map_err(|error| error.to_string())?;
    replace(path, &text)
}

/// The folder of data files, as CONFIG GET shows it: absolute.
pub fn enter_directory(config: &mut Config) -> Result<(), String> {
    let directory = config.text_lossy(Param::Dir).into_owned();
    std::env::set_current_dir(&directory)
        .map_err(|error| format!("dir {directory}: {error}; name a folder that exists and may be entered"))?;
    if let Ok(absolute) = std::env::current_dir() {
        // A folder whose name cannot be written in a configuration stays as it was given.
        let _ = config.assign(Param::Dir, &[absolute.to_string_lossy().as_bytes()]);
    }
    Ok(())
}

fn version() -> String {
    format!(
        "RustyPotato server v={} (Redis {} compatible) malloc=jemalloc bits={}",
        engine::VERSION,
        engine::REDIS_VERSION,
        usize::BITS
    )
}

const HELP: &str = "\
Usage: rustypotato-server [/path/to/redis.conf] [options] [-]
       rustypotato-server -v | --version
       rustypotato-server -h | --help

Every parameter of the configuration is an option: --port 7000 --appendfsync always --threads 4.
`-` reads configuration from standard input. RUSTYPOTATO_<PARAMETER> in the environment works too.

Examples:
       rustypotato-server                           (port 6379, data in the current folder)
       rustypotato-server /etc/redis.conf --port 7000
       rustypotato-server --save \"\" --appendonly no
       echo 'maxmemory 128mb' | rustypotato-server -";
