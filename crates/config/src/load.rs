//! Reading a configuration from its sources, the weakest first: defaults, file, standard input, environment, command line.
//!
//! A directive of a stronger source replaces those of weaker ones, and within one source the last directive counts. As in
//! Redis, `save` lines of all sources add up, and `client-output-buffer-limit` lines each set their class.

use std::collections::BTreeSet;

use stdx::glob;

use crate::arguments::{self, CommandLine};
use crate::config::Config;
use crate::kind::Kind;
use crate::source::{Directive, LoadError, Place};
use crate::split::{quote, split};
use crate::table::{IGNORED_DIRECTIVES, Param};
use crate::{conf_file, toml_file};

/// Variables of the environment that begin so are parameters: `RUSTYPOTATO_MAXMEMORY_POLICY` is `maxmemory-policy`.
pub const ENVIRONMENT_PREFIX: &str = "RUSTYPOTATO_";

/// How deep files may include files.
const INCLUDE_DEPTH: usize = 16;
/// How many files one start reads.
const FILES: usize = 1024;
/// The largest file that is taken for a configuration.
const FILE_BYTES: usize = 16 << 20;

/// The world, as far as a configuration needs it.
pub struct Inputs<'a> {
    /// The arguments without the name of the program.
    pub arguments: &'a [String],
    /// The environment; variables without the prefix are not looked at.
    pub environment: &'a [(String, String)],
    /// Reads a file, or says why it cannot.
    pub read_file: &'a mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
    /// The names in a directory, for `include` with wildcards.
    pub list_directory: &'a mut dyn FnMut(&str) -> Result<Vec<String>, String>,
    /// Reads standard input to its end.
    pub read_stdin: &'a mut dyn FnMut() -> Result<Vec<u8>, String>,
}

/// What to do.
#[derive(Debug)]
pub enum Action {
    /// Print the version.
    Version,
    /// Print the usage.
    Help,
    /// Look for settings of the system that harm.
    CheckSystem,
    /// Test memory.
    TestMemory {
        /// So much.
        megabytes: u64,
    },
    /// Start the server.
    Start(Box<Loaded>),
}

/// A configuration and what came with it.
#[derive(Debug)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// For each directive that set a parameter, the parameter and the place, the strongest last.
    pub origins: Vec<(Param, Place)>,
    /// The words of each `user` directive, without `user`.
    pub users: Vec<(Vec<Vec<u8>>, Place)>,
    /// Every `rename-command`, in order.
    pub renamed_commands: Vec<RenamedCommand>,
    /// The file that was named on the command line, as it was named.
    pub file: Option<String>,
}

/// A `rename-command`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenamedCommand {
    /// The name that the command has until here.
    pub old: Vec<u8>,
    /// The name that it gets; empty if it is taken away.
    pub new: Vec<u8>,
    /// Where that stands.
    pub place: Place,
}

impl RenamedCommand {
    /// Why it cannot be done. The new name is kept to itself, as it may be a secret.
    pub fn error(&self, reason: &str, remedy: &str) -> LoadError {
        LoadError {
            place: self.place.clone(),
            directive: format!("rename-command {}", String::from_utf8_lossy(&quote(&self.old))),
            reason: reason.to_owned(),
            remedy: remedy.to_owned(),
        }
    }
}

/// Reads all sources.
pub fn load(inputs: &mut Inputs<'_>) -> Result<Action, LoadError> {
    let (file, stdin, options) = match arguments::parse(inputs.arguments)? {
        CommandLine::Version => return Ok(Action::Version),
        CommandLine::Help => return Ok(Action::Help),
        CommandLine::CheckSystem => return Ok(Action::CheckSystem),
        CommandLine::TestMemory { megabytes } => return Ok(Action::TestMemory { megabytes }),
        CommandLine::Start { file, stdin, options } => (file, stdin, options),
    };
    let environment = inputs.environment.iter().filter_map(|(variable, value)| {
        let name = variable.strip_prefix(ENVIRONMENT_PREFIX)?.replace('_', "-");
        let place = Place::Environment { variable: variable.clone() };
        let directive = Directive::from_words(&name, vec![value.clone().into_bytes()], place);
        Some(directive.written(format!("{variable}={value}")))
    });
    let environment: Vec<Directive> = environment.collect();
    let mut loader = Loader {
        loaded: Loaded {
            config: Config::default(),
            origins: Vec::new(),
            users: Vec::new(),
            renamed_commands: Vec::new(),
            file: file.clone(),
        },
        read_file: &mut *inputs.read_file,
        list_directory: &mut *inputs.list_directory,
        set: BTreeSet::new(),
        files: 0,
    };
    if let Some(path) = &file {
        loader.file(path, &Place::CommandLine, 0)?;
    }
    if stdin {
        let content = (inputs.read_stdin)().map_err(|reason| LoadError {
            place: Place::Stdin { line: 0 },
            directive: String::new(),
            reason,
            remedy: "leave out `-`, or give the configuration on standard input".to_owned(),
        })?;
        loader.apply_all(conf_file::parse(&content, &|line| Place::Stdin { line })?, 0)?;
    }
    for source in [environment, options] {
        loader.apply_all(source, 0)?;
    }
    let loaded = loader.loaded;
    refuse_what_lacks(&loaded)?;
    Ok(Action::Start(Box::new(loaded)))
}

/// Refuses a value that asks for what is not here, unless a stronger source has taken it back.
fn refuse_what_lacks(loaded: &Loaded) -> Result<(), LoadError> {
    let mut set = loaded.origins.iter().rev();
    let lacking = set.find_map(|(param, place)| {
        let value = loaded.config.print(*param);
        let lack = param.row().lack(&value)?;
        let text = format!("{} {}", param.name(), String::from_utf8_lossy(&value));
        let directive = Directive::from_words(param.name(), Vec::new(), place.clone()).written(text);
        Some(directive.error(lack.reason, lack.remedy))
    });
    lacking.map_or(Ok(()), Err)
}

/// Whether the name of a file says that it holds TOML.
pub(crate) fn is_toml(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("toml"))
}

struct Loader<'a> {
    loaded: Loaded,
    read_file: &'a mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
    list_directory: &'a mut dyn FnMut(&str) -> Result<Vec<String>, String>,
    /// What is not at its default any more.
    set: BTreeSet<Param>,
    files: usize,
}

impl Loader<'_> {
    fn file(&mut self, path: &str, named_at: &Place, depth: usize) -> Result<(), LoadError> {
        let refused = |reason: String, remedy: &str| LoadError {
            place: named_at.clone(),
            directive: path.to_owned(),
            reason,
            remedy: remedy.to_owned(),
        };
        self.files += 1;
        if depth > INCLUDE_DEPTH || self.files > FILES {
            return Err(refused(
                "too many files include one another".to_owned(),
                "look for a file that includes itself",
            ));
        }
        let content = (self.read_file)(path).map_err(|reason| {
            refused(
                format!("can't open config file '{path}': {reason}"),
                "check the path and its permissions",
            )
        })?;
        if content.len() > FILE_BYTES {
            return Err(refused("the file is too large for a configuration".to_owned(), "check the path"));
        }
        let directives = if is_toml(path) {
            toml_file::parse(&content, path)?
        } else {
            conf_file::parse(&content, &|line| Place::File { path: path.to_owned(), line })?
        };
        self.apply_all(directives, depth)
    }

    fn apply_all(&mut self, directives: Vec<Directive>, depth: usize) -> Result<(), LoadError> {
        directives.into_iter().try_for_each(|directive| self.apply(directive, depth))
    }

    fn apply(&mut self, mut directive: Directive, depth: usize) -> Result<(), LoadError> {
        if let Some(param) = Param::find(directive.name.as_bytes()) {
            return self.parameter(param, directive);
        }
        match (directive.name.as_str(), directive.words.as_slice()) {
            ("include", [path]) => self.include(&String::from_utf8_lossy(path), &directive.place, depth),
            ("rename-command", [_, _]) => {
                let new = directive.words.remove(1);
                let old = directive.words.remove(0);
                self.loaded.renamed_commands.push(RenamedCommand { old, new, place: directive.place });
                Ok(())
            }
            ("user", [_, ..]) => {
                self.loaded.users.push((directive.words, directive.place));
                Ok(())
            }
            ("loadmodule" | "loadmodule-ex", _) => {
                Err(directive.error("modules in machine code are not supported", "remove the line"))
            }
            ("sentinel", _) => Err(directive.error(
                "this server is no Sentinel",
                "run redis-sentinel or valkey-sentinel; it can watch this server",
            )),
            (name, _) if IGNORED_DIRECTIVES.contains(&name) => Ok(()),
            (name, _) if name.contains('.') => {
                Err(directive.error("parameters of modules are not supported", "remove the line"))
            }
            _ => Err(directive.error(
                "Bad directive or wrong number of arguments",
                "see docs/configuration.md for the names of all parameters",
            )),
        }
    }

    fn parameter(&mut self, param: Param, directive: Directive) -> Result<(), LoadError> {
        let kind = &param.row().kind;
        let remedy = || format!("{} takes {kind}", param.name());
        // Before the split below, which takes a line break for a space.
        kind.refuse_line_breaks(&directive.words).map_err(|reason| directive.error(reason, remedy()))?;
        // One quoted text may hold all words of a value: `--save "900 1"`.
        let words = match directive.words.as_slice() {
            // Nothing at all means no save points, and flags say which there are.
            [] if matches!(kind, Kind::Flags(_) | Kind::SavePoints) => Vec::new(),
            [] => return Err(directive.error("wrong number of arguments", remedy())),
            [one] if kind.takes_words() => split(one)
                .ok_or_else(|| directive.error("Unbalanced quotes in configuration line", remedy()))?,
            words => words.to_vec(),
        };
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let is_first = self.set.insert(param);
        let config = &mut self.loaded.config;
        let done = if is_first { config.assign(param, &words) } else { config.extend(param, &words) };
        done.map_err(|reason| directive.error(reason, remedy()))?;
        self.loaded.origins.push((param, directive.place));
        Ok(())
    }

    /// Reads a file, or every file that matches when the last part of the path has wildcards; none is fine then.
    fn include(&mut self, path: &str, place: &Place, depth: usize) -> Result<(), LoadError> {
        let is_pattern = |text: &str| text.contains(['*', '?', '[']);
        if !is_pattern(path) {
            return self.file(path, place, depth + 1);
        }
        let (directory, pattern) = path.rsplit_once('/').unwrap_or((".", path));
        if is_pattern(directory) {
            return Err(LoadError {
                place: place.clone(),
                directive: format!("include {path}"),
                reason: "only the last part of an included path may have wildcards".to_owned(),
                remedy: "name the directories in full".to_owned(),
            });
        }
        let listed = if directory.is_empty() { "/" } else { directory };
        let mut names = (self.list_directory)(listed).unwrap_or_default();
        // As in a shell, `*` does not find hidden files.
        names.retain(|name| {
            (pattern.starts_with('.') || !name.starts_with('.'))
                && glob::matches(pattern.as_bytes(), name.as_bytes(), glob::Case::Sensitive)
        });
        names.sort_unstable();
        let prefix = if path.contains('/') { format!("{directory}/") } else { String::new() };
        names.iter().try_for_each(|name| self.file(&format!("{prefix}{name}"), place, depth + 1))
    }
}
