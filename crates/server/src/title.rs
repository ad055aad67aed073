//! The title of the process, which `ps` shows in the place of its command line (`proc-title-template`): by it people tell the servers of
//! a machine apart.

mod area;

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use config::{Config, Param};

use area::Area;

/// See the module's text.
#[derive(Debug)]
pub struct Title {
    config_file: Option<PathBuf>,
    /// Where the title stands, once there is one; nothing where the system does not let it.
    area: OnceLock<Option<Area>>,
}

impl Title {
    /// Of a process that has been configured by a file, or not.
    pub fn new(config_file: Option<PathBuf>) -> Self {
        Self { config_file, area: OnceLock::new() }
    }

    /// The process gets a title, if the parameters say so.
    pub fn begin(&self, config: &Config) {
        if config.yes(Param::SetProcTitle) {
            let area =
                Area::claim().inspect_err(|error| tracing::debug!("the process gets no title: {error}"));
            let _ = self.area.set(area.ok());
            self.follow(config);
        }
    }

    /// If the process has got a title, it is what the parameters say from now on.
    pub fn follow(&self, config: &Config) {
        if let Some(Some(area)) = self.area.get() {
            let program = std::env::args_os().next().unwrap_or_default();
            area.write(&title(config, program.as_bytes(), self.config_file.as_deref()));
        }
    }
}

/// The title of a program.
fn title(config: &Config, program: &[u8], config_file: Option<&Path>) -> Vec<u8> {
    let number = |param| config.integer(param).to_string().into_bytes();
    config::expand_title(config.text(Param::ProcTitleTemplate), |name| match name {
        "title" => program.to_vec(),
        "listen-addr" => address(config),
        "port" => number(Param::Port),
        "tls-port" => number(Param::TlsPort),
        "unixsocket" => config.text(Param::Unixsocket).to_vec(),
        "config-file" => config_file.map_or(Vec::new(), |path| path.as_os_str().as_bytes().to_vec()),
        // The mode: a server of its own has none.
        _ => Vec::new(),
    })
}

/// Where clients connect: the first address and the port, or the socket of the file system.
fn address(config: &Config) -> Vec<u8> {
    let port = config.integer(Param::Port);
    if port == 0 {
        return config.text(Param::Unixsocket).to_vec();
    }
    let first = config.words(Param::Bind).first().map_or(&b"*"[..], Vec::as_slice);
    [first, format!(":{port}").as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_says_what_the_server_is() {
        let mut config = Config::default();
        let check = |config: &Config, expected: &str| {
            let title = title(config, b"./server", Some(Path::new("/etc/x.conf")));
            assert_eq!(String::from_utf8_lossy(&title), expected);
        };
        config.set("bind", b"127.0.0.1 ::1").expect("addresses");
        config.set("port", b"7000").expect("a port");
        check(&config, "./server 127.0.0.1:7000");
        let template = b"TEST {title} {port} {tls-port} ({unixsocket}) {config-file}";
        config.set("proc-title-template", template).expect("a template");
        check(&config, "TEST ./server 7000 0 () /etc/x.conf");
        config.set("proc-title-template", b"<{listen-addr}>").expect("a template");
        config.set("bind", b"").expect("no address");
        check(&config, "<*:7000>");
        config.set("port", b"0").expect("no port");
        check(&config, "<>");
    }
}
