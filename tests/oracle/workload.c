/*
 * What memory contexts cost inside the server: the workloads of the core's own
 * benchmark (crates/core/benches/mmgr), step by step the same.
 */
#include "trace.h"

#include <time.h>

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define SLOTS 1000
#define SEED 12345

static uint64 state;

/* xorshift64* */
static inline uint64
next_random(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * UINT64CONST(2685821657736338717);
}

static inline Size
next_size(uint64 random, bool mixed)
{
	uint64		value = (random >> 8) & 0xffffff;
	uint64		percent = random % 100;

	if (!mixed)
		return 8 + value % 121;
	if (percent < 70)
		return 16 + value % 112;
	if (percent < 95)
		return 128 + value % 896;
	if (percent < 99)
		return 1024 + value % 7168;
	return 8193 + value % 57344;
}

/* Free what a variable holds, allocate anew. */
static void
replace(MemoryContext context, int64 steps, bool mixed, Size fixed)
{
	static void *slots[SLOTS];

	memset(slots, 0, sizeof(slots));
	for (int64 i = 0; i < steps; i++)
	{
		uint64		random = next_random();
		Size		size = fixed > 0 ? fixed : next_size(random, mixed);
		uint64		slot = (random >> 33) % SLOTS;

		if (slots[slot] != NULL)
			pfree(slots[slot]);
		slots[slot] = MemoryContextAlloc(context, size);
	}
}

/* Only allocate, and reset now and then. */
static void
fill(MemoryContext context, int64 steps, bool mixed)
{
	for (int64 i = 1; i <= steps; i++)
	{
		uint64		random = next_random();

		MemoryContextAlloc(context, next_size(random, mixed));
		if (i % SLOTS == 0)
			MemoryContextReset(context);
	}
}

/* What this thread has had of a processor: others that run meanwhile don't count. */
static double
nanoseconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

static MemoryContext
context_for(const char *kind)
{
	if (strcmp(kind, "gen") == 0)
		return GenerationContextCreate(TopMemoryContext, "bench", ALLOCSET_DEFAULT_SIZES);
	if (strcmp(kind, "slab") == 0)
		return SlabContextCreate(TopMemoryContext, "bench", 8192, 64);
#if PG_VERSION_NUM >= 170000
	if (strcmp(kind, "bump") == 0)
		return BumpContextCreate(TopMemoryContext, "bench", ALLOCSET_DEFAULT_SIZES);
#endif
	return AllocSetContextCreate(TopMemoryContext, "bench", ALLOCSET_DEFAULT_SIZES);
}

PG_FUNCTION_INFO_V1(oracle_workloads);

/*
 * oracle_workloads(steps int, run int, figures text): write a line for each
 * workload in the run of this number: its name and nanoseconds a step.
 */
Datum
oracle_workloads(PG_FUNCTION_ARGS)
{
	int64		steps = PG_GETARG_INT32(0);
	int			run = PG_GETARG_INT32(1);
	char	   *path = text_to_cstring(PG_GETARG_TEXT_PP(2));
	FILE	   *out = trace_open(path);
	static const struct
	{
		const char *kind;
		bool		mixed;
	}			workloads[] = {
		{"aset", false},
		{"aset", true},
		{"asetreset", false},
		{"asetreset", true},
		{"gen", false},
		{"gen", true},
		{"slab", false},
#if PG_VERSION_NUM >= 170000
		{"bump", false},
		{"bump", true},
#endif
	};

	for (int w = 0; w < (int) lengthof(workloads); w++)
	{
		const char *kind = workloads[w].kind;
		bool		mixed = workloads[w].mixed;
		MemoryContext context = context_for(kind);
		double		started;

		state = SEED + run;
		started = nanoseconds();
		if (strcmp(kind, "asetreset") == 0 || strcmp(kind, "bump") == 0)
			fill(context, steps, mixed);
		else
			replace(context, steps, mixed, strcmp(kind, "slab") == 0 ? 64 : 0);
		fprintf(out, "%s/%s\t%.3f\n", kind, mixed ? "mixed" : "small",
				(nanoseconds() - started) / steps);
		MemoryContextDelete(context);
	}
	trace_close(out, path);
	PG_RETURN_VOID();
}
