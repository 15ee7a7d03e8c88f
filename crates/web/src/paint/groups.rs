//! A text in groups of lines that stay the same while others are edited.
//!
//! The editor paints each group by a component of its own. After a keystroke only the group is
//! painted anew in which something changed; all others keep their number and text, wherever they
//! stand now.

use std::rc::Rc;

/// Lines of a group at first. Fewer groups would make each keystroke paint more, more of them would
/// make it compare more.
const LINES: usize = 20;

/// Some lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Tells it from the others of the text.
    pub id: u32,
    /// Its lines, without the end of the last.
    pub text: Rc<str>,
    /// How many they are.
    pub lines: u32,
}

/// A text in groups.
#[derive(Debug, Default)]
pub struct Groups {
    groups: Vec<Group>,
    last_id: u32,
}

impl Groups {
    /// Its groups, from the first line on.
    pub fn all(&self) -> &[Group] {
        &self.groups
    }

    /// Make them those of `text`; groups in which nothing changed stay.
    pub fn update(&mut self, text: &str) {
        // What no group stands for yet; nothing if not even an empty line is left.
        let mut rest = Some(text);
        let mut front = 0;
        while let (Some(group), Some(now)) = (self.groups.get(front), rest) {
            match now.strip_prefix(&*group.text) {
                Some("") => rest = None,
                Some(behind) if behind.starts_with('\n') => rest = behind.get(1..),
                _ => break,
            }
            front += 1;
        }
        let mut back = self.groups.len();
        while let (Some(group), Some(now)) = (
            back.checked_sub(1).filter(|last| *last >= front).and_then(|at| self.groups.get(at)),
            rest,
        ) {
            match now.strip_suffix(&*group.text) {
                Some("") => rest = None,
                Some(before) if before.ends_with('\n') => rest = before.get(..before.len() - 1),
                _ => break,
            }
            back -= 1;
        }
        // The first keeps its number, so that its picture is mended instead of made.
        let mut id = self.groups.get(front).filter(|_| front < back).map(|group| group.id);
        let lines: Vec<&str> = rest.map(|rest| rest.split('\n').collect()).unwrap_or_default();
        // One that grew a little stays one.
        let most = if lines.len() <= 2 * LINES { 2 * LINES } else { LINES };
        let last_id = &mut self.last_id;
        let new: Vec<Group> = lines
            .chunks(most)
            .map(|lines| {
                let id = id.take().unwrap_or_else(|| {
                    *last_id = last_id.wrapping_add(1);
                    *last_id
                });
                Group { id, text: lines.join("\n").into(), lines: lines.len() as u32 }
            })
            .collect();
        self.groups.splice(front..back, new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(groups: &Groups) -> String {
        let texts: Vec<&str> = groups.all().iter().map(|group| &*group.text).collect();
        texts.join("\n")
    }

    fn numbered(lines: std::ops::Range<u32>) -> Vec<String> {
        lines.map(|line| format!("line {line}")).collect()
    }

    /// How many groups are new or another after the text became this.
    fn changed(groups: &mut Groups, new: &str) -> usize {
        let before = groups.all().to_vec();
        groups.update(new);
        assert_eq!(text(groups), new);
        let lines: u32 = groups.all().iter().map(|group| group.lines).sum();
        assert_eq!(lines as usize, new.split('\n').count());
        let mut ids: Vec<u32> = groups.all().iter().map(|group| group.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), groups.all().len());
        groups.all().iter().filter(|group| !before.contains(group)).count()
    }

    #[test]
    fn an_edit_changes_one_group() {
        let mut groups = Groups::default();
        let mut lines = numbered(0..1000);
        assert_eq!(changed(&mut groups, &lines.join("\n")), 50);
        lines[500].push('x');
        assert_eq!(changed(&mut groups, &lines.join("\n")), 1);
        lines.insert(500, String::new());
        assert_eq!(changed(&mut groups, &lines.join("\n")), 1);
        lines.remove(3);
        assert_eq!(changed(&mut groups, &lines.join("\n")), 1);
        lines.push(String::new());
        assert_eq!(changed(&mut groups, &lines.join("\n")), 1);
        lines.drain(100..400);
        assert!(changed(&mut groups, &lines.join("\n")) <= 1);
        assert_eq!(changed(&mut groups, &lines.join("\n")), 0);
    }

    #[test]
    fn any_text_becomes_any_other() {
        let mut groups = Groups::default();
        let texts = ["", "\n", "a", "a\nb", "b", "\n\n", "a\na\na", "a\na", "ab\na", ""];
        for old in texts {
            for new in texts {
                changed(&mut groups, old);
                changed(&mut groups, new);
            }
        }
        let long = numbered(0..95).join("\n");
        for new in [&*long, "line 0", &format!("{long}\n"), &format!("\n{long}"), &long.repeat(2)] {
            changed(&mut groups, new);
            changed(&mut groups, &long);
        }
    }
}
