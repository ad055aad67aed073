//! Files that a server left behind which was killed while it wrote a snapshot.
//!
//! Such a file is told by its name, which says which process has made it ([`super::temporary`]). As long as there is a process of that number
//! it may still be written. The number of the process at hand is no exception: in a container all have the same, and nothing has been
//! written yet when this looks.

use std::io;
use std::path::Path;

use disk::Disk;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::{ENDING, PREFIX};

/// Why files get such a name.
const PURPOSES: [&str; 3] = ["save", "bgsave", "replica"];

/// Removes what servers that are no more have left in a folder; returns the names.
pub fn remove(disk: &Disk, folder: &Path) -> io::Result<Vec<String>> {
    let own = std::process::id();
    let is_left = |name: &String| maker_of(name).is_some_and(|maker| maker == own || !is_running(maker));
    let names: Vec<String> = disk.list(folder)?.into_iter().filter(is_left).collect();
    names.iter().try_for_each(|name| disk.remove(&folder.join(name)))?;
    Ok(names)
}

/// The process that has given a file this name; none if no server of ours has.
fn maker_of(name: &str) -> Option<u32> {
    let mut parts = name.strip_prefix(PREFIX)?.strip_suffix(ENDING)?.split('-');
    let (purpose, maker, image) = (parts.next()?, parts.next()?, parts.next()?);
    let maker_number: u32 = maker.parse().ok()?;
    let image_number: u64 = image.parse().ok()?;
    let is_ours = parts.next().is_none()
        && PURPOSES.contains(&purpose)
        && maker_number.to_string() == maker
        && image_number.to_string() == image;
    is_ours.then_some(maker_number)
}

fn is_running(process: u32) -> bool {
    let Some(process) = process.try_into().ok().and_then(Pid::from_raw) else { return false };
    test_kill_process(process) != Err(Errno::SRCH)
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::Arc;

    use disk::Double;

    use super::super::temporary;
    use super::*;

    #[test]
    fn only_names_of_ours_tell_a_process() {
        let own = temporary(Path::new("/data/dump.rdb"), "bgsave", 3);
        let own = own.file_name().and_then(|name| name.to_str()).expect("it is text");
        assert_eq!(maker_of(own), Some(std::process::id()));
        for other in [
            "temp-12.rdb",
            "temp-bgsave-12.rdb",
            "temp-bgsave-12-3",
            "temp-bgsave-012-3.rdb",
            "temp-bgsave-12-+3.rdb",
            "temp-bgsave-12-3-4.rdb",
            "temp-mine-12-3.rdb",
            "bgsave-12-3.rdb",
        ] {
            assert_eq!(maker_of(other), None, "{other}");
        }
    }

    #[test]
    fn what_processes_have_left_that_are_no_more_goes_and_all_else_stays() {
        let mut dead = Command::new("true").spawn().expect("there is such a program");
        dead.wait().expect("it ends");
        let (dead, parent) = (dead.id(), std::os::unix::process::parent_id());
        let left = [format!("temp-bgsave-{dead}-3.rdb"), format!("temp-save-{}-1.rdb", std::process::id())];
        let others =
            [format!("temp-bgsave-{parent}-3.rdb"), "temp-bgsave-3.rdb".to_owned(), "dump.rdb".to_owned()];
        let folder = Path::new("/data");
        let disk = Disk::new(Arc::new(Double::new(folder, 1)));
        for name in left.iter().chain(&others) {
            disk.write(&folder.join(name), b"REDIS").expect("nothing fails");
        }
        let mut removed = remove(&disk, folder).expect("nothing fails");
        removed.sort_unstable();
        let mut expected = left.to_vec();
        expected.sort_unstable();
        assert_eq!(removed, expected);
        let mut names = disk.list(folder).expect("nothing fails");
        names.sort_unstable();
        let mut expected = others.to_vec();
        expected.sort_unstable();
        assert_eq!(names, expected);
    }
}
