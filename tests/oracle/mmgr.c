/*
 * Memory contexts: read scripts, execute them operation by operation against
 * the server's own contexts, and write down what came of each.
 *
 * A script is a line `scenario SEED`, one operation a line, and a line `end`.
 * Operations are the words of the trace format followed by their numbers; a
 * creation is its kind: `aset C PARENT MIN INIT MAX`, `slab C PARENT BLOCK CHUNK`.
 * An operation that makes no sense where it stands (it names a chunk that was
 * not allocated, or would do what is undefined in C) is left out of the trace,
 * so that any part of a script is a script too.
 */
#include "trace.h"

#include <unistd.h>

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define MAX_CONTEXTS 4096
#define MAX_CHUNKS 4096
#define MAX_CALLBACKS 8192
#define MAX_TEXT 65536
/* Deleted contexts of one size that a backend keeps: 100. This is enough to use them up. */
#define HOLDERS 220

typedef struct Context
{
	MemoryContext context;		/* NULL: not created, or gone */
	bool		is_bump;
	/* Its identifier lay in memory that was freed since. */
	bool		lost_ident;
	char		name[16];
} Context;

typedef struct Chunk
{
	void	   *pointer;		/* NULL: not allocated, or gone */
	int			context;
} Chunk;

typedef struct Operation
{
	char		name[16];
	int			count;			/* numbers that follow */
	uint64		n[6];
} Operation;

/* What an operation gave. */
typedef struct Result
{
	int			context;		/* whose totals are to be told; -1: none */
	bool		created;
	bool		has_pointer;
	bool		is_ident;
	bool		has_empty;
	bool		empty;
	void	   *pointer;
	const char *printed;
} Result;

static Context contexts[MAX_CONTEXTS];
static Chunk chunks[MAX_CHUNKS];
static MemoryContextCallback callbacks[MAX_CALLBACKS];
static int	ncallbacks;
static uint64 fired[MAX_CALLBACKS];
static int	nfired;
static char letters[MAX_TEXT + 1];
static Result result;

/* Holds what keeps the stores of deleted contexts empty, and copies of errors. */
static MemoryContext harness;

static void
note_callback(void *arg)
{
	fired[nfired++] = (uint64) (uintptr_t) arg;
}

static void
start(FILE *out, const char *seed)
{
	MemoryContextCounters counters = {0};
	MemoryContext root;
	int			i;

	for (i = 0; i < HOLDERS; i++)
	{
		AllocSetContextCreateInternal(harness, "holder", ALLOCSET_DEFAULT_SIZES);
		AllocSetContextCreateInternal(harness, "holder", ALLOCSET_SMALL_SIZES);
	}
	memset(contexts, 0, sizeof(contexts));
	memset(chunks, 0, sizeof(chunks));
	ncallbacks = 0;
	root = AllocSetContextCreateInternal(TopMemoryContext, "oracle root", 0, 16384, 65536);
	contexts[0].context = root;
	root->methods->stats(root, NULL, NULL, &counters, false);
	fprintf(out, "{\"type\":\"header\",\"format\":\"pg-mmgr-trace/1\",\"theme\":\"random\",\"seed\":%s,"
			"\"server_version_num\":%d,\"server_version\":\"%s\","
			"\"sizeof_memorycontextdata\":%zu,\"sizeof_pointer\":%zu,"
			"\"root\":{\"c\":0,\"kind\":\"aset\",\"min\":0,\"init\":16384,\"max\":65536,\"ptr\":\"%p\","
			"\"m\":%zu,\"mr\":%zu,\"st\":[%zu,%zu,%zu,%zu]}}\n",
			seed, PG_VERSION_NUM, PG_VERSION, sizeof(MemoryContextData), sizeof(void *),
			(void *) root,
			(size_t) MemoryContextMemAllocated(root, false),
			(size_t) MemoryContextMemAllocated(root, true),
			(size_t) counters.nblocks, (size_t) counters.freechunks,
			(size_t) counters.totalspace, (size_t) counters.freespace);
}

static void
finish(FILE *out, int executed)
{
	MemoryContextDelete(contexts[0].context);
	MemoryContextDeleteChildren(harness);
	fprintf(out, "{\"type\":\"end\",\"ops\":%d}\n", executed);
}

/* The context with this number, or NULL. */
static MemoryContext
context_of(uint64 number)
{
	return number < MAX_CONTEXTS ? contexts[number].context : NULL;
}

static int
number_of(MemoryContext context)
{
	return context == contexts[0].context ? 0 : atoi(context->name + strlen("ctx"));
}

static bool
is_within(MemoryContext context, MemoryContext ancestor)
{
	for (; context != NULL; context = context->parent)
		if (context == ancestor)
			return true;
	return false;
}

static bool
lost_ident_within(MemoryContext context)
{
	MemoryContext child;

	if (contexts[number_of(context)].lost_ident)
		return true;
	for (child = context->firstchild; child != NULL; child = child->nextchild)
		if (lost_ident_within(child))
			return true;
	return false;
}

/* A context's chunks are about to go, and its identifier with them. */
static void
forget_chunks(MemoryContext context)
{
	int			number = number_of(context);
	int			i;

	for (i = 0; i < MAX_CHUNKS; i++)
		if (chunks[i].context == number)
			chunks[i].pointer = NULL;
	if (context->ident != NULL)
	{
		MemoryContextSetIdentifier(context, NULL);
		contexts[number].lost_ident = true;
	}
}

/* Everything below a context is about to be reset, or with `deleted` to be deleted. */
static void
forget_below(MemoryContext context, bool deleted)
{
	MemoryContext child;

	for (child = context->firstchild; child != NULL; child = child->nextchild)
	{
		forget_below(child, deleted);
		forget_chunks(child);
		if (deleted)
			contexts[number_of(child)].context = NULL;
	}
}

/* What MemoryContextStatsDetail writes to the standard error stream. */
static const char *
print(MemoryContext context, int max_level, int max_children)
{
	static char text[1 << 20];
	FILE	   *file = tmpfile();
	int			saved = dup(STDERR_FILENO);
	size_t		length;

	if (file == NULL || saved < 0)
		return "no temporary file";
	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO);
#if PG_VERSION_NUM >= 170000
	MemoryContextStatsDetail(context, max_level, max_children, true);
#else
	MemoryContextStatsDetail(context, max_children, true);
#endif
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	length = fread(text, 1, sizeof(text) - 1, file);
	text[length] = '\0';
	fclose(file);
	return text;
}

static bool
create(const Operation *op, MemoryContext parent)
{
	Context    *new;
	const uint64 *n = op->n;

	if (n[0] == 0 || n[0] >= MAX_CONTEXTS || contexts[n[0]].name[0] != '\0' || parent == NULL)
		return false;
	new = &contexts[n[0]];
	snprintf(new->name, sizeof(new->name), "ctx%d", (int) n[0]);
	result.created = true;
	if (strcmp(op->name, "aset") == 0)
		new->context = AllocSetContextCreateInternal(parent, new->name, n[2], n[3], n[4]);
	else if (strcmp(op->name, "generation") == 0)
		new->context = GenerationContextCreate(parent, new->name, n[2], n[3], n[4]);
	else if (strcmp(op->name, "slab") == 0)
		new->context = SlabContextCreate(parent, new->name, n[2], n[3]);
#if PG_VERSION_NUM >= 170000
	else if (strcmp(op->name, "bump") == 0)
	{
		new->is_bump = true;
		new->context = BumpContextCreate(parent, new->name, n[2], n[3], n[4]);
	}
#endif
	else
		return false;
	return true;
}

/* What comes back is stored before anything else can fail. */
static bool
allocated(uint64 chunk, int context, void *pointer)
{
	result.has_pointer = true;
	result.pointer = pointer;
	if (pointer != NULL)
	{
		chunks[chunk].pointer = pointer;
		chunks[chunk].context = context;
	}
	return true;
}

static bool
allocate(const Operation *op, MemoryContext context)
{
	const char *name = op->name;
	int			number = (int) op->n[0];
	uint64		chunk = op->n[1];
	Size		size = op->n[2];
	MemoryContext old;
	void	   *pointer;

	if (context == NULL || chunk >= MAX_CHUNKS || chunks[chunk].pointer != NULL)
		return false;
	if (strcmp(name, "mcalloc") == 0)
		return allocated(chunk, number, MemoryContextAlloc(context, size));
	if (strcmp(name, "mcalloc0") == 0)
		return allocated(chunk, number, MemoryContextAllocZero(context, size));
	if (strcmp(name, "allocx") == 0)
		return allocated(chunk, number, MemoryContextAllocExtended(context, size, (int) op->n[3]));
#if PG_VERSION_NUM >= 170000
	if (strcmp(name, "alloca") == 0)
		return allocated(chunk, number,
						 MemoryContextAllocAligned(context, size, op->n[3], (int) op->n[4]));
#endif
	if (strcmp(name, "strdup") == 0)
	{
		if (size > MAX_TEXT)
			return false;
		letters[size] = '\0';
		PG_TRY();
		{
			pointer = MemoryContextStrdup(context, letters);
		}
		PG_FINALLY();
		{
			letters[size] = 'a' + size % 26;
		}
		PG_END_TRY();
		return allocated(chunk, number, pointer);
	}
	if (strcmp(name, "alloc") != 0 && strcmp(name, "alloc0") != 0)
		return false;
	old = MemoryContextSwitchTo(context);
	pointer = strcmp(name, "alloc") == 0 ? palloc(size) : palloc0(size);
	MemoryContextSwitchTo(old);
	return allocated(chunk, number, pointer);
}

/* repalloc, with flags from 16 on; 15 has only the higher limit. */
static void *
reallocate(void *pointer, Size size, int flags)
{
#if PG_VERSION_NUM >= 160000
	return flags == 0 ? repalloc(pointer, size) : repalloc_extended(pointer, size, flags);
#else
	return (flags & MCXT_ALLOC_HUGE) != 0 ? repalloc_huge(pointer, size) : repalloc(pointer, size);
#endif
}

static bool
use_chunk(const Operation *op)
{
	Chunk	   *chunk = op->n[0] < MAX_CHUNKS ? &chunks[op->n[0]] : NULL;
	void	   *pointer;

	/* A bump chunk has no header: what pfree would read before it is anything. */
	if (chunk == NULL || chunk->pointer == NULL || contexts[chunk->context].is_bump)
		return false;
	result.context = chunk->context;
	if (strcmp(op->name, "free") == 0)
	{
		pointer = chunk->pointer;
		chunk->pointer = NULL;
		pfree(pointer);
		return true;
	}
	pointer = reallocate(chunk->pointer, op->n[1], op->count > 2 ? (int) op->n[2] : 0);
	return allocated(op->n[0], chunk->context, pointer);
}

static bool
use_context(const Operation *op, MemoryContext context)
{
	const char *name = op->name;
	uint64		number = op->n[0];
	uint64		second = op->n[1];

	if (context == NULL)
		return false;
	if (strcmp(name, "reset") == 0)
	{
		forget_below(context, true);
		forget_chunks(context);
		MemoryContextReset(context);
	}
	else if (strcmp(name, "resetonly") == 0)
	{
		forget_chunks(context);
		MemoryContextResetOnly(context);
	}
	else if (strcmp(name, "resetch") == 0)
	{
		forget_below(context, false);
		MemoryContextResetChildren(context);
	}
	else if (strcmp(name, "delch") == 0)
	{
		forget_below(context, true);
		MemoryContextDeleteChildren(context);
	}
	else if (strcmp(name, "del") == 0)
	{
		if (number == 0)
			return false;
		forget_below(context, true);
		forget_chunks(context);
		contexts[number].context = NULL;
		result.context = 0;
		MemoryContextDelete(context);
	}
	else if (strcmp(name, "setparent") == 0)
	{
		MemoryContext parent = context_of(second);

		if (parent == NULL || number == 0 || is_within(parent, context))
			return false;
		MemoryContextSetParent(context, parent);
	}
	else if (strcmp(name, "cb") == 0)
	{
		MemoryContextCallback *callback = &callbacks[ncallbacks];

		if (ncallbacks == MAX_CALLBACKS)
			return false;
		ncallbacks++;
		callback->func = note_callback;
		callback->arg = (void *) (uintptr_t) second;
		MemoryContextRegisterResetCallback(context, callback);
	}
	else if (strcmp(name, "ident") == 0)
	{
		if (second > MAX_TEXT)
			return false;
		letters[second] = '\0';
		PG_TRY();
		{
			MemoryContextCopyAndSetIdentifier(context, letters);
		}
		PG_FINALLY();
		{
			letters[second] = 'a' + second % 26;
		}
		PG_END_TRY();
		contexts[number].lost_ident = false;
		result.has_pointer = result.is_ident = true;
		result.pointer = (void *) context->ident;
	}
	else if (strcmp(name, "isempty") == 0)
	{
		result.has_empty = true;
		result.empty = MemoryContextIsEmpty(context);
	}
	else if (strcmp(name, "print") == 0)
	{
		if (lost_ident_within(context))
			return false;
		result.printed = print(context, (int) second, (int) op->n[2]);
	}
	else
		return false;
	return true;
}

/* False if the operation makes no sense here; then nothing has happened. */
static bool
execute(const Operation *op)
{
	MemoryContext context = context_of(op->n[0]);

	result.context = (int) op->n[0];
	if (strcmp(op->name, "free") == 0 || strcmp(op->name, "realloc") == 0 ||
		strcmp(op->name, "reallocx") == 0)
		return use_chunk(op);
	if (strcmp(op->name, "aset") == 0 || strcmp(op->name, "generation") == 0 ||
		strcmp(op->name, "slab") == 0 || strcmp(op->name, "bump") == 0)
		return create(op, context_of(op->n[1]));
	return use_context(op, context) || allocate(op, context);
}

/* The operation, as the trace has it. */
static void
write_input(FILE *out, int i, const Operation *op)
{
	static const struct
	{
		const char *name;
		const char *fields[6];
	}			shapes[] = {
		{"aset", {"c", "parent", "min", "init", "max"}},
		{"generation", {"c", "parent", "min", "init", "max"}},
		{"bump", {"c", "parent", "min", "init", "max"}},
		{"slab", {"c", "parent", "block", "chunk"}},
		{"alloc", {"c", "h", "size"}},
		{"alloc0", {"c", "h", "size"}},
		{"mcalloc", {"c", "h", "size"}},
		{"mcalloc0", {"c", "h", "size"}},
		{"allocx", {"c", "h", "size", "flags"}},
		{"alloca", {"c", "h", "size", "align", "flags"}},
		{"strdup", {"c", "h", "len"}},
		{"free", {"h"}},
		{"realloc", {"h", "size"}},
		{"reallocx", {"h", "size", "flags"}},
		{"setparent", {"c", "parent"}},
		{"cb", {"c", "id"}},
		{"ident", {"c", "len"}},
		{"print", {"c", "max_level", "max_children"}},
		{NULL, {"c"}}
	};
	int			shape = 0;
	int			field;

	while (shapes[shape].name != NULL && strcmp(shapes[shape].name, op->name) != 0)
		shape++;
	if (shape < 4)
		fprintf(out, "{\"i\":%d,\"op\":\"create\",\"kind\":\"%s\"", i, op->name);
	else
		fprintf(out, "{\"i\":%d,\"op\":\"%s\"", i, op->name);
	for (field = 0; field < op->count && shapes[shape].fields[field] != NULL; field++)
		fprintf(out, ",\"%s\":" UINT64_FORMAT, shapes[shape].fields[field], op->n[field]);
}

static void
write_output(FILE *out, ErrorData *error)
{
	MemoryContext context = context_of(result.context);
	int			i;

	if (error == NULL && result.created)
		fprintf(out, ",\"ptr\":\"%p\"", (void *) context);
	if (error == NULL && result.has_pointer)
	{
		if (result.pointer == NULL)
			fputs(",\"p\":null", out);
		else
			fprintf(out, ",\"p\":\"%p\"", result.pointer);
		if (result.pointer != NULL && !result.is_ident && !contexts[result.context].is_bump)
			fprintf(out, ",\"sp\":%zu", (size_t) GetMemoryChunkSpace(result.pointer));
	}
	if (context != NULL)
	{
		MemoryContextCounters counters = {0};

		context->methods->stats(context, NULL, NULL, &counters, false);
		fprintf(out, ",\"m\":%zu,\"mr\":%zu,\"st\":[%zu,%zu,%zu,%zu]",
				(size_t) MemoryContextMemAllocated(context, false),
				(size_t) MemoryContextMemAllocated(context, true),
				(size_t) counters.nblocks, (size_t) counters.freechunks,
				(size_t) counters.totalspace, (size_t) counters.freespace);
	}
	if (nfired > 0)
	{
		fputs(",\"cb\":[", out);
		for (i = 0; i < nfired; i++)
			fprintf(out, "%s" UINT64_FORMAT, i > 0 ? "," : "", fired[i]);
		fputc(']', out);
	}
	if (result.has_empty)
		fprintf(out, ",\"empty\":%s", result.empty ? "true" : "false");
	if (result.printed != NULL)
	{
		fputs(",\"print\":", out);
		trace_string(out, result.printed);
	}
	if (error != NULL)
	{
		fputs(",\"err\":", out);
		trace_string(out, error->message);
		if (error->detail != NULL)
		{
			fputs(",\"detail\":", out);
			trace_string(out, error->detail);
		}
	}
	fputs("}\n", out);
}

/* Execute and write down; false if the operation made no sense. */
static bool
step(FILE *out, int i, const Operation *op)
{
	MemoryContext old = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;
	volatile bool executed = true;

	memset(&result, 0, sizeof(result));
	nfired = 0;
	PG_TRY();
	{
		executed = execute(op);
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
	write_input(out, i, op);
	write_output(out, error);
	if (error != NULL)
		FreeErrorData(error);
	return true;
}

static void
run(FILE *in, FILE *out)
{
	char		line[256];
	int			executed = 0;

	while (fgets(line, sizeof(line), in) != NULL)
	{
		Operation	op = {0};
		char	   *rest = line;
		int			length = 0;

		sscanf(line, "%15s%n", op.name, &length);
		rest += length;
		if (strcmp(op.name, "scenario") == 0)
		{
			rest[strcspn(rest, "\n")] = '\0';
			executed = 0;
			start(out, rest);
			continue;
		}
		if (strcmp(op.name, "end") == 0)
		{
			finish(out, executed);
			continue;
		}
		while (op.count < (int) lengthof(op.n))
		{
			char	   *end;

			op.n[op.count] = strtoull(rest, &end, 10);
			if (end == rest)
				break;
			op.count++;
			rest = end;
		}
		if (step(out, executed, &op))
			executed++;
	}
}

PG_FUNCTION_INFO_V1(oracle_mmgr);

/* oracle_mmgr(script text, trace text): execute a file's scripts, write a file of traces. */
Datum
oracle_mmgr(PG_FUNCTION_ARGS)
{
	char	   *script = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *trace = text_to_cstring(PG_GETARG_TEXT_PP(1));
	FILE	   *in = fopen(script, "r");
	FILE	   *out = trace_open(trace);
	int			i;

	if (in == NULL)
		ereport(ERROR, (errmsg("could not open \"%s\": %m", script)));
	for (i = 0; i <= MAX_TEXT; i++)
		letters[i] = 'a' + i % 26;
	harness = AllocSetContextCreate(TopMemoryContext, "oracle harness", 8192, 16384, 8192 * 1024);
	run(in, out);
	MemoryContextDelete(harness);
	fclose(in);
	trace_close(out, trace);
	PG_RETURN_VOID();
}
