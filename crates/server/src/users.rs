//! Users at the start: `requirepass`, the `user` lines of the configuration, the ACL file.

use std::path::Path;

use acl::Users;
use config::{Config, Param, Place};
use disk::Disk;
use engine::accounts::setting;
use tracing::warn;

use crate::storage::cause;

/// A `user` line of the configuration, without its first word, and where it stands.
pub type UserLine = (Vec<Vec<u8>>, Place);

/// The users to start with, or why the server must not start.
pub fn load(config: &Config, lines: &[UserLine]) -> Result<Users, String> {
    let setting = setting(config.choice(Param::AclPubsubDefault) == "allchannels");
    let path = config.text_lossy(Param::Aclfile);
    let password = config.text(Param::Requirepass);
    let mut users = Users::new(setting);
    users.set_default_password(password);
    if !path.is_empty() {
        if let Some((_, place)) = lines.first() {
            return Err(format!(
                "{place}: users are defined here and in the file {path} at the same time, which invites security holes; \
                 define all of them in one place"
            ));
        }
        let content = read_file(&path).map_err(|reason| {
            format!("{reason}; correct `aclfile`, or create the file (an empty one will do)")
        })?;
        users = Users::from_file(&content, &path, password, setting).map_err(|errors| {
            format!("Aborting startup because of ACL errors: {errors}; correct the file")
        })?;
    }
    let mut named = Vec::new();
    for (words, place) in lines {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let name = words.first().map(|name| String::from_utf8_lossy(name)).unwrap_or_default();
        users.add_configured(&words, &mut named, setting).map_err(|reason| {
            format!("{place}: user '{name}': {reason}; correct the line, with the rules of ACL SETUSER")
        })?;
    }
    for user in users.iter().filter(|user| !user.is_on()) {
        let name = String::from_utf8_lossy(user.name());
        warn!("nobody can log in as the user '{name}', since its rules do not say 'on'");
    }
    Ok(users)
}

/// The content of the ACL file.
pub fn read_file(path: &str) -> Result<Vec<u8>, String> {
    Disk::native()
        .read(Path::new(path))
        .map_err(|error| format!("Error loading ACLs, opening file '{path}': {}", cause(&error)))
}
