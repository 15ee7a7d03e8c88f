/*
 * The buffer pool as a script finds it and leaves it.
 */
#include "pool.h"

#include <sys/mman.h>

#include "access/table.h"
#include "access/xlog.h"
#include "access/xloginsert.h"
#include "catalog/namespace.h"
#include "catalog/pg_control.h"
#include "catalog/pg_database.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "storage/smgr.h"

#if PG_VERSION_NUM < 160000
#define LOCATOR(rel) ((rel)->rd_node)
#define TAG_LOCATOR(tag) ((tag)->rnode)
#define RELATION_NUMBER(locator) ((locator).relNode)
typedef RelFileNode Locator;
#define NO_BACKEND InvalidBackendId
#else
#define LOCATOR(rel) ((rel)->rd_locator)
#define TAG_LOCATOR(tag) BufTagGetRelFileLocator(tag)
#define RELATION_NUMBER(locator) ((locator).relNumber)
typedef RelFileLocator Locator;
#define NO_BACKEND INVALID_PROC_NUMBER
#endif

#define TOLD_SIZE (offsetof(Told, shared) + NBuffers * sizeof(State))

/* Opaque relations are numbered from here. */
#define OPAQUE 100

/* A mirror of freelist.c's private struct in shared memory. */
typedef struct Strategy
{
	slock_t		buffer_strategy_lock;
	pg_atomic_uint32 nextVictimBuffer;
	int			firstFreeBuffer;
	int			lastFreeBuffer;
	uint32		completePasses;
	pg_atomic_uint32 numBufferAllocs;
	int			bgwprocno;
} Strategy;

typedef struct State
{
	int			rel;			/* -1: no valid tag */
	BlockNumber block;
	int			usage_count;
	int			refcount;
	int			flags;
} State;

Relation	pool_relations[RELATIONS];
XLogRecPtr	pool_wal_base;

/* One of this database, one shared by all. */
static Relation catalogs[2];
static Strategy *strategy;
static State *local;
static int	nlocal;

/* As it was when it was last told of; the same for all sessions. */
typedef struct Told
{
	XLogRecPtr	flushed;
	State		shared[FLEXIBLE_ARRAY_MEMBER];
} Told;

static Told *told;
static State *shared;

void
pool_open(void)
{
	bool		found;

	for (int i = 0; i < RELATIONS; i++)
	{
		char		name[16];

		snprintf(name, sizeof(name), "oracle%d", i);
		pool_relations[i] = table_open(RangeVarGetRelid(makeRangeVar(NULL, pstrdup(name), -1),
														AccessExclusiveLock, false), NoLock);
	}
	catalogs[0] = table_open(ProcedureRelationId, AccessShareLock);
	catalogs[1] = table_open(DatabaseRelationId, AccessShareLock);
	strategy = ShmemInitStruct("Buffer Strategy Status", sizeof(Strategy), &found);
	told = mmap(NULL, TOLD_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (told == MAP_FAILED)
		ereport(ERROR, (errmsg("no memory to share: %m")));
	shared = told->shared;
}

void
pool_close(void)
{
	for (int i = 0; i < RELATIONS; i++)
		table_close(pool_relations[i], NoLock);
	for (int i = 0; i < (int) lengthof(catalogs); i++)
		table_close(catalogs[i], AccessShareLock);
	munmap(told, TOLD_SIZE);
}

static int
number_of(Oid relation)
{
	for (int i = 0; i < RELATIONS; i++)
		if (RELATION_NUMBER(LOCATOR(pool_relations[i])) == relation)
			return i;
	for (int i = 0; i < (int) lengthof(catalogs); i++)
		if (RELATION_NUMBER(LOCATOR(catalogs[i])) == relation)
			return OPAQUE + i;
	elog(ERROR, "relation %u should not be in the pool", relation);
}

static State
look(BufferDesc *desc, int32 *pins)
{
	uint32		bits = pg_atomic_read_u32(&desc->state);
	State		state;

	memset(&state, 0, sizeof(state));
	state.rel = -1;
	if (bits & BM_TAG_VALID)
	{
		Locator		locator = TAG_LOCATOR(&desc->tag);

		state.rel = number_of(RELATION_NUMBER(locator));
		state.block = desc->tag.blockNum;
	}
	state.usage_count = BUF_STATE_GET_USAGECOUNT(bits);
	state.refcount = pins != NULL ? *pins : BUF_STATE_GET_REFCOUNT(bits);
	state.flags = (bits & BM_DIRTY ? 1 : 0) | (bits & BM_VALID ? 2 : 0) |
		(bits & BM_TAG_VALID ? 4 : 0) | (bits & BM_PERMANENT ? 8 : 0) |
		(bits & BM_CHECKPOINT_NEEDED ? 16 : 0) | (bits & BM_JUST_DIRTIED ? 32 : 0) |
		(bits & (BM_LOCKED | BM_IO_IN_PROGRESS | BM_IO_ERROR | BM_PIN_COUNT_WAITER) ? 64 : 0);
	return state;
}

static State
look_shared(int i)
{
	return look(GetBufferDescriptor(i), NULL);
}

static State
look_local(int i)
{
	return look(&LocalBufferDescriptors[i], &LocalRefCount[i]);
}

static void
empty(void)
{
	CheckPointBuffers(CHECKPOINT_IMMEDIATE | CHECKPOINT_FLUSH_ALL);
	for (int i = 0; i < NBuffers; i++)
	{
		BufferDesc *desc = GetBufferDescriptor(i);

		if (pg_atomic_read_u32(&desc->state) & BM_TAG_VALID)
		{
			SMgrRelation smgr = smgropen(TAG_LOCATOR(&desc->tag), NO_BACKEND);

			DropRelationsAllBuffers(&smgr, 1);
		}
	}
	for (int i = 0; i < NBuffers; i++)
		GetBufferDescriptor(i)->freeNext = i + 1 < NBuffers ? i + 1 : FREENEXT_END_OF_LIST;
	strategy->firstFreeBuffer = 0;
	strategy->lastFreeBuffer = NBuffers - 1;
	strategy->completePasses = 0;
	pg_atomic_write_u32(&strategy->nextVictimBuffer, 0);
	pg_atomic_write_u32(&strategy->numBufferAllocs, 0);
}

static void
resize(Relation relation, BlockNumber wanted)
{
	SMgrRelation smgr = RelationGetSmgr(relation);
	ForkNumber	fork = MAIN_FORKNUM;
	BlockNumber nblocks = smgrnblocks(smgr, fork);
	static PGAlignedBlock page;

	PageInit(page.data, BLCKSZ, 0);
	if (nblocks > wanted)
#if PG_VERSION_NUM >= 180000
		smgrtruncate(smgr, &fork, 1, &nblocks, &wanted);
#else
		smgrtruncate(smgr, &fork, 1, &wanted);
#endif
	for (; nblocks < wanted; nblocks++)
		smgrextend(smgr, fork, nblocks, page.data, true);
}

static void
read_block(Relation relation, BlockNumber block)
{
	ReleaseBuffer(ReadBuffer(relation, block));
}

void
pool_flush_wal(void)
{
	int			word = 0;

	XLogBeginInsert();
	XLogRegisterData((char *) &word, sizeof(word));
	XLogFlush(XLogInsert(RM_XLOG_ID, XLOG_NOOP));
}

void
pool_start(const int64 *nblocks, int reads)
{
	bool		temporary = false;

	empty();
	for (int i = 0; i < RELATIONS; i++)
	{
		resize(pool_relations[i], nblocks[i]);
		if (RelationUsesLocalBuffers(pool_relations[i]) && nblocks[i] > 0)
		{
			/* The first buffer is taken: the sweep goes on from the second. */
			if (!temporary)
				read_block(pool_relations[i], 0);
			temporary = true;
		}
	}
	for (int i = 0; i < reads; i++)
	{
		Relation	catalog = catalogs[i % 7 == 3];

		read_block(catalog, i % RelationGetNumberOfBlocks(catalog));
	}
	pool_flush_wal();
	pool_wal_base = told->flushed = GetFlushRecPtr(NULL);
	for (int i = 0; i < NBuffers; i++)
		shared[i] = look_shared(i);
	nlocal = NLocBuffer;
	local = palloc0((nlocal + 1) * sizeof(State));
	for (int i = 0; i < nlocal; i++)
		local[i] = look_local(i);
}

static void
write_state(FILE *out, int i, const State *state)
{
	if (state->rel < 0)
		fprintf(out, "[%d,null,null,%d,%d,%d]", i + 1, state->usage_count, state->refcount,
				state->flags);
	else
		fprintf(out, "[%d,%d,%u,%d,%d,%d]", i + 1, state->rel, state->block,
				state->usage_count, state->refcount, state->flags);
}

static void
write_states(FILE *out, const char *name, const State *states, int count)
{
	fprintf(out, ",\"%s\":[", name);
	for (int i = 0; i < count; i++)
	{
		if (i > 0)
			fputc(',', out);
		write_state(out, i, &states[i]);
	}
	fputc(']', out);
}

/* Write the states that are not as they were, and remember them. */
static void
write_changed(FILE *out, const char *name, State *states, int count, State (*now) (int))
{
	bool		first = true;

	for (int i = 0; i < count; i++)
	{
		State		state = now(i);

		if (memcmp(&state, &states[i], sizeof(State)) == 0)
			continue;
		if (first)
			fprintf(out, ",\"%s\":[", name);
		else
			fputc(',', out);
		first = false;
		write_state(out, i, &state);
		states[i] = state;
	}
	if (!first)
		fputc(']', out);
}

/* The tags that are gone; before write_changed. */
static void
write_evicted(FILE *out)
{
	bool		first = true;

	for (int i = 0; i < NBuffers; i++)
	{
		State	   *old = &shared[i];
		State		state = look_shared(i);

		if (old->rel < 0 || (old->rel == state.rel && old->block == state.block))
			continue;
		fprintf(out, "%s[%d,%d,%u]", first ? ",\"ev\":[" : ",", i + 1, old->rel, old->block);
		first = false;
	}
	if (!first)
		fputc(']', out);
}

static void
write_strategy(FILE *out, bool whole_freelist)
{
	uint32		passes;
	int			hand = StrategySyncStart(&passes, NULL);
	int			free = strategy->firstFreeBuffer;

	fprintf(out, ",\"nv\":%d,\"cp\":%u,\"al\":%u", hand, passes,
			pg_atomic_read_u32(&strategy->numBufferAllocs));
	if (free >= 0)
		fprintf(out, ",\"ff\":%d", free + 1);
	if (!whole_freelist)
		return;
	fputs(",\"free\":[", out);
	for (bool first = true; free >= 0; first = false)
	{
		fprintf(out, "%s%d", first ? "" : ",", free + 1);
		free = GetBufferDescriptor(free)->freeNext;
	}
	fputc(']', out);
}

void
pool_write_header(FILE *out, int backends)
{
	fprintf(out, ",\"backends\":%d,\"block_size\":%d,\"nbuffers\":%d,\"nlocal\":%d",
			backends, BLCKSZ, NBuffers, nlocal);
	if (nlocal > 0)
		fputs(",\"local_next\":1", out);
	fprintf(out, ",\"max_backends\":%d,\"aux_procs\":%d,\"rels\":[",
			MaxBackends, NUM_AUXILIARY_PROCS);
	for (int i = 0; i < RELATIONS; i++)
		fprintf(out, "%s{\"rel\":%d,\"nblocks\":%u,\"persistence\":\"%c\"}", i > 0 ? "," : "",
				i, RelationGetNumberOfBlocks(pool_relations[i]),
				pool_relations[i]->rd_rel->relpersistence);
	fputs("],\"opaque\":[", out);
	for (int i = 0; i < (int) lengthof(catalogs); i++)
		fprintf(out, "%s{\"rel\":%d,\"shared\":%s,\"fork\":0}", i > 0 ? "," : "", OPAQUE + i,
				catalogs[i]->rd_rel->relisshared ? "true" : "false");
	fputc(']', out);
	write_strategy(out, true);
	write_states(out, "buffers", shared, NBuffers);
	if (nlocal > 0)
		write_states(out, "local", local, nlocal);
}

void
pool_write_changes(FILE *out, bool whole_freelist)
{
	XLogRecPtr	now = GetFlushRecPtr(NULL);

	write_strategy(out, whole_freelist);
	write_evicted(out);
	write_changed(out, "ch", shared, NBuffers, look_shared);
	write_changed(out, "lch", local, nlocal, look_local);
	if (now != told->flushed)
		fprintf(out, ",\"fl\":" UINT64_FORMAT, now - pool_wal_base);
	told->flushed = now;
}

void
pool_write_end(FILE *out)
{
	write_strategy(out, true);
	write_states(out, "buffers", shared, NBuffers);
	if (nlocal > 0)
		write_states(out, "local", local, nlocal);
	fputs(",\"rels\":[", out);
	for (int i = 0; i < RELATIONS; i++)
		fprintf(out, "%s{\"rel\":%d,\"nblocks\":%u}", i > 0 ? "," : "", i,
				RelationGetNumberOfBlocks(pool_relations[i]));
	fputc(']', out);
}

int
pool_local_pins(void)
{
	int			pins = 0;

	for (int i = 0; i < nlocal; i++)
		pins += local[i].refcount > 0;
	return pins;
}

void
pool_without_local(void)
{
	nlocal = 0;
}

bool
pool_is_awaited(int rel, BlockNumber from, bool (*mine) (Buffer buffer))
{
	for (int i = 0; i < NBuffers; i++)
	{
		State	   *state = &shared[i];

		if (state->rel >= 0 && (rel < 0 || (state->rel == rel && state->block >= from)) &&
			state->refcount > (mine(i + 1) ? 1 : 0))
			return true;
	}
	return false;
}
