//! `help`: what the connected server says about its commands.

use super::docs::{CommandDoc, Docs, write_list};
use std::io::{self, Write};

/// Writes the help on a topic: nothing for an overview, `@group`, or a command.
pub(super) fn write(docs: &Docs, topic: &[Vec<u8>], out: &mut dyn Write) -> io::Result<()> {
    let words: Vec<String> = topic.iter().map(|word| String::from_utf8_lossy(word).to_uppercase()).collect();
    let name = words.join(" ");
    if name.is_empty() {
        return write_overview(out);
    }
    if let Some(group) = name.strip_prefix('@') {
        for (name, doc) in docs.iter().filter(|(_, doc)| doc.group.eq_ignore_ascii_case(group)) {
            write_command(name, doc, false, out)?;
        }
        return writeln!(out);
    }
    let is_subcommand = |other: &str| other.strip_prefix(&name).is_some_and(|rest| rest.starts_with(' '));
    for (other, doc) in docs.iter().filter(|(other, _)| *other == name || is_subcommand(other)) {
        write_command(other, doc, true, out)?;
    }
    writeln!(out)
}

fn write_overview(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "rustypotato-cli {}", env!("CARGO_PKG_VERSION"))?;
    out.write_all(
        br#"To get help about commands type:
      "help @<group>" to get a list of commands in <group>
      "help <command>" for help on <command>
      "help <tab>" to get a list of possible help topics
      "quit" to exit

To talk to another server type:
      "connect <host> <port>"

To set preferences:
      ":set hints" enable online hints
      ":set nohints" disable online hints
"#,
    )
}

fn write_command(name: &str, doc: &CommandDoc, with_group: bool, out: &mut dyn Write) -> io::Result<()> {
    let mut syntax = String::new();
    write_list(&doc.arguments, " ", &mut syntax);
    writeln!(out, "\n  {name} {syntax}\n  summary: {}\n  since: {}", doc.summary, doc.since)?;
    if with_group {
        writeln!(out, "  group: {}", doc.group)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactive::docs::tests::sample;

    fn text(topic: &[&str]) -> String {
        let topic: Vec<Vec<u8>> = topic.iter().map(|word| word.as_bytes().to_vec()).collect();
        let mut out = Vec::new();
        write(&sample(), &topic, &mut out).expect("a vector takes everything");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_command_is_explained_with_its_syntax() {
        let expected = "\n  SET key value [NX | XX] [EX seconds | KEEPTTL]\n  summary: Sets.[31m\n  \
            since: 1.0.0\n  group: string\n\n";
        assert_eq!(text(&["set"]), expected);
        assert!(text(&["config"]).contains("CONFIG GET parameter"));
        assert!(text(&["@String"]).contains("SET key"));
        assert!(text(&[]).contains("help @<group>"));
        assert_eq!(text(&["nothing"]), "\n");
    }
}
