//! A line of a CSV trace: `relation,block[,r|w]`.

use std::collections::HashMap;

use pgscope_core::bufmgr::smgr::MAX_RELATIONS;
use pgscope_scenario::limits::MAX_NAME;

use super::Problem;

/// `MaxBlockNumber` in `storage/block.h`.
const MAX_BLOCK_NUMBER: u64 = 0xffff_fffe;

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Access<'a> {
    pub(super) relation: &'a [u8],
    pub(super) block: u64,
    pub(super) write: bool,
}

/// Whether the trace's first line names the columns.
pub(super) fn is_head(line: &[u8]) -> bool {
    let mut fields = line.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    fields.next().is_some_and(|field| field.eq_ignore_ascii_case(b"relation"))
        && fields.next().is_some_and(|field| field.eq_ignore_ascii_case(b"block"))
}

pub(super) fn read(line: &[u8]) -> Result<Access<'_>, Problem> {
    let mut fields = line.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let (Some(relation), Some(block)) = (fields.next(), fields.next()) else {
        return Err(Problem::Fields);
    };
    let access = fields.next();
    if fields.next().is_some() {
        return Err(Problem::Fields);
    }
    if relation.is_empty() || relation.len() > MAX_NAME {
        return Err(Problem::Relation);
    }
    let write = match access {
        None | Some(b"r" | b"R" | b"") => false,
        Some(b"w" | b"W") => true,
        Some(_) => return Err(Problem::Access),
    };
    let block = number(block).filter(|block| *block <= MAX_BLOCK_NUMBER).ok_or(Problem::Block)?;
    Ok(Access { relation, block, write })
}

/// Digits and nothing else.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 10 {
        return None;
    }
    digits.iter().try_fold(0, |number: u64, digit| {
        digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0'))
    })
}

/// The relations of a trace, numbered from 0.
#[derive(Debug, Default)]
pub(super) struct Relations {
    numbers: HashMap<Box<[u8]>, u32>,
    /// The one found last, which most often is the next one too.
    last: Option<(Box<[u8]>, u32)>,
}

impl Relations {
    #[inline]
    pub(super) fn number(&mut self, name: &[u8]) -> Result<u32, Problem> {
        match &self.last {
            Some((last, number)) if **last == *name => Ok(*number),
            _ => self.look_up(name),
        }
    }

    fn look_up(&mut self, name: &[u8]) -> Result<u32, Problem> {
        let number = match self.numbers.get(name) {
            Some(number) => *number,
            None => {
                let new = self.numbers.len();
                if new >= MAX_RELATIONS {
                    return Err(Problem::Relations);
                }
                self.numbers.insert(name.into(), new as u32);
                new as u32
            }
        };
        self.last = Some((name.into(), number));
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_two_or_three_fields() {
        let access = |relation: &'static str, block, write| Access {
            relation: relation.as_bytes(),
            block,
            write,
        };
        assert_eq!(read(b"t,0").unwrap(), access("t", 0, false));
        assert_eq!(
            read(b"my table , 4294967294 , w").unwrap(),
            access("my table", 4294967294, true)
        );
        assert_eq!(read("tä,7,R".as_bytes()).unwrap(), access("tä", 7, false));
        for (line, problem) in [
            ("t", "expected relation,block"),
            ("t,1,r,x", "expected relation,block"),
            (",1", "name"),
            ("t,4294967295", "a block is"),
            ("t,99999999999999999999", "a block is"),
            ("t,-1", "a block is"),
            ("t,1,x", "third field"),
        ] {
            let found = read(line.as_bytes()).unwrap_err().to_string();
            assert!(found.contains(problem), "{line}: {found}");
        }
    }

    #[test]
    fn relations_are_numbered_and_counted() {
        let mut relations = Relations::default();
        let mut number = |name: &str| relations.number(name.as_bytes());
        let found = ["a", "b", "a", "a", "c"].map(|name| number(name).unwrap());
        assert_eq!(found, [0, 1, 0, 0, 2]);
        for name in 3..MAX_RELATIONS {
            number(&name.to_string()).unwrap();
        }
        assert!(matches!(number("one more"), Err(Problem::Relations)));
        assert_eq!(number("b").unwrap(), 1);
    }
}
