//! The field's terms in a sentence or two each, and where they stand in a text.

/// A term: its key, the words that stand for it, and what it means.
pub struct Term {
    /// For the element that explains it.
    pub key: &'static str,
    /// How it is written, in the singular first.
    pub words: &'static [&'static str],
    /// What it means.
    pub meaning: &'static str,
}

const fn term(key: &'static str, words: &'static [&'static str], meaning: &'static str) -> Term {
    Term { key, words, meaning }
}

/// Every term, longer words before those that they contain.
pub const TERMS: &[Term] = &[
    term(
        "usage",
        &["usage count"],
        "How often a buffer's page was asked for lately: 0 to 5. Each use adds one, each pass of the hand takes one away. At 0 an unpinned buffer can be taken.",
    ),
    term(
        "freelist",
        &["freelist", "freelists"],
        "Of buffers: those that hold nothing, taken before the hand moves (PostgreSQL up to 18). Of a memory context: chunks of one size class that were freed and serve the next request of that class.",
    ),
    term(
        "hand",
        &["the hand"],
        "nextVictimBuffer: where the clock sweep goes on. It moves round the pool buffer by buffer, and only when a new page needs a buffer.",
    ),
    term(
        "dirty",
        &["dirty"],
        "The page in the buffer was changed and differs from the one on disk. Before another page can take the buffer, it has to be written.",
    ),
    term(
        "pin",
        &["pinned", "pins", "unpinned", "pin"],
        "A pin says that a backend works with the buffer now. Nobody may take a pinned buffer; the hand passes it.",
    ),
    term(
        "ring",
        &["ring", "rings"],
        "A few buffers that a large scan, a COPY or VACUUM uses again and again (BufferAccessStrategy), so that it doesn't push everybody's pages out.",
    ),
    term(
        "hit",
        &["hit ratio", "hit"],
        "A page that was asked for and found in the pool. The ratio is hits among all pages asked for.",
    ),
    term(
        "miss",
        &["not in the pool", "miss"],
        "A page that was asked for and is not in the pool: a buffer is chosen for it, and it is read.",
    ),
    term(
        "unhashed",
        &["unhashed"],
        "The buffer's entry was taken out of the buffer table, which finds a page's buffer by its tag: relation, fork, block.",
    ),
    term(
        "wal",
        &["WAL"],
        "Write-ahead log: what was changed is written there first. A dirty page may go to disk only after the log up to its LSN has.",
    ),
    term(
        "lsn",
        &["LSN"],
        "Log sequence number: a place in the write-ahead log, here that of the page's last change.",
    ),
    term(
        "checkpoint",
        &["checkpoint", "checkpointer"],
        "All pages that were dirty when it began are written, so that recovery can begin there. The checkpointer does it.",
    ),
    term(
        "bgwriter",
        &["background writer", "bgwriter"],
        "A process that walks ahead of the hand and writes dirty buffers which could be taken soon, so that a backend finds clean ones.",
    ),
    term(
        "context",
        &["memory contexts", "memory context", "contexts", "context"],
        "A set of allocations with one lifetime. Contexts form a tree; resetting or deleting one frees everything in it and in its children at once.",
    ),
    term(
        "palloc",
        &["palloc", "pallocs"],
        "PostgreSQL's malloc: memory from CurrentMemoryContext. It never returns NULL; what can't be had is an error.",
    ),
    term(
        "pfree",
        &["pfree"],
        "Gives one chunk back to its context. Mostly nobody needs it: the reset of the context frees all.",
    ),
    term(
        "chunk",
        &["chunk", "chunks"],
        "What palloc hands out: some bytes with a header of eight before them that says which block and which allocator it is of.",
    ),
    term(
        "keeper",
        &["keeper block", "keeper"],
        "A context's first block, allocated with the context itself. A reset keeps it, so that a context that is used again needs no malloc.",
    ),
    term(
        "block",
        &["block", "blocks"],
        "Of a relation: a page of 8 kB, by its number. Of a context: a piece of memory from malloc that is cut into chunks.",
    ),
    term(
        "class",
        &["size class", "size classes"],
        "AllocSet rounds requests up to a power of two from 8 bytes to 8 kB and keeps one freelist for each.",
    ),
    term(
        "resets",
        &["reset"],
        "Frees everything in a context at once and deletes its children; its keeper block stays.",
    ),
    term(
        "victim",
        &["victim"],
        "The buffer chosen to give its place to a new page: unpinned, usage count 0.",
    ),
];

/// A part of a text: words, and the term that they stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The words.
    pub text: &'a str,
    /// The key of their term.
    pub key: Option<&'static str>,
}

/// A text in pieces: a term is found where it stands as a word of its own.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut plain, mut at) = (0, 0);
    while at < text.len() {
        let Some(rest) = text.get(at..) else {
            at += 1;
            continue;
        };
        let begins = !text[..at].ends_with(is_of_a_word);
        let found = if begins { first_term(rest) } else { None };
        if let Some((key, length)) = found {
            if plain < at {
                pieces.push(Piece { text: &text[plain..at], key: None });
            }
            pieces.push(Piece { text: &rest[..length], key: Some(key) });
            at += length;
            plain = at;
        } else {
            at += 1;
        }
    }
    if plain < text.len() {
        pieces.push(Piece { text: &text[plain..], key: None });
    }
    pieces
}

fn is_of_a_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// The longest term that `text` begins with, in any case of its first letter.
fn first_term(text: &str) -> Option<(&'static str, usize)> {
    let mut best: Option<(&'static str, usize)> = None;
    for term in TERMS {
        for word in term.words {
            let begins = text.get(..word.len()).is_some_and(|it| it.eq_ignore_ascii_case(word));
            let ends = begins && !text[word.len()..].starts_with(is_of_a_word);
            if ends && best.is_none_or(|(_, length)| word.len() > length) {
                best = Some((term.key, word.len()));
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn terms_are_words_of_their_own_and_the_longest_wins() {
        let found = |text| {
            let pieces = pieces(text);
            assert_eq!(pieces.iter().map(|it| it.text).collect::<String>(), text);
            let keys = pieces.into_iter().filter_map(|it| it.key);
            keys.collect::<Vec<_>>()
        };
        assert_eq!(found("The freelist is empty: the hand passes"), ["freelist", "hand"]);
        assert_eq!(found("unpinned with usage count 1"), ["pin", "usage"]);
        assert_eq!(found("MemoryContextReset of pinning, größe, chunk_x"), [""; 0]);
        assert_eq!(found("die Größe block"), ["block"]);
    }

    #[wasm_bindgen_test]
    fn every_term_has_a_key_of_its_own() {
        for (place, term) in TERMS.iter().enumerate() {
            assert!(TERMS[..place].iter().all(|other| other.key != term.key), "{}", term.key);
        }
    }
}
