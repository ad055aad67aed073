//! Users as text: the lines `user NAME RULE ..` of an ACL file and of the configuration.
//!
//! A file is read as a whole or not at all. Comments are errors, since writing the file would lose them.

use crate::user::{Setting, User};
use crate::users::{DEFAULT, Users, is_name};
use crate::words::merge;

impl Users {
    /// The users of an ACL file. A default user that it does not name may do everything with `password` (`requirepass`),
    /// which Redis forgets then. `path` is for the errors, which come in one line, as Redis words them.
    pub fn from_file(
        content: &[u8],
        path: &str,
        password: &[u8],
        setting: Setting<'_>,
    ) -> Result<Self, String> {
        let mut users = Self::empty();
        let mut errors = String::new();
        for (index, line) in content.split(|&byte| byte == b'\n').enumerate() {
            let words: Vec<&[u8]> = line
                .trim_ascii()
                .split(|&byte| byte == b' ')
                .map(<[u8]>::trim_ascii)
                .filter(|word| !word.is_empty())
                .collect();
            if !words.is_empty() {
                users.add_line(&words, (path, index + 1), setting, &mut errors);
            }
        }
        if !errors.is_empty() {
            errors.push_str(
                "WARNING: ACL errors detected, no change to the previously active ACL rules was performed",
            );
            return Err(errors);
        }
        if users.get(DEFAULT).is_none() {
            users.add_default(setting);
            users.set_default_password(password);
        }
        Ok(users)
    }

    /// Takes a line of a file.
    fn add_line(&mut self, words: &[&[u8]], place: (&str, usize), setting: Setting<'_>, errors: &mut String) {
        let (path, line) = place;
        let &[b"user", name, ref words @ ..] = words else {
            errors.push_str(&format!(
                "{path}:{line} should start with user keyword followed by the username. "
            ));
            return;
        };
        let shown = String::from_utf8_lossy(name);
        if !is_name(name) {
            errors.push_str(&format!("'{path}:{line}: username '{shown}' contains invalid characters. "));
            return;
        }
        if self.get(name).is_some() {
            errors.push_str(&format!("WARNING: Duplicate user '{shown}' found on line {line}. "));
            return;
        }
        let Ok(rules) = merge(words) else {
            errors.push_str(&format!("{path}:{line}: Unmatched parenthesis in selector definition. "));
            return;
        };
        let mut user = User::new(name, setting);
        let mut is_told = false;
        for rule in &rules {
            match user.apply(rule, setting) {
                Ok(()) => {}
                Err(error) if error.is_unknown_command() => {
                    let rule = String::from_utf8_lossy(rule);
                    errors
                        .push_str(&format!("{path}:{line}: Error in applying operation '{rule}': {error}. "));
                }
                // What follows may be wrong for the same reason, and may hold a password.
                Err(error) if !is_told => {
                    errors.push_str(&format!("{path}:{line}: {error}. "));
                    is_told = true;
                }
                Err(_) => {}
            }
        }
        self.insert(user);
    }

    /// Takes a `user` line of the configuration, given without the word `user`. `named` are the users of such lines before
    /// it. `Err`: what is wrong.
    pub fn add_configured(
        &mut self,
        words: &[&[u8]],
        named: &mut Vec<Vec<u8>>,
        setting: Setting<'_>,
    ) -> Result<(), String> {
        let [name, words @ ..] = words else { return Err("a user needs a name".to_owned()) };
        if !is_name(name) {
            return Err("Spaces not allowed in ACL usernames".to_owned());
        }
        if named.iter().any(|known| known == name) {
            return Err("Duplicate user found. A user can only be defined once in config files".to_owned());
        }
        named.push(name.to_vec());
        let rules = merge(words).map_err(|_| "Unmatched parenthesis in selector definition.".to_owned())?;
        let mut user = User::new(name, setting);
        for rule in &rules {
            user.apply(rule, setting).map_err(|error| {
                let rule =
                    if error.is_unknown_command() { String::from_utf8_lossy(rule) } else { "..".into() };
                format!("Error in user declaration '{rule}': {error}")
            })?;
        }
        self.insert(user);
        Ok(())
    }

    /// The content of an ACL file: a line for each user, as ACL LIST shows it.
    pub fn to_file(&self) -> Vec<u8> {
        let mut content = Vec::new();
        for user in self.iter() {
            content.extend_from_slice(&user.line());
            content.push(b'\n');
        }
        content
    }
}

impl User {
    /// The line of a file that makes this user.
    pub fn line(&self) -> Vec<u8> {
        [b"user ", self.name(), b" ", &self.describe()].concat()
    }
}
