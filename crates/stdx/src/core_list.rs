//! Lists of cores, as `taskset` writes them: `0,2-4`, or `1-7:2` for each second one.

/// The most cores that a list may name: numbers are below this.
pub const MAX_CORES: usize = 1024;

/// The numbers of a list, which may name one several times; nothing if it is no list, or none of cores that there can be.
pub fn numbers(list: &str) -> Option<Vec<usize>> {
    let mut all = Vec::new();
    for part in list.split(',') {
        let (range, step) =
            part.split_once(':').map_or((part, Some(1)), |(range, step)| (range, number(step)));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (number(first)?, number(last)?);
        if first > last || last >= MAX_CORES || all.len() >= MAX_CORES {
            return None;
        }
        all.extend((first..=last).step_by(step.filter(|&step| step > 0)?));
    }
    Some(all)
}

fn number(text: &str) -> Option<usize> {
    let text = text.trim();
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_cores_and_ranges_and_each_so_manieth_of_a_range() {
        assert_eq!(numbers("0"), Some(vec![0]));
        assert_eq!(numbers("0,2-4"), Some(vec![0, 2, 3, 4]));
        assert_eq!(numbers("1-7:3, 0"), Some(vec![1, 4, 7, 0]));
        assert_eq!(numbers("1023"), Some(vec![1023]));
    }

    #[test]
    fn what_is_no_list_is_none() {
        let ends =
            ["", ",", "1,", "-1", "1-", "3-2", "1024", "0-18446744073709551615", "18446744073709551616"];
        for list in ends.into_iter().chain(["+1", "a", "1-7:0", "1-7:", "0x1", "1-2-3", "1:2:3"]) {
            assert_eq!(numbers(list), None, "{list}");
        }
        assert_eq!(numbers(&vec!["0-1023"; 1000].join(",")), None);
    }
}
