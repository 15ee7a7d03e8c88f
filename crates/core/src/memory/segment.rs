//! One part of the address space: a window of bytes from its start on, and pages beyond.
//!
//! What a process works with lies densely at the start of its heap, so that part is one flat
//! vector, which an access reaches with a single comparison. What lies far behind (a request of
//! a gigabyte of which one page is touched) is kept by the page.
//!
//! A clone takes no copy of the window. The original publishes the pages that changed since
//! the last clone, and both hold them from then on; the clone fills its window from them when it
//! is first written to. So a row of snapshots costs what changed between them, and writing
//! costs nothing but the write.

use std::cell::RefCell;
use std::rc::Rc;

use super::Addr;
use super::window::Window;

/// Bytes of a page of the arena.
pub const PAGE_SIZE: usize = 8192;

/// Eight bytes: what one access reads or writes.
pub(super) const WORD: usize = 8;
pub(super) type Word = [u8; WORD];
const WORDS_OF_PAGE: usize = PAGE_SIZE / WORD;
/// A page that was never written to; whole pages are compared faster than bytes.
static ZEROS: Page = [0; PAGE_SIZE];
/// Pages of a directory: 4 MB together.
const DIRECTORY: usize = 512;
/// The window grows over a gap of so many pages, or of its own length.
const SMALL_GAP: usize = 32;

type Page = [u8; PAGE_SIZE];
type Directory = [Option<Rc<Page>>; DIRECTORY];

/// The bytes of one segment; zeros where nothing was written.
#[derive(Default)]
pub(super) struct Segment {
    /// Where it begins.
    base: Addr,
    /// The window's bytes, or nothing in a clone that was not written to yet.
    words: Vec<Word>,
    /// Pages of the window.
    window: usize,
    /// The window's pages as clones hold them; none where they are all zeros.
    published: RefCell<Vec<Option<Rc<Page>>>>,
    /// Pages beyond the window, in two steps, so that a clone copies few pointers.
    far: Vec<Option<Rc<Directory>>>,
    far_pages: usize,
    /// The most pages that the window may have.
    most: usize,
    /// The most that it grows over, if it is as long itself.
    most_gap: usize,
}

impl Clone for Segment {
    fn clone(&self) -> Self {
        self.publish();
        Self {
            base: self.base,
            words: Vec::new(),
            window: self.window,
            published: self.published.clone(),
            far: self.far.clone(),
            far_pages: self.far_pages,
            most: self.most,
            most_gap: self.most_gap,
        }
    }
}

impl Segment {
    /// A segment whose window may grow to `most` bytes, over gaps of at most `most_gap`.
    pub(super) fn new(base: Addr, most: usize, most_gap: usize) -> Self {
        Self { base, most: most / PAGE_SIZE, most_gap: most_gap / PAGE_SIZE, ..Self::default() }
    }

    /// Where it begins.
    #[inline]
    pub(super) fn base(&self) -> Addr {
        self.base
    }

    /// The window.
    #[inline(always)]
    pub(super) fn window(&mut self) -> Window<'_> {
        Window::new(&mut self.words, self.base)
    }

    /// Pages that take up memory.
    #[inline]
    pub(super) fn pages(&self) -> usize {
        self.window + self.far_pages
    }

    /// The words of the window.
    #[inline]
    pub(super) fn words(&self) -> &[Word] {
        &self.words
    }

    /// The words of the window, to be written to.
    #[inline]
    pub(super) fn words_mut(&mut self) -> &mut [Word] {
        &mut self.words
    }

    /// Fill `out` with a page's bytes from `at` on: zeros if it was never written.
    pub(super) fn read(&self, number: usize, at: usize, out: &mut [u8]) {
        let range = at..at + out.len();
        if number < self.window {
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

    /// Whether a page takes up memory.
    pub(super) fn has(&self, number: usize) -> bool {
        number < self.window || self.far_page(number).is_some()
    }

    /// A page to write to, made if it is not there.
    pub(super) fn page_mut(&mut self, number: usize) -> &mut [u8] {
        let gap = number.saturating_sub(self.window);
        if number >= self.window
            && number < self.most
            && gap <= self.window.min(self.most_gap).max(SMALL_GAP)
        {
            self.grow(number + 1);
        }
        if number < self.window {
            self.fill_window();
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

    /// Let pages read as zeros again, and give up the memory of those at the window's end and
    /// beyond.
    pub(super) fn drop_pages(&mut self, from: usize, to: usize) {
        self.fill_window();
        let end = to.min(self.window);
        if from < end {
            if end == self.window {
                self.window = from;
                self.words.truncate(from * WORDS_OF_PAGE);
                self.published.get_mut().truncate(from);
            } else {
                self.words[from * WORDS_OF_PAGE..end * WORDS_OF_PAGE].fill([0; WORD]);
            }
        }
        if self.far_pages > 0 {
            let to = to.min(self.far.len() * DIRECTORY);
            for number in from.max(self.window)..to {
                if self.far_page(number).is_some() {
                    *far_slot(&mut self.far, number) = None;
                    self.far_pages -= 1;
                }
            }
        }
    }

    fn far_page(&self, number: usize) -> Option<&Page> {
        self.far.get(number / DIRECTORY)?.as_ref()?[number % DIRECTORY].as_deref()
    }

    /// Let the window end after `pages` pages, and take in what was kept beyond.
    fn grow(&mut self, pages: usize) {
        self.fill_window();
        let from = self.window;
        self.words.resize(pages * WORDS_OF_PAGE, [0; WORD]);
        self.window = pages;
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
            }
        }
    }

    /// Fill the window of a clone from the pages that it holds.
    fn fill_window(&mut self) {
        if self.words.len() == self.window * WORDS_OF_PAGE {
            return;
        }
        self.words = vec![[0; WORD]; self.window * WORDS_OF_PAGE];
        let pages = self.words.as_flattened_mut().chunks_exact_mut(PAGE_SIZE);
        for (bytes, page) in pages.zip(self.published.get_mut()) {
            if let Some(page) = page {
                bytes.copy_from_slice(&page[..]);
            }
        }
    }

    /// Make pages that changed since the last clone ones that clones can hold.
    fn publish(&self) {
        let mut published = self.published.borrow_mut();
        published.resize(self.window, None);
        for (bytes, page) in self.words.as_flattened().chunks_exact(PAGE_SIZE).zip(&mut *published)
        {
            match page {
                Some(page) if bytes == &page[..] => {}
                None if bytes == &ZEROS[..] => {}
                _ => *page = bytes.try_into().ok().map(Rc::new),
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
