//! Local buffers: a backend's own pool for its temporary relations (`localbuf.c`).
//!
//! Nobody else can see a temporary table, so its pages need no shared memory, no locks and no
//! WAL. Each backend keeps them in `temp_buffers` buffers of its own, made when the first one
//! is needed. Everything is as in the shared pool, only simpler: a lookup table, usage counts,
//! a clock sweep whose hand moves on at every step; but no freelist, no rings, and a pin count
//! that counts every pin, since only one backend has any. Local buffers have negative
//! numbers.

pub(crate) mod storage;

use super::desc::{BM_DIRTY, BM_MAX_USAGE_COUNT, BM_VALID, BufferDesc};
use super::smgr::PageVersion;
use super::{BufTable, BufferAccess, PoolBuffer};
use crate::error::Error;
use crate::event::{Event, LocalBufferEvent, Tick, WriteReason};
use crate::ids::{BlockNumber, BufferTag, LocalBufferId, RelId};
use crate::op::Persistence;
use storage::{Request, Storage};

/// `temp_buffers` unless it is set: 8 MB.
pub const DEFAULT_TEMP_BUFFERS: u32 = 1024;
/// The most that all backends of the playground together may have.
const MAX_LOCAL_BUFFERS: u32 = 262_144;
/// The most that one may have.
pub const MAX_TEMP_BUFFERS: u32 = 131_072;

/// One backend's local buffers; none until the first use of a temporary relation.
#[derive(Clone, Debug, Default)]
pub struct LocalBufferPool {
    /// `LocalBufferDescriptors`. Pins are counted beside them.
    descs: Vec<BufferDesc>,
    /// `LocalRefCount`: pins on each buffer.
    pins: Vec<u32>,
    /// `LocalBufHash`.
    table: Option<BufTable>,
    /// `nextFreeLocalBufId`.
    next_free: u32,
    /// `NLocalPinnedBuffers`: buffers pinned at least once.
    pinned: u32,
    /// `temp_buffers`, if it is set.
    temp_buffers: Option<u32>,
    storage: Storage,
}

impl LocalBufferPool {
    /// `InitLocalBuffers`.
    fn new(nbuffers: u32) -> Self {
        Self {
            descs: vec![BufferDesc::default(); nbuffers as usize],
            pins: vec![0; nbuffers as usize],
            table: Some(BufTable::new(nbuffers)),
            storage: Storage::new(nbuffers),
            ..Self::default()
        }
    }

    /// A pool that will have this many buffers once they are needed.
    pub(crate) fn of_size(temp_buffers: u32) -> Self {
        Self { temp_buffers: Some(temp_buffers), ..Self::default() }
    }

    /// A pool as it was found on a real server, nothing pinned.
    pub(crate) fn found(buffers: &[Option<PoolBuffer>], next_free: u32) -> Result<Self, Error> {
        if buffers.len() > MAX_TEMP_BUFFERS as usize || next_free as usize >= buffers.len() {
            return Err(Error::Protocol("the local pool's state contradicts itself"));
        }
        let mut pool = Self::new(buffers.len() as u32);
        let mut table = BufTable::new(buffers.len() as u32);
        for (index, found) in buffers.iter().enumerate() {
            let Some(found) = found else { continue };
            if table.lookup(found.tag).is_some() {
                return Err(Error::Protocol("two local buffers hold the same page"));
            }
            let usage_count = found.usage_count.min(BM_MAX_USAGE_COUNT);
            // Only the flags of a shared buffer differ between permanent and other relations.
            let persistence = Persistence::Unlogged;
            let mut desc = BufferDesc::found(found.tag, usage_count, persistence, None);
            if found.dirty {
                desc.set(BM_DIRTY);
            }
            pool.descs[index] = desc;
            table.insert(found.tag, super::BufferId(index as u32));
        }
        pool.table = Some(table);
        pool.next_free = next_free;
        pool.storage = Storage::unknown();
        Ok(pool)
    }

    /// `NLocBuffer`: 0 before the first use.
    pub fn nbuffers(&self) -> u32 {
        self.descs.len() as u32
    }

    /// The buffer that the next step of the sweep looks at, from 0.
    pub fn hand(&self) -> u32 {
        self.next_free
    }

    /// One buffer's descriptor.
    pub fn desc(&self, buffer: LocalBufferId) -> Option<&BufferDesc> {
        self.descs.get(buffer.index())
    }

    /// Every buffer in order, with its descriptor and the pins on it.
    pub fn buffers(&self) -> impl ExactSizeIterator<Item = (LocalBufferId, &BufferDesc, u32)> {
        let buffers = self.descs.iter().zip(&self.pins).enumerate();
        buffers.map(|(index, (desc, &pins))| (LocalBufferId(index as u32), desc, pins))
    }

    /// The buffer that holds a page.
    pub fn lookup(&self, tag: BufferTag) -> Option<LocalBufferId> {
        let found = self.table.as_ref()?.lookup(tag)?;
        Some(LocalBufferId(found.0))
    }

    /// Pages in the lookup table.
    pub fn len(&self) -> usize {
        self.table.as_ref().map_or(0, BufTable::len)
    }

    /// Whether no page is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Pins on a buffer.
    pub fn pins(&self, buffer: LocalBufferId) -> u32 {
        self.pins.get(buffer.index()).copied().unwrap_or(0)
    }

    /// `temp_buffers`, which are made when they are needed.
    fn size(&self) -> u32 {
        match self.nbuffers() {
            0 => self.temp_buffers.unwrap_or(DEFAULT_TEMP_BUFFERS),
            nbuffers => nbuffers,
        }
    }

    /// `GetLocalPinLimit`.
    pub(super) fn pin_limit(&self) -> u32 {
        self.size() / 4
    }

    /// `GetAdditionalLocalPinLimit`.
    pub(super) fn additional_pin_limit(&self) -> u32 {
        self.pin_limit().saturating_sub(self.pinned)
    }

    pub(super) fn is_valid(&self, buffer: LocalBufferId) -> bool {
        self.desc(buffer).is_some_and(|desc| desc.is(BM_VALID))
    }

    /// The buffer under the hand; the hand moves on.
    fn step(&mut self) -> LocalBufferId {
        let buffer = LocalBufferId(self.next_free);
        self.next_free += 1;
        if self.next_free >= self.nbuffers() {
            self.next_free = 0;
        }
        buffer
    }

    /// Forget a buffer's page; which one it was.
    fn forget(&mut self, buffer: LocalBufferId) -> Option<BufferTag> {
        let desc = &mut self.descs[buffer.index()];
        let tag = desc.tag()?;
        desc.forget();
        if let Some(table) = &mut self.table {
            table.delete(tag);
        }
        Some(tag)
    }

    fn hash(&mut self, buffer: LocalBufferId, tag: BufferTag) {
        if let Some(table) = &mut self.table {
            table.insert(tag, super::BufferId(buffer.0));
            self.storage.entered(table.len());
        }
    }

    /// What the backend's memory is asked for.
    pub(crate) fn take_requests(&mut self) -> Vec<Request> {
        self.storage.take_requests()
    }
}

impl BufferAccess<'_> {
    pub(super) fn emit_local(&mut self, event: LocalBufferEvent) -> Result<(), Error> {
        Ok(self.log.emit(Event::LocalBuffer(self.who, event))?)
    }

    /// `InitLocalBuffers`, on the first use of a temporary relation.
    fn init_local_buffers(&mut self) -> Result<(), Error> {
        if self.local.temp.nbuffers() > 0 {
            return Ok(());
        }
        let buffers = self.local.temp.size();
        let all = self.pool.local_buffers + buffers;
        if all > MAX_LOCAL_BUFFERS {
            let limit = MAX_LOCAL_BUFFERS.into();
            return Err(Error::Limit { what: "local buffers of all backends", limit });
        }
        self.pool.local_buffers = all;
        self.pool.local_requests = true;
        self.local.temp = LocalBufferPool::new(buffers);
        self.emit_local(LocalBufferEvent::Initialized { buffers })
    }

    /// `LocalBufferAlloc`: a pinned buffer that belongs to the page; whether its bytes are
    /// there.
    pub(super) fn local_buffer_alloc(
        &mut self,
        tag: BufferTag,
    ) -> Result<(LocalBufferId, bool), Error> {
        self.init_local_buffers()?;
        let found = self.local.temp.lookup(tag);
        self.emit_local(LocalBufferEvent::Lookup { tag, found })?;
        if let Some(buffer) = found {
            self.pin_local_buffer(buffer, true)?;
            return Ok((buffer, self.local.temp.is_valid(buffer)));
        }
        let victim = self.get_local_victim_buffer()?;
        self.claim_local(victim, tag)?;
        Ok((victim, false))
    }

    /// `GetLocalVictimBuffer`: a pinned buffer that belongs to no page.
    pub(super) fn get_local_victim_buffer(&mut self) -> Result<LocalBufferId, Error> {
        self.init_local_buffers()?;
        let buffer = self.local_clock_sweep()?;
        self.pin_local_buffer(buffer, false)?;
        self.local.temp.storage.get_local_buffer_storage(buffer.0);
        self.pool.local_requests = true;
        if self.local.temp.descs[buffer.index()].is(BM_DIRTY) {
            self.flush_local_buffer(buffer, WriteReason::Eviction)?;
            self.local.local_usage.written += 1;
        }
        if let Some(tag) = self.local.temp.forget(buffer) {
            self.count_io(buffer.into(), None, |io| io.evictions += 1);
            self.emit_local(LocalBufferEvent::Unhashed { buffer, tag })?;
        }
        Ok(buffer)
    }

    fn local_clock_sweep(&mut self) -> Result<LocalBufferId, Error> {
        let mut trycounter = self.local.temp.nbuffers();
        while trycounter > 0 {
            let buffer = self.local.temp.step();
            if self.local.temp.pins(buffer) > 0 {
                self.emit_local(LocalBufferEvent::Tick { buffer, tick: Tick::Pinned })?;
                trycounter -= 1;
                continue;
            }
            let desc = &mut self.local.temp.descs[buffer.index()];
            let from = desc.usage_count();
            if from == 0 {
                self.emit_local(LocalBufferEvent::Tick { buffer, tick: Tick::Taken })?;
                return Ok(buffer);
            }
            desc.lower_usage();
            trycounter = self.local.temp.nbuffers();
            self.emit_local(LocalBufferEvent::Tick { buffer, tick: Tick::Lowered { from } })?;
        }
        self.emit_local(LocalBufferEvent::SweepFailed)?;
        Err(Error::NoEmptyLocalBuffer)
    }

    /// `PinLocalBuffer`; a victim's pin is not counted as a use.
    fn pin_local_buffer(&mut self, buffer: LocalBufferId, use_it: bool) -> Result<(), Error> {
        let pool = &mut self.local.temp;
        let desc = &mut pool.descs[buffer.index()];
        let usage_from = desc.usage_count();
        let pins = &mut pool.pins[buffer.index()];
        if *pins == 0 {
            pool.pinned += 1;
            if use_it && usage_from < BM_MAX_USAGE_COUNT {
                desc.raise_usage();
            }
        }
        *pins += 1;
        let (pins, usage_to) = (*pins, desc.usage_count());
        self.emit_local(LocalBufferEvent::Pinned { buffer, pins, usage_from, usage_to })
    }

    /// `UnpinLocalBuffer`.
    pub(super) fn unpin_local_buffer(&mut self, buffer: LocalBufferId) -> Result<(), Error> {
        let pool = &mut self.local.temp;
        let Some(pins) = pool.pins.get_mut(buffer.index()).filter(|pins| **pins > 0) else {
            return Err(Error::BadBufferId(buffer.number()));
        };
        *pins -= 1;
        let pins = *pins;
        pool.pinned -= u32::from(pins == 0);
        self.emit_local(LocalBufferEvent::Unpinned { buffer, pins })
    }

    fn claim_local(&mut self, buffer: LocalBufferId, tag: BufferTag) -> Result<(), Error> {
        self.local.temp.hash(buffer, tag);
        self.local.temp.descs[buffer.index()].assign(tag, Persistence::Temporary(self.who));
        self.emit_local(LocalBufferEvent::Hashed { buffer, tag })
    }

    pub(super) fn load_local(
        &mut self,
        buffer: LocalBufferId,
        tag: BufferTag,
        page: PageVersion,
        read: bool,
    ) -> Result<(), Error> {
        self.local.temp.descs[buffer.index()].fill(page);
        self.emit_local(LocalBufferEvent::Loaded { buffer, tag, read })
    }

    /// The victim becomes the new block's buffer, unless one has this tag already
    /// (`ExtendBufferedRelLocal`).
    pub(super) fn claim_new_local_block(
        &mut self,
        victim: LocalBufferId,
        tag: BufferTag,
    ) -> Result<LocalBufferId, Error> {
        let Some(existing) = self.local.temp.lookup(tag) else {
            self.claim_local(victim, tag)?;
            return Ok(victim);
        };
        self.unpin_local_buffer(victim)?;
        self.pin_local_buffer(existing, false)?;
        Ok(existing)
    }

    /// `LimitAdditionalLocalPins`: as many as there are buffers without a pin.
    pub(super) fn limit_additional_local_pins(&mut self, count: u32) -> u32 {
        let pool = &self.local.temp;
        if count <= 1 { count } else { count.min(pool.size() - pool.pinned) }
    }

    /// `MarkLocalBufferDirty`: no WAL, and no flag that tells when.
    pub(super) fn mark_local_buffer_dirty(&mut self, buffer: LocalBufferId) -> Result<(), Error> {
        let Some(desc) = self.local.temp.descs.get_mut(buffer.index()) else {
            return Err(Error::BadBufferId(buffer.number()));
        };
        let newly = !desc.is(BM_DIRTY);
        desc.set(BM_DIRTY);
        desc.changes = desc.changes.wrapping_add(1);
        self.local.local_usage.dirtied += u64::from(newly);
        self.emit_local(LocalBufferEvent::Dirtied { buffer, newly })
    }

    /// `FlushLocalBuffer`: the page goes to disk; whether that is counted is the caller's.
    fn flush_local_buffer(
        &mut self,
        buffer: LocalBufferId,
        reason: WriteReason,
    ) -> Result<(), Error> {
        let desc = &mut self.local.temp.descs[buffer.index()];
        let Some(tag) = desc.tag() else { return Ok(()) };
        self.pool.smgr.write(tag, PageVersion { lsn: desc.lsn, changes: desc.changes });
        desc.clear(BM_DIRTY);
        self.emit_local(LocalBufferEvent::Written { buffer, tag, reason })
    }

    /// `FlushRelationBuffers` of a temporary relation.
    pub(super) fn flush_relation_local_buffers(&mut self, rel: RelId) -> Result<(), Error> {
        for buffer in (0..self.local.temp.nbuffers()).map(LocalBufferId) {
            let desc = &self.local.temp.descs[buffer.index()];
            if desc.is(BM_VALID | BM_DIRTY) && desc.tag().is_some_and(|tag| tag.rel == rel) {
                self.flush_local_buffer(buffer, WriteReason::Flush)?;
                self.local.local_usage.written += u64::from(self.profile.local_flush_counted);
            }
        }
        Ok(())
    }

    /// `DropRelationLocalBuffers`: drop the pages of a relation from block `from` on.
    pub(super) fn drop_relation_local_buffers(
        &mut self,
        rel: RelId,
        from: BlockNumber,
    ) -> Result<(), Error> {
        let doomed = |tag: &BufferTag| tag.rel == rel && tag.block >= from;
        for buffer in (0..self.local.temp.nbuffers()).map(LocalBufferId) {
            let Some(tag) = self.local.temp.descs[buffer.index()].tag().filter(doomed) else {
                continue;
            };
            let pins = self.local.temp.pins(buffer);
            if pins > 0 {
                let path = self.pool.smgr.path(rel);
                return Err(Error::StillReferenced { path, block: tag.block, pins });
            }
            self.local.temp.forget(buffer);
            self.emit_local(LocalBufferEvent::Dropped { buffer, tag })?;
        }
        Ok(())
    }
}
