//! "Did you mean": the known name that is nearest to what was written.

/// The one of `known` that differs least from `written`, if it differs little enough to be a slip.
pub(crate) fn nearest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let written: Vec<char> = written
        .chars()
        .take(64)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let allowed = (written.len() / 3).max(1);
    known
        .into_iter()
        .map(|name| (distance(&written, &name.chars().collect::<Vec<_>>()), name))
        .filter(|&(distance, _)| distance <= allowed)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, name)| name)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(x != y);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_slips_and_nothing_else() {
        let known = ["timestamp", "startswith", "len", "lower"];
        assert_eq!(nearest("timestmap", known), Some("timestamp"));
        assert_eq!(nearest("startsWith", known), Some("startswith"));
        assert_eq!(nearest("lne", known), Some("len"));
        assert_eq!(nearest("range", known), None);
        assert_eq!(nearest("", known), None);
    }
}
