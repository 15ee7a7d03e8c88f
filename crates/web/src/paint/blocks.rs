//! A block as a strip to scale: which part of it is what.
//!
//! A block of a megabyte can hold a hundred thousand chunks. What would be thinner than a
//! hair is drawn as one run of its kind, so that a strip never has more than a few hundred
//! parts; runs keep count, so no chunk is hidden.

use pgscope_core::memory::Addr;
use pgscope_core::mmgr::inspect::{BlockView, ChunkView};

/// The thinnest part that is drawn on its own: 1/400 of the strip.
const FINEST: f64 = 1.0 / 400.0;

/// What a part of a strip is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    /// Context and block header.
    Header,
    /// One chunk.
    Chunk(ChunkView),
    /// Chunks too small to be drawn one by one.
    Run {
        /// How many.
        chunks: u32,
        /// They are free.
        free: bool,
        /// The first one's pointer.
        first: Addr,
    },
    /// The end that was never handed out.
    Unused,
}

/// A part of a strip and its place, in shares of the whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// What it is.
    pub part: Part,
    /// Bytes, chunk headers included.
    pub bytes: u64,
    /// Where it begins.
    pub at: f64,
    /// How long it is.
    pub share: f64,
}

/// Take a block apart. Chunks in `keep` are drawn on their own, however small they are.
pub fn spans(block: &BlockView, chunk_header: u64, keep: impl Fn(Addr) -> bool) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let whole = block.size.max(1) as f64;
    let push = |part: Part, bytes: u64, spans: &mut Vec<Span>| {
        let at = spans.last().map_or(0.0, |last| last.at + last.share);
        spans.push(Span { part, bytes, at, share: bytes as f64 / whole });
    };
    push(Part::Header, block.header, &mut spans);
    for chunk in &block.chunks {
        let bytes = chunk.size + chunk_header;
        if bytes as f64 / whole >= FINEST || keep(chunk.pointer) {
            push(Part::Chunk(*chunk), bytes, &mut spans);
            continue;
        }
        match spans.last_mut() {
            Some(Span { part: Part::Run { chunks, free, .. }, bytes: sum, share, .. })
                if *free == chunk.free =>
            {
                *chunks += 1;
                *sum += bytes;
                *share = *sum as f64 / whole;
            }
            _ => {
                let part = Part::Run { chunks: 1, free: chunk.free, first: chunk.pointer };
                push(part, bytes, &mut spans);
            }
        }
    }
    if block.unused > 0 {
        push(Part::Unused, block.unused, &mut spans);
    }
    spans
}

/// The chunk at a pointer, and the block that it lies in.
pub fn find(blocks: &[BlockView], pointer: Addr) -> Option<(&BlockView, &ChunkView)> {
    blocks.iter().find_map(|block| {
        block.chunks.iter().find(|chunk| chunk.pointer == pointer).map(|chunk| (block, chunk))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pgscope_core::mmgr::chunk::ChunkHeader;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn block(size: u64, chunks: &[(u64, bool)]) -> BlockView {
        let mut at = 240;
        let chunks: Vec<_> = chunks
            .iter()
            .map(|&(size, free)| {
                let pointer = Addr(at + 8);
                at += size + 8;
                ChunkView { pointer, size, free, header: ChunkHeader(0) }
            })
            .collect();
        let (addr, keeper, dedicated) = (Addr(0), true, false);
        BlockView { addr, size, keeper, dedicated, header: 240, chunks, unused: size - at }
    }

    #[wasm_bindgen_test]
    fn a_strip_accounts_for_every_byte() {
        let block = block(8192, &[(128, false), (64, true), (1024, false)]);
        let spans = spans(&block, 8, |_| false);
        assert_eq!(spans.len(), 5);
        assert_eq!(spans.iter().map(|span| span.bytes).sum::<u64>(), 8192);
        let end = spans.last().map_or(0.0, |last| last.at + last.share);
        assert!((end - 1.0).abs() < 1e-9);
    }

    #[wasm_bindgen_test]
    fn thousands_of_chunks_become_a_few_parts() {
        let chunks: Vec<_> = (0..20_000).map(|index| (8, index % 1000 == 0)).collect();
        let block = block(1 << 20, &chunks);
        let spans = spans(&block, 8, |_| false);
        assert!(spans.len() < 50, "{}", spans.len());
        assert_eq!(spans.iter().map(|span| span.bytes).sum::<u64>(), 1 << 20);
        let counted: u32 = spans
            .iter()
            .map(|span| if let Part::Run { chunks, .. } = span.part { chunks } else { 0 })
            .sum();
        assert_eq!(counted, 20_000);
    }
}
