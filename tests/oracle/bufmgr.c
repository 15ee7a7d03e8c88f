/*
 * Buffers: read scripts, execute them operation by operation against the
 * server's own buffer manager, and write down what came of each.
 *
 * A script is a line `scenario SEED CATALOGS NBLOCKS... SESSIONS` (reads of
 * catalog pages before it begins, the relations' sizes, how many backends there
 * are), one operation a line, and a line `end`. Operations are the words of the
 * trace format followed by their numbers; -1 stands for what is absent, and kinds
 * are counted from 0. `@2` before them says which backend, if it is not 0. An operation that
 * makes no sense where it stands is left out of the trace, so that any part of
 * a script is a script too.
 *
 * Each script runs in a process forked for it: what the server keeps in local
 * memory (local buffers, the background writer's averages, private pins) is then
 * as fresh as on a new server.
 */
#include "pool.h"
#include "sessions.h"

#include <sys/wait.h>
#include <unistd.h>

#include "access/xloginsert.h"
#include "catalog/pg_control.h"
#include "executor/instrument.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgwriter.h"
#include "storage/smgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#define MAX_HANDLES 1024
#define MAX_STRATEGIES 16
#define MAX_RANGE 64
/* Rings up to this size are written down whole. */
#define SMALL_RING 8
#define MAX_LINES 16384

enum DirtyKind
{
	NOT_DIRTY, PLAIN, HINT, WAL
};
static const char *const dirty_kinds[] = {"none", "plain", "hint", "wal"};
static const char *const strategy_kinds[] = {"bulkread", "bulkwrite", "vacuum"};

/* A mirror of freelist.c's private struct. */
typedef struct Ring
{
	BufferAccessStrategyType btype;
	int			nbuffers;
	int			current;
#if PG_VERSION_NUM < 160000
	bool		current_was_in_ring;
#endif
	Buffer		buffers[FLEXIBLE_ARRAY_MEMBER];
} Ring;

typedef struct Handle
{
	Buffer		buffer;			/* 0: unset */
	Relation	relation;
} Handle;

typedef struct Operation
{
	int			session;
	char		name[16];
	int64		n[6];
} Operation;

/* What an operation gave. */
typedef struct Result
{
	Buffer		buffer;
	int64		new_block;		/* -1: none */
	XLogRecPtr	lsn;
	int			strategy;		/* whose ring is to be told; -1: none */
	bool		ring_size;
	bool		freelist;
	int			nbuffers;
	int			nsteps;
	Buffer		buffers[MAX_RANGE];
	int			steps[MAX_RANGE];
	bool		bgwriter;
	bool		hibernate;
	int64		counts[3];
	bool		evict;
	bool		ok;
	bool		flushed;
} Result;

static Handle handles[MAX_HANDLES];
static BufferAccessStrategy strategies[MAX_STRATEGIES];
static Result result;
static BufferUsage usage;
static MemoryContext harness;
static ResourceOwner owner;
static const Operation *script;
static FILE *out;

/* Entries of PrivateRefCountArray. */
#define PRIVATE_ENTRIES 8
/*
 * Since the backend last had no pin, the array may have been full. Which entry
 * goes to the hash then depends on what the backend did before the script, and
 * how many are there decides how much ExtendBufferedRelBy may pin.
 */
static bool crowded;

static bool
is(const Operation *op, const char *name)
{
	return strcmp(op->name, name) == 0;
}

/* The relation with this number, or NULL; temporary ones belong to session 0. */
static Relation
relation_of(int64 number)
{
	Relation	relation = number >= 0 && number < RELATIONS ? pool_relations[number] : NULL;

	return relation != NULL && session > 0 && RelationUsesLocalBuffers(relation) ? NULL : relation;
}

/* Whether this session has it pinned. */
static bool
mine(Buffer buffer)
{
	for (int i = 0; i < MAX_HANDLES; i++)
		if (handles[i].buffer == buffer)
			return true;
	return false;
}

/* How many shared buffers this session has pinned. */
static int
shared_pins(void)
{
	int			pins = 0;

	for (Buffer buffer = 1; buffer <= NBuffers; buffer++)
		pins += mine(buffer);
	return pins;
}

static bool
handle_is_free(int64 handle)
{
	return handle < MAX_HANDLES && (handle < 0 || !BufferIsValid(handles[handle].buffer));
}

/* Look up an operation's strategy object; false if it should have one that does not exist. */
static bool
find_strategy(int64 number, BufferAccessStrategy *strategy)
{
	*strategy = NULL;
	if (number < 0)
		return true;
	if (number >= MAX_STRATEGIES || strategies[number] == NULL)
		return false;
	result.strategy = (int) number;
	*strategy = strategies[number];
	return true;
}

static bool
can_be_dirtied(Relation relation, int64 kind)
{
	return kind >= NOT_DIRTY && kind <= WAL && (kind != WAL || RelationNeedsWAL(relation));
}

static void
make_dirty(Buffer buffer, int64 kind)
{
	if (kind == NOT_DIRTY)
		return;
	LockBuffer(buffer, kind == HINT ? BUFFER_LOCK_SHARE : BUFFER_LOCK_EXCLUSIVE);
	if (kind == HINT)
		MarkBufferDirtyHint(buffer, true);
	else
		MarkBufferDirty(buffer);
	if (kind == WAL)
	{
		Page		page = BufferGetPage(buffer);

		if (PageIsNew(page))
			PageInit(page, BLCKSZ, 0);
		XLogBeginInsert();
		XLogRegisterBuffer(0, buffer, REGBUF_FORCE_IMAGE | REGBUF_STANDARD);
		result.lsn = XLogInsert(RM_XLOG_ID, XLOG_FPI);
		PageSetLSN(page, result.lsn);
	}
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
}

/* Done with a page: mark it dirty, keep its pin or release it. */
static void
use_page(Relation relation, Buffer buffer, int64 handle, int64 kind)
{
	result.buffer = buffer;
	if (handle >= 0)
	{
		handles[handle].buffer = buffer;
		handles[handle].relation = relation;
	}
	make_dirty(buffer, kind);
	if (handle < 0)
		ReleaseBuffer(buffer);
}

/* read REL BLK STRAT HOLD DIRTY MODE */
static bool
read_page(const Operation *op)
{
	Relation	relation = relation_of(op->n[0]);
	BufferAccessStrategy strategy;
	ReadBufferMode mode = op->n[5] == 1 ? RBM_ZERO_AND_LOCK : RBM_NORMAL;
	Buffer		buffer;

	if (relation == NULL || op->n[1] < 0 || op->n[1] >= RelationGetNumberOfBlocks(relation) ||
		!handle_is_free(op->n[3]) || !can_be_dirtied(relation, op->n[4]) ||
		!find_strategy(op->n[2], &strategy))
		return false;
	buffer = ReadBufferExtended(relation, MAIN_FORKNUM, (BlockNumber) op->n[1], mode, strategy);
	if (mode == RBM_ZERO_AND_LOCK)
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	use_page(relation, buffer, op->n[3], op->n[4]);
	return true;
}

/* extend REL STRAT HOLD DIRTY */
static bool
extend(const Operation *op)
{
	Relation	relation = relation_of(op->n[0]);
	BufferAccessStrategy strategy;
	Buffer		buffer;

	if (relation == NULL || !handle_is_free(op->n[2]) || !can_be_dirtied(relation, op->n[3]) ||
		!find_strategy(op->n[1], &strategy))
		return false;
#if PG_VERSION_NUM >= 160000
	buffer = ExtendBufferedRel(BMR_REL(relation), MAIN_FORKNUM, strategy, EB_SKIP_EXTENSION_LOCK);
#else
	buffer = ReadBufferExtended(relation, MAIN_FORKNUM, P_NEW, RBM_NORMAL, strategy);
#endif
	result.new_block = BufferGetBlockNumber(buffer);
	use_page(relation, buffer, op->n[2], op->n[3]);
	return true;
}

#if PG_VERSION_NUM >= 170000
/* Several blocks: pins of an operation that fails half way go with it. */
static bool
with_range(const Operation *op, bool (*body) (const Operation *op))
{
	ResourceOwner outer = CurrentResourceOwner;
	ResourceOwner inner = ResourceOwnerCreate(outer, "range");
	volatile bool executed = false;

	CurrentResourceOwner = inner;
	PG_TRY();
	{
		executed = body(op);
	}
	PG_FINALLY();
	{
		CurrentResourceOwner = outer;
		ResourceOwnerRelease(inner, RESOURCE_RELEASE_BEFORE_LOCKS, false, false);
		ResourceOwnerDelete(inner);
	}
	PG_END_TRY();
	return executed;
}

/* extend_by REL STRAT N */
static bool
extend_by_inside(const Operation *op)
{
	Relation	relation = relation_of(op->n[0]);
	BufferAccessStrategy strategy;
	uint32		extended = 0;

	if (relation == NULL || op->n[2] < 1 || op->n[2] > MAX_RANGE || crowded ||
		!find_strategy(op->n[1], &strategy))
		return false;
	result.new_block = ExtendBufferedRelBy(BMR_REL(relation), MAIN_FORKNUM, strategy,
										   EB_SKIP_EXTENSION_LOCK, (uint32) op->n[2],
										   result.buffers, &extended);
	result.nbuffers = (int) extended;
	/* With every local buffer pinned, the server adds none. */
	if (extended == 0)
		result.new_block = -1;
	for (int i = 0; i < result.nbuffers; i++)
		ReleaseBuffer(result.buffers[i]);
	return true;
}

/* read_range REL BLK N STRAT DIRTY */
static bool
read_range_inside(const Operation *op)
{
	Relation	relation = relation_of(op->n[0]);
	int			count = (int) op->n[2];
	int			done = 0;
	BufferAccessStrategy strategy;
	ReadBuffersOperation operation;

	if (relation == NULL || op->n[1] < 0 || count < 1 || count > io_combine_limit ||
		op->n[1] + count > RelationGetNumberOfBlocks(relation) ||
		!can_be_dirtied(relation, op->n[4]) || op->n[4] == WAL ||
		!find_strategy(op->n[3], &strategy))
		return false;
	memset(&operation, 0, sizeof(operation));
	operation.rel = relation;
	operation.smgr = RelationGetSmgr(relation);
#if PG_VERSION_NUM >= 180000
	operation.persistence = relation->rd_rel->relpersistence;
#else
	operation.smgr_persistence = 0;
#endif
	operation.forknum = MAIN_FORKNUM;
	operation.strategy = strategy;
	memset(result.buffers, 0, sizeof(result.buffers));
	while (done < count)
	{
		int			nblocks = count - done;

		if (StartReadBuffers(&operation, &result.buffers[done],
							 (BlockNumber) (op->n[1] + done), &nblocks, 0))
			WaitReadBuffers(&operation);
		result.steps[result.nsteps++] = nblocks;
		done += nblocks;
	}
	result.nbuffers = count;
	for (int i = 0; i < count; i++)
	{
		make_dirty(result.buffers[i], op->n[4]);
		ReleaseBuffer(result.buffers[i]);
	}
	return true;
}

static bool
extend_by(const Operation *op)
{
	return with_range(op, extend_by_inside);
}

static bool
read_range(const Operation *op)
{
	return with_range(op, read_range_inside);
}

/* evict BUF */
static bool
evict(const Operation *op)
{
	if (op->n[0] < 1 || op->n[0] > NBuffers)
		return false;
	result.evict = result.freelist = true;
#if PG_VERSION_NUM >= 180000
	result.ok = EvictUnpinnedBuffer((Buffer) op->n[0], &result.flushed);
#else
	result.ok = EvictUnpinnedBuffer((Buffer) op->n[0]);
#endif
	return true;
}
#endif

/* release H, dirty H DIRTY, flush_buffer H */
static bool
use_handle(const Operation *op)
{
	int64		handle = op->n[0];

	if (handle < 0 || handle >= MAX_HANDLES)
		return false;
	result.buffer = handles[handle].buffer;
	if (is(op, "release"))
	{
		handles[handle].buffer = InvalidBuffer;
		ReleaseBuffer(result.buffer);
		return true;
	}
	if (!BufferIsValid(result.buffer))
		return false;
	if (is(op, "dirty"))
	{
		if (op->n[1] == NOT_DIRTY || !can_be_dirtied(handles[handle].relation, op->n[1]))
			return false;
		make_dirty(result.buffer, op->n[1]);
		return true;
	}
	if (!is(op, "flush_buffer") || BufferIsLocal(result.buffer))
		return false;
	LockBuffer(result.buffer, BUFFER_LOCK_SHARE);
	FlushOneBuffer(result.buffer);
	LockBuffer(result.buffer, BUFFER_LOCK_UNLOCK);
	return true;
}

/* strategy_create STRAT KIND SIZE_KB, strategy_free STRAT */
static bool
use_strategy(const Operation *op)
{
	static const BufferAccessStrategyType types[] = {BAS_BULKREAD, BAS_BULKWRITE, BAS_VACUUM};
	int64		number = op->n[0];

	if (number < 0 || number >= MAX_STRATEGIES)
		return false;
	if (is(op, "strategy_free"))
	{
		if (strategies[number] == NULL)
			return false;
		FreeAccessStrategy(strategies[number]);
		strategies[number] = NULL;
		return true;
	}
	if (!is(op, "strategy_create") || strategies[number] != NULL || op->n[1] < 0 ||
		op->n[1] >= (int64) lengthof(types))
		return false;
	if (op->n[2] < 0)
		strategies[number] = GetAccessStrategy(types[op->n[1]]);
#if PG_VERSION_NUM >= 160000
	else if (op->n[2] >= BLCKSZ / 1024)
		strategies[number] = GetAccessStrategyWithSize(types[op->n[1]], (int) op->n[2]);
#endif
	else
		return false;
	result.strategy = (int) number;
	result.ring_size = true;
	return true;
}

/* drop_rel REL, drop_from REL BLK, drop_db */
static bool
drop(const Operation *op)
{
	Relation	relation = relation_of(op->n[0]);
	BlockNumber first = is(op, "drop_from") ? (BlockNumber) op->n[1] : 0;
	SMgrRelation smgr;

	result.freelist = true;
	/* The server would wait for the pin to go. */
	if (pool_is_awaited(is(op, "drop_db") ? -1 : (int) op->n[0], first, mine))
		return false;
	if (is(op, "drop_db"))
	{
		DropDatabaseBuffers(MyDatabaseId);
		return true;
	}
	/* The error would name the file of a local page that is pinned. */
	if (relation == NULL || (RelationUsesLocalBuffers(relation) && pool_local_pins() > 0))
		return false;
	smgr = RelationGetSmgr(relation);
	if (is(op, "drop_rel"))
		DropRelationsAllBuffers(&smgr, 1);
	else
	{
		ForkNumber	fork = MAIN_FORKNUM;

		DropRelationBuffers(smgr, &fork, 1, &first);
	}
	return true;
}

/* checkpoint ALL, flush_rel REL, flush_db: never with a pin of one's own */
static bool
flush(const Operation *op)
{
	Relation	relation = relation_of(op->n[0]);

	if (is(op, "flush_rel"))
	{
		if (relation == NULL ||
			(RelationUsesLocalBuffers(relation) ? pool_local_pins() : shared_pins()) > 0)
			return false;
		FlushRelationBuffers(relation);
		return true;
	}
	if (shared_pins() > 0)
		return false;
	if (is(op, "checkpoint"))
		CheckPointBuffers(CHECKPOINT_IMMEDIATE | (op->n[0] != 0 ? CHECKPOINT_FLUSH_ALL : 0));
	else
		FlushDatabaseBuffers(MyDatabaseId);
	return true;
}

/* bgwriter MAXPAGES MULT*100 DELAY */
static bool
write_in_background(const Operation *op)
{
	WritebackContext context;

	bgwriter_lru_maxpages = (int) op->n[0];
	bgwriter_lru_multiplier = op->n[1] / 100.0;
	BgWriterDelay = (int) op->n[2];
	memset(&PendingBgWriterStats, 0, sizeof(PendingBgWriterStats));
	WritebackContextInit(&context, &bgwriter_flush_after);
	result.bgwriter = true;
	result.hibernate = BgBufferSync(&context);
	result.counts[0] = PendingBgWriterStats.buf_alloc;
	result.counts[1] = PendingBgWriterStats.buf_written_clean;
	result.counts[2] = PendingBgWriterStats.maxwritten_clean;
	return true;
}

static bool
flush_wal(const Operation *op)
{
	pool_flush_wal();
	return true;
}

/* Every operation: its routine, and the names of its numbers in the trace. */
static const struct
{
	const char *name;
	bool		(*routine) (const Operation *op);
	const char *fields[6];
}			operations[] = {
	{"read", read_page, {"rel", "blk", "strat", "hold", "dirty", "mode"}},
	{"extend", extend, {"rel", "strat", "hold", "dirty"}},
#if PG_VERSION_NUM >= 170000
	{"extend_by", extend_by, {"rel", "strat", "n"}},
	{"read_range", read_range, {"rel", "blk", "n", "strat", "dirty"}},
	{"evict", evict, {"buf"}},
#endif
	{"release", use_handle, {"h"}},
	{"dirty", use_handle, {"h", "dirty"}},
	{"flush_buffer", use_handle, {"h"}},
	{"strategy_create", use_strategy, {"strat", "kind", "size_kb"}},
	{"strategy_free", use_strategy, {"strat"}},
	{"drop_rel", drop, {"rel"}},
	{"drop_from", drop, {"rel", "blk"}},
	{"drop_db", drop, {NULL}},
	{"checkpoint", flush, {"all"}},
	{"flush_rel", flush, {"rel"}},
	{"flush_db", flush, {NULL}},
	{"bgwriter", write_in_background, {"maxpages", "mult", "delay"}},
	{"wal_flush", flush_wal, {NULL}},
};

/* The operation's place in the table, or -1. */
static int
place_of(const Operation *op)
{
	for (int i = 0; i < (int) lengthof(operations); i++)
		if (is(op, operations[i].name))
			return i;
	return -1;
}

static void
write_field(const char *name, int64 number)
{
	fprintf(out, ",\"%s\":", name);
	if (strcmp(name, "dirty") == 0)
		trace_string(out, dirty_kinds[number]);
	else if (strcmp(name, "kind") == 0)
		trace_string(out, strategy_kinds[number]);
	else if (strcmp(name, "mode") == 0)
		trace_string(out, number == 1 ? "zero_and_lock" : "normal");
	else if (strcmp(name, "all") == 0)
		fputs(number != 0 ? "true" : "false", out);
	else if (strcmp(name, "mult") == 0)
		fprintf(out, "%.2f", number / 100.0);
	else
		fprintf(out, INT64_FORMAT, number);
}

static void
write_input(int i, const Operation *op)
{
	const char *const *fields = operations[place_of(op)].fields;

	fprintf(out, "{\"i\":%d,\"op\":\"%s\"", i, op->name);
	if (session > 0)
		fprintf(out, ",\"be\":%d", session);
	for (int field = 0; field < (int) lengthof(op->n) && fields[field] != NULL; field++)
		if (op->n[field] >= 0)
			write_field(fields[field], op->n[field]);
}

static void
write_numbers(const char *name, const int *numbers, int count)
{
	fprintf(out, ",\"%s\":[", name);
	for (int i = 0; i < count; i++)
		fprintf(out, "%s%d", i > 0 ? "," : "", numbers[i]);
	fputc(']', out);
}

static void
write_usage(void)
{
	int			shared[] = {
		pgBufferUsage.shared_blks_hit - usage.shared_blks_hit,
		pgBufferUsage.shared_blks_read - usage.shared_blks_read,
		pgBufferUsage.shared_blks_dirtied - usage.shared_blks_dirtied,
		pgBufferUsage.shared_blks_written - usage.shared_blks_written,
	};
	int			local[] = {
		pgBufferUsage.local_blks_hit - usage.local_blks_hit,
		pgBufferUsage.local_blks_read - usage.local_blks_read,
		pgBufferUsage.local_blks_dirtied - usage.local_blks_dirtied,
		pgBufferUsage.local_blks_written - usage.local_blks_written,
	};

	write_numbers("u", shared, lengthof(shared));
	write_numbers("lu", local, lengthof(local));
}

static void
write_output(ErrorData *error)
{
	if (error == NULL && BufferIsValid(result.buffer))
		fprintf(out, ",\"b\":%d", result.buffer);
	write_usage();
	if (result.lsn != InvalidXLogRecPtr)
		fprintf(out, ",\"lsn\":" UINT64_FORMAT, result.lsn - pool_wal_base);
	if (error == NULL && result.new_block >= 0)
		fprintf(out, ",\"new_blk\":" INT64_FORMAT, result.new_block);
	if (error == NULL && result.nbuffers > 0)
		write_numbers("bufs", result.buffers, result.nbuffers);
	if (error == NULL && result.nsteps > 0)
		write_numbers("steps", result.steps, result.nsteps);
	if (result.strategy >= 0 && strategies[result.strategy] != NULL)
	{
		Ring	   *ring = (Ring *) strategies[result.strategy];

		fprintf(out, ",\"ring\":[%d,%d]", ring->current, ring->buffers[ring->current]);
		if (ring->nbuffers <= SMALL_RING)
			write_numbers("slots", ring->buffers, ring->nbuffers);
		if (result.ring_size)
			fprintf(out, ",\"ring_size\":%d", ring->nbuffers);
	}
	if (result.bgwriter)
		fprintf(out, ",\"bg\":{\"hib\":%s,\"alloc\":" INT64_FORMAT ",\"clean\":" INT64_FORMAT
				",\"maxw\":" INT64_FORMAT "}", result.hibernate ? "true" : "false",
				result.counts[0], result.counts[1], result.counts[2]);
	if (result.evict)
		fprintf(out, ",\"ok\":%s", result.ok ? "true" : "false");
#if PG_VERSION_NUM >= 180000
	if (result.evict)
		fprintf(out, ",\"flushed\":%s", result.flushed ? "true" : "false");
#endif
	pool_write_changes(out, result.freelist);
	if (error != NULL)
	{
		fputs(",\"err\":", out);
		trace_string(out, error->message);
	}
	fputs("}\n", out);
}

/* Execute and write down; false if the operation made no sense. */
static bool
step(int i, const Operation *op)
{
	MemoryContext old = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;
	volatile bool executed = true;
	int			place = place_of(op);
	int			pins;

	if (place < 0)
		return false;
	memset(&result, 0, sizeof(result));
	result.new_block = result.strategy = -1;
	usage = pgBufferUsage;
	PG_TRY();
	{
		executed = operations[place].routine(op);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(harness);
		error = CopyErrorData();
		FlushErrorState();
		MemoryContextSwitchTo(old);
	}
	PG_END_TRY();
	if (!executed)
		return false;
	write_input(i, op);
	write_output(error);
	pins = shared_pins();
	crowded = pins > 0 &&
		(crowded || pins + Max(1, result.nbuffers) >= PRIVATE_ENTRIES || error != NULL);
	if (error != NULL)
		FreeErrorData(error);
	return true;
}

/* This session's rings; `first` if none was written yet. Whether still none is. */
static bool
write_rings(bool first)
{
	for (int i = 0; i < MAX_STRATEGIES; i++)
	{
		Ring	   *ring = (Ring *) strategies[i];

		if (ring == NULL)
			continue;
		fprintf(out, "%s{\"be\":%d,\"strat\":%d,\"n\":%d,\"current\":%d", first ? "" : ",",
				session, i, ring->nbuffers, ring->current);
		write_numbers("slots", ring->buffers, ring->nbuffers);
		fputc('}', out);
		first = false;
	}
	return first;
}

static Operation
parse(char *line)
{
	Operation	op;
	int			length = 0;
	int			count = 0;

	memset(&op, 0, sizeof(op));
	if (sscanf(line, "@%d%n", &op.session, &length) == 1)
		line += length;
	sscanf(line, "%15s%n", op.name, &length);
	for (line += length; count < (int) lengthof(op.n); count++)
	{
		char	   *end;

		op.n[count] = strtoll(line, &end, 10);
		if (end == line)
			break;
		line = end;
	}
	while (count < (int) lengthof(op.n))
		op.n[count++] = -1;
	return op;
}

/* What a session can be asked for: an operation, or the end record's rings. */
enum Question
{
	RINGS, RINGS_FIRST, OPERATIONS
};

/* The question is which operation; the number, how many there were before it. */
static int
answer(int question, int number)
{
	int			said;

	if (session > 0)
		pool_without_local();
	if (question >= OPERATIONS)
		said = step(number, &script[question - OPERATIONS]);
	else
		said = write_rings(question == RINGS_FIRST);
	/* What is left in the buffer would come too late, or twice. */
	fflush(out);
	return said;
}

/* Another session's last deed. */
static void
leave(void)
{
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_BEFORE_LOCKS, false, false);
}

/* One script, in the process that was forked for it. */
static void
run(const char *header, int count)
{
	int64		nblocks[RELATIONS] = {0};
	int			catalogs = 0;
	int			sessions = 1;
	char		seed[32];
	int			executed = 0;
	bool		first = true;

	owner = ResourceOwnerCreate(CurrentResourceOwner, "oracle");
	CurrentResourceOwner = owner;
	harness = AllocSetContextCreate(TopMemoryContext, "oracle harness", ALLOCSET_DEFAULT_SIZES);
	sscanf(header, "scenario %31s %d %ld %ld %ld %ld %ld %d", seed, &catalogs, &nblocks[0],
		   &nblocks[1], &nblocks[2], &nblocks[3], &nblocks[4], &sessions);
	pool_start(nblocks, catalogs);
	fprintf(out, "{\"type\":\"header\",\"format\":\"pg-bufmgr-trace/1\",\"theme\":\"random\",\"seed\":%s,"
			"\"server_version_num\":%d,\"server_version\":\"%s\"", seed, PG_VERSION_NUM, PG_VERSION);
	pool_write_header(out, sessions);
	fputs("}\n", out);
	fflush(out);
	sessions_begin(sessions, answer, leave);
	for (int i = 0; i < count; i++)
		if (script[i].session < sessions &&
			sessions_ask(script[i].session, OPERATIONS + i, executed))
			executed++;
	fputs("{\"type\":\"end\"", out);
	pool_write_end(out);
	fputs(",\"rings\":[", out);
	fflush(out);
	sessions_ask(0, RINGS_FIRST, 0);
	/* A recorded trace has those of backend 0 alone. */
	fputs("],\"other_rings\":[", out);
	fflush(out);
	for (int i = 1; i < sessions; i++)
		first = sessions_ask(i, first ? RINGS_FIRST : RINGS, 0);
	fputs("]}\n", out);
	sessions_end();
	leave();
}

static void
run_in_child(const char *header, int count)
{
	pid_t		child;
	int			status;

	fflush(out);
	child = fork();
	if (child == 0)
	{
		PG_TRY();
		{
			run(header, count);
			fflush(out);
		}
		PG_CATCH();
		{
			EmitErrorReport();
			_exit(1);
		}
		PG_END_TRY();
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		ereport(ERROR, (errmsg("no trace of \"%s\"", header)));
}

PG_FUNCTION_INFO_V1(oracle_bufmgr);

/* oracle_bufmgr(script text, trace text): execute a file's scripts, write a file of traces. */
Datum
oracle_bufmgr(PG_FUNCTION_ARGS)
{
	char	   *from = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *to = text_to_cstring(PG_GETARG_TEXT_PP(1));
	FILE	   *in = fopen(from, "r");
	Operation  *operations_read = palloc(MAX_LINES * sizeof(Operation));
	int			count = 0;
	char		header[256] = "";
	char		line[256];

	if (in == NULL)
		ereport(ERROR, (errmsg("could not open \"%s\": %m", from)));
	out = trace_open(to);
	script = operations_read;
	pool_open();
	while (fgets(line, sizeof(line), in) != NULL)
	{
		if (strncmp(line, "scenario", 8) == 0)
		{
			strlcpy(header, line, sizeof(header));
			count = 0;
		}
		else if (strncmp(line, "end", 3) == 0)
			run_in_child(header, count);
		else if (count < MAX_LINES)
			operations_read[count++] = parse(line);
	}
	pool_close();
	fclose(in);
	trace_close(out, to);
	PG_RETURN_VOID();
}
