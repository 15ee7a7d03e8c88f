//! One part of the address space: a window of bytes from its start on, and pages beyond.
//!
//! What a process works with lies densely at the start of its heap, so that part is one flat
//! vector, which an access reaches with a single comparison. What lies far behind (a request of
//! a gigabyte of which one page is touched) is kept by the page.
//!
//! A clone takes no copy of the window. The original publishes the pages that were written since
//! the last clone, and both hold them from then on; the clone fills its window from them when it
//! is first written to. So a row of snapshots costs what changed between them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Bytes of a page of the arena.
pub const PAGE_SIZE: usize = 8192;

/// Eight bytes: what one access reads or writes.
const WORD: usize = 8;
const WORDS_OF_PAGE: usize = PAGE_SIZE / WORD;
/// Pages of a directory: 4 MB together.
const DIRECTORY: usize = 512;
/// The window grows over a gap of so many pages, or of its own length.
const SMALL_GAP: usize = 32;

type Page = [u8; PAGE_SIZE];
type Directory = [Option<Rc<Page>>; DIRECTORY];

/// What is known of a page of the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Touched {
    /// Never written: zeros, and no clone holds it.
    #[default]
    No,
    /// As clones hold it.
    Published,
    /// Written since.
    Written,
}

/// The bytes of one segment; zeros where nothing was written.
#[derive(Default)]
pub(super) struct Segment {
    /// The window's bytes, or nothing in a clone that was not written to yet.
    words: Vec<[u8; WORD]>,
    /// The window's pages.
    touched: Vec<Cell<Touched>>,
    /// The same pages as clones hold them.
    published: RefCell<Vec<Option<Rc<Page>>>>,
    /// Pages beyond the window, in two steps, so that a clone copies few pointers.
    far: Vec<Option<Rc<Directory>>>,
    far_pages: usize,
    /// The most pages that the window may have.
    most: usize,
}

impl Clone for Segment {
    fn clone(&self) -> Self {
        self.publish();
        Self {
            words: Vec::new(),
            touched: self.touched.clone(),
            published: self.published.clone(),
            far: self.far.clone(),
            far_pages: self.far_pages,
            most: self.most,
        }
    }
}

impl Segment {
    /// A segment whose window may grow to `most` bytes.
    pub(super) fn new(most: usize) -> Self {
        Self { most: most / PAGE_SIZE, ..Self::default() }
    }

    /// Pages that take up memory.
    pub(super) fn pages(&self) -> usize {
        self.touched.len() + self.far_pages
    }

    /// The word at an offset that is a multiple of eight, if the window has it. An offset that
    /// is not is past any window.
    #[inline]
    pub(super) fn word(&self, offset: u64) -> Option<u64> {
        let index = usize::try_from(offset.rotate_right(WORD.ilog2())).ok()?;
        self.words.get(index).map(|word| u64::from_le_bytes(*word))
    }

    /// Store the word at an offset that is a multiple of eight. False if the window does not
    /// have it.
    #[inline]
    pub(super) fn set_word(&mut self, offset: u64, value: u64) -> bool {
        let Ok(index) = usize::try_from(offset.rotate_right(WORD.ilog2())) else { return false };
        match (self.words.get_mut(index), self.touched.get(index / WORDS_OF_PAGE)) {
            (Some(word), Some(touched)) => {
                *word = value.to_le_bytes();
                touched.set(Touched::Written);
                true
            }
            _ => false,
        }
    }

    /// Fill `out` with a page's bytes from `at` on: zeros if it was never written.
    pub(super) fn read(&self, number: usize, at: usize, out: &mut [u8]) {
        let range = at..at + out.len();
        if number < self.touched.len() {
            let start = number * PAGE_SIZE;
            let window = self.words.as_flattened();
            if let Some(bytes) = window.get(start + range.start..start + range.end) {
                return out.copy_from_slice(bytes);
            }
            if let Some(page) = &self.published.borrow()[number] {
                return out.copy_from_slice(&page[range]);
            }
        } else if let Some(page) = self.far_page(number) {
            return out.copy_from_slice(&page[range]);
        }
        out.fill(0);
    }

    /// Whether a page was written and not given up.
    pub(super) fn has(&self, number: usize) -> bool {
        match self.touched.get(number) {
            Some(touched) => touched.get() != Touched::No,
            None => self.far_page(number).is_some(),
        }
    }

    /// A page to write to, made if it is not there.
    pub(super) fn page_mut(&mut self, number: usize) -> &mut [u8] {
        let window = self.touched.len();
        if number >= window && number < self.most && number - window <= window.max(SMALL_GAP) {
            self.grow(number + 1);
        }
        if number < self.touched.len() {
            self.fill_window();
            self.touched[number].set(Touched::Written);
            &mut self.words.as_flattened_mut()[number * PAGE_SIZE..(number + 1) * PAGE_SIZE]
        } else {
            let pages = &mut self.far_pages;
            let page = far_slot(&mut self.far, number).get_or_insert_with(|| {
                *pages += 1;
                Rc::new([0; PAGE_SIZE])
            });
            &mut Rc::make_mut(page)[..]
        }
    }

    /// Give a page up: it reads as zeros again.
    pub(super) fn drop_page(&mut self, number: usize) {
        if !self.has(number) {
            return;
        }
        if number < self.touched.len() {
            self.page_mut(number).fill(0);
            self.touched[number].set(Touched::No);
            self.shrink();
        } else {
            *far_slot(&mut self.far, number) = None;
            self.far_pages -= 1;
        }
    }

    fn far_page(&self, number: usize) -> Option<&Page> {
        self.far.get(number / DIRECTORY)?.as_ref()?[number % DIRECTORY].as_deref()
    }

    /// Let the window end after `pages` pages, and take in what was kept beyond.
    fn grow(&mut self, pages: usize) {
        self.fill_window();
        let from = self.touched.len();
        self.words.resize(pages * WORDS_OF_PAGE, [0; WORD]);
        self.touched.resize(pages, Cell::default());
        if self.far_pages == 0 {
            return;
        }
        for number in from..pages {
            if self.far_page(number).is_some()
                && let Some(page) = far_slot(&mut self.far, number).take()
            {
                self.far_pages -= 1;
                let bytes = self.words.as_flattened_mut();
                bytes[number * PAGE_SIZE..(number + 1) * PAGE_SIZE].copy_from_slice(&page[..]);
                self.touched[number].set(Touched::Written);
            }
        }
    }

    /// Let the window end after its last page that was written.
    fn shrink(&mut self) {
        let last = self.touched.iter().rposition(|touched| touched.get() != Touched::No);
        let pages = last.map_or(0, |last| last + 1);
        self.touched.truncate(pages);
        self.words.truncate(pages * WORDS_OF_PAGE);
        self.published.get_mut().truncate(pages);
    }

    /// Fill the window of a clone from the pages that it holds.
    fn fill_window(&mut self) {
        if self.words.len() == self.touched.len() * WORDS_OF_PAGE {
            return;
        }
        self.words = vec![[0; WORD]; self.touched.len() * WORDS_OF_PAGE];
        let pages = self.words.as_flattened_mut().chunks_exact_mut(PAGE_SIZE);
        for (bytes, page) in pages.zip(self.published.get_mut()) {
            if let Some(page) = page {
                bytes.copy_from_slice(&page[..]);
            }
        }
    }

    /// Make the pages that were written since the last clone ones that clones can hold.
    fn publish(&self) {
        let mut published = self.published.borrow_mut();
        published.resize(self.touched.len(), None);
        let pages = self.words.as_flattened().chunks_exact(PAGE_SIZE);
        for ((bytes, touched), page) in pages.zip(&self.touched).zip(published.iter_mut()) {
            match touched.get() {
                Touched::No => *page = None,
                Touched::Published => {}
                Touched::Written => {
                    *page = bytes.try_into().ok().map(Rc::new);
                    touched.set(Touched::Published);
                }
            }
        }
    }
}

/// The place of a page beyond the window; the page itself may be missing.
fn far_slot(far: &mut Vec<Option<Rc<Directory>>>, number: usize) -> &mut Option<Rc<Page>> {
    let at = number / DIRECTORY;
    if far.len() <= at {
        far.resize(at + 1, None);
    }
    let directory = far[at].get_or_insert_with(|| Rc::new([const { None }; DIRECTORY]));
    &mut Rc::make_mut(directory)[number % DIRECTORY]
}
